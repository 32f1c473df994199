"""``journal:``: one structured line on standard error, which systemd keeps in its journal."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hivetalk_scheduler import log
from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.message import Answer, Message
from hivetalk_scheduler.payload import iso

if TYPE_CHECKING:
    from hivetalk_scheduler.check import Check
    from hivetalk_scheduler.notice import Notice


SOCKET = Path("/run/systemd/journal/stdout")
"""Where the journal takes the service's standard error (systemd-journald.service(8))."""


class Journal(Destination):
    """Logs the event's fields; the room's key is not one of them."""

    async def send(self, message: Message) -> Answer:
        """Write the line; a standard error that takes no writes is worth a retry."""
        event = message.event
        try:
            log.notice(
                "event",
                event=event.id,
                transition=message.transition,
                due=iso(message.due_at),
                name=event.name,
                summary=event.summary or None,
                image=event.image or None,
                starts=iso(event.starts_at),
                ends=iso(event.ends_at),
                identifier=event.identifier,
                room=event.room_name,
                # With the room's two keys swapped, it is the secret one.
                npub=event.room_npub if (event.room_npub or "").startswith("npub1") else None,
                relay=event.room_relay_url,
                test=event.test or None,
            )
        except OSError as error:
            return Answer("retry", f"standard error: {error.strerror}")
        return Answer("done")

    async def probe(self) -> "list[Check]":
        """Whether systemd's journal listens on this host."""
        from hivetalk_scheduler.check import ok, wrong

        if SOCKET.is_socket():
            return [ok("socket", str(SOCKET))]
        return [
            wrong(
                "socket",
                f"{SOCKET} is not there",
                "systemctl start systemd-journald.socket",
                os.EX_UNAVAILABLE,
            )
        ]

    async def tell(self, notice: "Notice") -> Answer:
        """Write the notice as one line; what the journal holds already is not said again."""
        level = log.NOTICE if notice.kind == "recovered" else log.ERR
        try:
            log.write(level, "alert", kind=notice.kind, title=notice.title)
        except OSError as error:
            return Answer("retry", f"standard error: {error.strerror}")
        return Answer("done")
