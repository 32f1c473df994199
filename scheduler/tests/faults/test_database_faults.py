"""The database goes away, in each of the ways it does: afterwards everything is delivered."""

import contextlib
import random
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.database import connect
from hivetalk_scheduler.errors import DatabaseUnavailable
from hivetalk_scheduler.store import Store
from tests.faults.effects import Tally, audit, lapse, of_webhook
from tests.faults.mortal import start
from tests.faults.postgres import postgres
from tests.faults.proxy import proxied
from tests.integration.receiver import Receiver

STREAM = (
    "INSERT INTO events (name, start_time) SELECT n::text, clock_timestamp() + make_interval(secs => %s * n / 200.0) "
    "FROM generate_series(1, 200) AS n"
)
"""200 events that begin within the next so many seconds."""
STATUSES = {0, 69}
"""How a run may end while the database is not there: well, or asking for the next try."""


def holding(url: str, receiver: Receiver, **settings: Any) -> dict[str, Any]:
    """A configuration whose runs hold for a few seconds, like a timer that ticks as often."""
    return {
        "database_url": url,
        "destinations": [receiver.url],
        "on_calendar": "minutely",
        "interval": 4,
        "jitter": 0,
        "accuracy": 0.1,
        "timeout": 30,
        **settings,
    }


class Ticks:
    """A timer: starts a run, and when it has ended the next one, until it is stopped."""

    def __init__(self, journal: Path, config: dict[str, Any]) -> None:
        self._journal, self._config = journal, config
        self.statuses: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tick)

    def _tick(self) -> None:
        while not self._stop.is_set():
            self.statuses.append(start(self._journal, self._config).wait(120))
            self._stop.wait(0.2)

    def __enter__(self) -> "Ticks":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        self._thread.join()


def proven(
    name: str,
    owner: psycopg.Connection,
    receiver: Receiver,
    ticks: Ticks,
    journal: Path,
    config: dict[str, Any],
) -> None:
    """Let the time of leases go by, run once more, and count."""
    tally = Tally(runs=len(ticks.statuses))
    while owner.execute("SELECT max(start_time) > clock_timestamp() FROM events").fetchone() == (True,):
        time.sleep(0.1)
    for _ in range(2):
        lapse(owner)
        assert start(journal, {**config, "hold": False}).wait(60) == 0
        tally.runs += 1
    audit(owner, tally, of_webhook(receiver), receiver.url)
    print(f"proof: {name}: {tally} statuses={sorted(set(ticks.statuses))}")
    assert tally.sound() and tally.events >= 200
    assert set(ticks.statuses) <= STATUSES
    assert "Traceback" not in journal.read_text()


def test_restarted(journal: Path) -> None:
    """Three times while events fall due: twice in good order, once by a crash."""
    with postgres() as server, Receiver() as receiver:
        config = holding(server.url("scheduler"), receiver)
        with server.owner() as owner:
            owner.execute(STREAM, [9])
        with Ticks(journal, config) as ticks:
            for mode in ("fast", "immediate", "fast"):
                time.sleep(2)
                server.stop(mode)
                time.sleep(0.5)
                server.start()
            time.sleep(1)
        with server.owner() as owner:
            proven("PostgreSQL restarted", owner, receiver, ticks, journal, config)
    assert "database-lost" in journal.read_text()


def test_backends_terminated_in_a_stream(
    server: str, url: str, owner: psycopg.Connection, journal: Path, chance: random.Random
) -> None:
    with Receiver() as receiver:
        config = holding(url, receiver)
        owner.execute(STREAM, [8])
        terminated, until = 0, time.monotonic() + 9
        with Ticks(journal, config) as ticks:
            # On a busy machine a run is long in coming back, so that there is less to terminate.
            while time.monotonic() < until or (terminated <= 10 and time.monotonic() < until + 20):
                row = owner.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE usename = 'scheduler' AND datname = current_database()"
                ).fetchone()
                terminated += row[0] if row else 0
                time.sleep(chance.uniform(0, 0.3))
        proven(f"{terminated} backends terminated", owner, receiver, ticks, journal, config)
    assert terminated > 10


