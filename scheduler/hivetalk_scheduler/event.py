"""An event as the view ``hivetalk_scheduler.event_source`` gives it.

Every time in this package is an ``int``: microseconds since the Unix epoch, UTC. PostgreSQL's timestamptz
has that resolution exactly, and integers neither round nor know a time zone.
"""

from typing import Literal, NamedTuple

Transition = Literal["live", "refresh", "ended"]
"""A refresh announces once more, to relays, that an event is live: NIP-53 lets clients take one for ended that was
not heard of for an hour."""

SECOND = 1_000_000
"""Microseconds in a second."""


class Event(NamedTuple):
    """One meeting. Every string comes from the database and is hostile: escape it where it is shown.

    Long texts arrive cut to the lengths in ``queries.sql``; an infinite or impossible time arrives as None.
    """

    id: str
    name: str
    summary: str
    image: str
    starts_at: int | None
    ends_at: int | None
    identifier: str | None
    room_name: str | None
    room_npub: str | None
    room_nsec: str | None
    room_relay_url: str | None
    cancelled: bool
    test: bool = False

    def __repr__(self) -> str:
        # The default repr would print room_nsec into a traceback.
        return f"Event(id={self.id!r}, test={self.test})"
