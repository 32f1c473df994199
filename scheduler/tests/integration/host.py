"""A host of the tests: its configuration, its runs in this process or in their own, and its log."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.run import run
from tests.integration.receiver import Receiver

SCHEDULER = Path(__file__).parents[2]


def config(url: str, *receivers: Receiver, **settings: Any) -> Config:
    destinations = tuple(receiver.url for receiver in receivers) or ("journal:",)
    return Config(**{"database_url": url, "destinations": destinations, "hold": False, **settings})


def tick(url: str, receiver: Receiver, expected: int) -> None:
    """One holding run after another, as a timer would have it, until so many requests have arrived."""
    give_up = time.monotonic() + 20
    while len(receiver.received) < expected and time.monotonic() < give_up:
        run(config(url, receiver, hold=True, interval=2, jitter=0, accuracy=0.1))
        time.sleep(0.05)


def start(tmp_path: Path, url: str, *receivers: Receiver, **settings: Any) -> subprocess.Popen[str]:
    """A run in a process of its own."""
    # With on_calendar the hold is as long as the interval, whatever second it is.
    settings = {
        "database_url": url,
        "on_calendar": "minutely",
        "jitter": 0,
        "accuracy": 0.1,
        "interval": 60,
        **settings,
    }
    file = tmp_path / "config.toml"
    file.write_text(
        "\n".join(f"{k} = {json.dumps(v)}" for k, v in settings.items())
        + f"\ndestinations = {json.dumps([receiver.url for receiver in receivers])}\n"
    )
    command = [sys.executable, "-m", "hivetalk_scheduler", "run", "--config", str(file)]
    return subprocess.Popen(command, cwd=SCHEDULER, stderr=subprocess.PIPE, text=True)


def lines(err: str, word: str) -> list[str]:
    """The log lines with that word, without their priority."""
    return [line[3:] for line in err.splitlines() if line[3:].split(" ")[0] == word]
