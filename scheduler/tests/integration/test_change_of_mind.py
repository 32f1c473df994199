"""Events that are moved, renamed, cancelled, deleted and restored: what goes out is what holds at that moment."""

import threading
import time

import psycopg
import pytest

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.run import run
from tests.integration.application import add_event, installed_long_ago, states
from tests.integration.receiver import Receiver


def run_once(url: str, receiver: Receiver) -> None:
    run(Config(database_url=url, destinations=(receiver.url,), hold=False))


def test_an_event_moved_after_live_was_sent_is_announced_again(url: str, owner: psycopg.Connection) -> None:
    add_event(owner, -10, None)
    with Receiver() as receiver:
        run_once(url, receiver)
        owner.execute("UPDATE events SET start_time = now() + interval '1 s'")
        run_once(url, receiver)
        assert len(receiver.received) == 1
        time.sleep(1.1)
        run_once(url, receiver)
    assert [transition for _, transition in receiver.whats] == ["live", "live"]
    assert receiver.received[0].id != receiver.received[1].id


def test_an_event_moved_and_moved_back_after_both_were_announced_is_announced_again(
    url: str, owner: psycopg.Connection
) -> None:
    """A relay keeps the last word: it must be what the event says, not the start of in between."""
    add_event(owner, -10, None)
    with Receiver() as receiver:
        run_once(url, receiver)
        owner.execute("UPDATE events SET start_time = start_time + interval '5 s'")
        run_once(url, receiver)
        owner.execute("UPDATE events SET start_time = start_time - interval '5 s'")
        run_once(url, receiver)
        run_once(url, receiver)
    starts = [received.body["data"]["starts_at"] for received in receiver.received]
    assert len(starts) == 3 and starts[0] == starts[2] != starts[1]
    assert len({received.id for received in receiver.received}) == 3


def test_an_event_extended_after_its_end_was_announced_is_live_again(
    url: str, owner: psycopg.Connection
) -> None:
    add_event(owner, -10, 3600)
    with Receiver() as receiver:
        for end in ("1 h", "0 s", "1 h", "0 s"):
            owner.execute("UPDATE events SET end_time = now() + %s::interval", [end])
            run_once(url, receiver)
            run_once(url, receiver)
    assert [transition for _, transition in receiver.whats] == ["live", "ended", "live", "ended"]
    assert len({received.id for received in receiver.received}) == 4


def test_the_end_that_the_predecessor_announced_too_early_makes_nothing_live_again(
    url: str, owner: psycopg.Connection
) -> None:
    """What `events.status` says was sent counts as sent; only what this scheduler sent is a later word."""
    add_event(owner, -60, 60, status="ended:sent")
    with Receiver() as receiver:
        run_once(url, receiver)
        run_once(url, receiver)
    assert receiver.received == []


