"""Hosts that run the scheduler in this process, and break where they are told to.

A host is the real `run`, over a connection that counts every statement, with destinations that count every send.
At the chosen count it dies (nothing of it happens any more, as after SIGKILL), or loses its connection.
"""

import asyncio
import concurrent.futures
import contextvars
import itertools
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock

import psycopg

from hivetalk_scheduler import clock, database, destinations, fire
from hivetalk_scheduler import run as run_module
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.errors import DatabaseUnavailable
from hivetalk_scheduler.message import Answer, Format, Message
from tests.faults.world import World

current: contextvars.ContextVar["Host"] = contextvars.ContextVar("host")


class Crash(BaseException):
    """The host is dead: what the program would still do must not happen."""


@dataclass
class Fault:
    """`kind` at the step with number `at`, before it happens or after; a step is a statement or a send.

    crash: the host dies. lost: the connection breaks. nested: another host does a whole run; frozen: the same,
    after this one's leases have run out. stop: SIGTERM, at the first send from there.
    """

    kind: str = "none"
    at: int = 0
    after: bool = False


@dataclass
class Host:
    """One run of one host."""

    world: World
    fault: Fault = field(default_factory=Fault)
    moods: Sequence[str] = ("done",)
    """What becomes of the sends, one after another: done, retry, permanent, raise (a bug); after the effect, the
    receiver may hang up, or the host die."""
    jump: float = 0.0
    """Seconds by which the host's own clock is wrong; each look at it is wrong by more."""
    settings: dict[str, Any] = field(default_factory=dict)
    dead: bool = False
    steps: int = 0
    hit: bool = False
    completed: bool = False
    awake: threading.Lock = field(default_factory=threading.Lock)
    """Held by whatever this host does in the database: a host that is frozen stands still with all its threads."""

    def run(self, url: str, *names: str) -> None:
        """Run once; a fault that the scheduler may end with is no failure."""
        config = Config(
            database_url=url, destinations=names, hold=False, delivery_timeout=1, timeout=8, **self.settings
        )
        token = current.set(self)
        self._again: Callable[[], None] = lambda: Host(self.world, settings=self.settings).run(url, *names)
        try:
            run_module.run(config)
            self.completed = True
        except Crash:
            assert self.dead
        except DatabaseUnavailable:
            assert self.hit and self.fault.kind == "lost"
        finally:
            current.reset(token)

    def step(self, after: bool, connection: psycopg.Connection | None = None, sending: bool = False) -> None:
        """Called before and after each statement (on `connection`) and each send."""
        if self.dead:
            raise Crash
        if not after:
            self.steps += 1
        fault = self.fault
        if self.hit or after != fault.after or self.steps < fault.at:
            return
        if fault.kind == "crash":
            self.hit = self.dead = True
            if connection is not None:
                connection.close()
            raise Crash
        if fault.kind == "lost" and connection is not None:
            self.hit = True
            connection.close()
            raise psycopg.OperationalError("the connection is lost")
        if sending and fault.kind in ("nested", "frozen"):
            self.hit = True
            self._other_host(fault.kind == "frozen")
        if sending and fault.kind == "stop":
            self.hit = True
            if threading.current_thread() is threading.main_thread():
                os.kill(os.getpid(), signal.SIGTERM)

    def _other_host(self, frozen: bool) -> None:
        """Another host runs while this one stands still within a send."""
        with self.awake, concurrent.futures.ThreadPoolExecutor(1) as thread:
            if frozen:
                self.world.db.execute(
                    "UPDATE hivetalk_scheduler.delivery SET next_at = clock_timestamp() "
                    "WHERE state = 'pending' AND claimed_by IS NOT NULL"
                )
            thread.submit(contextvars.Context().run, self._again).result()


class Line:
    """A connection whose every statement is a step, or a cursor of it."""

    def __init__(
        self, host: Host, connection: psycopg.Connection, cursor: psycopg.Cursor | None = None
    ) -> None:
        self._host, self._connection, self._of = host, connection, cursor or connection

    def execute(self, *arguments: Any, **options: Any) -> Any:
        with self._host.awake:
            self._host.step(False, self._connection)
            cursor = self._of.execute(*arguments, **options)
            self._host.step(True, self._connection)
            return cursor

    def cursor(self, **options: Any) -> "Line":
        return Line(self._host, self._connection, self._connection.cursor(**options))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)


class Wire(Destination):
    """A receiver within this process: it has a mood, and knows what arrived."""

    concurrency = 4
    in_flight: ClassVar[set[tuple[str, str]]] = set()

    async def send(self, message: Message) -> Answer:
        host = current.get()
        world, name = host.world, destinations.label(self.url)
        host.step(False, sending=True)
        # It is another send of the same only if its host was frozen for longer than the lease.
        flight = (name, message.id)
        if flight in self.in_flight and host.fault.kind != "frozen" and not world.changing:
            world.wrong.append(f"{flight} is sent by two at once")
        self.in_flight.add(flight)
        try:
            await asyncio.sleep(0)
            mood = host.moods[next(_turns) % len(host.moods)]
            arrival = world.arrive(name, message.id, message.body)
            if arrival is not None and mood in ("done", "hang up", "die"):
                world.effect(arrival)
            if arrival is not None and mood == "permanent":
                world.refused.add(arrival.key)
            if mood == "die":
                host.dead = True
            host.step(True, sending=True)
        finally:
            self.in_flight.discard(flight)
        if mood == "raise":
            raise RuntimeError("a destination's bug")
        return Answer({"done": "done", "permanent": "permanent"}.get(mood, "retry"), mood)  # type: ignore[arg-type]


class JsonWire(Wire):
    """Like a webhook."""

    format: ClassVar[Format] = "json"


class NostrWire(Wire):
    """Like a relay."""

    format: ClassVar[Format] = "nostr"


_turns = itertools.count()


@contextmanager
def breakable() -> Iterator[None]:
    """Within, hosts break, `json-wire` and `nostr-wire` are schemes, and the host's clock may be wrong."""

    def connect(config: Config) -> Any:
        host = current.get()
        host.step(False)
        return Line(host, database.connect(config))

    add = asyncio.unix_events._UnixSelectorEventLoop.add_signal_handler

    def add_in_main_thread(loop: Any, number: int, *rest: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            add(loop, number, *rest)

    def host_time() -> float:
        host = current.get()
        host.jump *= 1.5
        return _time.time() + host.jump

    _time = clock.time
    wires = {
        name: f"tests.faults.hosts:{kind.__name__}"
        for name, kind in (("json-wire", JsonWire), ("nostr-wire", NostrWire))
    }
    wrong = SimpleNamespace(**{**vars(_time), "time": host_time})
    with (
        mock.patch.object(run_module, "connect", connect),
        mock.patch.object(fire, "connect", connect),
        mock.patch.object(clock, "time", wrong),
        mock.patch.dict(destinations.BUILT_IN, wires),
        mock.patch.object(
            asyncio.unix_events._UnixSelectorEventLoop, "add_signal_handler", add_in_main_thread
        ),
        # What the tasks of a dead host did not live to see.
        mock.patch.object(logging.getLogger("asyncio"), "disabled", True),
    ):
        yield
