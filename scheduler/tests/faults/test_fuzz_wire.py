"""Proof 9: whatever a relay or a web server answers, a send ends within its time, with a verdict."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from hivetalk_scheduler import destinations
from hivetalk_scheduler.config import Config, Secrets
from hivetalk_scheduler.event import Event
from hivetalk_scheduler.message import Message
from tests.faults.fuzz import NSEC, SEED, bounded

EVENT = Event("e", "name", "", "", 0, None, None, None, None, None, None, cancelled=False)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["OK", "AUTH", "id"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
FRAMES = st.builds(
    lambda head, rest: [head, *rest],
    st.sampled_from(["OK", "AUTH", "NOTICE", "CLOSED", "EOSE"]),
    st.lists(JSON, max_size=4),
)
FRAMES = FRAMES.map(json.dumps) | JSON.map(json.dumps) | st.text(max_size=100) | st.binary(max_size=100)
WORDS = st.sampled_from(["", "duplicate: x", "blocked: x", "rate-limited: x", "auth-required: x", "\x1b[2J"])
FRAMES |= st.builds(lambda ok, words: json.dumps(["OK", "id", ok, words]), st.booleans(), WORDS)
FRAMES |= st.sampled_from(
    ["[" * 60_000, '["OK","id",true,"' + "x" * 60_000 + '"]', "x" * 70_000, '["AUTH",""]']
)


@contextlib.asynccontextmanager
async def relay(frames: list[str | bytes]) -> AsyncIterator[str]:
    """A relay that answers whatever it hears with these frames, the word `id` replaced by the event's own."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for heard in socket:
            about = json.loads(heard.data)[1]["id"]
            with contextlib.suppress(ConnectionError):
                for frame in frames:
                    if isinstance(frame, bytes):
                        await socket.send_bytes(frame)
                    else:
                        await socket.send_str(
                            frame.replace('"id"', f'"{about}"').encode("utf-8", "replace").decode()
                        )
        return socket

    application = web.Application()
    application.router.add_get("/", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def message(body: bytes = b'{"id":"e1"}') -> Message:
    return Message(EVENT, "live", 0, "e1", body, 1, 0.0)


async def answer(url: str) -> str:
    """The verdict of one send, which must come within its time limit and raise nothing."""
    destination = destinations.create(url, Config(delivery_timeout=0.3, secrets=Secrets(nostr_nsec=NSEC)))
    began = time.monotonic()
    try:
        got = await destination.send(message())
    finally:
        await destination.close()
    assert time.monotonic() - began < 5, "0.3 s, 1 s for words, and a busy machine"
    assert len(got.text) <= 500
    return got.verdict


def test_hostile_relays() -> None:
    verdicts = {"done": 0, "retry": 0, "permanent": 0}

    @bounded(60)
    @given(st.lists(FRAMES, max_size=5))
    def fuzz(frames: list[str | bytes]) -> None:
        async def once() -> str:
            async with relay(frames) as url:
                return await answer(url)

        verdicts[asyncio.run(once())] += 1

    fuzz()
    print(f"\nproof: fuzz of relays seed={SEED}", *(f"{k}={v}" for k, v in verdicts.items()), "crashes=0")


HEADS = st.sampled_from(
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 204\r\n",
        b"HTTP/1.1 999 ?\r\n",
        b"HTTP/1.1 404 x\r\n",
        b"HTTP/1.1 301 x\r\n",
        b"HTTP/1.1 429 x\r\n",
        b"HTTP/9.9 -1\r\n",
        b"HTTP/1.1 503 x\r\n",
    ]
)
LINES = st.sampled_from(
    [
        b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Retry-After: 1e999\r\n",
        b"Retry-After: Mon, 99 Foo 2026\r\n", b"Location: http://127.0.0.1:1/\r\n", b"X: \xff\x00\r\n", b"\r\n",
        b"Set-Cookie: a\r\n", b"A" * 70_000 + b": b\r\n",
    ]
)  # fmt: skip


def test_hostile_http() -> None:
    verdicts = {"done": 0, "retry": 0, "permanent": 0}

    @bounded(100)
    @given(
        HEADS, st.lists(LINES | st.binary(max_size=30), max_size=2), st.binary(max_size=200), st.booleans()
    )
    def fuzz(head: bytes, lines: list[bytes], body: bytes, hang: bool) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(head + b"".join(lines) + b"\r\n" + body)
                await writer.drain()
                if hang:
                    await asyncio.sleep(1)
            writer.close()

        async def once() -> str:
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            try:
                return await answer(f"http://127.0.0.1:{port}/")
            finally:
                server.close()

        verdicts[asyncio.run(once())] += 1

    fuzz()
    print(f"\nproof: fuzz of HTTP seed={SEED}", *(f"{k}={v}" for k, v in verdicts.items()), "crashes=0")
