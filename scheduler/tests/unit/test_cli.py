"""The command line: statuses and help."""

import argparse
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from hivetalk_scheduler import __version__
from hivetalk_scheduler.arguments import parser
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


def commands(of: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Each command that is itself given to a program, so no group of them."""
    groups = [action for action in of._actions if isinstance(action, argparse._SubParsersAction)]
    for group in groups:
        for below in group.choices.values():
            yield from commands(below)
    if not groups:
        yield of


OF_THE_UNITS = {"run", "alert", "ping"}


@pytest.mark.parametrize(
    "command", list(commands(parser())), ids=lambda command: command.prog.partition(" ")[2]
)
def test_each_command_an_operator_types_shows_examples_that_it_takes(
    command: argparse.ArgumentParser,
) -> None:
    words = command.prog.split()[1:]
    lines = command.format_help().partition("examples:\n")[2].splitlines()
    shown = [line.split("  ")[1] for line in lines if line.startswith("  ")]
    assert bool(shown) is (words[0] not in OF_THE_UNITS)
    for example in shown:
        given = shlex.split(example.partition(">")[0].rpartition("hivetalk-scheduler ")[2])
        assert given[: len(words)] == words
        parser().parse_args(given)


@pytest.mark.parametrize("command", ["metrics", "page"])
def test_json_is_refused_where_there_is_none(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--json"]) == 64
    assert "for JSON see status --json" in capfd.readouterr().err


def test_a_time_that_is_none_is_64_whatever_the_database_does(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'database_url = "postgresql:///nothing?host={tmp_path}"\n')
    assert main(["plan", "--at", "garbage", "--config", str(file)]) == 64
    assert "--at 'garbage': write now, or a time" in capfd.readouterr().err
    assert main(["plan", "--at", "now", "--config", str(file)]) == 69


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


def test_config_check_says_each_problem_on_a_line_of_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("interval = 0\nintervall = 0\n")
    assert main(["config", "check", "--config", str(file)]) == 78
    first, second = capfd.readouterr().err.splitlines()
    assert "interval is 0" in first and "intervall: no such setting" in second
    assert first.partition("error=")[0] == second.partition("error=")[0]
    # A run that failed is one, as the journal counts them.
    assert main(["run", "--config", str(file)]) == 78
    assert len(capfd.readouterr().err.splitlines()) == 1


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
