"""``status`` where the database cannot be asked, or the configuration not read: a verdict all the same."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hivetalk_scheduler import config
from hivetalk_scheduler.cli import main
from hivetalk_scheduler.config import Config

ACTIVE = (
    "LoadState=loaded\nActiveState=active\nNextElapseUSecRealtime=@1800000060\nLastTriggerUSec=@1800000000\n"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host: its directory, with what `systemctl` says of the timer."""
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\ncat {tmp_path}/says\n")
    (tmp_path / "systemctl").chmod(0o755)
    (tmp_path / "says").write_text(ACTIVE)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("HIVETALK_SCHEDULER_NAME", str(tmp_path))  # an absolute path stands for itself
    return tmp_path


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    """A database without the scheduler's schema."""
    with psycopg.connect(server.format("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE empty")
        yield server.format("empty")
        admin.execute("DROP DATABASE empty WITH (FORCE)")


BROKEN = {
    "down": ("database_url = 'postgresql:///x?host=/nowhere'", 69, "failing", "is PostgreSQL up"),
    "empty": ("database_url = '{}'", 78, "failing", "run hivetalk-scheduler db migrate as the owner"),
    "absent": (None, 78, "unknown", "deploy the role"),
    "unsound": ("jitter = -1\n" + "\n".join(f"no_{n} = 1" for n in range(40)), 78, "unknown", "config check"),
}
PLUGIN = {"failing": (2, "CRITICAL: "), "unknown": (3, "UNKNOWN: ")}


@pytest.fixture(params=BROKEN)
def broken(request: pytest.FixtureRequest, here: Path, empty: str) -> tuple[str, int, str, str]:
    """A configuration that is of no use: its file; the exit status, the verdict and the step that follow."""
    text, *follows = BROKEN[request.param]
    if text is not None:
        (here / "config.toml").write_text(text.format(empty))
    return (str(here / "config.toml"), *follows)  # type: ignore[return-value]


def test_there_is_a_verdict_with_the_reason_the_step_and_what_the_host_knows(
    broken: tuple[str, int, str, str], here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, status, verdict, step = broken
    assert main(["status", "--config", file]) == status
    shown = capfd.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith(f"{verdict} ") and len(lines) <= 24 and shown.err == ""
    assert step in shown.out
    assert any(line.startswith("timer      active, next 2027-01-15T08:01:00") for line in lines)
    assert main(["status", "--json", "--config", file]) == status
    found = json.loads(capfd.readouterr().out)
    assert found["verdict"] == verdict and any(step in one["step"] for one in found["findings"])
    assert found["timer"]["state"] == "active"
    assert not any(found[name] for name in ("runs", "next", "destinations", "lateness"))


def test_a_check_is_one_line_and_0_to_3(
    broken: tuple[str, int, str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    file, _, verdict, _ = broken
    status, word = PLUGIN[verdict]
    assert main(["status", "--check", "--config", file]) == status
    shown = capfd.readouterr()
    assert shown.out.startswith(word) and shown.out.count("\n") == 1 and shown.err == ""


def test_a_pause_is_said_without_a_database(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "config.toml").write_text(BROKEN["down"][0] or "")
    (here / "paused").write_text('{"until": "8:00", "reason": "relay|moves", "by": "ann"}')
    assert main(["status", "--config", str(here / "config.toml")]) == 69
    out = capfd.readouterr().out
    assert out.startswith("failing ") and "paused until 8:00: relay|moves (ann): it ends by itself" in out


def test_only_the_figures_follow_the_bar(here: Path, url: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What follows the first | is performance data, by the monitoring plugins' guidelines."""
    (here / "config.toml").write_text(f"database_url = {json.dumps(url)}\n")
    (here / "paused").write_text('{"until": "8:00", "reason": "relay|moves", "by": "ann"}')
    assert main(["run", "--config", str(here / "config.toml")]) == 0
    capfd.readouterr()
    assert main(["status", "--check", "--config", str(here / "config.toml")]) == 1
    words, figures = capfd.readouterr().out.split("|")
    assert words == "WARNING: paused until 8:00: relay/moves (ann) "
    assert all("=" in figure for figure in figures.split())


def test_a_failure_is_not_hidden_by_what_is_not_known(
    here: Path, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "config.toml").write_text(f"database_url = {json.dumps(url)}\n")
    (here / "says").write_text(ACTIVE.replace("=active", "=inactive"))
    assert main(["status", "--check", "--config", str(here / "config.toml")]) == 2
    line = capfd.readouterr().out
    assert line.startswith("CRITICAL: ") and "no run yet" in line
    assert main(["status", "--config", str(here / "config.toml")]) == 0
    assert capfd.readouterr().out.startswith("failing ")


def test_whatever_fails_in_a_check_is_a_plugins_unknown(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--check", "--wach"]) == 3
    assert capfd.readouterr().out.startswith("UNKNOWN: unrecognized arguments: --wach")

    def load(path: str) -> Config:
        raise RecursionError("a bug | of ours\nhere")

    monkeypatch.setattr(config, "load", load)
    assert main(["status", "--check"]) == 3
    assert capfd.readouterr().out == "UNKNOWN: RecursionError: a bug / of ours; here\n"
