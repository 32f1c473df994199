"""What must be true after a run, and at the end of a history: the model's own view of the promises."""

from dataclasses import dataclass

from tests.faults.world import SECOND, Key, World

MAX_LATENESS = 86_400 * SECOND
BEHIND = 120 * SECOND


@dataclass
class Row:
    """A row of `delivery` in the model's time."""

    state: str
    next_at: int
    claimed: bool
    answer: str | None


def rows(world: World) -> dict[Key, Row]:
    """Every delivery."""
    found = world.db.execute(
        "SELECT destination, event_id, transition, due_at, state, next_at, claimed_by IS NOT NULL, answer "
        "FROM hivetalk_scheduler.delivery"
    ).fetchall()
    return {
        (d, e, t, world.model_time(due)): Row(s, world.model_time(n), c, a)
        for d, e, t, due, s, n, c, a in found
    }


def resting(world: World) -> set[str]:
    """The destinations that are left alone now."""
    found = world.db.execute(
        "SELECT name FROM hivetalk_scheduler.destination WHERE probe_at > clock_timestamp()"
    ).fetchall()
    return {name for (name,) in found}


def called_for(world: World, began: int, destinations: tuple[str, ...]) -> list[Key]:
    """What a run that began at `began` must have announced, if nothing was in its way."""
    wanted = []
    for meeting in world.meetings.values():
        for transition in ("live", "ended"):
            due = meeting.due(transition)
            if due is None or not world.installed - BEHIND + world.tolerance < due <= began:
                continue
            if began - due > MAX_LATENESS - world.tolerance:
                continue
            if transition == "live" and not meeting.runs(world.now()):
                continue
            wanted += [(destination, meeting.id, transition, due) for destination in destinations]
    return wanted


def check_announced(world: World, began: int, destinations: tuple[str, ...], excuses: bool) -> int:
    """Nothing that should have been announced is missing; returns how much there was."""
    there, now, rest = rows(world), world.now(), resting(world)
    wanted = called_for(world, began, destinations)
    for key in wanted:
        if world.effects.get(key) or key in world.refused:
            continue
        row = there.get(key)
        if excuses and row is not None and row.state == "pending":
            # It waits for its next attempt, for the end of a lease, or for its destination.
            blocked = any(
                k[:2] == key[:2] and r.state == "pending" and r.claimed and r.next_at > now
                for k, r in there.items()
            )
            if row.next_at > now or key[0] in rest or blocked:
                continue
        world.wrong.append(f"{key} was never announced: {row}, meeting {world.meetings[key[1]]}, now {now}")
    return len(wanted)


def check_recorded(world: World, began: int, destinations: tuple[str, ...]) -> None:
    """Each row tells the truth, and nothing is silently gone."""
    there, now = rows(world), world.now()
    for key, row in there.items():
        if row.state == "delivered" and not world.effects.get(key):
            world.wrong.append(f"{key} is recorded as delivered, and no receiver has it")
        elif row.state == "dead" and key not in world.refused:
            world.wrong.append(f"{key} is dead, and nobody refused it: {row.answer}")
        elif row.state == "expired" and now - key[3] <= MAX_LATENESS:
            world.wrong.append(f"{key} expired too soon")
        elif row.state == "pending" and row.next_at <= now and key[3] <= began:
            world.wrong.append(f"{key} is left lying: {row}")
    for meeting in world.meetings.values():
        # Of a meeting that is over, the end alone is on record.
        transition = "live" if meeting.end is None or meeting.end > now else "ended"
        due = meeting.due(transition)
        if due is None or not world.installed - BEHIND + world.tolerance < due <= began:
            continue
        if transition == "ended" and due <= meeting.changed - MAX_LATENESS + world.tolerance:
            continue  # what is over, and was written too late to be announced, is history
        if now - due > 29 * 86_400 * SECOND:
            continue  # forgotten after `retention`
        for destination in destinations:
            if (destination, meeting.id, transition, due) not in there:
                world.wrong.append(f"{transition} of {meeting} is silently gone at {destination}")


def check_last_word(world: World, began: int, destinations: tuple[str, ...]) -> None:
    """What a receiver heard last of a meeting is what the meeting says: that it runs, or that it is over."""
    heard: dict[tuple[str, str], Key] = {}
    for key in sorted(world.effective, key=lambda key: world.effective[key]):
        if key[2] != "refresh":
            heard[key[:2]] = key
    for key in called_for(world, began, destinations):
        meeting = world.meetings[key[1]]
        if key[2] == (
            "ended" if meeting.due("ended") is not None and not meeting.runs(world.now()) else "live"
        ):
            last = heard.get(key[:2], key)
            if last != key and key not in world.refused:
                world.wrong.append(f"the last word is {last}, and {meeting} calls for {key}")


def check_order(world: World, destination: str) -> None:
    """A relay keeps the newest event of an address: what is sent later is dated later."""
    newest: dict[str, int] = {}
    seen: set[str] = set()
    for arrival in world.arrivals:
        if arrival.key[0] != destination or arrival.id in seen:
            continue
        seen.add(arrival.id)
        if arrival.created_at <= newest.get(arrival.key[1], 0):
            world.wrong.append(f"{arrival.key} is dated {arrival.created_at}, not after the one before")
        newest[arrival.key[1]] = max(arrival.created_at, newest.get(arrival.key[1], 0))
