"""It happened, but the caller saw an error: after each commit, and after each send."""

from pathlib import Path
from typing import Any

import psycopg
from aiohttp import web

from tests.faults.counting_relay import NSEC, counting_relay
from tests.faults.effects import Tally, audit, of_webhook
from tests.faults.mortal import mortal_host
from tests.faults.proxy import proxied
from tests.faults.test_kill import EVENTS, settle
from tests.integration.lying_relay import accept
from tests.integration.receiver import Received, Receiver


def unshown(owner: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Events whose status does not say what was sent."""
    return owner.execute(
        "SELECT status, count(*) FROM events WHERE start_time <= now() AND status IS DISTINCT FROM "
        "CASE WHEN end_time <= now() THEN 'ended:sent' ELSE 'live:sent' END GROUP BY 1"
    ).fetchall()


def test_after_each_commit(url: str, owner: psycopg.Connection, journal: Path) -> None:
    """The server has committed; in the place of its answer comes a reset."""
    tally, within = Tally(), 0
    with Receiver() as receiver, proxied(url) as proxy, mortal_host(journal) as host:
        settings = {"destinations": [receiver.url], "hold": False, "concurrency": 1}
        direct, by_proxy = {"database_url": url, **settings}, {"database_url": proxy.url(url), **settings}
        assert host.run(by_proxy).status == 0
        number = 0
        while True:
            number += 1
            proxy.commits = 0
            proxy.cut = lambda commit, chosen=number: commit == chosen
            owner.execute(EVENTS, {"count": 8, "ahead": -0.001})
            ended = host.run(by_proxy)
            tally.runs += 1
            assert ended.status in (0, 69)
            if proxy.commits < number:
                break
            tally.killed += 1
            within += ended.status == 0
            settle(host, owner, direct, tally)
        settle(host, owner, direct, tally)
        audit(owner, tally, of_webhook(receiver), receiver.url)
    print(f"proof: an error after each commit: {tally} mended_within_the_run={within}")
    assert tally.sound()
    assert tally.killed > 10 and within > tally.killed / 2, "a run reconnects by itself"
    assert unshown(owner) == []
    assert "claim-lost" not in journal.read_text(), "what was recorded is told as what it is"


def test_after_each_send(url: str, owner: psycopg.Connection, journal: Path) -> None:
    """The receiver has it; in the place of its answer the connection ends. The same at the second attempt."""
    tally = Tally()
    asked: list[str] = []

    def hang_up(got: Received) -> int:
        asked.append(got.id)
        if asked.count(got.id) < 3:
            raise ConnectionAbortedError
        return 204

    async def abort(ws: web.WebSocketResponse, frame: list[Any]) -> None:
        asked.append(frame[1]["id"])
        if asked.count(frame[1]["id"]) < 3:
            assert ws._req is not None and ws._req.transport is not None
            ws._req.transport.abort()
        else:
            await accept(ws, frame)

    with Receiver(answer=hang_up) as receiver, counting_relay(abort) as relay, mortal_host(journal) as host:
        config = {
            "database_url": url,
            "destinations": [receiver.url, relay.url],
            "secrets": {"nostr_nsec": NSEC},
            "hold": False,
        }
        host.run(config)
        owner.execute(EVENTS, {"count": 100, "ahead": -0.001})
        for _ in range(100):
            settle(host, owner, config, tally)
            pending = owner.execute(
                "SELECT count(*) FROM hivetalk_scheduler.delivery WHERE state = 'pending' AND due_at <= now()"
            ).fetchone()
            if pending == (0,):
                break
        audit(owner, tally, of_webhook(receiver), receiver.url)
        audit(owner, tally, relay.arrivals, relay.url)
    print(f"proof: an error after each send: {tally}")
    assert tally.sound() and tally.repeats >= 2 * tally.effects
