"""A relay that says whatever a test wants, and remembers what it was told."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Frame = list[Any]
Behaviour = Callable[[web.WebSocketResponse, Frame], Awaitable[object]]


@dataclass
class LyingRelay:
    """Where it listens, and what has happened to it."""

    url: str = ""
    transports: list[asyncio.BaseTransport | None] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return len(self.transports)

    def events(self) -> list[Any]:
        """The events of every EVENT frame, in order."""
        return [frame[1] for frame in self.frames if frame[0] == "EVENT"]


async def accept(socket: web.WebSocketResponse, frame: Frame) -> None:
    """What an honest relay answers."""
    await socket.send_json(["OK", frame[1]["id"], True, ""])


@contextlib.asynccontextmanager
async def lying_relay(
    behave: Behaviour = accept, greet: Callable[[web.WebSocketResponse], Awaitable[object]] | None = None
) -> AsyncIterator[LyingRelay]:
    """Serves on a port of 127.0.0.1; `greet` is called for each connection, `behave` for each frame."""
    relay = LyingRelay()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        relay.transports.append(request.transport)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if greet:
            await greet(socket)
        async for message in socket:
            frame = json.loads(message.data)
            relay.frames.append(frame)
            # What a behaviour says to a connection that has gone is lost, as it is in the world.
            with contextlib.suppress(ConnectionError):
                await behave(socket, frame)
        return socket

    application = web.Application()
    application.router.add_get("/", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    relay.url = f"ws://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield relay
    finally:
        await runner.cleanup()


async def silence(socket: web.WebSocketResponse, frame: Frame) -> None:
    """Never answers."""
    await asyncio.sleep(0)
