"""A host of the tests: forks a run for each command, wraps its seams, and kills it where it is told to.

It reads one JSON object a line: {"config": {...}, "kill_at": the number of a boundary, "kill_on": the name of one,
"kill_after": seconds, "freeze_on": the name of a boundary at which it is stopped, until there is another line}; it
answers with one: the exit status of the run (negative: the signal) and the boundaries that it passed. Everything heavy
is imported before the fork, so that a run costs no cold start.
"""

import asyncio
import functools
import inspect
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import psycopg

from hivetalk_scheduler import announcement, catch, claims, fire, lane, log, nostr, run, store
from hivetalk_scheduler.config import Config, Secrets
from hivetalk_scheduler.destinations import relay, webhook
from hivetalk_scheduler.errors import SchedulerError

SEAMS: dict[Any, tuple[str, ...]] = {
    run: ("connect", "_fire"),
    store.Store: ("_all", "transaction"),
    psycopg.Connection: ("execute", "close"),  # of execute only what Store._all does not send: BEGIN, COMMIT
    catch.Catcher: ("catch",),
    claims.Claims: ("take", "build_ahead", "complete", "record_news", "_judged", "_after"),
    announcement.Announcements: ("build",),
    nostr: ("sign",),
    fire.Firing: ("_take", "_prepare", "_query", "_recatch", "_report", "_look_after_lanes", "fire"),
    lane.Lane: ("put", "_work", "_learn", "hand_back", "stop"),
    webhook.Webhook: ("open", "send", "close"),
    relay.Relay: ("open", "send", "close"),
    aiohttp.ClientRequest: ("send",),
    aiohttp.ClientResponse: ("start",),
    aiohttp.ClientWebSocketResponse: ("send_str", "receive"),
}
"""What is wrapped: a boundary lies before and after each call. `execute` includes BEGIN and COMMIT; the effect of a
send lies between `ClientRequest.send` and `ClientResponse.start`, or around `send_str`."""


FROZEN = "frozen"


class Boundaries:
    """Counts the boundaries of one run, tells them to the parent, and ends the run at the chosen one."""

    def __init__(self) -> None:
        self.passed = 0
        self.kill_at = 0
        self.kill_on = self.freeze_on = ""
        self.pipe = -1
        self._lock = threading.Lock()

    def __call__(self, label: str | None) -> None:
        if label is None:
            return
        with self._lock:
            self.passed += 1
            os.write(self.pipe, f"{label}\n".encode())
            if self.passed == self.kill_at or label == self.kill_on:
                os.kill(os.getpid(), signal.SIGKILL)
            if label == self.freeze_on:
                self.freeze_on = ""
                os.write(self.pipe, f"{FROZEN}\n".encode())
                os.kill(os.getpid(), signal.SIGSTOP)


boundary = Boundaries()


def label(moment: str, name: str, arguments: tuple[Any, ...]) -> str | None:
    """The boundary's name, with the statement's where it has one; None where it is counted elsewhere."""
    if name.endswith("._all"):
        return f"{moment} {name} {arguments[1]}"
    if name.endswith(".execute"):
        word = str(arguments[1]).split(None, 1)[0].rstrip(";")
        return f"{moment} {name} {word}" if word in ("BEGIN", "COMMIT", "ROLLBACK") else None
    return f"{moment} {name}"


def wrapped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """`call` with a boundary before and after it."""
    if inspect.iscoroutinefunction(call):

        @functools.wraps(call)
        async def asynchronous(*arguments: Any, **named: Any) -> Any:
            boundary(label("before", name, arguments))
            result = await call(*arguments, **named)
            boundary(label("after", name, arguments))
            return result

        return asynchronous

    @functools.wraps(call)
    def synchronous(*arguments: Any, **named: Any) -> Any:
        boundary(label("before", name, arguments))
        result = call(*arguments, **named)
        boundary(label("after", name, arguments))
        return result

    return synchronous


def wrap_seams() -> None:
    """Wrap them all; a seam that is no longer there fails, so that none is lost unnoticed."""
    for place, names in SEAMS.items():
        for name in names:
            setattr(place, name, wrapped(f"{place.__name__.rpartition('.')[2]}.{name}", getattr(place, name)))


def configured(given: dict[str, Any]) -> Config:
    """The configuration of a command."""
    secrets = Secrets(**given.pop("secrets", {}))
    return Config(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}, secrets=secrets)


def child(command: dict[str, Any], pipe: int) -> None:
    """One run; never returns."""
    boundary.pipe, boundary.kill_at = pipe, command["kill_at"]
    boundary.kill_on, boundary.freeze_on = command["kill_on"], command["freeze_on"]
    status = 70
    try:
        run.run(configured(command["config"]))
        status = 0
    except SchedulerError as error:
        log.error("run-failed", error=str(error))
        status = error.status
    finally:
        os._exit(status)


def perform(command: dict[str, Any]) -> dict[str, Any]:
    """Fork the run, wait for it, and kill it after `kill_after` seconds."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        child(command, write)
    os.close(write)
    after = command["kill_after"]
    kill_time = None if after is None else time.monotonic() + after
    told = b""
    while True:
        wait = None if kill_time is None else max(0.0, kill_time - time.monotonic())
        if not select.select([read], [], [], wait)[0]:
            os.kill(pid, signal.SIGKILL)
            kill_time = None
        elif chunk := os.read(read, 65_536):
            told += chunk
            if f"{FROZEN}\n".encode() in chunk:
                os.waitpid(pid, os.WUNTRACED)
                # The next line, whatever it says, wakes it.
                print(json.dumps(FROZEN), flush=True)
                sys.stdin.readline()
                os.kill(pid, signal.SIGCONT)
        else:
            break
    os.close(read)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return {"status": status, "boundaries": told.decode().split("\n")[:-1]}


def main() -> None:
    """Serve commands until the input ends."""
    asyncio.new_event_loop().close()
    wrap_seams()
    for line in sys.stdin:
        print(json.dumps(perform(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
