"""plan, test-event and status, on a real PostgreSQL."""

import json
import os
import pty
import re
import subprocess
import sys
import termios
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from hivetalk_scheduler.cli import main
from tests.integration import day
from tests.integration.application import add_event, installed_long_ago

SCHEDULER = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path, url: str) -> str:
    path = tmp_path / "config.toml"
    path.write_text(f'database_url = "{url}"\ninterval = 4\njitter = 0\naccuracy = 0.1\n')
    return str(path)


def fingerprint(owner: psycopg.Connection) -> list[tuple[object, ...]]:
    """What any write to the scheduler's tables would change."""
    tables = ("watermark", "destination", "delivery", "payload", "run", "test_event")
    counts = " UNION ALL ".join(
        f"SELECT '{t}', count(*), md5(string_agg(x::text, ',' ORDER BY x::text)) FROM hivetalk_scheduler.{t} AS x"
        for t in tables
    )
    return owner.execute(counts).fetchall()


@pytest.mark.parametrize("installed", [True, False])
def test_plan_says_what_a_run_at_that_time_would_catch_and_fire_and_changes_nothing(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str], installed: bool
) -> None:
    if installed:
        installed_long_ago(owner, "journal:")
    owner.execute(
        "INSERT INTO events (start_time, end_time) VALUES ('2030-01-01 12:00Z', '2030-01-01 12:01:30Z')"
    )
    before = fingerprint(owner)
    for at, found in {
        "2030-01-01T11:57:00Z": [],
        "2030-01-01T11:58:00Z": [("live", False)],
        "2030-01-01T11:59:59+00:00": [("live", True), ("ended", False)],
        "2030-01-01T13:01:00+01:00": [("live", True), ("ended", False)],
    }.items():
        assert main(["plan", "--at", at, "--json", "--config", file]) == 0
        plan = json.loads(capfd.readouterr().out)
        assert [(d["transition"], d["fires"]) for d in plan["deliveries"]] == found, at
    assert main(["plan", "--at", "now", "--config", file]) == 0
    assert fingerprint(owner) == before


@pytest.mark.parametrize(
    "time", ["noon", "2030-01-01T12:00:00", "", "0001-01-01T00:00Z", "9999-12-31T23:59Z"]
)
def test_plan_refuses_a_time_without_an_offset(
    file: str, time: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--at", time, "--config", file]) == 64
    assert "offset" in capfd.readouterr().err


def test_a_test_event_is_followed_until_it_is_delivered(file: str, owner: psycopg.Connection) -> None:
    words = ["--config", file, "test-event", "--in", "2", "--for", "1", "--wait"]
    command = [sys.executable, "-m", "hivetalk_scheduler", *words]
    waiting = subprocess.Popen(command, cwd=SCHEDULER, stdout=subprocess.PIPE, text=True)
    assert waiting.stdout is not None
    assert "live at" in waiting.stdout.readline()
    give_up = time.monotonic() + 30
    while waiting.poll() is None and time.monotonic() < give_up:
        assert main(["run", "--config", file]) == 0
        time.sleep(0.1)
    out, _ = waiting.communicate(timeout=30)
    assert waiting.returncode == 0
    assert "live  delivered" in out and "ended delivered" in out
    assert owner.execute("SELECT count(*) FROM events").fetchone() == (0,), "the application never sees it"


def test_a_test_event_that_does_not_arrive_is_75(
    file: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 10_000, 20))
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    assert main(["test-event", "--in", "1", "--wait", "--config", file]) == 75
    assert "0 of 0 deliveries arrived" in capfd.readouterr().err


