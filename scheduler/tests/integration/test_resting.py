"""A destination that fails rests for as long as something waits for it, and is forgotten after."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hivetalk_scheduler import config
from hivetalk_scheduler.cli import main
from hivetalk_scheduler.console import Console
from hivetalk_scheduler.doctor import records
from hivetalk_scheduler.page import html
from hivetalk_scheduler.run import run
from tests.integration import host
from tests.integration.application import add_event, installed_long_ago
from tests.integration.receiver import Receiver

KNOWN = "SELECT name, origin FROM hivetalk_scheduler.destination ORDER BY name"
OVER = "UPDATE hivetalk_scheduler.destination SET probe_at = now() - interval '1 s' WHERE failures > 0"
DUE = "UPDATE hivetalk_scheduler.delivery SET next_at = now() WHERE state = 'pending' AND due_at < now()"
Said = Callable[[], dict[str, bool]]


@pytest.fixture
def said(tmp_path: Path, url: str, capfd: pytest.CaptureFixture[str]) -> Said:
    """Whether each surface says that a destination fails."""
    path = tmp_path / "config.toml"
    path.write_text(f"database_url = {json.dumps(url)}\n")

    def say(*words: str) -> str:
        main([*words, "--config", str(path)])
        return str(capfd.readouterr().out)

    def ask() -> dict[str, bool]:
        settings = config.load(str(path))
        resting = re.findall(r"^hivetalk_scheduler_resting_destinations{.*} (\d+)$", say("metrics"), re.M)
        assert resting
        return {
            "status": "rests" in say("status"),
            "check": "rests" in say("status", "--check"),
            "page": ">rests<" in html(settings, Console(settings)),
            "doctor": any("rests" in check.text for check in records.runs(settings, paused=False)),
            "metrics": sum(map(int, resting)) > 0,
        }

    return ask


def fail(url: str, owner: psycopg.Connection, dead: Receiver, **settings: Any) -> None:
    """Meetings whose receiver is down, so that it rests."""
    for _ in range(3):
        add_event(owner, -1, 3600, name="missed")
    run(host.config(url, dead, concurrency=3, **settings))


def test_a_destination_that_is_removed_is_no_longer_said_to_fail(
    url: str, owner: psycopg.Connection, said: Said
) -> None:
    installed_long_ago(owner)
    add_event(owner, -3600, 7200, name="of before")
    with Receiver(answer=lambda got: 503) as dead, Receiver() as well:
        fail(url, owner, dead)
        assert all(said().values())
        known = owner.execute(KNOWN).fetchall()
        run(host.config(url, well))
        assert all(said().values()), "its announcements wait for the end of its rest"
        owner.execute(OVER)
        owner.execute(DUE)
        run(host.config(url, well))
        assert not any(said().values())
        # It comes back: what still runs, what is new, and nothing of before its time.
        assert set(known) <= set(owner.execute(KNOWN).fetchall())
        dead.answer = lambda got: 204
        dead.received.clear()
        add_event(owner, -1, 3600, name="new")
        run(host.config(url, dead))
        assert sorted(got.what for got in dead.received) == [("missed", "live")] * 3 + [("new", "live")]


def test_a_rooms_relay_whose_deliveries_are_over_is_no_longer_said_to_fail(
    url: str, owner: psycopg.Connection, said: Said
) -> None:
    owner.execute("INSERT INTO room_info VALUES ('room', NULL, NULL, 'wss://relay.invalid')")
    run(host.config(url))
    owner.execute(
        "INSERT INTO hivetalk_scheduler.destination VALUES ('wss://relay.invalid', now(), 4, now() - interval '1 s')"
    )
    assert all(said().values())
    run(host.config(url))
    assert not any(said().values())


def test_one_that_something_waits_for_fails_until_it_answers(
    url: str, owner: psycopg.Connection, said: Said
) -> None:
    with Receiver(answer=lambda got: 503) as dead:
        fail(url, owner, dead)
        owner.execute(OVER)
        run(host.config(url, dead))
        assert all(said().values()), "no attempt was due"
        owner.execute(DUE)
        run(host.config(url, dead, concurrency=3))
        assert owner.execute("SELECT failures FROM hivetalk_scheduler.destination").fetchone() == (2,)
        assert all(said().values()), "the attempts failed"
        dead.answer = lambda got: 204
        owner.execute(OVER)
        owner.execute(DUE)
        run(host.config(url, dead))
        assert not any(said().values())


def test_a_rest_is_kept_to_its_end(url: str, owner: psycopg.Connection) -> None:
    """Even where nothing waits: what comes next does not hammer it."""
    with Receiver(answer=lambda got: 503) as dead:
        fail(url, owner, dead, max_attempts=1)
        run(host.config(url, dead))
        found = owner.execute("SELECT failures, probe_at > now() FROM hivetalk_scheduler.destination")
        assert found.fetchall() == [(1, True)]
        assert len(dead.received) == 3
