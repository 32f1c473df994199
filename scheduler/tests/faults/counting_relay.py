"""A relay in a thread that keeps what it is sent; it has no opinion unless a test gives it one."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.faults.effects import Arrival
from tests.integration.lying_relay import Behaviour, accept, lying_relay

NSEC = "11" * 32
"""Signs where a room has no key."""


class CountingRelay:
    """Where it listens, and what came."""

    def __init__(self, behave: Behaviour) -> None:
        self.url = ""
        self.arrivals: list[Arrival] = []
        self._behave = behave

    async def receive(self, socket: Any, frame: list[Any]) -> None:
        """Keep an event, whatever the answer will be."""
        if frame[0] == "EVENT":
            event = frame[1]
            tags = {tag[0]: tag[1] for tag in event["tags"]}
            body = json.dumps(event, sort_keys=True)
            self.arrivals.append(Arrival(time.time(), tags["d"], tags["status"], event["id"], body))
        await self._behave(socket, frame)


@contextlib.contextmanager
def counting_relay(behave: Behaviour = accept) -> Iterator[CountingRelay]:
    """Serves from a thread of its own, on the loopback."""
    relay, ready, loop = CountingRelay(behave), threading.Event(), asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with lying_relay(relay.receive) as served:
            relay.url = served.url
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()], daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield relay
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()
