"""What `status` says of this host's timer, with a systemctl of the test's own."""

from pathlib import Path

import pytest

from hivetalk_scheduler import health, timer

ACTIVE = (
    "LoadState=loaded\nActiveState=active\nNextElapseUSecRealtime=@1800000060\nLastTriggerUSec=@1800000000\n"
)


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What it will say; it writes down how it was called."""
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\ncat {tmp_path}/says\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("HIVETALK_SCHEDULER_NAME", "concerts")
    return tmp_path / "says"


def test_an_active_timer_has_its_next_and_last_tick(systemctl: Path) -> None:
    systemctl.write_text(ACTIVE)
    found = timer.timer()
    assert found == timer.Timer("concerts.timer", "active", 1_800_000_060_000_000, 1_800_000_000_000_000)
    assert "-- concerts.timer" in (systemctl.parent / "called").read_text()
    assert timer.findings(found) == []


def test_while_a_run_is_at_work_there_is_no_next_one(systemctl: Path) -> None:
    systemctl.write_text(ACTIVE.replace("@1800000060", ""))
    assert timer.timer().next_at is None


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_a_timer_that_is_not_active_is_a_failure_with_its_mend(systemctl: Path, state: str) -> None:
    systemctl.write_text(ACTIVE.replace("=active", f"={state}"))
    (finding,) = timer.findings(timer.timer())
    assert finding.level == health.FAILING and f"concerts.timer is {state}" in finding.what
    assert finding.step == "systemctl enable --now concerts.timer"


@pytest.mark.parametrize("says", ["", "LoadState=not-found\nActiveState=inactive\n", "nonsense"])
def test_where_there_is_no_such_timer_nothing_is_claimed(systemctl: Path, says: str) -> None:
    systemctl.write_text(says)
    found = timer.timer()
    assert found.state == "unknown" and timer.findings(found) == []


def test_where_there_is_no_systemd_nothing_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert timer.timer().state == "unknown"


def test_a_pause_is_told_with_its_end_its_reason_and_who_made_it() -> None:
    pause = {"until": "2026-11-24 08:00 UTC", "reason": "the relay\x1b moves", "by": "ann on desk"}
    (finding,) = timer.findings(timer.Timer("x.timer", "inactive", pause=pause))
    assert finding.level == health.LATE
    assert finding.what == "paused until 2026-11-24 08:00 UTC: the relay\\x1b moves (ann on desk)"


@pytest.mark.parametrize("text", ["", "{", "[]", "7", None])
def test_a_pause_that_cannot_be_read_is_none(
    systemctl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.setenv("HIVETALK_SCHEDULER_NAME", str(tmp_path))  # an absolute path stands for itself
    systemctl.write_text(ACTIVE)
    if text is not None:
        (tmp_path / "paused").write_text(text)
    assert timer.timer().pause is None
    (tmp_path / "paused").write_text('{"reason": "r"}')
    (finding,) = timer.findings(timer.timer())
    assert finding.what == "paused until ?: r (?)"
