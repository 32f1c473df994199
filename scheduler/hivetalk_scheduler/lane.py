"""A lane: one destination in one run, with what waits for it."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, cast

from hivetalk_scheduler import clock
from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.delivery import Delivery, Payload
from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.event import SECOND, Event
from hivetalk_scheduler.message import Answer, Message

FAILURES = 3
"""Failed sends in a row after which a destination rests: a dead one is probed, not hammered."""


class Ready(NamedTuple):
    """A claimed delivery with everything that it takes to send it."""

    delivery: Delivery
    event: Event
    payload: Payload | None
    until: int | None = None
    """Microseconds since the epoch from which on it is no longer to be sent: a `live` at the event's end."""
    start: float = 0.0
    """When it is due, on clock.monotonic()."""


class Lane:
    """Sends to one destination, as many at once as it takes.

    `report(ready, answer, fired_at)` is called once for each; `answer` is None for one that is handed back unsent.
    `margin`: seconds of its lease that a delivery must have left. `rate`: sends a second, 0 for as many as it takes.
    """

    def __init__(
        self,
        destination: Destination,
        clock_: Clock,
        margin: float,
        rate: float,
        report: Callable[[Ready, Answer | None, int | None], None],
    ) -> None:
        self.destination = destination
        self._clock = clock_
        self._margin = round(margin * SECOND)
        self._report = report
        self._queue: deque[Ready] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._sending = 0
        self._failures = 0
        self._gap = 1 / rate if rate else 0.0
        self._slot = 0.0
        self._known_well = False
        self.news: Literal["", "well", "tired"] = ""
        """What has become of the destination since it was last asked: it answers, or it failed too often in a row."""
        self.rests_until = 0
        """Microseconds since the epoch."""

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, items: Iterable[Ready]) -> None:
        """Queue `items` and see that enough workers run."""
        self._queue.extend(items)
        if self.busy:  # it failed while these were being claimed
            self.hand_back()
        # Who is sending takes nothing before its answer, which may be seconds away.
        while len(self._workers) < min(self.destination.concurrency, self._sending + len(self._queue)):
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)

    async def _work(self) -> None:
        try:
            while self._queue:
                if self._gap:
                    await self._turn()
                if self._queue:
                    self._sending += 1
                    try:
                        await self._send(self._queue.popleft())
                    finally:
                        self._sending -= 1
        finally:
            # Not in a callback, which would come too late for a `put` in between.
            self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _send(self, ready: Ready) -> None:
        while (wait := ready.start - clock.monotonic()) > 0:
            await asyncio.sleep(wait)
        fired_at = max(self._clock.now(), ready.delivery.fire_at)  # which it surely is by now
        if fired_at + self._margin > ready.delivery.next_at or (ready.until and fired_at >= ready.until):
            # The lease might end during the send, and another run might send it, too; or it has waited for so
            # long that the event's end is due.
            self._report(ready, None, None)
            return
        payload = ready.payload
        message = Message(
            ready.event,
            ready.delivery.transition,
            ready.delivery.due_at,
            payload.message_id if payload else "",
            payload.body.encode() if payload else b"",
            ready.delivery.attempts + 1,
            (fired_at - ready.delivery.due_at) / SECOND,
        )
        try:
            answer = await self.destination.send(message)
        except asyncio.CancelledError:
            self._report(ready, Answer("retry", "stopped while sending"), fired_at)
            raise
        except Exception as error:  # a destination's bug costs only its own deliveries
            answer = Answer("retry", f"{type(error).__name__}: {error}"[:500])
        self._report(ready, answer, fired_at)
        self._learn(answer)

    async def _turn(self) -> None:
        """Wait until `rate` allows one more."""
        now = asyncio.get_running_loop().time()
        self._slot = max(self._slot + self._gap, now)
        await asyncio.sleep(self._slot - now)

    def _learn(self, answer: Answer) -> None:
        if answer.verdict != "retry":
            self._failures = 0
            if not self._known_well:
                self._known_well, self.news = True, "well"
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self._known_well, self.news = False, "tired"
            self.hand_back()

    def rest(self, until: int) -> None:
        """Take nothing until then (microseconds since the epoch)."""
        self._failures, self.rests_until = 0, until

    @property
    def busy(self) -> bool:
        """Whether it should be given nothing now."""
        return self.news == "tired" or self.rests_until > self._clock.now()

    def hand_back(self) -> None:
        """Report everything that waits as unsent."""
        while self._queue:
            self._report(self._queue.popleft(), None, None)

    async def stop(self, grace: float) -> None:
        """Hand back what waits, give what is in flight `grace` seconds, and close."""
        self.hand_back()
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=grace)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.destination.close()
