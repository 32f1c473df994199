"""Turning an event's transition into the bytes that announce it."""

from collections.abc import Iterable

from hivetalk_scheduler import keys, nostr, payload
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.delivery import Delivery, Key, Payload
from hivetalk_scheduler.event import SECOND, Event

FRESH = 60
"""Seconds of lateness up to which a Nostr event is dated at its due time."""


class Announcements:
    """Builds payloads, and keeps what was built ahead of time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._built: dict[Key, dict[tuple[str, int, Event], Payload]] = {}

    def build(
        self, delivery: Delivery, event: Event, format_: str, fire_at: int, stored: Iterable[Payload]
    ) -> Payload:
        """The payload of `delivery` in `format_`: the stored one if there is one, else a new one.

        `fire_at`: microseconds since the epoch at which it is, or will be, sent. `stored`: what is stored for
        this event. Raises ValueError where the room's key cannot sign.
        """
        newest = 0
        for old in stored:
            if old.key == delivery.key and old.format == format_:
                return old
            if old.format == "nostr":
                newest = max(newest, old.created_at)
        created_at = dated(delivery.due_at, fire_at, newest)
        built = self._built.setdefault(delivery.key, {})
        found = built.get((format_, created_at, event))
        if found is None:
            found = built[format_, created_at, event] = self._new(delivery, event, format_, created_at)
        return found

    def _new(self, delivery: Delivery, event: Event, format_: str, created_at: int) -> Payload:
        transition, due_at, config = delivery.transition, delivery.due_at, self._config
        # What a refresh says is that the event is live.
        if format_ == "nostr":
            secret = keys.signing_key(event, config.secrets.nostr_nsec)
            message_id, body = nostr.sign(
                event, "ended" if transition == "ended" else "live", created_at, secret, config
            )
        else:
            message_id = payload.webhook_id(event, transition, due_at, delivery.generation)
            body = payload.json_body(event, transition, due_at, config)
        return Payload(delivery.key, format_, message_id, created_at, body.decode())

    def forget(self, key: Key) -> None:
        """Drop what was built ahead for an announcement that is on its way."""
        self._built.pop(key, None)


def dated(due_at: int, fire_at: int, newest: int) -> int:
    """The created_at (Unix seconds) of a Nostr event that falls due at `due_at` and is sent at `fire_at`
    (microseconds), after one of the same address that is dated `newest`.

    On time it is the due second, which makes it known ahead; late, the present, since clients take an old live
    event for ended (NIP-53). It is always later than the one before, since of two with one date a relay keeps
    the one with the lower id (NIP-01).
    """
    due, now = due_at // SECOND, fire_at // SECOND
    return max(due if due <= now < due + FRESH else now, newest + 1)
