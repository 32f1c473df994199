"""Publishing to real relays; what they store is verified by another library."""

import asyncio
import json
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import nostr_sdk
import pytest

from hivetalk_scheduler import nostr
from hivetalk_scheduler.config import Config, Secrets
from hivetalk_scheduler.destinations import create
from hivetalk_scheduler.message import Answer, Message
from tests.messages import SECRET, STARTS, event, nostr_message

RELAY = Path(__file__).parents[3] / "script" / "relay"
WITH_KEY = Config(secrets=Secrets(nostr_nsec=SECRET.hex()))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def python_relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """nostr-relay, as script/relay starts it."""
    directory = tmp_path_factory.mktemp("relay")
    command = [str(RELAY), "--port", str(free_port()), "--dir", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        ready = process.stdout.readline().split()
        assert ready[:1] == ["ready"], f"the relay did not start: {directory}"
        yield ready[1]
        process.terminate()


@pytest.fixture
async def local_relay() -> AsyncIterator[str]:
    """nostr-sdk's relay, which keeps the rules of addressable events."""
    async for url in serve(nostr_sdk.LocalRelayBuilder()):
        yield url


@pytest.fixture
async def strict_relay() -> AsyncIterator[str]:
    """nostr-sdk's relay, which takes events only from who has authenticated (NIP-42)."""
    mode = nostr_sdk.LocalRelayBuilderNip42Mode.WRITE
    async for url in serve(nostr_sdk.LocalRelayBuilder().nip42(nostr_sdk.LocalRelayBuilderNip42(mode=mode))):
        yield url


async def serve(builder: Any) -> AsyncIterator[str]:
    limit = nostr_sdk.RateLimit(max_reqs=500, notes_per_minute=1_000_000)
    relay = builder.rate_limit(limit).build()
    await relay.run()
    yield str(await relay.url())
    relay.shutdown()


async def stored(url: str, kind: int = 30311) -> list[dict[str, Any]]:
    """What the relay gives to anyone who asks, each verified by another library."""
    found = []
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as reader:
        await reader.send_json(["REQ", "all", {"kinds": [kind]}])
        async with asyncio.timeout(10):
            while (frame := await reader.receive_json())[0] != "EOSE":
                if frame[0] == "EVENT":
                    assert nostr_sdk.Event.from_json(json.dumps(frame[2])).verify()
                    found.append(frame[2])
    return found


async def publish(url: str, *messages: Message, config: Config | None = None) -> list[Answer]:
    relay = create(url, config or Config())
    await relay.open()
    try:
        return await asyncio.gather(*(relay.send(message) for message in messages))
    finally:
        await relay.close()


async def test_a_real_relay_stores_the_signed_announcement(local_relay: str) -> None:
    message = nostr_message()
    (answer,) = await publish(local_relay, message)
    assert answer.verdict == "done"
    assert [json.dumps(e, sort_keys=True) for e in await stored(local_relay)] == [
        json.dumps(json.loads(message.body), sort_keys=True)
    ]


async def test_another_real_relay_stores_it_too_whatever_the_name(python_relay: str) -> None:
    name = 'emoji \U0001f41d, quote ", backslash \\, newline \n, separator \u2028'
    message = nostr_message(event(id="named", identifier="named", name=name), created_at=int(time.time()))
    assert await publish(python_relay, message) == [Answer("done", "")]
    (found,) = [e for e in await stored(python_relay) if e["id"] == message.id]
    assert ["title", name] in found["tags"]


async def test_two_meetings_that_are_one_event_are_both_answered_at_once(local_relay: str) -> None:
    """Of one identifier, title and time: the relay has one id for both."""
    message = nostr_message(event(identifier="same"), created_at=int(time.time()))
    answers = await publish(local_relay, message, message, config=Config(delivery_timeout=5))
    assert [answer.verdict for answer in answers] == ["done", "done"]


async def test_sending_the_stored_bytes_again_is_a_success(local_relay: str, python_relay: str) -> None:
    message = nostr_message(event(identifier="twice"), created_at=int(time.time()))
    for url in (local_relay, python_relay):
        assert [a.verdict for a in await publish(url, message)] == ["done"]
        assert [a.verdict for a in await publish(url, message)] == ["done"]


async def test_ended_replaces_live_and_a_late_live_does_not_come_back(local_relay: str) -> None:
    live = nostr_message(created_at=STARTS // 1_000_000)
    ended = nostr_message(transition="ended", created_at=STARTS // 1_000_000 + 1)
    await publish(local_relay, live)
    await publish(local_relay, ended)
    await publish(local_relay, live)
    assert [e["id"] for e in await stored(local_relay)] == [ended.id]


async def test_events_of_one_room_without_identifier_are_all_kept(local_relay: str) -> None:
    messages = [nostr_message(event(id=f"event-{n}", identifier=None)) for n in range(3)]
    await publish(local_relay, *messages)
    assert {e["id"] for e in await stored(local_relay)} == {m.id for m in messages}


async def test_hundreds_of_announcements_in_flight_all_arrive_over_one_relay(local_relay: str) -> None:
    messages = [nostr_message(event(id=f"event-{n}", identifier=None)) for n in range(400)]
    answers = await publish(local_relay, *messages)
    assert [a.verdict for a in answers] == ["done"] * 400
    assert len(await stored(local_relay)) == 400


async def test_a_forged_announcement_is_permanently_refused(local_relay: str) -> None:
    good = nostr_message()
    forged = good.body.replace(b"Weekly call", b"Weekly scam")
    (answer,) = await publish(
        local_relay, Message(good.event, "live", STARTS, good.id, forged, attempt=1, lateness=0.0)
    )
    assert answer.verdict == "permanent"
    assert await stored(local_relay) == []


async def test_a_relay_that_asks_who_we_are_is_told_once_and_then_takes_everything(strict_relay: str) -> None:
    now = int(time.time())
    messages = [nostr_message(event(id=f"event-{n}", identifier=None), created_at=now) for n in range(20)]
    answers = await publish(strict_relay, *messages, config=WITH_KEY)
    assert answers == [Answer("done", "")] * 20
    assert len(await stored(strict_relay)) == 20


async def test_without_a_key_the_relay_that_asks_is_named_with_the_mend(strict_relay: str) -> None:
    (answer,) = await publish(strict_relay, nostr_message())
    assert answer.verdict == "permanent"
    assert "auth-required" in answer.text
    assert "or the credential nostr_nsec" in answer.text


async def test_a_room_authenticates_with_its_own_key(strict_relay: str) -> None:
    in_room = event(room_nsec=SECRET.hex(), room_npub=None)
    (answer,) = await publish(strict_relay, nostr_message(in_room, created_at=int(time.time())))
    assert answer.verdict == "done", answer.text


async def test_a_bad_key_is_named_and_not_shown(strict_relay: str) -> None:
    config = Config(secrets=Secrets(nostr_nsec="nsec1hunter2"))
    (answer,) = await publish(strict_relay, nostr_message(), config=config)
    assert answer.verdict == "permanent"
    assert "the credential nostr_nsec is not an nsec" in answer.text
    assert "hunter2" not in answer.text


async def test_a_relay_that_is_down_is_retried_and_one_that_came_back_is_found(unused_port: int) -> None:
    relay = create(f"ws://127.0.0.1:{unused_port}", Config())
    await relay.open()
    answer = await relay.send(nostr_message())
    assert answer.verdict == "retry"
    assert "Connect call failed" in answer.text
    builder = nostr_sdk.LocalRelayBuilder().port(unused_port)
    async for _ in serve(builder):
        assert (await relay.send(nostr_message())).verdict == "done"
    await relay.close()


async def test_a_host_that_does_not_exist_is_retried() -> None:
    (answer,) = await publish("ws://relay.invalid", nostr_message())
    assert answer.verdict == "retry"
    assert "relay.invalid" in answer.text


@pytest.fixture
def unused_port() -> int:
    return free_port()


async def test_the_key_that_signs_is_the_key_that_the_relay_sees(local_relay: str) -> None:
    await publish(local_relay, nostr_message())
    theirs = nostr_sdk.Keys.parse(SECRET.hex()).public_key().to_hex()
    assert [e["pubkey"] for e in await stored(local_relay)] == [theirs]
    assert nostr.LIVE_EVENT == 30311
