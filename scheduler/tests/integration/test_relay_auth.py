"""Authentication (NIP-42): once, only if asked for, and never forever."""

import asyncio

import pytest
from aiohttp import web

from hivetalk_scheduler.config import Config, Secrets
from hivetalk_scheduler.destinations import create
from hivetalk_scheduler.message import Answer
from tests.integration.lying_relay import Frame, accept, lying_relay
from tests.messages import SECRET, event, nostr_message

WITH_KEY = Config(delivery_timeout=0.5, secrets=Secrets(nostr_nsec=SECRET.hex()))


async def send(url: str) -> Answer:
    relay = create(url, WITH_KEY)
    try:
        return await relay.send(nostr_message())
    finally:
        await relay.close()


class Gate:
    """Asks for authentication (NIP-42); takes events from who gave it."""

    def __init__(self, challenge_first: bool = True, answer: Frame | None = None) -> None:
        self.challenge_first = challenge_first
        self.answer = answer or [True, ""]
        self.admitted = False

    async def greet(self, socket: web.WebSocketResponse) -> None:
        if self.challenge_first:
            await socket.send_json(["AUTH", "a challenge"])

    async def behave(self, socket: web.WebSocketResponse, frame: Frame) -> None:
        if frame[0] == "AUTH":
            self.admitted = bool(self.answer[0])
            await socket.send_json(["OK", frame[1]["id"], *self.answer])
        elif self.admitted:
            await accept(socket, frame)
        else:
            await socket.send_json(["OK", frame[1]["id"], False, "auth-required: who are you"])
            if not self.challenge_first:
                await socket.send_json(["AUTH", "a challenge"])


@pytest.mark.parametrize("challenge_first", [True, False])
async def test_authentication_waits_for_the_challenge_and_names_relay_and_challenge(
    challenge_first: bool,
) -> None:
    gate = Gate(challenge_first)
    async with lying_relay(gate.behave, gate.greet) as relay:
        url = relay.url.replace("ws://", "ws://user:hunter2@")
        assert (await send(url)).verdict == "done"
        (auth,) = [frame[1] for frame in relay.frames if frame[0] == "AUTH"]
    assert ["challenge", "a challenge"] in auth["tags"]
    assert dict(auth["tags"])["relay"].rstrip("/") == relay.url
    assert len(relay.events()) == 2


async def test_many_that_need_authentication_authenticate_once() -> None:
    gate = Gate()
    async with lying_relay(gate.behave, gate.greet) as relay:
        destination = create(relay.url, WITH_KEY)
        messages = [nostr_message(event(id=f"event-{n}", identifier=None)) for n in range(30)]
        verdicts = {a.verdict for a in await asyncio.gather(*(destination.send(m) for m in messages))}
        await destination.close()
        assert [frame[0] for frame in relay.frames].count("AUTH") == 1
    assert verdicts == {"done"}


async def test_a_relay_that_only_says_who_it_is_is_not_told_who_we_are() -> None:
    gate = Gate()
    gate.admitted = True
    async with lying_relay(gate.behave, gate.greet) as relay:
        assert (await send(relay.url)).verdict == "done"
        assert [frame[0] for frame in relay.frames] == ["EVENT"]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [([False, "restricted: members only"], "permanent"), ([False, "error: try later"], "retry")],
)
async def test_a_refused_authentication_is_told_apart(answer: Frame, verdict: str) -> None:
    gate = Gate(answer=answer)
    async with lying_relay(gate.behave, gate.greet) as relay:
        assert await send(relay.url) == Answer(verdict, f"AUTH: {answer[1]}")  # type: ignore[arg-type]


async def test_a_relay_that_asks_but_never_challenges_is_retried_within_the_time_limit() -> None:
    async def ask(socket: web.WebSocketResponse, frame: Frame) -> None:
        await socket.send_json(["OK", frame[1]["id"], False, "auth-required: who are you"])

    async with lying_relay(ask) as relay:
        assert (await send(relay.url)).verdict == "retry"


async def test_a_relay_that_asks_again_and_again_is_not_answered_forever() -> None:
    gate = Gate()

    async def forget(socket: web.WebSocketResponse, frame: Frame) -> None:
        gate.admitted = False
        await gate.behave(socket, frame)

    async with lying_relay(forget, gate.greet) as relay:
        assert (await send(relay.url)).verdict == "permanent"
        assert len(relay.events()) == 2


async def test_a_relay_that_challenges_anew_on_a_live_connection_is_answered_anew() -> None:
    gate = Gate()

    async def anew(socket: web.WebSocketResponse, frame: Frame) -> None:
        admitted = gate.admitted
        await gate.behave(socket, frame)
        if frame[0] == "EVENT" and admitted:
            gate.admitted = False
            await socket.send_json(["AUTH", "another challenge"])

    async with lying_relay(anew, gate.greet) as relay:
        destination = create(relay.url, WITH_KEY)
        for number in range(3):
            message = nostr_message(event(id=f"event-{number}", identifier=None))
            assert (await destination.send(message)).verdict == "done"
        await destination.close()
        assert [frame[0] for frame in relay.frames].count("AUTH") == 3
