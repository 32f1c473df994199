"""What is sent to a destination, and what the destination answers."""

from typing import Literal, NamedTuple

from hivetalk_scheduler.event import Event, Transition

Format = Literal["none", "json", "nostr"]
"""The bytes that a destination sends: none of its own, the JSON body, or the signed Nostr event."""


class Message(NamedTuple):
    """One delivery, ready to send."""

    event: Event
    transition: Transition
    due_at: int
    """Microseconds since the epoch, UTC."""
    id: str
    """Stable over retries: the Nostr event id for the format nostr, else the webhook-id."""
    body: bytes
    """The exact bytes that were stored before the first send; empty for the format none."""
    attempt: int
    """1 at the first attempt."""
    lateness: float
    """Seconds from due_at to this attempt (never negative without `lead`)."""


class Answer(NamedTuple):
    """What became of one send.

    done: the receiver has it (a duplicate is a success). retry: worth another attempt. permanent: another
    attempt with the same bytes cannot succeed.
    """

    verdict: Literal["done", "retry", "permanent"]
    text: str = ""
    """The receiver's own words, or the error's; hostile, at most 500 characters."""
    retry_after: float | None = None
    """Seconds that the receiver asked to wait."""
