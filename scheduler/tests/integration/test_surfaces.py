"""The files that a run writes for others to read."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hivetalk_scheduler import metrics
from hivetalk_scheduler.run import run
from tests.integration import host


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What systemd gives the service (StateDirectory=), and its UMask=."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    before = os.umask(0o077)
    yield tmp_path
    os.umask(before)


def shown(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_run_writes_its_metrics_for_everyone_to_read_and_leaves_nothing_beside(
    url: str, directory: Path
) -> None:
    (directory / "metrics.prom.new").write_text(
        "left by a run that was killed, and longer than what comes" * 900
    )
    run(host.config(url))
    assert shown(directory) == ["metrics.prom"]
    file = directory / "metrics.prom"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    first = file.read_text()
    assert first.startswith("# HELP hivetalk_scheduler_build_info ") and first.endswith("\n")
    before = file.stat().st_ino
    run(host.config(url))
    # Another file, not the same one written over: who is reading the first one goes on with it.
    assert file.stat().st_ino != before and file.read_text() != first


@pytest.mark.parametrize("settings", [{"metrics": False}, {}])
def test_nothing_is_written_unless_it_is_wanted_and_there_is_a_place(
    url: str, directory: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    if not settings:
        monkeypatch.delenv("STATE_DIRECTORY")
    run(host.config(url, **settings))
    assert shown(directory) == []


def test_what_is_no_longer_wanted_is_removed(url: str, directory: Path) -> None:
    run(host.config(url, status_page=True))
    assert shown(directory) == ["metrics.prom", "status.html"]
    run(host.config(url, metrics=False))
    assert shown(directory) == []


def test_a_file_that_cannot_be_written_is_a_warning_and_the_run_completes(
    url: str, directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (directory / "metrics.prom").mkdir()
    (directory / "metrics.prom" / "in-the-way").touch()
    run(host.config(url))
    err = capfd.readouterr().err
    (told,) = host.lines(err, "not-shown")
    assert "file=metrics.prom" in told and "Error" in told
    assert host.lines(err, "run-finished")


def test_what_cannot_be_made_is_a_warning_and_the_file_stays_as_it_was(
    url: str, directory: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> str:
        raise KeyError("a mistake of ours")

    run(host.config(url))
    before = (directory / "metrics.prom").read_text()
    monkeypatch.setattr(metrics, "textfile", broken)
    run(host.config(url))
    err = capfd.readouterr().err
    assert host.lines(err, "not-shown") == [
        "not-shown file=metrics.prom error=\"KeyError: 'a mistake of ours'\""
    ]
    assert len(host.lines(err, "run-finished")) == 2
    assert (directory / "metrics.prom").read_text() == before and shown(directory) == ["metrics.prom"]
