"""A malformed row costs only itself, and is reported."""

import time

import psycopg
import pytest

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.run import run
from tests.integration.application import add_event, installed_long_ago, states, status
from tests.integration.receiver import Receiver

NSEC_1 = "0000000000000000000000000000000000000000000000000000000000000001"
DEAD_RELAY = "ws://127.0.0.1:9"


def run_once(url: str, *destinations: str, **settings: object) -> None:
    run(Config(database_url=url, destinations=destinations, hold=False, **settings))  # type: ignore[arg-type]


def test_an_end_before_the_start_is_reported_and_counts_as_no_end(
    url: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = add_event(owner, -1, -100, name="reversed")
    add_event(owner, -1, 60, name="good")
    with Receiver() as receiver:
        run_once(url, receiver.url)
    assert sorted(receiver.whats) == [("good", "live"), ("reversed", "live")]
    err = capfd.readouterr().err
    assert f"bad-event event={bad} field=end_time" in err


@pytest.mark.parametrize(
    "name",
    [
        "line\nbreak\r\n",
        "\x1b[31mred\x1b[0m\x07",
        "\u202edrowssap",
        "🎉 emoji 🐝",
        'quote " back \\ slash',
        "\x9b2J",
        "",
    ],
)
def test_a_hostile_name_arrives_whole_and_reaches_no_terminal(
    url: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    add_event(owner, -1, 60, name=name)
    with Receiver() as receiver:
        run_once(url, receiver.url, "journal:")
    assert receiver.whats == [(name, "live")]
    for line in capfd.readouterr().err.splitlines():
        assert line.isprintable()


def test_a_name_of_1_MiB_is_cut_and_announced(url: str, owner: psycopg.Connection) -> None:
    add_event(owner, -1, 60, name="x" * 2**20, description="y" * 2**20)
    with Receiver() as receiver:
        run_once(url, receiver.url)
    data = receiver.received[0].body["data"]
    assert len(data["name"]) == 1000 and len(data["summary"]) == 10_000


def test_infinite_times_cost_nothing(url: str, owner: psycopg.Connection) -> None:
    add_event(owner, -1, None, name="for ever")
    owner.execute("UPDATE events SET end_time = 'infinity'")
    owner.execute(
        "INSERT INTO events (name, start_time, end_time) VALUES ('always', '-infinity', 'infinity')"
    )
    owner.execute("INSERT INTO events (name, start_time) VALUES ('far', '290000-01-01')")
    with Receiver() as receiver:
        installed_long_ago(owner, receiver.url)
        run_once(url, receiver.url)
    assert receiver.whats == [("for ever", "live")]


def test_a_bad_key_kills_only_its_own_delivery_and_never_shows_itself(
    url: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    rooms = {
        "bad nsec": (None, "nsec1hunter2"),
        "npub of another key": ("npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg", NSEC_1),
        "no key": (None, None),
    }
    for room, (npub, nsec) in rooms.items():
        owner.execute(
            "INSERT INTO room_info (room_name, room_npub, room_nsec) VALUES (%s, %s, %s)", [room, npub, nsec]
        )
        add_event(owner, -1, 60, name=room, room_name=room)
    with Receiver() as receiver:
        run_once(url, DEAD_RELAY, receiver.url, delivery_timeout=1)
    assert sorted(name for name, _ in receiver.whats) == sorted(rooms)
    answers = dict(
        owner.execute(
            "SELECT e.name, d.answer FROM hivetalk_scheduler.delivery AS d JOIN events AS e ON e.id::text = d.event_id "
            "WHERE d.destination = %s AND d.state = 'dead'",
            [DEAD_RELAY],
        ).fetchall()
    )
    assert "room_info.room_nsec" in answers["bad nsec"]
    assert "room_info.room_npub" in answers["npub of another key"]
    assert "nostr_nsec" in answers["no key"]
    shown = capfd.readouterr().err + "".join(answers.values())
    assert "hunter2" not in shown and NSEC_1 not in shown


@pytest.mark.parametrize(
    "relay", ["not a url", "http://127.0.0.1/", "exec:/bin/sh", "ws://127.0.0.1:9", "journal:"]
)
def test_a_rooms_relay_is_a_public_relay_or_nothing(url: str, owner: psycopg.Connection, relay: str) -> None:
    """It comes from the database: it must reach neither a program nor the operator's own network."""
    owner.execute(
        "INSERT INTO room_info (room_name, room_nsec, room_relay_url) VALUES ('r', %s, %s)", [NSEC_1, relay]
    )
    add_event(owner, -1, 60, name="in the room", room_name="r")
    with Receiver() as receiver:
        run_once(url, receiver.url, delivery_timeout=1)
    assert receiver.whats == [("in the room", "live")]
    row = owner.execute(
        "SELECT state, answer FROM hivetalk_scheduler.delivery WHERE transition = 'live' AND destination = %s",
        [relay.rstrip("/")],
    ).fetchone()
    assert row is not None
    # An address may be public tomorrow; a URL that is none, or of another kind, never becomes a relay.
    refused = ("pending", "is not a public address") if relay.startswith("ws") else ("dead", "a URL")
    assert row[0] == refused[0] and refused[1] in row[1]


def test_two_rows_of_one_room_announce_once(url: str, owner: psycopg.Connection) -> None:
    for _ in range(2):
        owner.execute("INSERT INTO room_info (room_name) VALUES ('twice')")
    add_event(owner, -1, 60, room_name="twice")
    with Receiver() as receiver:
        run_once(url, receiver.url)
    assert len(receiver.received) == 1


@pytest.mark.parametrize("lock", ["SELECT * FROM events FOR UPDATE", "LOCK TABLE events IN SHARE MODE"])
def test_what_the_application_locks_is_shown_as_soon_as_it_can_be(
    url: str, owner: psycopg.Connection, lock: str
) -> None:
    event = add_event(owner, -1, 60)
    with Receiver() as receiver, psycopg.connect(owner.info.dsn) as other:
        other.execute(lock)
        began = time.monotonic()
        run_once(url, receiver.url)
        assert time.monotonic() - began < 5, (
            "a run does not wait for the application, as long as lock_timeout allows"
        )
        assert len(receiver.received) == 1
        assert states(owner)["A meeting", "live"] == "delivered"
        assert status(owner, event) == "planned"
        other.rollback()
        run_once(url, receiver.url)
    assert len(receiver.received) == 1
    assert status(owner, event) == "live:sent"
