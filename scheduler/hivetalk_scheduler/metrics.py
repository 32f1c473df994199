"""What is measured: the families, their meaning, and their values. docs/metrics.md is made from them.

What a host counts is its own, so that ``sum()`` over hosts counts nothing twice; what the database knows is the same
from every host that shares it, so that ``max()`` is right.
"""

import socket
from collections import Counter, defaultdict
from collections.abc import Iterator

from hivetalk_scheduler import __version__, destinations
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.console import Console
from hivetalk_scheduler.database import Row
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.exposition import Family, Sample, number, openmetrics, prometheus
from hivetalk_scheduler.release import counted_by, name, release
from hivetalk_scheduler.store import BOUNDS

OUTCOMES = ("delivered", "dead", "expired", "superseded", "cancelled")
"""In which a run ends a delivery."""
SHARED = "The same from every host that shares the database: max(), not sum()."

BUILD = Family("hivetalk_scheduler_build", "info", "", "The program and its release.", ("version", "release"))
COMPLETED = Family(
    "hivetalk_scheduler_last_run_completed_timestamp_seconds", "gauge", "seconds",
    "When this host's last run completed, by the database's clock, since the epoch.",
)  # fmt: skip
DURATION = Family(
    "hivetalk_scheduler_last_run_duration_seconds", "gauge", "seconds",
    "How long this host's last completed run took, what it waited for included.",
)  # fmt: skip
OFFSET = Family(
    "hivetalk_scheduler_clock_offset_seconds", "gauge", "seconds",
    "By how much this host's clock is ahead of the database's; negative where it is behind.",
)  # fmt: skip
INTERVAL = Family(
    "hivetalk_scheduler_interval_seconds", "gauge", "seconds",
    "The longest time from one tick of this host's timer to the next, by its configuration.",
)  # fmt: skip
CAUGHT = Family(
    "hivetalk_scheduler_deliveries_caught", "counter", "",
    "Deliveries that this host's runs found due and wrote down, one for each transition and destination; tests, too.",
)  # fmt: skip
DELIVERIES = Family(
    "hivetalk_scheduler_deliveries", "counter", "",
    "Deliveries that this host's runs ended, by how; tests left out.", ("kind", "outcome"),
)  # fmt: skip
RETRIES = Family(
    "hivetalk_scheduler_retries", "counter", "",
    "Attempts of this host's runs that failed and are made again; tests left out.", ("kind",),
)  # fmt: skip
LATENESS = Family(
    "hivetalk_scheduler_lateness_seconds", "histogram", "seconds",
    "From the due time to the send that was answered, of what this host delivered; refreshes and tests left out.",
    ("kind",),
)  # fmt: skip
PENDING = Family(
    "hivetalk_scheduler_pending_deliveries", "gauge", "", f"Deliveries that have not ended. {SHARED}"
)
RETRYING = Family(
    "hivetalk_scheduler_retrying_deliveries", "gauge", "",
    f"Pending deliveries with a failed attempt. {SHARED}",
)  # fmt: skip
OVERDUE = Family(
    "hivetalk_scheduler_overdue_deliveries", "gauge", "",
    "Deliveries that nobody has tried a minute after their time, although their destination does not rest. "
    + SHARED,
)  # fmt: skip
OLDEST = Family(
    "hivetalk_scheduler_oldest_overdue_age_seconds", "gauge", "seconds",
    f"How long the oldest of them has been due; 0 if there is none. {SHARED}",
)  # fmt: skip
FAILED = Family(
    "hivetalk_scheduler_failed_deliveries", "gauge", "",
    f"Deliveries that died or expired in the last day and were neither retried nor discarded. {SHARED}",
    ("outcome",),
)  # fmt: skip
RESTING = Family(
    "hivetalk_scheduler_resting_destinations", "gauge", "",
    f"Destinations that failed again and again, and rest between two attempts. {SHARED}", ("kind",),
)  # fmt: skip
FAMILIES = (
    BUILD, COMPLETED, DURATION, OFFSET, INTERVAL, CAUGHT, DELIVERIES, RETRIES, LATENESS, PENDING, RETRYING, OVERDUE,
    OLDEST, FAILED, RESTING,
)  # fmt: skip
"""In the order in which they are shown."""


