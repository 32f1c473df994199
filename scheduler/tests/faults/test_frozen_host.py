"""A host that freezes (SIGSTOP, a paused machine) past its lease, and wakes."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.effects import Tally, audit, lapse, of_webhook
from tests.faults.mortal import mortal_host, start
from tests.faults.test_kill import EVENTS, receiving, settle
from tests.integration.application import add_event
from tests.integration.receiver import Receiver

LEASE = 31
"""Seconds: 2 x delivery_timeout + 30."""


def completed(owner: psycopg.Connection) -> list[tuple[Any, ...]]:
    """What is on record about deliveries that have ended."""
    return owner.execute(
        "SELECT id, state, attempts, claims, fired_at, completed_at, answer FROM hivetalk_scheduler.delivery "
        "WHERE state <> 'pending' ORDER BY id"
    ).fetchall()


def end_transactions(owner: psycopg.Connection) -> None:
    """What idle_in_transaction_session_timeout does to a frozen host's transaction, once its statement is done."""
    busy = "FROM pg_stat_activity WHERE datname = current_database() AND usename = 'scheduler' AND state <> 'idle'"
    while owner.execute(f"SELECT {busy}").rowcount:
        time.sleep(0.01)
        owner.execute(f"SELECT pg_terminate_backend(pid, 1000) {busy} AND state LIKE 'idle in transaction%'")


def test_frozen_at_every_kind_of_boundary(url: str, owner: psycopg.Connection, journal: Path) -> None:
    """Meanwhile the lease ends, and another host does the work; the woken one changes none of it."""
    tally = Tally()
    with (
        receiving("webhook", url) as (config, name, arrivals),
        mortal_host(journal) as one,
        mortal_host(journal) as other,
    ):
        one.run(config)
        owner.execute(EVENTS, {"count": 8, "ahead": -0.001})
        reference = one.run(config)
        for boundary in sorted(set(reference.boundaries)):
            owner.execute(EVENTS, {"count": 8, "ahead": -0.001})
            with one.frozen(config, boundary) as frozen:
                tally.killed += frozen
                end_transactions(owner)
                settle(other, owner, config, tally)
                before = completed(owner)
            after = {row[0]: row for row in completed(owner)}
            assert [after[row[0]] for row in before] == before, boundary
            tally.runs += 1
        settle(other, owner, config, tally)
        audit(owner, tally, arrivals(), name)
    print(f"proof: frozen at every kind of boundary, its lease ended: {tally}")
    assert tally.sound() and tally.killed == len(set(reference.boundaries))


def test_frozen_past_the_lease(url: str, owner: psycopg.Connection, journal: Path) -> None:
    """In real time, with sends in flight and others waiting: what waits is not sent after the lease."""
    tally = Tally(events=0, runs=3)
    with Receiver(delay=0.3) as receiver:
        config: dict[str, Any] = {
            "database_url": url,
            "destinations": [receiver.url],
            "hold": False,
            "delivery_timeout": 0.5,
            "concurrency": 2,
        }
        for number in range(30):
            add_event(owner, -1, 20 if number % 2 else None, name=str(number))
        host = start(journal.with_name("frozen"), config)
        while len(receiver.received) < 6:
            time.sleep(0.02)
        os.kill(host.pid, signal.SIGSTOP)
        time.sleep(LEASE + 1)
        receiver.delay = 0
        assert start(journal, config).wait(60) == 0
        before, sent = completed(owner), len(receiver.received)
        os.kill(host.pid, signal.SIGCONT)
        assert host.wait(60) == 0
        assert len(receiver.received) == sent, "the woken host sends nothing more"
        assert completed(owner) == before
        lapse(owner)
        assert start(journal, config).wait(60) == 0
        audit(owner, tally, of_webhook(receiver), receiver.url)
    print(f"proof: frozen for {LEASE + 1} s, past the lease: {tally}")
    assert tally.sound()
    assert "claim-lost" in journal.with_name("frozen").read_text()
