"""The command line: statuses and help."""

import json
from pathlib import Path

import pytest

from hivetalk_scheduler import __version__
from hivetalk_scheduler.cli import main


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["rnu"],
        ["run", "--fast"],
        ["plan"],
        ["test-event"],
        ["test-event", "--in", "-1"],
        ["db"],
        ["config"],
    ],
)
def test_a_wrong_command_line_is_64(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 64
    assert "--help" in capfd.readouterr().err


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and __version__ in capfd.readouterr().out


def test_help_shows_examples_and_exit_statuses(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capfd.readouterr().out
    assert "examples:" in shown and "69 database unreachable" in shown


def test_config_check_prints_every_setting(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.toml"
    file.write_text("interval = 30\n")
    assert main(["config", "check", "--json", "--config", str(file)]) == 0
    assert json.loads(capfd.readouterr().out)["interval"] == 30
    assert main(["--config", str(file), "config", "check"]) == 0
    assert "interval = 30" in capfd.readouterr().out


def test_config_check_refuses_with_78(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.toml"
    file.write_text("interval = 0\n")
    assert main(["config", "check", "--config", str(file)]) == 78
    assert "interval is 0" in capfd.readouterr().err


def test_config_check_refuses_a_bad_nsec_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nostr_nsec").write_text("nsec1hunter2")
    (tmp_path / "config.toml").write_text("")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert main(["config", "check", "--config", str(tmp_path / "config.toml")]) == 78
    shown = capfd.readouterr()
    assert "nostr_nsec" in shown.err and "hunter2" not in shown.err + shown.out


def test_an_unreachable_database_is_69(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'database_url = "postgresql:///nothing?host={tmp_path}"\n')
    assert main(["run", "--config", str(file)]) == 69
    assert "the next run tries again" in capfd.readouterr().err
