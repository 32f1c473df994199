"""A canary: an event that one release on one host fires, and that no audience sees."""

import json
from pathlib import Path

import psycopg
import pytest

from hivetalk_scheduler.cli import main
from tests.integration.application import installed_long_ago


@pytest.fixture
def file(tmp_path: Path, url: str) -> str:
    path = tmp_path / "config.toml"
    path.write_text(
        f'database_url = "{url}"\ndestinations = ["ws://127.0.0.1:9"]\ninterval = 4\njitter = 0\naccuracy = 0.1\n'
    )
    return str(path)


def as_release(monkeypatch: pytest.MonkeyPatch, release: str, host: str = "here") -> None:
    monkeypatch.setenv("HIVETALK_SCHEDULER_RELEASE", release)
    monkeypatch.setattr("socket.gethostname", lambda: host)


def canary(file: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Let one fly; its id."""
    capfd.readouterr()
    assert main(["--config", file, "--json", "test-event", "--unseen"]) == 0
    return str(json.loads(capfd.readouterr().out)["event_id"])


def deliveries(owner: psycopg.Connection, event_id: str) -> list[tuple[object, ...]]:
    return owner.execute(
        "SELECT transition, destination, state FROM hivetalk_scheduler.delivery WHERE event_id = %s",
        [event_id],
    ).fetchall()


def test_only_its_own_release_on_its_own_host_fires_it(
    file: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    as_release(monkeypatch, "2.0-new")
    event_id = canary(file, capfd)
    for release, host in (("1.0-old", "here"), ("2.0-new", "elsewhere")):
        as_release(monkeypatch, release, host)
        assert main(["--config", file, "run"]) == 0
        assert deliveries(owner, event_id) == []
    as_release(monkeypatch, "2.0-new")
    assert main(["--config", file, "run"]) == 0
    assert deliveries(owner, event_id) == [("live", "canary:here/2.0-new", "delivered")]
    journal = capfd.readouterr().err
    assert f"event event={event_id} transition=live" in journal
    assert f"event={event_id} transition=live destination=canary:here/2.0-new lateness_ms=" in journal
    row = owner.execute("SELECT host, release FROM hivetalk_scheduler.run ORDER BY started_at DESC LIMIT 1")
    assert row.fetchone() == ("here", "2.0-new")


def test_another_host_does_not_claim_one_that_is_due(
    file: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_release(monkeypatch, "2.0-new", "elsewhere")
    installed_long_ago(owner, "ws://127.0.0.1:9")
    insert = (
        "INSERT INTO hivetalk_scheduler.delivery (event_id, test, transition, due_at, destination, next_at, caught_at)"
        " VALUES (%s, true, 'live', now(), 'canary:here/2.0-new', now(), now() - %s * interval '1 min')"
    )
    owner.execute(insert, ["young", 0])
    owner.execute(insert, ["left-behind", 6])
    assert main(["--config", file, "run"]) == 0
    states = owner.execute("SELECT event_id, state FROM hivetalk_scheduler.delivery ORDER BY 1").fetchall()
    assert states == [("left-behind", "cancelled"), ("young", "pending")]


def test_it_is_neither_overlooked_nor_too_late_where_the_windows_are_narrow(
    tmp_path: Path, url: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'database_url = "{url}"\nwindow_behind = 60\nmax_lateness = 60\n')
    assert main(["--config", str(path), "--json", "test-event", "--unseen"]) == 0
    capfd.readouterr()
    row = owner.execute(
        "SELECT extract(epoch FROM starts_at - clock_timestamp()) FROM hivetalk_scheduler.test_event"
    ).fetchone()
    # The next run comes within 66 s.
    assert row and 4 < row[0] <= 7


def test_a_seen_test_event_needs_a_time(file: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", file, "test-event"]) == 64
    assert "--in" in capfd.readouterr().err
