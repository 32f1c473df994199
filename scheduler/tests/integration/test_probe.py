"""What a destination says of itself to `doctor`: real relays, receivers and programs are asked, and get nothing."""

import asyncio
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nostr_sdk
import pytest
from aiohttp import web

from hivetalk_scheduler.check import Check
from hivetalk_scheduler.config import Config, Secrets
from hivetalk_scheduler.destinations import create
from hivetalk_scheduler.destinations.relay_probe import limits
from hivetalk_scheduler.doctor import network
from tests.integration.lying_relay import Frame, lying_relay
from tests.integration.test_relay import python_relay, serve
from tests.integration.test_webhook import receiver
from tests.messages import SECRET

__all__ = ["python_relay"]
SHORT = Config(delivery_timeout=1)
WITH_KEY = Config(delivery_timeout=2, secrets=Secrets(nostr_nsec=SECRET.hex()))


async def probe(url: str, config: Config = SHORT) -> list[Check]:
    destination = create(url, config)
    try:
        return await destination.probe()
    finally:
        await destination.close()


def levels(checks: list[Check]) -> dict[str, str]:
    return {check.what: check.level for check in checks}


@pytest.fixture
async def shut_relay() -> AsyncIterator[str]:
    """nostr-sdk's relay, which tells nobody anything who has not authenticated (NIP-42)."""
    mode = nostr_sdk.LocalRelayBuilderNip42Mode.BOTH
    async for url in serve(nostr_sdk.LocalRelayBuilder().nip42(nostr_sdk.LocalRelayBuilderNip42(mode=mode))):
        yield url


async def test_a_relay_answers_with_its_document_and_to_a_req(python_relay: str) -> None:
    checks = await probe(python_relay, WITH_KEY)
    assert {check.level for check in checks} == {"ok"}, checks
    assert {"connection", "document", "answer"} <= set(levels(checks))


async def test_a_relay_that_wants_authentication_is_given_it_or_it_is_said(shut_relay: str) -> None:
    assert levels(await probe(shut_relay, WITH_KEY))["authentication"] == "ok"
    assert levels(await probe(shut_relay, WITH_KEY))["answer"] == "ok"
    without = await probe(shut_relay)
    assert levels(without)["authentication"] == "warning"
    assert {check.mend for check in without if check.level == "warning"} == {
        "set nostr_nsec to have it tried here"
    }


async def test_no_event_is_published() -> None:
    async def behave(socket: web.WebSocketResponse, frame: Frame) -> None:
        if frame[0] == "REQ":
            await socket.send_json(["AUTH", "a challenge"])
            await socket.send_json(["CLOSED", frame[1], "auth-required: who are you"])
        else:
            await socket.send_json(["OK", frame[1]["id"], False, "restricted: not you\x1b[31m"])

    async with lying_relay(behave) as relay:
        checks = await probe(relay.url, WITH_KEY)
        assert [frame[0] for frame in relay.frames] == ["REQ", "AUTH"]
    assert levels(checks)["authentication"] == "warning"


SAID: list[tuple[list[object], str]] = [
    ([], "wrong"),
    (["not json"], "wrong"),
    ([["EOSE", "another"], ["EOSE"], 3, {}], "wrong"),
    ([["CLOSED", "doctor", "restricted: no"]], "warning"),
    ([["CLOSED", "doctor"]], "warning"),
    ([["EVENT", "doctor", {}], ["EOSE", "doctor"]], "ok"),
]


@pytest.mark.parametrize(("said", "level"), SAID)
async def test_whatever_a_relay_says_the_probe_ends_with_a_line(said: list[object], level: str) -> None:
    async def behave(socket: web.WebSocketResponse, frame: Frame) -> None:
        for one in said:
            await (socket.send_str(one) if isinstance(one, str) else socket.send_json(one))

    async with lying_relay(behave) as relay:
        began = time.monotonic()
        checks = await probe(relay.url)
        assert time.monotonic() - began < 4
    assert checks[-1].what == "answer" and checks[-1].level == level


LIMITS: list[tuple[dict[str, Any], str]] = [
    ({"max_message_length": 1000}, "warning"),
    ({"max_message_length": 131_072, "created_at_lower_limit": 31_536_000}, "ok"),
    ({"created_at_lower_limit": 3600}, "warning"),
    ({"created_at_upper_limit": 0}, "warning"),
    ({"min_pow_difficulty": 20}, "wrong"),
    ({"payment_required": True}, "warning"),
    ({"restricted_writes": True}, "warning"),
    ({"max_message_length": "many", "created_at_lower_limit": None, "min_pow_difficulty": True}, "ok"),
]


@pytest.mark.parametrize(("limitation", "level"), LIMITS)
def test_a_relays_limits_are_held_against_what_is_sent(limitation: dict[str, Any], level: str) -> None:
    found = levels(limits({"limitation": limitation}, Config()))
    assert found["limits"] == level


@pytest.mark.parametrize("document", [{}, {"limitation": 3}, {"limitation": {}}, {"software": ["x"] * 999}])
def test_a_document_may_say_anything(document: dict[str, Any]) -> None:
    assert [check.level for check in limits(document, Config())] == ["ok"]


async def test_a_webhook_is_reached_without_a_post() -> None:
    async with receiver() as got:
        checks = await probe(got.url)
        assert got.requests == []
    # The server takes POST only; that it says so is an answer.
    assert levels(checks) == {"connection": "ok", "answer": "ok"} and "405" in checks[-1].text


@pytest.mark.parametrize(
    ("days", "trusted", "level"), [(90, True, "ok"), (5, True, "warning"), (90, False, "wrong")]
)
async def test_a_certificate_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, trusted: bool, level: str
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days {days}"
    name = f"-keyout {key} -out {certificate} -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(f"{make} {name}".split(), check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with receiver(tls=tls) as got:
        assert levels(await probe(got.url))["certificate"] == level


async def test_what_is_down_is_named(tmp_path: Path) -> None:
    (connection,) = await probe("http://127.0.0.1:1/")
    assert (connection.what, connection.level, connection.status) == ("connection", "wrong", 69)
    (name,) = await probe("wss://relay.invalid/")
    assert (name.what, name.level) == ("name", "wrong")


async def test_a_program_is_looked_at_and_not_run(tmp_path: Path) -> None:
    program, ran = tmp_path / "announce", tmp_path / "ran"
    url = f"exec:{program}"
    assert (await probe(url))[0].mend.startswith("install it")
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o644)
    assert (await probe(url))[0].mend == f"chmod 755 {program}"
    program.chmod(0o757)
    assert (await probe(url))[0].mend == f"chmod go-w {program}"
    program.chmod(0o755)
    assert (await probe(url))[0].level == "ok"
    assert not ran.exists()


async def test_receivers_are_asked_side_by_side_and_for_a_bounded_time() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    urls = tuple(f"{scheme}://127.0.0.1:{port}/{n}" for n in range(10) for scheme in ("http", "ws"))
    config = Config(
        destinations=urls,
        alerts=urls[:1],
        delivery_timeout=1,
        secrets=Secrets(ping_url=f"http://127.0.0.1:{port}/hunter2", alerts=("http://127.0.0.1:1/hunter2",)),
    )
    began = time.monotonic()
    checks = await network.network(config)
    assert time.monotonic() - began < 6
    server.close()
    wrong = [check for check in checks if check.level == "wrong"]
    assert len(wrong) == 22 and all(check.mend for check in wrong)
    assert checks[-1].what == "ping: connection" and checks[-1].level == "ok"
    assert "hunter2" not in str(checks)
