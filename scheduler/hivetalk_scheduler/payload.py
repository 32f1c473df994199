"""The JSON body of webhooks and programs, in the shape that Standard Webhooks recommends.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.event import Event, Transition

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def json_body(event: Event, transition: Transition, due_at: int, config: Config) -> bytes:
    """The body, in UTF-8; `due_at` is microseconds since the epoch, UTC. No key is ever in it."""
    body = {
        "type": f"meeting.{transition}",
        "timestamp": iso(due_at),
        "data": {
            "event_id": event.id,
            "name": event.name,
            "summary": event.summary,
            "image": event.image,
            "starts_at": iso(event.starts_at),
            "ends_at": iso(event.ends_at),
            "room": event.room_name,
            "room_url": room_url(event, config),
            "test": event.test,
        },
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def webhook_id(event: Event, transition: Transition, due_at: int, generation: int = 0) -> str:
    """The ``webhook-id``: the same for every attempt at one transition of one event at one due time, until an
    operator has it announced anew (`generation`)."""
    key = f"{event.id} {event.test:d} {transition} {due_at} {generation}"
    return "msg_" + hashlib.sha256(key.encode()).hexdigest()[:32]


def room_url(event: Event, config: Config) -> str | None:
    """Where the meeting is joined, the room's name percent-encoded (RFC 3986); None without a room."""
    if not event.room_name:
        return None
    return config.room_url.replace("{room}", quote(event.room_name, safe="", errors="replace"))


def iso(time: int | None) -> str | None:
    """`time` (microseconds since the epoch, UTC) in ISO 8601, with ``Z``."""
    if time is None:
        return None
    return (_EPOCH + timedelta(microseconds=time)).replace(tzinfo=None).isoformat() + "Z"
