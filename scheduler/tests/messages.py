"""Events and messages for the tests of keys, bodies and destinations."""

from typing import Any

from hivetalk_scheduler import nostr, payload
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.event import SECOND, Event, Transition
from hivetalk_scheduler.message import Message

SECRET = bytes(range(1, 33))
STARTS = 1_800_000_000 * SECOND

EVENT = Event(
    id="6f1f2a3e-0000-4000-8000-000000000001",
    name="Weekly call",
    summary="What is new",
    image="https://example.org/image.png",
    starts_at=STARTS,
    ends_at=STARTS + 3600 * SECOND,
    identifier="weekly",
    room_name="hive",
    room_npub=None,
    room_nsec=None,
    room_relay_url=None,
    cancelled=False,
)


def event(**changes: Any) -> Event:
    """EVENT with `changes`."""
    return EVENT._replace(**changes)


def nostr_message(
    about: Event = EVENT, transition: Transition = "live", created_at: int = STARTS // SECOND
) -> Message:
    """A signed announcement that is due at `created_at` (Unix seconds) and on time."""
    message_id, body = nostr.sign(about, transition, created_at, SECRET, Config())
    return Message(about, transition, created_at * SECOND, message_id, body, attempt=1, lateness=0.0)


def json_message(about: Event = EVENT, transition: Transition = "live", lateness: float = 0.0) -> Message:
    """A JSON announcement."""
    message_id = payload.webhook_id(about, transition, STARTS)
    body = payload.json_body(about, transition, STARTS, Config())
    return Message(about, transition, STARTS, message_id, body, attempt=1, lateness=lateness)
