"""A line that is shown to a person, and to nobody else."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from hivetalk_scheduler import progress

SCRIPT = (
    "from hivetalk_scheduler import progress\nimport sys\n"
    "progress.show('a long one: 1 of 2')\nprogress.show('2 of 2')\nprogress.clear()\nprint('done', flush=True)"
)


def test_it_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    progress.show("1 of 2")
    progress.clear()
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_each_text_takes_the_place_of_the_one_before() -> None:
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=Path(__file__).parents[2],
        stdout=theirs,
        stderr=theirs,
        check=True,
    )
    os.close(theirs)
    said = os.read(ours, 1000).decode()
    os.close(ours)
    assert said == "\r\x1b[Ka long one: 1 of 2\r\x1b[K2 of 2\r\x1b[Kdone\r\n"
