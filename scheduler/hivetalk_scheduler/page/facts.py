"""What the status page shows: asked of the database, bounded whatever it holds."""

from collections.abc import Iterable
from typing import Any

from hivetalk_scheduler import destinations, health
from hivetalk_scheduler.config import Config, longest_hold
from hivetalk_scheduler.console import Console
from hivetalk_scheduler.database import Row
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.page import timeline
from hivetalk_scheduler.release import release
from hivetalk_scheduler.store import texts

LIMIT = 12
"""Rows of a list; of more than that, the page says how many."""


def gather(console: Console, config: Config) -> dict[str, Any]:
    """Everything that the template needs; times are microseconds since the epoch. Raises SchedulerError."""
    console.read("page")
    (facts,) = console.ask("health")
    findings = health.findings(facts, config)
    names = list(destinations.urls(config))
    step = {"step": timeline.STEP}
    past = console.ask("past", goal=timeline.GOAL, **step)
    ahead = console.ask("ahead", names=names, room_relays=config.room_relays != "none", **step)
    upcoming, latest = console.ask("upcoming", limit=LIMIT), console.ask("latest", limit=LIMIT)
    failures = console.ask("failures", limit=LIMIT)
    patience = 2 * longest_hold(config)
    soon = facts["now"] + timeline.DAY * SECOND
    listed = sum(row["due_at"] <= soon and not row["test"] for row in upcoming)
    return {
        "facts": facts,
        "word": health.WORDS[findings[0].level] if findings else health.WORDS[health.FINE],
        "findings": findings,
        "timeline": timeline.timeline(facts["now"] // SECOND, past, ahead),
        "goal": timeline.GOAL,
        "upcoming": upcoming,
        "left": sum(row["n"] for row in ahead) - listed,
        "destinations": console.ask("destinations", names=names, limit=LIMIT),
        "failures": failures,
        "gaps": console.ask("gaps", patience=patience, limit=LIMIT),
        "unfinished": console.ask("unfinished", timeout=config.timeout, limit=LIMIT),
        "lateness": console.ask("lateness"),
        "latest": latest,
        "runs": console.ask("runs"),
        "names": _names(console, (*latest, *failures)),
        "release": release(),
        "patience": round(patience),
    }


def _names(console: Console, rows: Iterable[Row]) -> dict[str, str]:
    # A test's id is none of the application's, and may not even be of its type.
    ids = {row["event_id"] for row in rows if not row["test"]}
    return {row["id"]: row["name"] or "" for row in console.ask("names", ids=texts(ids))} if ids else {}