def test_a_proxy_swallows_packets(url: str, owner: psycopg.Connection, journal: Path) -> None:
    """The connection stays open at both ends, and nothing passes: the run notices, and reconnects."""
    with Receiver() as receiver, proxied(url) as proxy:
        config = holding(proxy.url(url), receiver, interval=8, timeout=120)
        owner.execute(STREAM, [8])
        with Ticks(journal, config) as ticks:
            written(journal, "<5>delivered")
            proxy.swallow()
            written(journal, "database-lost")
        proven("a proxy swallowed packets", owner, receiver, ticks, journal, config)
    assert proxy.swallowed


def written(journal: Path, word: str) -> None:
    """Wait until a run has said so."""
    give_up = time.monotonic() + 60
    while not (journal.exists() and word in journal.read_text()):
        assert time.monotonic() < give_up, f"no {word} in {journal.read_text()}"
        time.sleep(0.1)


def test_connections_exhausted(journal: Path) -> None:
    """The run's own connection is ended, and others take every place."""
    with postgres("-c max_connections=12") as server, Receiver() as receiver, server.owner() as owner:
        config = holding(server.url("scheduler"), receiver, interval=8)
        owner.execute(STREAM, [8])
        with Ticks(journal, config) as ticks, contextlib.ExitStack() as others:
            written(journal, "<5>delivered")
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scheduler'"
            )
            with pytest.raises(
                psycopg.OperationalError, match=r"remaining connection slots|too many clients"
            ):
                for _ in range(20):
                    others.enter_context(psycopg.connect(server.url("scheduler"), autocommit=True))
            time.sleep(3)
        proven("connections exhausted", owner, receiver, ticks, journal, config)
    assert "database-lost" in journal.read_text()


def test_read_only_for_a_while(journal: Path) -> None:
    with postgres() as server, Receiver() as receiver, server.owner() as owner:
        config = holding(server.url("scheduler"), receiver, interval=8)
        owner.execute(STREAM, [8])
        with Ticks(journal, config) as ticks:
            written(journal, "<5>delivered")
            for value in ("on", "off"):
                owner.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
                owner.execute("SELECT pg_reload_conf()")
                time.sleep(3)
        proven("read-only for a while", owner, receiver, ticks, journal, config)
    assert "read-only" in journal.read_text()


def test_of_two_hosts_the_one_that_takes_writes_is_used(journal: Path) -> None:
    """A standby answers, too."""
    with postgres() as standby, postgres() as primary, Receiver() as receiver:
        with standby.owner() as owner:
            owner.execute("ALTER DATABASE hivetalk SET default_transaction_read_only = on")
        with primary.owner() as owner:
            owner.execute(STREAM, [0])
        both = f"{standby.url('scheduler')},{primary.directory}"
        assert start(journal, holding(both, receiver, hold=False)).wait(60) == 0
        assert len(receiver.received) == 200


def test_disk_full(journal: Path) -> None:
    """The write-ahead log has no room either, so PostgreSQL stops; it comes back when there is room."""
    with postgres(megabytes=96) as server, Receiver() as receiver:
        config = holding(server.url("scheduler"), receiver, interval=8)
        with server.owner() as owner:
            owner.execute(STREAM, [8])
        filler = server.directory / "filler"
        with Ticks(journal, config) as ticks:
            written(journal, "<5>delivered")
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 65_536)
            # Its log grows, until there is no room for the next piece.
            with contextlib.suppress(psycopg.Error), server.owner() as owner:
                owner.execute(
                    "CREATE TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)"
                )
            with contextlib.suppress(psycopg.Error), server.owner() as owner:
                for _ in range(3000):
                    owner.execute("SELECT pg_logical_emit_message(true, '', repeat('x', 1000))")
            time.sleep(3)
            filler.unlink()
            server.stop("immediate", check=False)
            server.start()
        with server.owner() as owner:
            proven("disk full", owner, receiver, ticks, journal, config)
        assert "No space left on device" in server.log() and "database-lost" in journal.read_text()


def test_a_transaction_that_the_server_ended_is_no_fault_of_the_data(url: str) -> None:
    """As happens to a host that was frozen within one."""
    store = Store(connect(Config(database_url=url)), Clock())
    with pytest.raises(DatabaseUnavailable, match="idle-in-transaction"), store.transaction():
        store.connection.execute("SET LOCAL idle_in_transaction_session_timeout = '10ms'")
        time.sleep(0.2)
        store.look([])