def textfile(config: Config, console: Console) -> str:
    """For node_exporter's textfile collector; raises SchedulerError."""
    return prometheus(collect(config, console), {"scheduler": name()})


def page(config: Config, console: Console) -> str:
    """As OpenMetrics; raises SchedulerError."""
    return openmetrics(collect(config, console), {"scheduler": name()})


def collect(config: Config, console: Console) -> Iterator[tuple[Family, list[Sample]]]:
    """Every family with its samples; one that has none yet is left out. Raises SchedulerError."""
    (health,) = console.ask("health")
    counted = console.ask("counted", by=counted_by())
    own = console.ask("own_run", host=socket.gethostname())
    # A series that begins with its first failure would hide it: increase() needs a 0 before.
    kinds = sorted({destinations.kind(url) for url in (*config.destinations, *config.secrets.destinations)}
                   | {row["kind"] for row in counted if row["kind"]}
                   | ({"relay"} if config.room_relays != "none" else set()))  # fmt: skip
    samples = {
        BUILD: [Sample(1, {"version": __version__, "release": release()})],
        INTERVAL: [Sample(config.interval)],
        **_counted(counted, kinds),
        **_shared(health, kinds),
    }
    for row in own:
        samples[COMPLETED] = [Sample(row["finished_at"] / SECOND)]
        samples[DURATION] = [Sample((row["finished_at"] - row["started_at"]) / SECOND)]
        samples[OFFSET] = [Sample(row["offset"])]
    for family in FAMILIES:
        if family in samples:
            yield family, samples[family]


def _counted(rows: list[Row], kinds: list[str]) -> dict[Family, list[Sample]]:
    counts: Counter[tuple[str, str]] = Counter()
    measured: defaultdict[str, Counter[float]] = defaultdict(Counter)
    seconds: Counter[str] = Counter()
    for row in rows:
        counts[row["kind"], row["outcome"]] += row["n"]
        if row["le"]:
            measured[row["kind"]][row["le"]] += row["n"]
            seconds[row["kind"]] += row["seconds"]
    return {
        CAUGHT: [Sample(counts["", "caught"])],
        DELIVERIES: [
            Sample(counts[kind, outcome], {"kind": kind, "outcome": outcome})
            for kind in kinds
            for outcome in OUTCOMES
        ],
        RETRIES: [Sample(counts[kind, "retried"], {"kind": kind}) for kind in kinds],
        LATENESS: [sample for kind in kinds for sample in _histogram(kind, measured[kind], seconds[kind])],
    }


def _histogram(kind: str, measured: Counter[float], seconds: float) -> Iterator[Sample]:
    for le in (*BOUNDS, float("inf")):
        below = sum(n for bound, n in measured.items() if bound <= le)
        yield Sample(below, {"kind": kind, "le": number(le)}, "_bucket")
    yield Sample(measured.total(), {"kind": kind}, "_count")
    yield Sample(seconds, {"kind": kind}, "_sum")


def _shared(health: Row, kinds: list[str]) -> dict[Family, list[Sample]]:
    resting = Counter(destinations.kind(each) for each in health["resting"])
    waits = (health["now"] - health["oldest"]) / SECOND if health["overdue"] else 0
    return {
        PENDING: [Sample(health["pending"])],
        RETRYING: [Sample(health["retrying"])],
        OVERDUE: [Sample(health["overdue"])],
        OLDEST: [Sample(waits)],
        FAILED: [Sample(health[outcome], {"outcome": outcome}) for outcome in ("dead", "expired")],
        RESTING: [Sample(resting[kind], {"kind": kind}) for kind in sorted({*kinds, *resting})],
    }
