"""Refreshing, resting, pruning, and what an operator decides about single deliveries."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import nostr_sdk
import psycopg
import pytest

from hivetalk_scheduler.cli import main
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.run import run
from tests.integration.application import add_event, installed_long_ago
from tests.integration.host import start
from tests.integration.receiver import Receiver

DELIVERIES = "hivetalk_scheduler.delivery"


def run_once(url: str, *destinations: str, **settings: Any) -> None:
    run(Config(**{"database_url": url, "destinations": destinations, "hold": False, **settings}))


@pytest.fixture
async def relay() -> AsyncIterator[str]:
    """A real relay in this process."""
    limit = nostr_sdk.RateLimit(max_reqs=500, notes_per_minute=1_000_000)
    running = nostr_sdk.LocalRelayBuilder().rate_limit(limit).build()
    await running.run()
    yield str(await running.url()).rstrip("/")
    running.shutdown()


REFRESHES = (
    f"SELECT due_at - e.start_time, state FROM {DELIVERIES}, events AS e "
    "WHERE transition = 'refresh' ORDER BY due_at"
)


async def test_a_running_event_is_refreshed_at_its_relays_under_a_newer_date(
    url: str, owner: psycopg.Connection, relay: str
) -> None:
    half_hour = timedelta(minutes=30)
    key = nostr_sdk.Keys.generate()
    owner.execute("INSERT INTO room_info VALUES ('room', NULL, %s, NULL)", [key.secret_key().to_bech32()])
    add_event(owner, -100, 20_000)
    with Receiver() as receiver:
        for _ in range(2):
            await asyncio.to_thread(run_in_process, url, relay, receiver.url)
        assert owner.execute(REFRESHES).fetchall() == [(half_hour, "pending")], "webhooks need none"
        earlier(owner, "40 min")
        for _ in range(2):
            await asyncio.to_thread(run_in_process, url, relay, receiver.url)
        assert len(receiver.received) == 1
    assert owner.execute(REFRESHES).fetchall() == [(half_hour, "delivered"), (2 * half_hour, "pending")]
    query = "SELECT created_at, message_id FROM hivetalk_scheduler.payload WHERE format = 'nostr' ORDER BY created_at"
    (first, _), (second, shown) = owner.execute(query).fetchall()
    assert first < second
    assert owner.execute("SELECT status, nostr_event_id FROM events").fetchall() == [("live:sent", shown)]
    # What interrupts the chain does not end it: a refresh that died, for one.
    owner.execute(
        f"UPDATE {DELIVERIES} SET state = 'dead', completed_at = now() "
        "WHERE transition = 'refresh' AND state = 'pending'"
    )
    earlier(owner, "20 min")
    await asyncio.to_thread(run_in_process, url, relay)
    assert owner.execute(REFRESHES).fetchall()[2:] == [(3 * half_hour, "pending")]
    owner.execute("UPDATE events SET end_time = now() - interval '1 s'")
    earlier(owner, "1 h")
    await asyncio.to_thread(run_in_process, url, relay)
    assert [state for _, state in owner.execute(REFRESHES).fetchall()] == ["delivered", "dead", "superseded"]


async def test_an_event_that_is_extended_is_refreshed_from_then_on(
    url: str, owner: psycopg.Connection, relay: str
) -> None:
    key = nostr_sdk.Keys.generate()
    owner.execute("INSERT INTO room_info VALUES ('room', NULL, %s, NULL)", [key.secret_key().to_bech32()])
    add_event(owner, -100, 1200)
    for _ in range(2):
        await asyncio.to_thread(run_in_process, url, relay)
    assert owner.execute(REFRESHES).fetchall() == []
    owner.execute("UPDATE events SET end_time = end_time + interval '5 h'")
    await asyncio.to_thread(run_in_process, url, relay)
    assert owner.execute(REFRESHES).fetchall() == [(timedelta(minutes=30), "pending")]


async def test_a_meeting_of_several_days_stays_live(url: str, owner: psycopg.Connection, relay: str) -> None:
    key = nostr_sdk.Keys.generate()
    owner.execute("INSERT INTO room_info VALUES ('room', NULL, %s, NULL)", [key.secret_key().to_bech32()])
    add_event(owner, -100, 7 * 86_400)
    await asyncio.to_thread(run_in_process, url, relay)
    earlier(owner, "3 days")
    for _ in range(2):
        await asyncio.to_thread(run_in_process, url, relay)
    refreshes = owner.execute(REFRESHES).fetchall()
    assert [state for _, state in refreshes] == ["delivered", "pending"]
    assert all(due > timedelta(days=3) - timedelta(minutes=30) for due, _ in refreshes)


def earlier(owner: psycopg.Connection, interval: str) -> None:
    """Move everything that is there into the past, as if so much time had gone by.

    What the relay holds stays where it is: of two from one second it would keep the lower id (NIP-01).
    """
    time.sleep(1)
    owner.execute(
        "UPDATE events SET start_time = start_time - %s::interval, end_time = end_time - %s::interval",
        [interval] * 2,
    )
    owner.execute(
        f"UPDATE {DELIVERIES} SET due_at = due_at - %s::interval, next_at = next_at - %s::interval, "
        "of_start = of_start - %s::interval, fired_at = fired_at - %s::interval",
        [interval] * 4,
    )
    owner.execute(
        "UPDATE hivetalk_scheduler.payload SET due_at = due_at - %s::interval, "
        "created_at = created_at - extract(epoch FROM %s::interval)",
        [interval] * 2,
    )
    owner.execute("UPDATE hivetalk_scheduler.watermark SET origin = origin - interval '30 days'")


def run_in_process(url: str, *destinations: str) -> None:
    """Signals can be handled only in the main thread, so a run within a thread is a process of its own."""
    import subprocess
    import sys
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(
            f"database_url = {json.dumps(url)}\ndestinations = {json.dumps(destinations)}\nhold = false\n"
        )
        file.flush()
        command = [sys.executable, "-m", "hivetalk_scheduler", "run", "--config", file.name]
        subprocess.run(command, cwd=Path(__file__).parents[2], check=True)


def test_a_destination_that_fails_again_and_again_is_probed_and_not_hammered(
    url: str, owner: psycopg.Connection
) -> None:
    for number in range(300):
        add_event(owner, -1, 3600, name=str(number))
    with Receiver(answer=lambda received: 503) as dead, Receiver() as well:
        run_once(url, dead.url, well.url, concurrency=3)
        assert len(well.received) == 300
        first = len(dead.received)
        assert 3 <= first <= 6
        run_once(url, dead.url, well.url, concurrency=3)
        assert len(dead.received) == first, "it rests, for every run on every host"
        owner.execute("UPDATE hivetalk_scheduler.destination SET probe_at = now()")
        run_once(url, dead.url, well.url, concurrency=3)
        assert first < len(dead.received) <= first + 6
        failures = owner.execute(
            "SELECT failures FROM hivetalk_scheduler.destination WHERE name = %s", [dead.url]
        )
        assert failures.fetchone() == (2,)
        dead.answer = lambda received: 204
        owner.execute("UPDATE hivetalk_scheduler.destination SET probe_at = now()")
        owner.execute(
            f"UPDATE {DELIVERIES} SET next_at = now() WHERE transition = 'live' AND state = 'pending'"
        )
        run_once(url, dead.url, well.url, concurrency=3)
        assert {name for name, _ in dead.whats} == {str(n) for n in range(300)}
    assert owner.execute("SELECT max(failures) FROM hivetalk_scheduler.destination").fetchone() == (0,)


def test_a_rate_bounds_what_one_destination_gets(url: str, owner: psycopg.Connection) -> None:
    for number in range(10):
        add_event(owner, -1, 3600, name=str(number))
    with Receiver() as receiver:
        run_once(url, receiver.url, rate=10)
    times = [received.at for received in receiver.received]
    assert len(times) == 10 and max(times) - min(times) >= 0.85


def test_what_ended_long_ago_is_forgotten_in_small_batches(url: str, owner: psycopg.Connection) -> None:
    installed_long_ago(owner, "journal:")
    owner.execute(
        f"INSERT INTO {DELIVERIES} (event_id, test, transition, due_at, destination, next_at, state, completed_at) "
        "SELECT n::text, false, 'live', t, 'journal:', t, 'delivered', t "
        "FROM generate_series(1, 3000) AS n, LATERAL (SELECT now() - n * interval '1 h' AS t) AS x"
    )
    owner.execute(
        "INSERT INTO hivetalk_scheduler.payload SELECT event_id, test, transition, due_at, 0, 'json', 'id', 1, 'body' "
        f"FROM {DELIVERIES}"
    )

    def left() -> tuple[Any, ...] | None:
        return owner.execute(
            f"SELECT (SELECT count(*) FROM {DELIVERIES}), (SELECT count(*) FROM hivetalk_scheduler.payload)"
        ).fetchone()

    run_once(url, "journal:")
    first = left()
    assert first is not None and first[0] == 2000
    for _ in range(5):
        run_once(url, "journal:")
    assert left() == (719, 719), "30 days, by the hour"


@pytest.fixture
def file(tmp_path: Path, url: str) -> Path:
    return tmp_path / "config.toml"


def command(file: Path, url: str, receiver: Receiver, *words: str) -> int:
    file.write_text(f'database_url = "{url}"\ndestinations = ["{receiver.url}"]\nhold = false\n')
    return main(["--config", str(file), *words])


def test_a_dead_delivery_is_listed_shown_and_sent_again_under_its_id(
    url: str, owner: psycopg.Connection, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    add_event(owner, -1, 3600)
    with Receiver(answer=lambda received: 400) as receiver:
        command(file, url, receiver, "run")
        capfd.readouterr()
        assert command(file, url, receiver, "deliveries", "list", "--state", "dead", "--json") == 0
        (row,) = json.loads(capfd.readouterr().out)
        assert row["destination"] == receiver.url and row["answer"].startswith("400")
        number = str(row["id"])
        assert command(file, url, receiver, "deliveries", "show", number) == 0
        shown = capfd.readouterr().out
        assert receiver.received[0].id in shown and "meeting.live" in shown
        receiver.answer = lambda received: 204
        assert command(file, url, receiver, "deliveries", "retry", number) == 0
        assert command(file, url, receiver, "run") == 0
        one, two = receiver.received
        assert one.id == two.id and one.body == two.body
        assert command(file, url, receiver, "deliveries", "retry", number) == 65, "it is delivered"
        assert command(file, url, receiver, "deliveries", "retry", number, "--anew") == 0
        assert command(file, url, receiver, "run") == 0
        assert len(receiver.received) == 3 and receiver.received[2].id != one.id


def test_an_expired_delivery_can_be_sent_all_the_same(
    url: str, owner: psycopg.Connection, file: Path
) -> None:
    with Receiver() as receiver:
        installed_long_ago(owner, receiver.url)
        owner.execute("UPDATE hivetalk_scheduler.watermark SET caught_to = now() - interval '20 days'")
        add_event(owner, -10 * 86_400, -9 * 86_400)
        command(file, url, receiver, "run")
        assert receiver.received == []
        assert command(file, url, receiver, "deliveries", "retry", "--state", "expired") == 0
        command(file, url, receiver, "run")
        assert [transition for _, transition in receiver.whats] == ["ended"]


def test_a_discarded_delivery_is_not_sent_and_not_caught_again(
    url: str, owner: psycopg.Connection, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    event = add_event(owner, -1, 3600)
    with Receiver(answer=lambda received: 503) as receiver:
        command(file, url, receiver, "run")
        assert command(file, url, receiver, "deliveries", "discard", "--event", event) == 0
        assert "1 discarded" in capfd.readouterr().out
        owner.execute(f"UPDATE {DELIVERIES} SET next_at = now()")
        command(file, url, receiver, "run")
        assert len(receiver.received) == 1
    assert owner.execute(f"SELECT DISTINCT state FROM {DELIVERIES}").fetchall() == [("discarded",)]


def test_deciding_about_everything_needs_a_word(url: str, owner: psycopg.Connection, file: Path) -> None:
    with Receiver() as receiver:
        assert command(file, url, receiver, "deliveries", "retry") == 64
        assert command(file, url, receiver, "deliveries", "discard", "12345") == 65
        assert command(file, url, receiver, "deliveries", "show", "12345") == 65


def test_a_holding_run_tidies_up_while_it_waits(url: str, owner: psycopg.Connection, tmp_path: Path) -> None:
    """At its end, the next run waits for it."""
    with Receiver() as receiver:
        installed_long_ago(owner, receiver.url)
        owner.execute(
            f"INSERT INTO {DELIVERIES} (event_id, test, transition, due_at, destination, next_at, state, completed_at) "
            "SELECT 'old', false, 'live', t, 'journal:', t, 'delivered', t FROM (SELECT now() - interval '1 y') AS w(t)"
        )
        add_event(owner, 6, None)
        host = start(tmp_path, url, receiver, interval=10)
        give_up = time.monotonic() + 5
        while owner.execute(f"SELECT FROM {DELIVERIES} WHERE event_id = 'old'").rowcount:
            assert host.poll() is None and time.monotonic() < give_up
            time.sleep(0.05)
        assert receiver.received == []
        assert host.wait(30) == 0
    assert receiver.whats == [("A meeting", "live")]
    assert "pruned=1" in host.communicate()[1]
