"""A real HTTP server that judges what it receives by the model, and has moods."""

import itertools
import json
import threading
import time
from collections.abc import Iterator

from tests.faults.world import World
from tests.integration.receiver import Received, Receiver

STATUS = {"done": 204, "permanent": 400, "hang up": 500}


class HttpReceiver(Receiver):
    """One receiver for all the histories of a test; `world` and `moods` are those of the present run."""

    world: World

    def __init__(self) -> None:
        super().__init__(answer=self._judge)
        self.moods: Iterator[str] = itertools.repeat("done")
        self._one = threading.Lock()

    def _judge(self, received: Received) -> int:
        with self._one:
            mood = next(self.moods)
            # The scheduler's JSON has one form, so the bytes can be told from what they say.
            body = json.dumps(received.body, separators=(",", ":"), ensure_ascii=False).encode()
            arrival = self.world.arrive(self.url, received.id, body)
            if arrival is not None and mood in ("done", "hang up"):
                self.world.effect(arrival)
            if arrival is not None and mood == "permanent":
                self.world.refused.add(arrival.key)
            return STATUS.get(mood, 503)

    def settle(self, died: bool) -> None:
        """Wait for what a host that died has left on the line."""
        if died:
            time.sleep(0.05)
        with self._one:
            self.received.clear()
