"""Hosts of the tests: runs in processes of their own, plain ones and ones that die on command."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

SCHEDULER = Path(__file__).parents[2]
KILLED = -9
FROZEN = "frozen"


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit status, negative for a signal, and the boundaries that it had passed."""

    status: int
    boundaries: list[str]


class Mortal:
    """A host whose runs can be killed at a boundary, or after a time (see ``driver``)."""

    def __init__(self, commands: IO[str], answers: IO[str]) -> None:
        self._commands, self._answers = commands, answers

    def run(self, config: Mapping[str, Any], **when: Any) -> Ended:
        """One run; it dies at its boundary number `kill_at`, at the first one of the name `kill_on`, or after
        `kill_after` seconds."""
        self._command(config, **when)
        return Ended(**json.loads(self._answers.readline()))

    @contextlib.contextmanager
    def frozen(self, config: Mapping[str, Any], boundary: str) -> Iterator[bool]:
        """A run that is stopped at the first boundary of that name, and woken at the end; yields whether it was."""
        self._command(config, freeze_on=boundary)
        was = json.loads(self._answers.readline()) == FROZEN
        yield was
        if was:
            print(file=self._commands, flush=True)
            ended = Ended(**json.loads(self._answers.readline()))
            assert ended.status in (0, 69), ended

    def _command(self, config: Mapping[str, Any], **when: Any) -> None:
        nothing = dict.fromkeys(("kill_at", "kill_on", "kill_after", "freeze_on"))
        print(json.dumps({"config": dict(config), **nothing, **when}), file=self._commands, flush=True)


@contextlib.contextmanager
def mortal_host(log: Path) -> Iterator[Mortal]:
    """A host whose runs' journal goes to the file `log`."""
    command = [sys.executable, "-m", "tests.faults.driver"]
    with (
        log.open("ab") as journal,
        subprocess.Popen(
            command, cwd=SCHEDULER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=journal, text=True
        ) as process,
    ):
        assert process.stdin and process.stdout
        yield Mortal(process.stdin, process.stdout)
        process.stdin.close()


def start(log: Path, config: Mapping[str, Any], *prefix: str, **environment: str) -> subprocess.Popen[bytes]:
    """`hivetalk-scheduler run` as systemd would start it; `prefix` is a command that runs it."""
    file = log.with_suffix(f".{id(config):x}.toml")
    credentials = log.with_suffix(".credentials")
    settings = dict(config)
    for name, secret in settings.pop("secrets", {}).items():
        credentials.mkdir(exist_ok=True)
        (credentials / name).write_text(secret)
    file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    command = [*prefix, sys.executable, "-m", "hivetalk_scheduler", "run", "--config", str(file)]
    with log.open("ab") as journal:
        return subprocess.Popen(
            command,
            cwd=SCHEDULER,
            stderr=journal,
            env={"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(credentials), **environment},
        )
