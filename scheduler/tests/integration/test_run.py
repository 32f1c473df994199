"""A run, on a real PostgreSQL and real receivers."""

import time
from pathlib import Path

import psycopg
import pytest

from hivetalk_scheduler.run import run
from tests.integration.application import add_event, installed_long_ago, states, status
from tests.integration.host import config, lines, start, tick
from tests.integration.receiver import Receiver


def test_50_events_in_one_run(url: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(50):
        add_event(owner, -1, 3600, name=f"event {number}")
    with Receiver() as receiver:
        run(config(url, receiver))
    assert sorted(receiver.whats) == sorted((f"event {n}", "live") for n in range(50))
    assert "delivered=50" in lines(capfd.readouterr().err, "run-finished")[0]


def test_a_second_run_finds_nothing_new(
    url: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    """So a restart of the timer does no harm."""
    add_event(owner, -1, 3600)
    with Receiver() as receiver:
        run(config(url, receiver))
        capfd.readouterr()
        run(config(url, receiver))
    assert len(receiver.received) == 1
    finished = lines(capfd.readouterr().err, "run-finished")[0]
    assert "caught=0 delivered=0" in finished


def test_an_event_in_the_window_is_caught_before_its_time_and_fired_at_it(
    url: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    event = add_event(owner, 2, 2.5)
    with Receiver() as receiver:
        run(config(url, receiver))
        assert states(owner) == {("A meeting", "live"): "pending", ("A meeting", "ended"): "pending"}
        assert receiver.received == []
        capfd.readouterr()
        tick(url, receiver, 2)
    assert [transition for _, transition in receiver.whats] == ["live", "ended"]
    delivered = lines(capfd.readouterr().err, "delivered")
    assert len(delivered) == 2 and all("lateness_ms=" in line and "run=" in line for line in delivered)
    rows = owner.execute(
        "SELECT fired_at >= due_at, completed_at >= fired_at FROM hivetalk_scheduler.delivery"
    )
    assert rows.fetchall() == [(True, True)] * 2
    assert status(owner, event) == "ended:sent"


def test_an_event_fires_on_its_second(url: str, owner: psycopg.Connection) -> None:
    """Measured by the database: the send begins within the second in which the event starts."""
    owner.execute(
        "INSERT INTO events (name, start_time) SELECT n::text, date_trunc('second', clock_timestamp()) "
        "+ make_interval(secs => n) FROM generate_series(2, 4) AS n"
    )
    with Receiver() as receiver:
        # One run: a second one, begun after the event, might be in time by luck.
        run(config(url, receiver, hold=True, on_calendar="minutely", interval=5, jitter=0, accuracy=0.1))
    assert [name for name, _ in receiver.whats] == ["2", "3", "4"]
    rows = owner.execute(
        "SELECT date_trunc('second', fired_at) = due_at FROM hivetalk_scheduler.delivery"
    ).fetchall()
    assert rows == [(True,)] * 3


def test_an_event_written_while_a_run_holds_is_noticed(
    url: str, owner: psycopg.Connection, tmp_path: Path
) -> None:
    add_event(owner, 8, 60, name="held")
    with Receiver() as receiver:
        host = start(tmp_path, url, receiver, interval=10)
        time.sleep(2)
        add_event(owner, 3.5, 60, name="late writing")
        assert host.wait(30) == 0
    # Before the other, and not at the hold's end.
    assert [name for name, _ in receiver.whats] == ["late writing", "held"]
    late = owner.execute(
        "SELECT max(fired_at - due_at) < interval '3 s' FROM hivetalk_scheduler.delivery"
    ).fetchone()
    assert late == (True,)


def test_a_retry_sends_the_same_bytes_under_the_same_id(url: str, owner: psycopg.Connection) -> None:
    event = add_event(owner, -1, 60, name="before")
    with Receiver(answer=lambda received: 503) as receiver:
        run(config(url, receiver))
        owner.execute("UPDATE events SET name = 'after' WHERE id = %s", [event])
        owner.execute("UPDATE hivetalk_scheduler.delivery SET next_at = now() WHERE attempts > 0")
        receiver.answer = lambda received: 204
        run(config(url, receiver))
    one, two = receiver.received
    assert one.id == two.id and one.body == two.body
    rows = owner.execute(
        "SELECT attempts FROM hivetalk_scheduler.delivery WHERE transition = 'live'"
    ).fetchall()
    assert rows == [(2,)]


def test_retries_used_up_are_dead_and_reported(
    url: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    event = add_event(owner, -1, 60)
    with Receiver(answer=lambda received: 503) as receiver:
        for _ in range(3):
            run(config(url, receiver, max_attempts=2))
            owner.execute("UPDATE hivetalk_scheduler.delivery SET next_at = now() WHERE attempts > 0")
    assert len(receiver.received) == 2
    assert states(owner)["A meeting", "live"] == "dead"
    assert status(owner, event) == "live:failed"
    assert len(lines(capfd.readouterr().err, "dead")) == 1


def test_one_dead_destination_holds_up_no_other(url: str, owner: psycopg.Connection) -> None:
    for number in range(20):
        add_event(owner, -1, 60, name=str(number))
    with Receiver() as dead:
        pass
    with Receiver() as receiver:
        run(config(url, dead, receiver))
    assert len(receiver.received) == 20
    attempts = owner.execute(
        "SELECT sum(attempts) FROM hivetalk_scheduler.delivery WHERE destination = %s", [dead.url]
    ).fetchone()
    assert attempts is not None and 1 <= attempts[0] < 20, "a dead destination is probed, not hammered"


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("UPDATE events SET start_time = start_time + interval '1 h', end_time = NULL", "superseded"),
        ("UPDATE events SET status = 'cancelled'", "cancelled"),
        ("DELETE FROM events", "cancelled"),
    ],
)
def test_what_goes_out_is_what_the_database_says_at_the_moment_of_firing(
    url: str, owner: psycopg.Connection, change: str, state: str
) -> None:
    add_event(owner, 1, None)
    with Receiver() as receiver:
        run(config(url, receiver))
        owner.execute(change)
        time.sleep(1.1)
        run(config(url, receiver))
    assert receiver.received == []
    assert list(states(owner).values()) == [state]


def test_an_event_moved_earlier_between_catch_and_fire_is_announced_once(
    url: str, owner: psycopg.Connection
) -> None:
    add_event(owner, 60, None)
    with Receiver() as receiver:
        run(config(url, receiver))
        owner.execute("UPDATE events SET start_time = now()")
        run(config(url, receiver))
        owner.execute("UPDATE hivetalk_scheduler.delivery SET next_at = now() WHERE state = 'pending'")
        run(config(url, receiver))
    assert receiver.whats == [("A meeting", "live")]


def test_a_first_installation_takes_what_the_status_says_as_sent(url: str, owner: psycopg.Connection) -> None:
    add_event(owner, -30, 3600, name="announced", status="live:sent")
    add_event(owner, -30, 3600, name="not yet")
    add_event(owner, -300, 3600, name="long before the window")
    with Receiver() as receiver:
        run(config(url, receiver))
        run(config(url, receiver))
    assert receiver.whats == [("not yet", "live")]
    assert states(owner)["announced", "live"] == "delivered", "by the predecessor"


def test_a_new_destination_gets_no_history(url: str, owner: psycopg.Connection) -> None:
    with Receiver() as old, Receiver() as new:
        installed_long_ago(owner, old.url)
        add_event(owner, -3000, -600, name="over")
        add_event(owner, -3000, 600, name="running")
        run(config(url, old))
        run(config(url, old, new))
        assert sorted(old.whats) == [("over", "ended"), ("running", "live")]
        assert new.whats == []
        add_event(owner, -1, 600, name="now")
        run(config(url, old, new))
    assert new.whats == [("now", "live")]


def test_a_removed_destination_gets_nothing_more(url: str, owner: psycopg.Connection) -> None:
    add_event(owner, 1, None)
    with Receiver() as removed, Receiver() as kept:
        run(config(url, removed, kept))
        time.sleep(1.1)
        run(config(url, kept))
    assert removed.received == [] and len(kept.received) == 1


def test_later_than_max_lateness_is_expired(url: str, owner: psycopg.Connection) -> None:
    with Receiver() as receiver:
        installed_long_ago(owner, receiver.url)
        owner.execute("UPDATE hivetalk_scheduler.watermark SET caught_to = now() - interval '2 h'")
        add_event(owner, -5000, None, name="old")
        add_event(owner, -3000, None, name="in time")
        run(config(url, receiver, max_lateness=3600))
    assert receiver.whats == [("in time", "live")]
    assert states(owner)["old", "live"] == "expired"


def test_lead_asks_for_earlier(url: str, owner: psycopg.Connection) -> None:
    add_event(owner, 30, None, name="in half a minute")
    add_event(owner, 90, None, name="later")
    with Receiver() as receiver:
        run(config(url, receiver, lead=40))
    assert receiver.whats == [("in half a minute", "live")]
