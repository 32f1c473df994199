"""What becomes of a claimed delivery: a pure function of the row, the event as it is now, and the time."""

from typing import NamedTuple

from hivetalk_scheduler.event import SECOND, Event, Transition


class Verdict(NamedTuple):
    """The end state of a delivery that is not sent, and why."""

    state: str
    reason: str


def judge(
    event: Event | None,
    transition: Transition,
    due_at: int,
    now: int,
    max_lateness: int,
    of_start: int | None = None,
    forced: bool = False,
    lead: float = 0,
) -> Verdict | None:
    """None: send it. Else the state in which the delivery ends without being sent.

    `event` is what the database says at this moment, None if the event is gone; `due_at` and `now` are
    microseconds since the epoch, `max_lateness` seconds. `of_start`: the start that a refresh belongs to.
    `forced`: an operator wants it sent, however late. `lead`: seconds by which everything is sent ahead.
    """
    if event is None:
        return Verdict("cancelled", "the event was deleted")
    if event.cancelled:
        return Verdict("cancelled", "the event was cancelled")
    ends_at = sound_end(event)
    called_for = ends_at if transition == "ended" else event.starts_at
    if called_for != (of_start if transition == "refresh" else due_at):
        return Verdict("superseded", "the event was moved")
    if transition != "ended" and ends_at is not None and ends_at - lead * SECOND <= now:
        return Verdict("superseded", "its end is already due")
    if not forced and now - due_at > max_lateness * SECOND:
        return Verdict("expired", f"more than max_lateness ({max_lateness} s) late")
    return None


def sound_end(event: Event) -> int | None:
    """The event's end, or None where it has none: an end before the start is no end."""
    if event.ends_at is None or event.starts_at is None or event.ends_at < event.starts_at:
        return None
    return event.ends_at
