"""The predecessor's bugs, each by name. (Those of keys, tags and TLS are where these are: test_keys, test_nostr,
test_webhook.)"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.errors import DatabaseUnavailable
from hivetalk_scheduler.run import run
from tests.integration.application import add_event, installed_long_ago, states, status
from tests.integration.receiver import Received, Receiver

NOW = {"hold": False}
"""A run that fires what is due, and ends."""
HOLD = {"on_calendar": "minutely", "interval": 3, "jitter": 0, "accuracy": 0.1}
"""A run that holds for a little more than 3 s: with on_calendar, whatever second it is."""


def config(url: str, receiver: Receiver | None = None, **settings: Any) -> Config:
    destinations = (receiver.url,) if receiver else ("journal:",)
    return Config(**{"database_url": url, "destinations": destinations, **settings})


def test_ended_is_sent_once_live_had_been(url: str, owner: psycopg.Connection) -> None:
    """The predecessor's rows with live:sent were never ended."""
    event = add_event(owner, -60, -1, status="live:sent")
    with Receiver() as receiver:
        run(config(url, receiver, **NOW))
    assert receiver.whats == [("A meeting", "ended")]
    assert status(owner, event) == "ended:sent"


def test_a_failed_publish_is_not_recorded_as_sent(url: str, owner: psycopg.Connection) -> None:
    event = add_event(owner, -1, 60)
    with Receiver(answer=lambda received: 503) as receiver:
        run(config(url, receiver, **NOW))
        assert len(receiver.received) == 1
        assert status(owner, event) == "planned"
        assert states(owner)["A meeting", "live"] == "pending"
    with Receiver(answer=lambda received: 400) as receiver:
        owner.execute("TRUNCATE hivetalk_scheduler.delivery")
        run(config(url, receiver, **NOW))
    assert status(owner, event) == "live:failed"
    assert states(owner)["A meeting", "live"] == "dead"


def test_sent_is_written_after_the_publish_not_before(url: str, owner: psycopg.Connection) -> None:
    event = add_event(owner, -1, 60)
    seen = []

    def answer(received: object) -> int:
        with psycopg.connect(owner.info.dsn) as other:
            seen.append(status(other, event))
        return 204

    with Receiver(answer=answer) as receiver:
        run(config(url, receiver, **NOW))
    assert seen == ["planned"]
    assert status(owner, event) == "live:sent"


def test_nothing_is_announced_early(url: str, owner: psycopg.Connection) -> None:
    """The predecessor sent live and ended up to 2 minutes before their time."""
    add_event(owner, 119, 150, name="later")
    for number in range(30):  # so close together that most are looked at shortly before their time
        add_event(owner, 4 + number / 20, 60, name=f"soon {number}")
    with Receiver() as receiver:
        run(config(url, receiver, **NOW))
        assert receiver.whats == []
        run(config(url, receiver, **{**HOLD, "interval": 6}))
    due = dict(owner.execute("SELECT name, extract(epoch FROM start_time)::float8 FROM events").fetchall())
    assert sorted(receiver.whats) == sorted((f"soon {number}", "live") for number in range(30))
    assert all(received.at >= due[received.what[0]] for received in receiver.received)


def test_an_outage_of_more_than_2_minutes_loses_nothing(url: str, owner: psycopg.Connection) -> None:
    with Receiver() as receiver:
        installed_long_ago(owner, receiver.url)
        owner.execute("UPDATE hivetalk_scheduler.watermark SET caught_to = now() - interval '3 h'")
        add_event(owner, -7000, 60, name="still running")
        add_event(owner, -7000, -3600, name="over")
        run(config(url, receiver, **NOW))
    # Of what is over, only the end is news.
    assert sorted(receiver.whats) == [("over", "ended"), ("still running", "live")]


def test_live_and_ended_of_a_short_event_keep_their_order(url: str, owner: psycopg.Connection) -> None:
    acted: list[tuple[str, str]] = []

    def answer(received: Received) -> int:
        time.sleep(0.5 if received.what[1] == "live" else 0)  # an end that does not wait overtakes it
        acted.append(received.what)
        return 204

    with Receiver(answer=answer) as receiver:
        add_event(owner, 1.2, 1.25, name="short")
        add_event(owner, 1.2, 1.2, name="no longer than an instant")
        run(config(url, receiver, **HOLD))
        run(config(url, receiver, **NOW))
    assert [transition for name, transition in acted if name == "short"] in (["live", "ended"], ["ended"])
    assert [what for what in acted if what[0] != "short"] == [("no longer than an instant", "ended")]


