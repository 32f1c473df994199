"""Firing: hold what is due soon, claim it when it is due, send it, and record what became of it."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from hivetalk_scheduler import clock, destinations, log
from hivetalk_scheduler.catch import Catcher
from hivetalk_scheduler.claims import Claims
from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.config import START_UP, Config
from hivetalk_scheduler.database import connect
from hivetalk_scheduler.delivery import Completion, Delivery
from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.errors import DatabaseUnavailable, SchedulerError
from hivetalk_scheduler.event import SECOND, Event
from hivetalk_scheduler.judge import Verdict
from hivetalk_scheduler.lane import Lane, Ready
from hivetalk_scheduler.message import Answer
from hivetalk_scheduler.store import Store
from hivetalk_scheduler.upkeep import Upkeep

T = TypeVar("T")

PREPARE = 5.0
"""Seconds before its due time at which a delivery is signed and its destination connected."""
STOP_GRACE = 3.0
"""Seconds that SIGTERM leaves what is in flight."""
BATCHES = 4
"""Batches that may be in flight at once: what bounds the memory of a run."""
MANY = 100
"""Answers to record that are worth a second connection, while the first one is busy; and sends in flight with which
more answers are about to come."""
LINGER = 0.05
"""Seconds that answers wait for more of them, in a burst: a transaction costs what a hundred of its rows do."""
GAP = 5.0
"""Seconds that the hand-over may be put off until nothing falls due during it."""
QUIET = 1.0
"""Seconds without anything to do in which there is time for the upkeep."""
RUN_UP = 0.025
"""Seconds before something falls due at which it is claimed, and twice as many round trips to the database (up to
RUN_UP_MOST): it is sent on its second, with everything else done before."""
RUN_UP_MOST = 0.25
SOON = SECOND // 10
"""Microseconds to wait for something due that cannot be claimed yet."""


class Firing:
    """The firing of one run; `hold_end` and `deadline` are microseconds on the database's clock."""

    def __init__(
        self,
        store: Store,
        clock_: Clock,
        config: Config,
        catcher: Catcher,
        upkeep: Upkeep,
        run: str,
        hold_end: int,
        deadline: int,
    ) -> None:
        self._store, self._clock, self._config, self._catcher = store, clock_, config, catcher
        self._upkeep, self._hold_end, self._deadline = upkeep, hold_end, deadline
        self._last_end = hold_end + round(GAP * SECOND)
        self._lanes: dict[str, Lane] = {}
        self._in_flight = 0
        self._answered: list[Completion] = []
        self._answers = asyncio.Event()
        self._nudge = asyncio.Event()
        self._database = asyncio.Lock()
        self._beside: Store | None = None
        self._stopping = self._closing = False
        self._claims = Claims(store, clock_, config, run, self._find)
        self._prepared: set[int] = set()
        self._run_up = RUN_UP
        self._taken_at = 0
        """When the last claim set out."""
        self._in_vain: list[str] = []
        """The destinations that were busy when the last claim found nothing for any other; and until when (on
        clock.monotonic()) to leave it at that."""
        self._vain_until = 0.0
        self.caught = 0
        self.counts = self._claims.counts

    def stop(self) -> None:
        """Claim nothing more, hand back what waits, and end soon."""
        self._stopping = True
        self._nudge.set()

    async def fire(self) -> None:
        """Fire until the hold is over and nothing is in flight, or until the deadline; raises SchedulerError."""
        loop, flush = asyncio.create_task(self._loop()), asyncio.create_task(self._flush())
        await asyncio.wait({loop, flush}, return_when=asyncio.FIRST_COMPLETED)
        if flush.done():  # the database is gone for good: nothing more can be recorded
            self.stop()
        grace = STOP_GRACE if self._stopping else self._config.delivery_timeout
        await asyncio.gather(*(lane.stop(grace) for lane in self._lanes.values()))
        self._closing = True
        self._answers.set()
        try:
            await flush
            await loop
        finally:
            self._close_beside()

    async def _loop(self) -> None:
        recatch_at = self._clock.now() + round(self._catcher.pause * SECOND)
        while not self._stopping and self._clock.now() < self._deadline:
            self._nudge.clear()
            quiet = not (self._in_flight or self._answered)
            room = BATCHES * self._config.batch_size - self._in_flight - len(self._answered)
            if room > 0 and self._worth_taking() and await self._take(min(room, self._config.batch_size)):
                continue
            now = self._clock.now()
            if now >= recatch_at or self._catcher.more:
                self.caught += await self._query(self._recatch)
                recatch_at = now + round(self._catcher.pause * SECOND)
                continue
            if now >= self._hold_end and quiet:
                if now >= self._last_end or not await self._due_soon(now):
                    return
                continue
            full = room <= 0 or self._in_flight >= self._config.batch_size
            wake = now + SOON if full else await self._prepare(now)
            wait = (min(wake, recatch_at) - self._clock.now()) / SECOND
            if wait > QUIET and self._upkeep.pruned is None:
                await self._query(self._upkeep.once)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudge.wait(), max(wait, 0.0005))

    def _busy(self) -> list[str]:
        """The destinations that should be given nothing now."""
        full = BATCHES // 2 * self._config.batch_size
        return [name for name, lane in self._lanes.items() if lane.busy or len(lane) >= full]

    def _worth_taking(self) -> bool:
        """Not at each answer of a busy destination: a claim that leaves it out reads all that waits for it."""
        return not self._in_vain or clock.monotonic() >= self._vain_until or self._busy() != self._in_vain

    async def _take(self, limit: int) -> int:
        """Claim what is due and give it to its lanes; returns how many rows were claimed."""
        busy, began = self._busy(), clock.monotonic()
        self._taken_at = self._clock.now()
        self._run_up = min(RUN_UP + 16 * self._clock.doubt, RUN_UP_MOST)
        ready, claimed = await self._query(self._claims.take, limit, busy, self._run_up)
        self._in_flight += len(ready)
        by_lane: defaultdict[str, list[Ready]] = defaultdict(list)
        for item in ready:
            by_lane[item.delivery.destination].append(item)
        for name, items in by_lane.items():
            self._lanes[name].put(items)
        self._in_vain = [] if claimed else busy
        self._vain_until = clock.monotonic() + min(SOON / SECOND, 10 * (clock.monotonic() - began))
        return claimed

    async def _prepare(self, now: int) -> int:
        """Get ready for what falls due next; returns when to look again."""
        ahead = await self._query(self._ahead, max(self._hold_end, now))
        busy = {name for name, lane in self._lanes.items() if lane.busy}
        ahead = [d for d in ahead if d.destination not in busy]
        run_up = round(self._run_up * SECOND)
        due = [d.next_at for d in ahead if d.next_at <= now + run_up]
        later = [d for d in ahead if d.next_at > now + run_up]
        soon = now + round(PREPARE * SECOND)
        near = [d for d in later if d.next_at <= soon and d.id not in self._prepared]
        if near:
            self._prepared.update(d.id for d in near)
            await self._query(self._claims.build_ahead, near)
            names = {d.destination for d in near} & self._lanes.keys()
            await asyncio.gather(*(self._lanes[name].destination.open() for name in names))
        if now >= self._hold_end:
            return now + SOON
        wakes = [self._hold_end]
        if due:
            # What has come within reach since the last claim is nobody's yet; what was, is somebody's.
            new = max(due) > self._taken_at + 0.8 * run_up
            self._in_vain = [] if new else self._in_vain
            wakes.append(now if new else now + SOON)
        if later:
            first = later[0].next_at
            wakes.append(first - (run_up if first <= soon else round(PREPARE * SECOND)))
        return min(wakes)

    async def _due_soon(self, now: int) -> bool:
        """Hold a little longer if something falls due while the next run would start."""
        if not self._config.hold:
            return False
        due = [
            d.next_at
            for d in await self._query(self._ahead, now + round(START_UP * SECOND))
            if d.next_at > now
        ]
        self._hold_end = max(due, default=self._hold_end)
        return bool(due)

    def _ahead(self, until: int) -> list[Delivery]:
        with self._store.transaction():
            return self._store.ahead(until, self._config.batch_size, self._config.lead)

    def _recatch(self) -> int:
        with self._store.transaction():
            return self._catcher.catch(late=self._catcher.more)[2]

    def _find(self, name: str, event: Event) -> Destination | Verdict:
        """The destination `name`, in its lane; a room's relay only while it is the room's."""
        url = "journal:" if name == self._store.canary else self._catcher.urls.get(name)
        if url is None and name != event.room_relay_url:
            return Verdict("cancelled", "no longer a destination")
        if name not in self._lanes:
            try:
                destination = destinations.create(url or name, self._config, of_room=url is None)
            except ValueError as error:
                return Verdict("dead", str(error))
            margin = self._config.delivery_timeout + 1
            self._lanes[name] = Lane(destination, self._clock, margin, self._config.rate, self._report)
        return self._lanes[name].destination

    def _report(self, ready: Ready, answer: Answer | None, fired_at: int | None) -> None:
        self._in_flight -= 1
        self._answered.append(self._claims.completion(ready, answer, fired_at))
        self._answers.set()

    async def _flush(self) -> None:
        """Record answers as they come; what comes during one transaction goes with the next."""
        while not self._closing or self._answered:
            if self._answered:
                if self._in_flight >= MANY and len(self._answered) < self._config.batch_size:
                    await asyncio.sleep(LINGER)
                batch = self._answered[:]
                await self._complete(batch)
                del self._answered[: len(batch)]
                await self._look_after_lanes()
                self._nudge.set()
            else:
                self._answers.clear()
                await self._answers.wait()

    async def _complete(self, batch: list[Completion]) -> None:
        """Record answers; in a burst, where the connection is busy claiming more, over a second one."""
        if len(batch) >= MANY and (self._beside or self._database.locked()):
            try:
                await asyncio.to_thread(self._complete_beside, batch)
                return
            except SchedulerError as error:
                # Too many connections, perhaps, or it was recorded and the answer lost: said twice, it counts once.
                log.warning("second-connection-lost", error=str(error))
                self._close_beside()
        await self._query(self._claims.complete, batch)

    def _complete_beside(self, batch: list[Completion]) -> None:
        if self._beside is None:
            self._beside = Store(connect(self._config), self._clock)
        self._claims.complete(batch, self._beside)

    def _close_beside(self) -> None:
        if self._beside:
            self._beside.connection.close()
            self._beside = None

    async def _look_after_lanes(self) -> None:
        """Record which destinations need a rest, and which have recovered, for every host to heed."""
        news = {name: lane.news for name, lane in self._lanes.items() if lane.news}
        if not news:
            return
        for name, until in (await self._query(self._claims.record_news, news)).items():
            self._lanes[name].rest(until)
            log.warning("destination-rests", destination=name, until=log.time(until))
        for name in news:
            self._lanes[name].news = ""

    async def _query(self, call: Callable[..., T], *arguments: object) -> T:
        """Run `call` in a thread, alone; over a new connection where the old one broke, until the deadline."""
        pause = 0.2
        while True:
            try:
                async with self._database:
                    return await asyncio.to_thread(call, *arguments)
            except DatabaseUnavailable as error:
                if self._stopping or self._clock.now() + pause * SECOND > self._deadline:
                    raise
                log.warning("database-lost", error=str(error), retry_in_s=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
                with contextlib.suppress(DatabaseUnavailable):
                    async with self._database:
                        await asyncio.to_thread(self._reconnect)

    def _reconnect(self) -> None:
        self._store.connection.close()
        self._store.connection = connect(self._config)