def test_status_says_whether_it_is_fine_and_shows_runs_next_counts_and_lateness(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--config", file]) == 0
    assert "no run yet" in capfd.readouterr().out
    add_event(owner, -1, 100)
    assert main(["run", "--config", file]) == 0
    capfd.readouterr()
    assert main(["status", "--json", "--config", file]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["verdict"], found["findings"]) == ("fine", [])
    assert [run["delivered"] for run in found["runs"]] == [1]
    assert [row["transition"] for row in found["next"]] == ["ended"]
    assert [(row["span"], row["n"]) for row in found["lateness"]] == [("hour", 1), ("day", 1)]
    assert all(1000 <= row["p50"] == row["max"] < 60_000 for row in found["lateness"])
    ends = datetime.fromisoformat(found["next"][0]["due_at"])
    assert timedelta(seconds=60) < ends - datetime.now(UTC) < timedelta(seconds=100)
    assert main(["status", "--config", file]) == 0
    out = capfd.readouterr().out
    assert re.search(r"^ +1 +1 +0 +0 +0 +0  journal:$", out, re.M), "one delivered, one pending"
    assert "timer      not known here" in out
    assert out.startswith("fine ") and "delivered 1" in out and "  in 1:" in out and "\x1b" not in out


def test_status_is_a_check_for_a_monitoring_system(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The exit statuses and the line of the monitoring plugins' guidelines."""
    check = ["status", "--check", "--config", file]
    assert main(check) == 3
    assert capfd.readouterr().out.startswith("UNKNOWN: no run yet")
    event = add_event(owner, -1, 100)
    assert main(["run", "--config", file]) == 0
    capfd.readouterr()
    assert main(check) == 0
    assert re.fullmatch(
        r"OK: fine \| pending=1 overdue=0 retrying=0 dead=0 expired=0 last_run=\d+s lateness_p99=\d+ms\n",
        capfd.readouterr().out,
    )
    owner.execute("UPDATE hivetalk_scheduler.delivery SET attempts = 1 WHERE state = 'pending'")
    assert main(check) == 1
    assert "WARNING: 1 being retried" in capfd.readouterr().out
    owner.execute(
        "UPDATE hivetalk_scheduler.delivery SET state = 'dead', completed_at = now() WHERE event_id = %s",
        [event],
    )
    assert main(check) == 2
    assert "CRITICAL: 2 dead" in capfd.readouterr().out
    nowhere = tmp_path / "nowhere.toml"
    nowhere.write_text('database_url = "postgresql://127.0.0.1:1/nowhere"\n')
    assert main(["status", "--check", "--config", str(nowhere)]) == 2
    assert "CRITICAL" in capfd.readouterr().out


def test_status_is_a_screenful_whatever_fails(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    day.failing(owner)
    assert main(["status", "--config", file]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("failing ") and len(lines) <= 24
    assert max(map(len, lines)) <= 120
    assert "           and 37 more" in lines
    assert main(["status", "--json", "--config", file]) == 0
    found = json.loads(capfd.readouterr().out)
    (resting,) = [row for row in found["destinations"] if row["rests"]]
    assert (resting["name"], resting["dead"]) == ("wss://relay1.example.org", 59)
    assert sum(row["overdue"] for row in found["destinations"]) > 0


def test_a_hostile_name_is_one_line_of_the_status_without_escapes(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    day.hostile(owner)
    assert main(["status", "--config", file]) == 0
    out = capfd.readouterr().out
    assert out.replace("\n", "").isprintable() and len(out.splitlines()) <= 24
    assert max(map(len, out.splitlines())) <= 140


def test_what_is_watched_keeps_its_verdict_on_the_top_line(file: str, owner: psycopg.Connection) -> None:
    day.failing(owner)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (12, 60))
    environment = {
        name: value for name, value in os.environ.items() if name not in ("LINES", "COLUMNS", "NO_COLOR")
    }
    command = [sys.executable, "-m", "hivetalk_scheduler", "status", "--watch", "1", "--config", file]
    watching = subprocess.Popen(
        command, cwd=SCHEDULER, stdin=theirs, stdout=theirs, env={**environment, "TERM": "xterm"}
    )
    os.close(theirs)
    try:
        said = b""
        while said.count(b"\x1b[2J") < 2:
            said += os.read(ours, 65536)
    finally:
        watching.terminate()
        watching.wait(10)
        os.close(ours)
    frame = said.split(b"\x1b[2J")[1].decode()
    assert frame.startswith("\x1b[?7l\x1b[31mfailing\x1b[0m"), "no line is wrapped"
    assert frame.count("\n") == 11 and "\x1b[?7h" in frame