def test_an_event_without_an_end_costs_no_other_event(url: str, owner: psycopg.Connection) -> None:
    """One NULL end_time dropped the rest of the rows."""
    with Receiver() as receiver:
        add_event(owner, -3, None, name="endless")
        add_event(owner, -2, 60, name="next")
        add_event(owner, None, None, name="neither")
        run(config(url, receiver, **NOW))
    assert sorted(receiver.whats) == [("endless", "live"), ("next", "live")]


def test_an_end_that_is_written_later_is_announced(url: str, owner: psycopg.Connection) -> None:
    with Receiver() as receiver:
        event = add_event(owner, -3, None)
        run(config(url, receiver, **NOW))
        owner.execute("UPDATE events SET end_time = now() WHERE id = %s", [event])
        run(config(url, receiver, **NOW))
    assert [transition for _, transition in receiver.whats] == ["live", "ended"]


def test_one_failure_costs_no_other_delivery(url: str, owner: psycopg.Connection) -> None:
    """One failure aborted the later batches."""
    with Receiver(answer=lambda received: 500 if received.what[0] == "1" else 204) as receiver:
        for number in range(6):
            add_event(owner, -6 + number / 10, 60, name=str(number))
        run(config(url, receiver, batch_size=1, concurrency=1, **NOW))
    assert {name for name, _ in receiver.whats} == set("012345")
    assert {name: state for (name, transition), state in states(owner).items() if transition == "live"} == {
        n: "pending" if n == "1" else "delivered" for n in "012345"
    }


def test_a_run_needs_one_connection(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The predecessor opened a pool for each event."""
    made = []
    connect = psycopg.Connection.connect
    monkeypatch.setattr(psycopg.Connection, "connect", lambda *a, **k: made.append(1) or connect(*a, **k))
    for number in range(50):
        add_event(owner, -1, 60, name=str(number))
    run(config(url, **NOW))
    assert len(made) == 1
    assert [state for (_, transition), state in states(owner).items() if transition == "live"] == [
        "delivered"
    ] * 50


def test_a_locked_table_does_not_hang_a_run(url: str, owner: psycopg.Connection) -> None:
    """The predecessor had no time-outs on the database."""
    with psycopg.connect(owner.info.dsn) as other:
        other.execute("LOCK TABLE hivetalk_scheduler.delivery IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            run(config(url, **NOW))
        assert time.monotonic() - began < 20


def test_two_hosts_do_not_send_twice(url: str, owner: psycopg.Connection, tmp_path: Path) -> None:
    for number in range(200):
        add_event(owner, -1, 60, name=str(number))
    with Receiver() as receiver:
        file = tmp_path / "config.toml"
        file.write_text(
            f'database_url = "{url}"\ndestinations = ["{receiver.url}"]\nhold = false\nbatch_size = 10\n'
        )
        command = [sys.executable, "-m", "hivetalk_scheduler", "run", "--config", str(file)]
        hosts = [subprocess.Popen(command, cwd=Path(__file__).parents[2]) for _ in range(2)]
        assert [host.wait(60) for host in hosts] == [0, 0]
    assert sorted(name for name, _ in receiver.whats) == sorted(str(n) for n in range(200))
    shares = owner.execute("SELECT delivered FROM hivetalk_scheduler.run").fetchall()
    assert sum(share for (share,) in shares) == 200


@pytest.mark.parametrize("delay", [1.2, 0.8], ids=["too slow", "nearly too slow"])
def test_a_slow_destination_does_not_outlast_the_timeout(
    url: str, owner: psycopg.Connection, delay: float
) -> None:
    for number in range(30):
        add_event(owner, -1, 60, name=str(number))
    with Receiver(delay=delay) as slow, Receiver() as fast:
        settings = config(url, timeout=8, delivery_timeout=1, concurrency=2, hold=False)
        both = settings._replace(destinations=(slow.url, fast.url))
        began = time.monotonic()
        run(both)
        assert time.monotonic() - began < both.timeout
        assert len(fast.received) == 30
    left = owner.execute(
        "SELECT count(*) FROM hivetalk_scheduler.delivery WHERE state = 'pending' AND transition = 'live'"
    ).fetchone()
    # What has no time any more waits for the next run; in 8 s, 20 can be answered.
    assert left is not None and left[0] >= (30 if delay > 1 else 10)
