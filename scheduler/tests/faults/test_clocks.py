"""The host's clock is wrong, or jumps, or its zone changes to summer time: nothing changes."""

import shutil
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults.effects import Tally, audit, of_webhook
from tests.faults.mortal import start
from tests.integration.receiver import Receiver

SOON = (
    "INSERT INTO events (name, start_time) "
    "SELECT n::text, clock_timestamp() + make_interval(secs => 2 + n / 10.0) FROM generate_series(1, 40) AS n"
)
"""40 events that begin within the next 6 seconds."""
LATE = 10
"""Seconds of lateness that a busy machine may cause; a wrong clock would cause an hour's."""


def library() -> str:
    """libfaketime, which tells one process a time of our own."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not (shutil.which("faketime") and found):
        pytest.fail("faketime is not installed: run script/setup")
    return str(found[0])


def announced(
    what: str,
    url: str,
    owner: psycopg.Connection,
    journal: Path,
    jump: tuple[Path, str] | None,
    **environment: str,
) -> None:
    """Runs in such an environment, one after the other, announce everything at its time."""
    tally = Tally()
    with Receiver() as receiver:
        config: dict[str, Any] = {
            "database_url": url,
            "destinations": [receiver.url],
            "interval": 5,
            "jitter": 0,
            "accuracy": 0.1,
        }
        owner.execute(SOON)
        until = time.monotonic() + 7
        while time.monotonic() < until:
            host = start(journal, config, **environment)
            tally.runs += 1
            if jump:
                time.sleep(2.5)
                jump[0].write_text(jump[1])
            assert host.wait(60) == 0
        audit(owner, tally, of_webhook(receiver), receiver.url)
    row = owner.execute(
        "SELECT max(fired_at - due_at), max(abs(extract(epoch FROM clock_offset)))::float8 "
        "FROM hivetalk_scheduler.delivery, hivetalk_scheduler.run"
    ).fetchone()
    assert row is not None
    print(f"proof: {what}: {tally} latest={row[0]} host_clock_off_by={row[1]:.0f}s")
    assert tally.sound() and tally.effects == 40
    assert row[0].total_seconds() < LATE
    assert bool(jump) == (row[1] > 1000), "else the clock was not wrong, and this proved nothing"


@pytest.mark.parametrize(
    ("first", "then"), [("+3601.7", "+3601.7"), ("-3601.7", "-3601.7"), ("-1800", "+5400")]
)
def test_the_hosts_clock_is_wrong_or_jumps(
    url: str, owner: psycopg.Connection, journal: Path, first: str, then: str
) -> None:
    file = journal.with_name("time")
    file.write_text(first)
    announced(
        f"the host's clock is wrong by {first} s, then by {then} s",
        url,
        owner,
        journal,
        jump=(file, then),
        LD_PRELOAD=library(),
        FAKETIME_TIMESTAMP_FILE=str(file),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )


@pytest.mark.parametrize("change", ["AAA0BBB-1", "AAA1BBB2"])
def test_a_change_to_summer_time_and_one_backwards(
    url: str, owner: psycopg.Connection, database: str, journal: Path, change: str
) -> None:
    """In three seconds, on the host and in the database's sessions, clocks are put by an hour."""
    moment = time.gmtime(time.time() + 3)
    standard = -3600 if "1BBB" in change else 0
    local = time.gmtime(time.time() + 3 + standard)
    zone = f"{change},{local.tm_yday - 1}/{local.tm_hour}:{local.tm_min}:{local.tm_sec},365/23:59:59"
    assert moment.tm_year == local.tm_year
    owner.execute(f"ALTER DATABASE {database} SET timezone = '{zone}'")
    announced(f"the clocks are put, {zone}", url, owner, journal, jump=None, TZ=zone)
