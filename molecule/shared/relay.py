"""A real relay on the lab's gateway, and what a subscriber sees there."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

_TOP = Path(__file__).parents[2]


@dataclass(frozen=True)
class Announcement:
    """One Nostr event, and when the subscriber had it (seconds since the epoch)."""

    arrived: float
    event: dict[str, Any]

    def tag(self, name: str) -> list[str]:
        """The values of every tag `name`."""
        return [tag[1] for tag in self.event["tags"] if tag[0] == name]

    @property
    def status(self) -> str:
        """NIP-53's status."""
        return self.tag("status")[0]


@contextmanager
def running(url: str, directory: Path) -> Iterator[None]:
    """Run ``script/relay`` at `url`, an address of this machine, with its files in `directory`."""
    parts = urlsplit(url)
    command = [_TOP / "script/relay", "--host", parts.hostname, "--port", str(parts.port), "--dir", directory]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == f"ready {url}\n", "script/relay did not start, see above"
            yield
        finally:
            process.terminate()


async def watch(url: str, ends: int, timeout: float) -> list[Announcement]:
    """What a subscriber to kind 30311 receives until 5 s after so many have ended, or for `timeout` seconds."""
    seen: list[Announcement] = []
    try:
        async with asyncio.timeout(timeout) as limit, subscribed(url) as frames:
            async for kind, event in frames:
                if kind == "EVENT":
                    seen.append(Announcement(time.time(), event))
                    if [one.status for one in seen].count("ended") == ends:
                        limit.reschedule(asyncio.get_running_loop().time() + 5)
    except TimeoutError:
        pass
    return seen


async def stored(url: str) -> list[Announcement]:
    """Every event of kind 30311 that the relay holds."""
    events = []
    async with asyncio.timeout(10), subscribed(url) as frames:
        async for kind, event in frames:
            if kind == "EOSE":
                break
            events.append(Announcement(time.time(), event))
    return events


@asynccontextmanager
async def subscribed(url: str) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
    """The relay's frames about kind 30311 as they come: their word, and the event if there is one."""
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_str(json.dumps(["REQ", "lab", {"kinds": [30311]}]))

        async def frames() -> AsyncIterator[tuple[str, dict[str, Any]]]:
            async for frame in socket:
                message = json.loads(frame.data)
                yield message[0], message[2] if len(message) > 2 else {}

        yield frames()
