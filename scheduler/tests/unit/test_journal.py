"""The journal's line has every field of the event but the key, on one line, whatever the texts hold."""

import os

import pytest

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.destinations import create
from tests.messages import SECRET, event, json_message


async def test_the_line_has_every_field(capfd: pytest.CaptureFixture[str]) -> None:
    about = event(room_nsec=SECRET.hex(), room_npub="npub1x", room_relay_url="wss://r.example", test=True)
    answer = await create("journal:", Config()).send(json_message(about))
    assert answer.verdict == "done"
    line = capfd.readouterr().err
    for field in (
        "<5>event event=6f1f2a3e-0000-4000-8000-000000000001 transition=live due=2027-01-15T08:00:00Z",
        'name="Weekly call"',
        'summary="What is new"',
        "image=https://example.org/image.png",
        "starts=2027-01-15T08:00:00Z",
        "ends=2027-01-15T09:00:00Z",
        "identifier=weekly",
        "room=hive",
        "npub=npub1x",
        "relay=wss://r.example",
        "test=true",
    ):
        assert field in line
    assert SECRET.hex() not in line


async def test_a_hostile_name_cannot_begin_a_line_or_reach_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    name = 'x"\n<0>fatal forged=1\r\x1b[31m\u202e\ud800'
    assert (await create("journal:", Config()).send(json_message(event(name=name)))).verdict == "done"
    line = capfd.readouterr().err
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert "\r" not in line
    assert 'name="x\\"\\n<0>fatal' in line


async def test_a_standard_error_that_takes_no_writes_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    answer = await create("journal:", Config()).send(json_message())
    assert (answer.verdict, answer.text) == ("retry", "standard error: No space left on device")
