"""Structured lines."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivetalk_scheduler import log


def test_a_line_is_a_word_and_pairs() -> None:
    assert (
        log.line("run", {"a": 1, "b": None, "c": "x y", "d": True, "e": 0.25})
        == 'run a=1 c="x y" d=true e=0.25'
    )


def test_quotes_and_backslashes_are_escaped() -> None:
    assert log.line("w", {"v": 'a"b\\c'}) == 'w v="a\\"b\\\\c"'
    assert log.line("w", {"v": ""}) == 'w v=""'


@given(st.text())
def test_no_value_can_break_the_line_or_reach_the_terminal_unescaped(text: str) -> None:
    line = log.line("word", {"v": text, "last": 1})
    assert line.isprintable()
    assert re.fullmatch(r'word v=([^"\s]+|"([^"\\]|\\.)*") last=1', line)


def test_a_time_is_rfc_3339_utc() -> None:
    assert log.time(1_795_440_600_123_456) == "2026-11-23T13:30:00.123Z"


def test_a_line_is_never_so_long_that_the_journal_would_split_it(capfd: pytest.CaptureFixture[str]) -> None:
    log.notice("event", name="\U0001f41d" * 5000)
    assert 8000 < len(capfd.readouterr().err.encode()) <= log.LONGEST + 1
