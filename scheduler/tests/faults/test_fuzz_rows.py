"""Proof 9: whatever a row says, no run crashes or hangs, and no byte reaches a terminal or the journal unescaped."""

import json
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivetalk_scheduler.cli import main
from hivetalk_scheduler.config import Config, Secrets
from hivetalk_scheduler.run import run
from tests.faults.fuzz import HOSTILE, NSEC, SEED, bounded
from tests.integration.receiver import Receiver

DEAD_RELAY = "ws://127.0.0.1:9"

# What PostgreSQL's text can hold: everything but NUL and lone surrogates.
TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
TEXT |= st.lists(st.sampled_from(HOSTILE), max_size=5).map("".join)
TEXT |= st.builds(
    lambda t, n: t * n, st.sampled_from([*HOSTILE, "x", "\U0001f41d"]), st.sampled_from([500, 5000, 300_000])
)
TIMES = st.sampled_from(["infinity", "-infinity", "4713-01-01 BC", "294276-12-31", "1970-01-01", "now", None])
TIMES |= st.floats(-100, 0).map(lambda seconds: f"{seconds:.6f}")
RELAYS = st.sampled_from(
    [None, "", "ws://", "wss://[::1", "wss://[::1]:99999", "exec:/bin/sh", "ws://127.0.0.1:9", "wss://::/"]
)
NSECS = st.sampled_from([None, "", NSEC, "0" * 64, "f" * 64, "nsec1", "nsec1" + "q" * 58])
ROWS = st.fixed_dictionaries(
    {
        "name": TEXT, "description": TEXT, "image_url": TEXT, "identifier": TEXT, "status": TEXT, "start": TIMES,
        "end": TIMES, "room": TEXT, "npub": TEXT, "nsec": NSECS | TEXT, "relay": RELAYS | TEXT,
    }
)  # fmt: skip


def write(owner: psycopg.Connection, rows: list[dict[str, Any]]) -> None:
    """The rows; a number as a time is so many seconds from now."""
    moment = (
        "CASE WHEN {0} ~ '^-?[0-9]+[.][0-9]+$' THEN now() + {0}::float8 * interval '1 s' "
        "ELSE {0}::timestamptz END"
    )
    owner.execute("TRUNCATE events, room_info, hivetalk_scheduler.delivery, hivetalk_scheduler.payload")
    for number, row in enumerate(rows):
        # Some rooms are in the index of room_info, where a value has a size that PostgreSQL bounds.
        room = row["room"] and f"{row['room'][:200]}{number}"
        owner.execute(
            "INSERT INTO events (name, description, image_url, identifier, status, room_name, start_time, end_time) "
            f"VALUES (%s, %s, %s, %s, %s, %s, {moment.format('%s::text')}, {moment.format('%s::text')})",
            [row["name"], row["description"], row["image_url"], row["identifier"], row["status"], room]
            + [row["start"]] * 3 + [row["end"]] * 3,
        )  # fmt: skip
        owner.execute(
            "INSERT INTO room_info VALUES (%s, %s, %s, %s)", [room, row["npub"], row["nsec"], row["relay"]]
        )


def test_hostile_rows(
    url: str, owner: psycopg.Connection, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    figures = {"rows": 0, "requests": 0, "lines": 0, "seconds": 0.0}

    @bounded(40)
    @given(st.lists(ROWS, min_size=1, max_size=6))
    def fuzz(rows: list[dict[str, Any]]) -> None:
        write(owner, rows)
        receiver.received.clear()
        began = time.monotonic()
        secrets = Secrets(nostr_nsec=NSEC)
        names = (receiver.url, "journal:", DEAD_RELAY)
        run(Config(database_url=url, destinations=names, hold=False, delivery_timeout=2, secrets=secrets))
        took = time.monotonic() - began
        assert took < 20
        figures["seconds"] = max(figures["seconds"], took)
        called_for = owner.execute(
            "SELECT e.id::text FROM hivetalk_scheduler.event_source AS s JOIN events AS e ON e.id = s.event_id "
            "WHERE NOT s.cancelled AND starts_at > now() - interval '110 s' AND starts_at < now() "
            "AND (ends_at IS NULL OR ends_at > now() + interval '5 s' OR ends_at < starts_at)"
        ).fetchall()
        live = [r.body["data"]["event_id"] for r in receiver.received if r.what[1] == "live"]
        # `installed` is before all of it, so that each row that is live now must have arrived.
        assert {event for (event,) in called_for} <= set(live) and len(live) == len(set(live))
        by_name = dict(
            owner.execute("SELECT id::text, coalesce(left(name, 1000), '') FROM events").fetchall()
        )
        for got in receiver.received:
            assert got.body["data"]["name"] == by_name[got.body["data"]["event_id"]]
        lines = capfd.readouterr().err.removesuffix("\n").split("\n")
        for line in lines:
            assert line.isprintable() and line.startswith("<") and line[2] == ">", ascii(line)
            assert NSEC not in line
        for words in (
            ["plan", "--at", "now"],
            ["status"],
            ["deliveries", "list"],
            ["db", "check"],
            ["events", "list"],
            ["page", "-"],
        ):
            assert main(["--config", str(file), *words]) in (0, 65, 78), words
        shown = capfd.readouterr()
        for line in (shown.out + shown.err).split("\n"):
            assert line.isprintable(), ascii(line)
        figures["rows"] += len(rows)
        figures["requests"] += len(receiver.received)
        figures["lines"] += len(lines)

    file = tmp_path / "config.toml"
    with Receiver() as receiver:
        file.write_text(
            f"database_url = {json.dumps(url)}\ndestinations = [{json.dumps(receiver.url)}, 'journal:']\n"
        )
        fuzz()
    print(f"\nproof: fuzz of rows seed={SEED}", *(f"{k}={v:.0f}" for k, v in figures.items()), "crashes=0")


@pytest.mark.parametrize("end", ["294276-12-31", "10000-01-01", "4713-01-01 BC", "infinity"])
def test_an_end_beyond_the_calendar_costs_nothing(url: str, owner: psycopg.Connection, end: str) -> None:
    """Found by the one above: it ended every run, and so held up all other meetings."""
    owner.execute(
        "INSERT INTO events (name, start_time, end_time) VALUES ('bad', now(), %s), ('good', now(), NULL)",
        [end],
    )
    with Receiver() as receiver:
        run(Config(database_url=url, destinations=(receiver.url, "journal:"), hold=False))
    assert sorted(receiver.whats) == [("bad", "live"), ("good", "live")]