def test_what_began_too_long_ago_to_be_announced_and_still_runs_is_on_record(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the history: it is gone over in parts."""
    monkeypatch.setattr("hivetalk_scheduler.catch.SWEEP", 3)
    day = 86_400
    with Receiver() as receiver:
        installed_long_ago(owner, receiver.url)
        for number in range(10):
            add_event(owner, -number * day - 3600, -number * day - 1800, name="over")
        run_once(url, receiver)
        for name, start, end in [
            ("no end", -3 * day, None),
            ("two days", -day - 300, day),
            ("month", -29 * day, 5),
        ]:
            add_event(owner, start, end, name=name)
        for _ in range(5):
            run_once(url, receiver)
    late = {"no end": "expired", "two days": "expired", "month": "expired"}
    assert {
        name: state for (name, transition), state in states(owner).items() if transition == "live"
    } == late
    assert ("A meeting", "live") not in receiver.whats


def test_what_is_older_than_the_installation_or_forgotten_is_not_swept_up(
    url: str, owner: psycopg.Connection
) -> None:
    with Receiver() as receiver:
        installed_long_ago(owner, receiver.url, seconds=5 * 86_400)
        add_event(owner, -6 * 86_400, None)
        run_once(url, receiver)
        owner.execute("UPDATE hivetalk_scheduler.watermark SET origin = origin - interval '90 days'")
        owner.execute("UPDATE hivetalk_scheduler.destination SET origin = origin - interval '90 days'")
        add_event(owner, -31 * 86_400, None)
        owner.execute("DELETE FROM events WHERE start_time > now() - interval '7 days'")
        run_once(url, receiver)
    assert states(owner) == {}


MOVE = "UPDATE events SET start_time = start_time {} interval '1 day'"


@pytest.mark.parametrize(
    ("withdraw", "restore"),
    [
        ("UPDATE events SET status = 'cancelled'", "UPDATE events SET status = 'planned'"),
        (MOVE.format("+"), MOVE.format("-")),
        (
            "CREATE TABLE bin AS SELECT * FROM events; DELETE FROM events",
            "INSERT INTO events SELECT * FROM bin",
        ),
    ],
)
def test_what_was_withdrawn_and_comes_back_is_announced(
    url: str, owner: psycopg.Connection, withdraw: str, restore: str
) -> None:
    add_event(owner, 1, None)
    with Receiver() as receiver:
        run_once(url, receiver)
        owner.execute(withdraw)
        time.sleep(1.1)
        run_once(url, receiver)
        assert receiver.received == []
        owner.execute(restore)
        run_once(url, receiver)
        run_once(url, receiver)
    assert receiver.whats == [("A meeting", "live")]


def test_a_renamed_event_goes_out_under_its_new_name(url: str, owner: psycopg.Connection) -> None:
    add_event(owner, 1, None, name="old")
    with Receiver() as receiver:
        run_once(url, receiver)
        owner.execute("UPDATE events SET name = 'new'")
        time.sleep(1.1)
        run_once(url, receiver)
    assert receiver.whats == [("new", "live")]


def test_what_changes_while_a_run_holds_goes_out_as_it_is_then(url: str, owner: psycopg.Connection) -> None:
    """Its bytes were made seconds ahead, and the run had it in sight."""
    rename = (
        "UPDATE events SET name = 'new', status = CASE name WHEN 'kept' THEN 'planned' ELSE 'cancelled' END"
    )
    for name in ("kept", "cancelled"):
        add_event(owner, 3, None, name=name)
    with Receiver() as receiver, psycopg.connect(owner.info.dsn, autocommit=True) as application:
        timer = threading.Timer(2, application.execute, [rename])
        timer.start()
        hold = {"on_calendar": "minutely", "interval": 4, "jitter": 0, "accuracy": 0.1}
        run(Config(database_url=url, destinations=(receiver.url,), **hold))
        timer.join()
    assert receiver.whats == [("new", "live")]


def test_what_comes_back_goes_out_as_it_is_now(url: str, owner: psycopg.Connection) -> None:
    """Not with the bytes of before."""
    add_event(owner, -1, None, name="old")
    with Receiver(answer=lambda received: 503) as receiver:
        run_once(url, receiver)
        owner.execute("UPDATE events SET status = 'cancelled', name = 'new'")
        owner.execute("UPDATE hivetalk_scheduler.delivery SET next_at = now()")
        run_once(url, receiver)
        owner.execute("UPDATE events SET status = 'planned'")
        receiver.answer = lambda received: 204
        run_once(url, receiver)
    assert receiver.whats == [("old", "live"), ("new", "live")]


def test_a_room_that_changes_its_relay_leaves_the_old_one(url: str, owner: psycopg.Connection) -> None:
    relays = ["ws://127.0.0.1:9", "ws://127.0.0.1:10"]
    owner.execute(
        "INSERT INTO room_info (room_name, room_nsec, room_relay_url) VALUES ('r', %s, %s)",
        ["1" * 64, relays[0]],
    )
    for name in ("one", "two"):
        add_event(owner, 1, None, room_name="r", name=name)
    with Receiver() as receiver:
        run_once(url, receiver)
        owner.execute("UPDATE room_info SET room_relay_url = %s", [relays[1]])
        time.sleep(1.1)
        run_once(url, receiver)
    rows = owner.execute(
        "SELECT destination, state, count(*) FROM hivetalk_scheduler.delivery WHERE destination ^@ 'ws' GROUP BY 1, 2"
    ).fetchall()
    assert sorted(rows) == [(relays[1], "pending", 2), (relays[0], "cancelled", 2)]


def test_an_extended_event_ends_at_its_new_end_alone(url: str, owner: psycopg.Connection) -> None:
    add_event(owner, -10, 4)
    with Receiver() as receiver:
        run_once(url, receiver)
        owner.execute("UPDATE events SET end_time = end_time + interval '3 s'")
        time.sleep(4.1)
        run_once(url, receiver)
        assert [transition for _, transition in receiver.whats] == ["live"]
        time.sleep(3)
        run_once(url, receiver)
    assert [transition for _, transition in receiver.whats] == ["live", "ended"]


def test_a_row_of_a_long_transaction_is_not_overlooked(url: str, owner: psycopg.Connection) -> None:
    """It was written before its time and committed after the watermark had passed it."""
    with Receiver() as receiver, psycopg.connect(owner.info.dsn) as slow:
        installed_long_ago(owner, receiver.url)
        add_event(slow, -3000, 3600, name="running")
        add_event(slow, -3000, -600, name="over")
        owner.execute("UPDATE hivetalk_scheduler.watermark SET caught_to = now()")
        run_once(url, receiver)
        assert receiver.received == []
        slow.commit()
        run_once(url, receiver)
    assert sorted(receiver.whats) == [("over", "ended"), ("running", "live")]


@pytest.mark.parametrize("outage", ["1 min", "1 day", "30 days"])
def test_after_an_outage_of_any_length_only_the_truth_of_now_goes_out(
    url: str, owner: psycopg.Connection, outage: str
) -> None:
    with Receiver() as receiver:
        installed_long_ago(owner, receiver.url, seconds=60 * 86_400)
        owner.execute("UPDATE hivetalk_scheduler.watermark SET caught_to = now() - %s::interval", [outage])
        add_event(owner, -50, -40, name="over")
        add_event(owner, -45, 3600, name="running")
        add_event(owner, -25 * 86_400, -25 * 86_400 + 60, name="long ago")
        run_once(url, receiver)
    assert sorted(receiver.whats) == [("over", "ended"), ("running", "live")]
    assert states(owner).get(("long ago", "ended")) == ("expired" if outage == "30 days" else None)


def test_meetings_that_still_run_come_first_the_oldest_foremost(url: str, owner: psycopg.Connection) -> None:
    with Receiver() as receiver:
        installed_long_ago(owner, receiver.url)
        for number in range(5):
            add_event(owner, -9000 - number, -4000 - number, name=f"over {number}")
            add_event(owner, -1000 - number, 3600, name=f"running {number}")
        run(Config(database_url=url, destinations=(receiver.url,), hold=False, concurrency=1, batch_size=2))
    assert [name for name, _ in receiver.whats[:5]] == [f"running {number}" for number in (4, 3, 2, 1, 0)]
    assert {name for name, _ in receiver.whats[5:]} == {f"over {number}" for number in range(5)}
