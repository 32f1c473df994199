"""A program at work: started, watched by what it says, ended by its id."""

import math
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.place import CACHE


class Program:
    """A process whose output goes to a file."""

    def __init__(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = CACHE / "log" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.name, self.command = name, [str(word) for word in command]
        self._environment = {**os.environ, **(environment or {})}
        self._read = self._peak = 0
        self.usage: resource.struct_rusage | None = None
        """After `end`."""
        self.began = 0.0
        """Seconds since the epoch."""

    def start(self) -> None:
        with self.log.open("wb") as out:
            self.began = time.time()
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self._environment
            )

    def new_lines(self, word: bytes) -> int:
        """How many lines with `word` have come since the last call."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        text = text[: text.rfind(b"\n") + 1]
        self._read += len(text)
        return text.count(word)

    def wait_for(self, word: bytes, number: int = 1, timeout: float = 300, pause: float = 0.02) -> None:
        """Until so many lines with `word` have been said; RuntimeError if it ends or takes too long before."""
        until = time.monotonic() + timeout
        seen = 0
        while (seen := seen + self.new_lines(word)) < number:
            if self.usage is None and self.gone():
                seen += self.new_lines(word)
                if seen >= number:
                    return
                raise RuntimeError(f"{self.name} ended too early, see {self.log}")
            if time.monotonic() > until:
                raise RuntimeError(f"{self.name} took longer than {timeout:.0f} s, see {self.log}")
            time.sleep(pause)

    def gone(self) -> bool:
        """Whether it has ended."""
        # Without reaping it: `end` wants its usage.
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def peak(self) -> int:
        """Peak resident memory so far, kB; of a program that has ended, as it was when last asked for."""
        found = Path(f"/proc/{self.process.pid}/status").read_text().partition("VmHWM:")[2].split()
        self._peak = int(found[0]) if found else self._peak
        return self._peak

    def end(self, patience: float = 10) -> None:
        """SIGTERM, later SIGKILL; learns its usage."""
        if self.usage is not None:
            return
        if not self.gone():
            self.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + patience
        while not self.gone() and time.monotonic() < until:
            time.sleep(0.02)
        if not self.gone():
            self.process.kill()
        _, status, self.usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)

    @property
    def cpu(self) -> float:
        """CPU seconds of the ended process."""
        assert self.usage is not None  # noqa: S101 - it has ended
        return float(self.usage.ru_utime + self.usage.ru_stime)


@contextmanager
def running(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Start it; end it whatever happens."""
    program = Program(name, command, environment)
    program.start()
    try:
        yield program
    finally:
        program.end()


def once(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> str:
    """Run to the end; its output. RuntimeError with what it said if it failed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words[:4])} failed: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def ticking(
    command: Sequence[str | Path], interval: int, end: float, environment: Mapping[str, str] | None = None
) -> int:
    """Runs until `end`, started as systemd does: at a tick, or at once if one elapsed meanwhile. Returns how many."""
    number, tick = 0, math.ceil(time.time() / interval) * interval
    while tick < end:
        time.sleep(max(0.03, tick - time.time()))
        tick = int(time.time() // interval + 1) * interval
        number += 1
        with running(f"ticking-{number}", command, environment) as program:
            while not program.gone() and time.time() < end + 5:
                time.sleep(0.005)
    return number
