"""Many hosts, one database, no leader: each announcement is made once."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest

from tests.faults.effects import Tally, audit, lapse, of_webhook
from tests.faults.mortal import start
from tests.faults.pooler import pooled
from tests.integration.receiver import Receiver

HOSTS = 8
EVENTS = 10_000
SAME_SECOND = (
    "INSERT INTO events (name, start_time) SELECT n::text, date_trunc('second', clock_timestamp()) "
    "+ make_interval(secs => 6 + (n %% 10) / 10.0) FROM generate_series(1, %s) AS n"
)


@pytest.mark.parametrize("way", [contextlib.nullcontext, pooled], ids=["directly", "through PgBouncer"])
def test_10000_events_in_the_same_second(
    url: str, owner: psycopg.Connection, journal: Path, way: Callable[[str], AbstractContextManager[str]]
) -> None:
    tally = Tally()
    with way(url) as address, Receiver() as receiver:
        config = {
            "database_url": address,
            "destinations": [receiver.url],
            "on_calendar": "minutely",
            "interval": 7,
            "jitter": 0,
            "accuracy": 0.1,
            "concurrency": 8,
        }
        owner.execute(SAME_SECOND, [EVENTS])
        hosts = [start(journal.with_name(f"journal-{n}"), config) for n in range(HOSTS)]
        statuses = [host.wait(150) for host in hosts]
        tally.runs = len(hosts)
        lapse(owner)
        assert start(journal, {**config, "hold": False}).wait(60) == 0
        audit(owner, tally, of_webhook(receiver), receiver.url)
    lasted = max(got.at for got in receiver.received) - min(got.at for got in receiver.received)
    journals = [journal.with_name(f"journal-{n}").read_text() for n in range(HOSTS)]
    took_part = sum("delivered" in text for text in journals)
    claimed = owner.execute("SELECT max(claims), max(attempts) FROM hivetalk_scheduler.delivery").fetchone()
    print(f"proof: {HOSTS} hosts, {EVENTS} events in one second, {way.__name__}: {tally} seconds={lasted:.1f} "
          f"took_part={took_part} claims,attempts={claimed}")  # fmt: skip
    assert tally.sound() and tally.effects == EVENTS and tally.repeats == 0
    assert statuses == [0] * HOSTS and took_part >= 2
    assert not any(
        "claim-lost" in text or "Traceback" in text or "write-back-failed" in text for text in journals
    )
