"""Honest and lying relays through whole runs: every honest delivery is made, and each lie costs only its own."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import nostr_sdk
import psycopg
import pytest
from aiohttp import web

from tests.faults.counting_relay import NSEC, counting_relay
from tests.faults.mortal import start
from tests.integration.lying_relay import accept
from tests.integration.test_relay import python_relay

__all__ = ["python_relay"]
COUNT = 25


@pytest.fixture
def local_relay() -> Iterator[str]:
    """nostr-sdk's relay, served by a loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait(awaitable: Awaitable[Any]) -> Any:
        async def waited() -> Any:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(waited(), loop).result(10)

    limit = nostr_sdk.RateLimit(max_reqs=500, notes_per_minute=1_000_000)
    relay = nostr_sdk.LocalRelayBuilder().rate_limit(limit).build()
    wait(relay.run())
    yield str(wait(relay.url()))
    relay.shutdown()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


async def forgets(ws: web.WebSocketResponse, frame: list[Any]) -> None:
    """Accepts, and keeps nothing: no client can tell."""
    await accept(ws, frame)


async def empty_id(ws: web.WebSocketResponse, frame: list[Any]) -> None:
    await ws.send_json(["OK", "", True, ""])


async def duplicate(ws: web.WebSocketResponse, frame: list[Any]) -> None:
    await ws.send_json(["OK", frame[1]["id"], False, "duplicate: have it"])


async def rate_limits(ws: web.WebSocketResponse, frame: list[Any]) -> None:
    await ws.send_json(["OK", frame[1]["id"], False, "rate-limited: slow down"])


async def blocks(ws: web.WebSocketResponse, frame: list[Any]) -> None:
    await ws.send_json(["OK", frame[1]["id"], False, "blocked: you are banned"])


async def never_answers(ws: web.WebSocketResponse, frame: list[Any]) -> None:
    await asyncio.sleep(0)


async def closes_mid_frame(ws: web.WebSocketResponse, frame: list[Any]) -> None:
    assert ws._req is not None and ws._req.transport is not None
    # A text frame that announces 100 bytes and has 7.
    ws._req.transport.write(b'\x81\x64["OK","')
    ws._req.transport.close()


async def sends_10_mib(ws: web.WebSocketResponse, frame: list[Any]) -> None:
    await ws.send_str(json.dumps(["OK", frame[1]["id"], True, "x" * 10 * 1024 * 1024]))


async def answers_nonsense(ws: web.WebSocketResponse, frame: list[Any]) -> None:
    for text in ("", "{", "[]", '["OK"]', '["OK", 1, 2, 3]', "null", '["OK", {}, true, []]'):
        await ws.send_str(text)


LIES: dict[Callable[[web.WebSocketResponse, list[Any]], Awaitable[None]], str] = {
    forgets: "delivered",
    duplicate: "delivered",
    blocks: "dead",
    rate_limits: "pending",
    empty_id: "pending",
    never_answers: "pending",
    closes_mid_frame: "pending",
    sends_10_mib: "pending",
    answers_nonsense: "pending",
}
"""What the liar does, and the state of what was to be delivered there."""


async def stored(url: str) -> list[dict[str, Any]]:
    """What a relay gives to anyone who asks."""
    found = []
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as reader:
        await reader.send_json(["REQ", "all", {"kinds": [30311], "limit": 500}])
        async with asyncio.timeout(10):
            while (frame := await reader.receive_json())[0] != "EOSE":
                if frame[0] == "EVENT":
                    found.append(frame[2])
    return found


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_liar_costs_only_its_own_deliveries(
    url: str,
    owner: psycopg.Connection,
    journal: Path,
    local_relay: str,
    python_relay: str,
    lie: Callable[[web.WebSocketResponse, list[Any]], Awaitable[None]],
) -> None:
    with counting_relay(lie) as liar:
        config = {
            "database_url": url,
            "destinations": [local_relay, python_relay, liar.url],
            "secrets": {"nostr_nsec": NSEC},
            "hold": False,
            "delivery_timeout": 1,
        }
        owner.execute(
            "INSERT INTO events (name, identifier, start_time) "
            "SELECT n::text, %s || n, now() FROM generate_series(1, %s) AS n",
            [f"{lie.__name__} ", COUNT],
        )
        assert start(journal, config).wait(60) == 0
    rows = owner.execute(
        "SELECT destination, state, count(*) FROM hivetalk_scheduler.delivery "
        "WHERE transition = 'live' GROUP BY 1, 2"
    ).fetchall()
    found = {(destination, state): count for destination, state, count in rows}
    assert found == {
        (local_relay.rstrip("/"), "delivered"): COUNT,
        (python_relay, "delivered"): COUNT,
        (liar.url, LIES[lie]): COUNT,
    }
    overdue = owner.execute(
        "SELECT count(*) FROM hivetalk_scheduler.delivery WHERE state = 'pending' AND next_at IS NULL"
    ).fetchone()
    assert overdue == (0,)
    for relay in (local_relay, python_relay):
        mine = [event for event in asyncio.run(stored(relay)) if f"{lie.__name__} " in str(event["tags"])]
        assert len(mine) == COUNT
        assert all(nostr_sdk.Event.from_json(json.dumps(event)).verify() for event in mine)
    print(
        f"proof: a relay that {lie.__name__}: honest={2 * COUNT} of {2 * COUNT}, "
        f"liar's {COUNT} {LIES[lie]}, sent to it {len(liar.arrivals)}"
    )
    assert "Traceback" not in journal.read_text()
