"""Which calendar expressions the host takes (probe.py), by what systemd itself says of them."""

import shutil
from pathlib import Path

import pytest

from .test_preflight import probe

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="asks systemd-analyze")


@needs_systemd
@pytest.mark.parametrize(
    ("calendar", "interval", "said"),
    [
        ("every fortnight", 60, "systemd-analyze calendar says: Failed to parse"),
        (
            "*:0/2",
            60,
            ":00 it does not tick for 120 s, and hivetalk_scheduler_interval is 60: set interval to 120,",
        ),
        (
            "*:*:0/10",
            9,
            "it does not tick for 10 s, and hivetalk_scheduler_interval is 9: set interval to 10,",
        ),
        ("*:0/2 Asia/Kolkata", 60, "it does not tick for 120 s"),
        # Each gap of a night is there once in 1,700 ticks, or in 40,000.
        ("*-*-* 8..18:*:0/10", 60, "18:59:50 to 2"),
        ("*-*-* 8..18:*:*", 60, "it does not tick for 46801 s"),
        # Many days are alike before one comes that is not.
        ("*-*-01..30 *:*:00", 60, "it does not tick for 86460 s"),
        ("weekly", 3600, "interval takes 3600 at most, so let it tick more often"),
        ("2099-12-24 *:*:00", 60, "its last tick is 2099-12-24 23:59:00: let it go on for ever"),
        ("2020-12-24 00:00:00", 60, "its last tick is over"),
    ],
)
def test_a_calendar_expression_that_does_not_fit_is_refused_with_the_mend(
    tmp_path: Path, calendar: str, interval: int, said: str
) -> None:
    [problem] = probe(tmp_path, calendar=calendar, interval=interval)["problems"]
    assert problem.startswith(f"hivetalk_scheduler_on_calendar is {calendar!r}: ")
    assert said in problem


@needs_systemd
@pytest.mark.parametrize(
    # systemd 252 goes from 59:56 to 00:07, past the hour.
    ("calendar", "interval"),
    [("*:*:0/7", 11), ("*:0/2", 120), ("hourly", 3600), ("*:*:00 UTC", 60)],
)
@pytest.mark.parametrize("word", ["Iter.", "Iteration"])  # before systemd 255, and since
def test_a_calendar_expression_that_ticks_every_interval_is_fit(
    tmp_path: Path, calendar: str, interval: int, word: str
) -> None:
    real = shutil.which("systemd-analyze")
    (tmp_path / "systemd-analyze").write_text(
        f'#!/bin/sh\necho "$2" >>{tmp_path}/asked\n{real} "$@" | sed "s/Iter[^ ]* #/{word} #/"\n'
    )
    (tmp_path / "systemd-analyze").chmod(0o755)
    assert probe(tmp_path, calendar=calendar, interval=interval)["problems"] == []
    # The 100,000 take a second of each host at each deploy: these are told by a day of them.
    assert "--iterations=100000" not in (tmp_path / "asked").read_text().splitlines()
