"""``doctor`` on a real PostgreSQL: it finds what is broken, and changes nothing."""

import json
import os
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hivetalk_scheduler import timer
from hivetalk_scheduler.cli import main
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.doctor import records, system
from tests.integration.test_commands import fingerprint


@pytest.fixture
def file(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration; and a host without systemd, which the scenario `operate` has."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("hivetalk_scheduler.destinations.journal.SOCKET", Path("/nowhere"))
    path = tmp_path / "config.toml"
    path.write_text(f'database_url = "{url}"\ndestinations = ["exec:/bin/true"]\n')
    return path


def doctor(file: Path, capfd: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    status = main(["doctor", "--json", "--config", str(file)])
    return status, {check["what"]: check for check in json.loads(capfd.readouterr().out)}


def test_nothing_is_wrong_with_a_sound_host_and_nothing_is_changed(
    file: Path, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", str(file)]) == 0
    before = fingerprint(owner)
    status, found = doctor(file, capfd)
    assert status == 0 and {check["level"] for check in found.values()} == {"ok", "warning"}
    for what in ("configuration", "database schema", "database grants", "clocks", "runs"):
        assert found[what]["level"] == "ok"
    assert found["destination exec:/bin/true: program"]["level"] == "ok"
    assert fingerprint(owner) == before
    assert main(["doctor", "--config", str(file)]) == 0
    shown = capfd.readouterr().out
    assert "\x1b" not in shown and "ok       database schema: version" in shown


def test_each_line_that_is_not_fine_says_what_to_do(
    file: Path, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    owner.execute("REVOKE SELECT ON hivetalk_scheduler.watermark FROM scheduler")
    file.write_text(
        file.read_text().replace("exec:/bin/true", "ws://127.0.0.1:1") + 'alerts = ["exec:/none"]\n'
    )
    status, found = doctor(file, capfd)
    assert status == 78
    assert found["database grants"]["text"] == "missing: SELECT on watermark"
    assert "db migrate --grant-to" in found["database grants"]["mend"]
    assert found["alert exec:/none: program"]["status"] == 78
    assert found["destination ws://127.0.0.1:1: connection"]["status"] == 69
    assert all((check["level"] == "ok") == (check["mend"] == "") for check in found.values())


def test_a_configuration_that_is_wrong_is_one_finding_and_the_rest_is_looked_at(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text(file.read_text() + "intervall = 3\njitter = 90\n")
    status, found = doctor(file, capfd)
    assert status == 78 and "intervall" in found["configuration"]["text"]
    assert found["database schema"]["level"] == "ok"


def test_a_database_that_is_down_is_named_and_the_rest_is_looked_at(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text('database_url = "postgresql:///x?host=/nowhere"\ndestinations = ["exec:/bin/true"]\n')
    status, found = doctor(file, capfd)
    assert (
        status == 69
        and found["database"]["level"] == "wrong"
        and "PostgreSQL up" in found["database"]["mend"]
    )
    assert found["destination exec:/bin/true: program"]["level"] == "ok"


@pytest.mark.parametrize("paused", [True, False])
def test_in_a_pause_no_run_is_missed(url: str, owner: psycopg.Connection, paused: bool) -> None:
    owner.execute(
        "INSERT INTO hivetalk_scheduler.run"
        " (id, window_from, window_to, started_at, finished_at, host, release, clock_offset)"
        " SELECT 'a', t, t, t, t, 'host', '1', interval '0' FROM (SELECT now() - interval '1 hour' AS t) AS a"
    )
    checks = list(records.runs(Config(database_url=url), paused=paused))
    assert [check.level for check in checks] == (["ok"] if paused else ["wrong"])


def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **programs: str) -> None:
    """Programs of the host that say what a test wants."""
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("said", "level", "mend"),
    [
        ("LoadState=loaded\nActiveState=active\nUnitFileState=enabled", "ok", ""),
        (
            "LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled",
            "wrong",
            "systemctl enable --now x.timer",
        ),
        ("LoadState=loaded\nActiveState=active\nUnitFileState=disabled", "wrong", "systemctl enable x.timer"),
        ("LoadState=not-found\nActiveState=inactive", "wrong", "deploy the role"),
    ],
)
def test_the_timer_is_judged_by_systemds_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, level: str, mend: str
) -> None:
    answers(tmp_path, monkeypatch, systemctl=said)
    monkeypatch.setenv("HIVETALK_SCHEDULER_NAME", "x")
    (check,) = system.timer(timer.timer(), {})
    assert (check.level, check.mend) == (level, mend)


def test_a_run_that_failed_last_and_a_clock_that_nobody_keeps_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(
        tmp_path,
        monkeypatch,
        systemctl="LoadState=loaded\nActiveState=active\nUnitFileState=enabled",
        timedatectl="NTP=no\nNTPSynchronized=no",
    )
    monkeypatch.setenv("HIVETALK_SCHEDULER_NAME", "x")
    _, last = system.timer(timer.timer(), {"Result": "exit-code", "ExecMainStatus": "78"})
    assert (last.status, last.mend) == (78, "journalctl -u x -n 20 says why")
    assert system.clock().level == "warning"
    answers(tmp_path, monkeypatch, timedatectl="NTPSynchronized=yes")
    assert system.clock().level == "ok"


def test_a_program_that_hangs_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "timedatectl").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "timedatectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(system, "LIMIT", 0.3)
    began = time.monotonic()
    assert system.clock().level == "warning"
    assert time.monotonic() - began < 5
