"""What an import of a large calendar shows meanwhile, to a person at a terminal and to nobody else."""

import os
import pty
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.test_import import SOON, calendar, event

SCHEDULER = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("meetings", "shown"),
    [
        (260, [f"{word} {n} of 260" for word in ("read", "written") for n in range(0, 260, 50)]),
        (200, []),
    ],
)
def test_an_import_tells_a_terminal_how_far_it_is(
    tmp_path: Path, server: str, database: str, meetings: int, shown: list[str]
) -> None:
    file = tmp_path / "team.ics"
    file.write_text(calendar(*(event(str(n), SOON + timedelta(minutes=n)) for n in range(meetings))))
    words = ["events", "import", str(file), "--url", server.format(database)]
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "hivetalk_scheduler", *words],
        cwd=SCHEDULER, stdout=subprocess.PIPE, stderr=theirs, check=True, text=True,
    )  # fmt: skip
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    # Each takes the place of the one before, and nothing is left of the last.
    assert said.split("\r\x1b[K") == ["", *shown, ""]
    assert done.stdout.endswith(f"{meetings} added, 0 unchanged\n") and "\x1b" not in done.stdout
