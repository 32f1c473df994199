"""Proof 9: whatever an operator writes, and whatever words come back, is taken or refused, and shown escaped."""

import json
import os
from collections.abc import Callable
from email.message import Message as Headers
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hivetalk_scheduler import destinations, keys, log
from hivetalk_scheduler.config import Config, parse
from hivetalk_scheduler.destinations.exec import classify as classify_exit
from hivetalk_scheduler.destinations.relay import classify as classify_ok
from hivetalk_scheduler.destinations.webhook import classify, retry_after
from hivetalk_scheduler.errors import ConfigError
from tests.faults.fuzz import HOSTILE, bounded

KEYS = [name for name in Config._fields if name != "secrets"]
STRINGS = st.text(max_size=20) | st.sampled_from(
    [
        *HOSTILE, "postgresql://", "postgresql:///x", "https://h/{room}", "journal:", "wss://[", "http://h:0/",
        "http://h:x/", "exec:/", "ws://h/#f", "http://@",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**70), 2**70) | st.integers(0, 200) | st.floats() | STRINGS,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


def toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, str):
        # TOML's escapes are JSON's, but for DEL, and it has no surrogates.
        return json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False).replace(
            "\x7f", "\\u007f"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value).lower() if isinstance(value, (bool, float)) else str(value)


def refused_or_sound(text: str) -> None:
    """A configuration is taken, or refused with words that are safe on a terminal."""
    try:
        parse(text)
    except ConfigError as error:
        assert log.line("error", {"error": str(error)}).isprintable()


@bounded(400)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_any_settings_are_taken_or_refused(values: dict[str, Any]) -> None:
    refused_or_sound("\n".join(f"{name} = {toml(value)}" for name, value in values.items()))


@bounded(300)
@given(
    st.text(max_size=60)
    | st.sampled_from(["a = " + "[" * 5000, "=", "interval = 1979-05-27", "a.b.c = 1", "\0"])
)
def test_any_text_is_taken_or_refused(text: str) -> None:
    refused_or_sound(text)


def only(error: type[Exception], call: Callable[..., object], *arguments: object) -> str:
    """Call; returns the words of the one error that it may raise."""
    try:
        call(*arguments)
    except error as raised:
        return str(raised)
    return ""


SCHEMES = st.sampled_from(["wss://", "https://", "exec:", "journal:", "ws://[", "http://a:", "", "HTTP://"])


@bounded(500)
@given(SCHEMES, st.text(max_size=30))
def test_any_url_is_a_destination_or_refused(scheme: str, rest: str) -> None:
    words = only(ValueError, destinations.label, scheme + rest)
    assert log.line("error", {"error": words}).isprintable()
    only(ValueError, destinations.check, scheme + rest)


@bounded(500)
@given(
    st.text(max_size=70)
    | st.text("0123456789abcdef", min_size=64, max_size=64)
    | st.text("qpzry9x8", min_size=58, max_size=58).map("nsec1".__add__)
)
def test_any_key_is_a_key_or_refused_without_being_shown(text: str) -> None:
    words = only(ValueError, keys.secret_key, text)
    assert len(text.strip()) < 20 or text.strip() not in words


@bounded(500)
@given(st.integers(-99, 999), st.text(max_size=40), st.text(max_size=40), st.binary(max_size=5000))
@example(503, "9" * 400, "", b"")
@example(503, "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", b"")
def test_any_answer_has_a_verdict(status: int, wait: str, date: str, said: bytes) -> None:
    headers = Headers()
    for name, value in (("Retry-After", wait), ("Date", date)):
        headers.add_header(name, "".join(value.splitlines()))
    pause = retry_after(headers)  # type: ignore[arg-type]  # a mapping as far as it goes
    assert pause is None or pause >= 0
    answers = [classify(status, {}, wait), classify_ok(status > 0, wait), classify_exit(status, said)]
    for answer in answers:
        assert answer.verdict in ("done", "retry", "permanent") and len(answer.text) <= 500
        assert log.line("answer", {"text": answer.text}).isprintable()


def test_a_credential_of_any_bytes_is_read_or_refused(tmp_path: Any) -> None:
    from hivetalk_scheduler.config import read_secrets

    @bounded(100)
    @given(st.binary(max_size=50))
    def fuzz(content: bytes) -> None:
        for name in ("nostr_nsec", "destinations"):
            (tmp_path / name).write_bytes(content)
        only(ConfigError, read_secrets, os.fspath(tmp_path))

    fuzz()
    with pytest.raises(ConfigError):
        (tmp_path / "nostr_nsec").unlink()
        (tmp_path / "nostr_nsec").mkdir()
        read_secrets(os.fspath(tmp_path))
