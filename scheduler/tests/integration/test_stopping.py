"""Runs that are stopped, or killed: nothing is lost, and nothing is sent twice under two ids."""

import os
import signal
import time
from pathlib import Path

import psycopg

from hivetalk_scheduler.run import run
from tests.integration.application import add_event, states
from tests.integration.host import config, start, tick
from tests.integration.receiver import Receiver


def test_sigterm_while_holding_ends_cleanly_and_loses_nothing(
    url: str, owner: psycopg.Connection, tmp_path: Path
) -> None:
    add_event(owner, 15, 60)
    with Receiver() as receiver:
        host = start(tmp_path, url, receiver)
        assert host.stderr is not None
        assert any("holds_until=" in line for line in host.stderr)
        # It still has to import what fires.
        time.sleep(2)
        host.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert host.wait(10) == 0 and time.monotonic() - began < 2
        assert receiver.received == []
        tick(url, receiver, 1)
    assert len(receiver.received) == 1


def test_sigterm_hands_back_what_is_not_sent_and_finishes_what_is_in_flight(
    url: str, owner: psycopg.Connection, tmp_path: Path
) -> None:
    for number in range(40):
        add_event(owner, -1, 60, name=str(number))
    with Receiver(delay=1) as receiver:
        host = start(tmp_path, url, receiver, concurrency=4)
        while len(receiver.received) < 4:
            time.sleep(0.05)
        host.send_signal(signal.SIGTERM)
        assert host.wait(10) == 0
        first = len(receiver.received)
        assert first < 40
        receiver.delay = 0
        run(config(url, receiver))
    assert sorted(receiver.whats) == sorted((str(n), "live") for n in range(40))


def test_sigkill_after_the_claim_loses_nothing_and_repeats_the_id(
    url: str, owner: psycopg.Connection, tmp_path: Path
) -> None:
    add_event(owner, -1, 60)
    with Receiver(delay=2) as receiver:
        host = start(tmp_path, url, receiver)
        while not receiver.received:
            time.sleep(0.05)
        os.kill(host.pid, signal.SIGKILL)
        host.wait()
        receiver.delay = 0
        run(config(url, receiver))
        assert len(receiver.received) == 1, "the lease keeps others away"
        owner.execute(
            "UPDATE hivetalk_scheduler.delivery SET next_at = now() WHERE state = 'pending' AND claims > 0"
        )
        run(config(url, receiver))
    assert len({received.id for received in receiver.received}) == 1
    assert receiver.received[0].body == receiver.received[1].body
    assert states(owner)["A meeting", "live"] == "delivered"
