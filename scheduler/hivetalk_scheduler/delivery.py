"""A row of ``delivery``: claimed, built, completed."""

from typing import NamedTuple

from hivetalk_scheduler.event import Transition

Key = tuple[str, bool, str, int, int]
"""An announcement: event id, test, transition, due_at, generation."""


class Delivery(NamedTuple):
    """A row of ``delivery`` that is claimed, or soon will be."""

    id: int
    event_id: str
    test: bool
    transition: Transition
    due_at: int
    of_start: int | None
    destination: str
    next_at: int
    claims: int
    attempts: int
    generation: int
    forced: bool
    fire_at: int
    """Not before: microseconds since the epoch."""
    now: int
    """The database's clock when it was read."""

    @property
    def key(self) -> Key:
        """The announcement that this delivers."""
        return (self.event_id, self.test, self.transition, self.due_at, self.generation)


class Payload(NamedTuple):
    """The bytes of an announcement in one format."""

    key: Key
    format: str
    message_id: str
    created_at: int
    """Unix seconds."""
    body: str


class Completion(NamedTuple):
    """What becomes of a claimed delivery."""

    delivery: Delivery
    state: str
    answer: str
    attempted: bool
    fired_at: int | None = None
    delay: float | None = None
    """Seconds until the next attempt, where the state stays pending."""
    nostr_id: str | None = None
    shown: bool = True
    """The application shows it, as far as it should."""
