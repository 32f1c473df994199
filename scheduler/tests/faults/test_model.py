"""Proof 1: histories of meetings, hosts and faults, each judged by a model that shares nothing with the scheduler.

The application inserts, moves, renames, cancels, deletes and restores meetings, also in transactions that take long;
hosts run, and die, lose the database, freeze, or are stopped at any step; receivers refuse, hang up after the effect,
or answer nothing; the host's clock is wrong; hours or weeks pass. HIVETALK_SEED repeats the histories of one seed.
"""

import itertools
import os
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hivetalk_scheduler.config import Secrets
from hivetalk_scheduler.destinations import label
from tests.faults.hosts import Fault, Host, breakable
from tests.faults.http_receiver import HttpReceiver
from tests.faults.judgement import check_announced, check_last_word, check_order, check_recorded
from tests.faults.world import Meeting, World

SEED = int(os.environ.get("HIVETALK_SEED", "20261123"))
HISTORIES = int(os.environ.get("HIVETALK_HISTORIES", "40"))
NAMES = ("json-wire://one/", "nostr-wire://two/")
SECRETS = Secrets(nostr_nsec="1".rjust(64, "0"))

STARTS = st.sampled_from([-90_000, -7200, -100, -3, -2, -1, 0, 20, 90, 130, 3600, 90_000]) | st.integers(
    -300, 300
)
LASTS = st.sampled_from([None, None, -60, 0, 1, 30, 3600, 90_000]) | st.integers(1, 300)
PASSES = st.sampled_from([1, 20, 60, 61, 300, 3600, 7200, 43_200, 90_000, 8 * 86_400, 21 * 86_400])
FAULTS = st.builds(
    Fault,
    st.sampled_from(["crash", "crash", "crash", "crash", "lost", "nested", "frozen", "stop"]),
    st.integers(1, 25),
    st.booleans(),
)
MOODS = st.lists(
    st.sampled_from(["done", "done", "retry", "hang up", "permanent", "raise"]), min_size=1, max_size=5
)


class Histories(RuleBasedStateMachine):
    """One history."""

    owner: psycopg.Connection
    url: str
    figures: Counter[str]
    names: tuple[str, ...] = NAMES
    receiver: HttpReceiver | None = None
    meetings = Bundle("meetings")

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.owner)
        self.labels = tuple(map(label, self.names))
        if self.receiver:
            self.receiver.world = self.world
        self.slow: list[tuple[psycopg.Connection, Meeting, int]] = []

    def _host(self, size: int = 500, **options: Any) -> Host:
        return Host(self.world, settings={"batch_size": size, "secrets": SECRETS}, **options)

    def _run(self, **options: Any) -> Host:
        host, before = self._host(**options), len(self.world.arrivals)
        self.world.changing = host.fault.kind in ("nested", "frozen")
        if self.receiver:
            self.receiver.moods = itertools.cycle(host.moods)
        host.run(self.url, *self.names)
        if self.receiver:
            self.receiver.settle(host.dead)
        self.world.changing = False
        self.figures["runs"] += 1
        if host.fault.kind == "none" and set(host.moods) == {"done"}:
            self.world.settled |= {arrival.key for arrival in self.world.arrivals[before:]}
        if host.hit:
            self.figures[f"fault_{host.fault.kind}"] += 1
        self.world.check()
        return host

    @initialize(history=st.lists(st.tuples(STARTS, LASTS), max_size=3))
    def install(self, history: list[tuple[int, int | None]]) -> None:
        for start, lasts in history:
            self.world.insert(start, lasts)
        self.world.installed = self.world.now()
        self._run()

    @rule(target=meetings, start=STARTS, lasts=LASTS)
    def insert(self, start: int, lasts: int | None) -> Meeting:
        return self.world.insert(start, lasts)

    @rule(start=STARTS, lasts=LASTS)
    @precondition(lambda self: len(self.slow) < 2)
    def insert_slowly(self, start: int, lasts: int | None) -> None:
        """In a transaction that commits later, maybe long after the time has come."""
        connection = psycopg.connect(self.owner.info.dsn)
        self.slow.append((connection, self.world.insert(start, lasts, connection), self.world.elapsed))

    @rule(target=meetings)
    @precondition(lambda self: bool(self.slow))
    def commit(self) -> Meeting:
        connection, meeting, elapsed = self.slow.pop()
        # The shifts since then could not see the row.
        passed = [(self.world.elapsed - elapsed) // 1_000_000, meeting.id]
        connection.execute(
            "UPDATE events SET start_time = start_time - t, end_time = end_time - t "
            "FROM make_interval(secs => %s) AS t WHERE id = %s",
            passed,
        )
        connection.commit()
        connection.close()
        meeting.changed = self.world.now()
        self.world.meetings[meeting.id] = meeting
        return meeting

    @rule(
        meeting=meetings, start=STARTS, end=STARTS | st.none(), what=st.sampled_from(["start", "end", "both"])
    )
    def move(self, meeting: Meeting, start: int, end: int | None, what: str) -> None:
        if not meeting.deleted:
            self.world.move(meeting, start, end, what)

    @rule(meeting=meetings)
    def move_back(self, meeting: Meeting) -> None:
        if not meeting.deleted and meeting.before:
            self.world.move_back(meeting)

    @rule(meeting=meetings, name=st.sampled_from(["renamed", "again"]))
    def rename(self, meeting: Meeting, name: str) -> None:
        if not meeting.deleted:
            self.world.set(meeting, "name", name)

    @rule(meeting=meetings)
    def cancel_or_restore(self, meeting: Meeting) -> None:
        if not meeting.deleted:
            meeting.cancelled = not meeting.cancelled
            self.world.set(meeting, "status", "cancelled" if meeting.cancelled else "planned")

    @rule(start=STARTS, lasts=LASTS)
    def withdraw_and_restore(self, start: int, lasts: int | None) -> None:
        """A run sees it cancelled."""
        meeting = self.world.insert(start, lasts)
        self._run()
        self.cancel_or_restore(meeting)
        self.world.elapse(max(start, 0) + 1)
        self._run()
        self.cancel_or_restore(meeting)

    @rule(meeting=meetings)
    def delete(self, meeting: Meeting) -> None:
        if not meeting.deleted:
            self.world.delete(meeting)

    @rule(seconds=PASSES)
    def time_passes(self, seconds: int) -> None:
        self.world.elapse(seconds)

    @rule(written=st.lists(st.tuples(STARTS, LASTS), max_size=3), seconds=PASSES, more=PASSES)
    def outage(self, written: list[tuple[int, int | None]], seconds: int, more: int) -> None:
        """No host runs, and the application goes on writing."""
        self.world.elapse(seconds)
        for start, lasts in written:
            self.world.insert(start, lasts)
        self.world.elapse(more)

    @rule(jump=st.sampled_from([0.0, 0.0, 3600.0, -3600.0, 90_000.0]))
    def host_runs(self, jump: float) -> None:
        began = self.world.now()
        self._run(jump=jump)
        check_announced(self.world, began, self.labels, excuses=True)
        self.world.check()

    @rule(
        fault=FAULTS,
        size=st.sampled_from([1, 2, 500]),
        jump=st.sampled_from([0.0, 7200.0, -7200.0]),
        due=st.lists(LASTS, max_size=3),
    )
    def host_breaks(self, fault: Fault, size: int, jump: float, due: list[int | None]) -> None:
        """With meetings that have just begun, so that there is something to break."""
        for lasts in due:
            self.world.insert(-1, lasts)
        self._run(fault=fault, size=size, jump=jump)

    @rule(size=st.sampled_from([1, 2, 500]), due=st.lists(LASTS, min_size=1, max_size=5))
    def two_hosts_run(self, size: int, due: list[int | None]) -> None:
        """At the same time; each delivery is sent by one of them."""
        for lasts in due:
            self.world.insert(-1, lasts)
        before = len(self.world.arrivals)
        with ThreadPoolExecutor(1) as other:
            second = other.submit(Context().run, self._host(size).run, self.url, *self.names)
            self._run(size=size)
            second.result()
        keys = Counter(arrival.key for arrival in self.world.arrivals[before:])
        self.world.wrong += [f"{key} is sent {n} times by two hosts" for key, n in keys.items() if n > 1]
        self.figures["runs"] += 1
        self.figures["two_at_once"] += 1
        self.world.check()

    @rule(moods=MOODS, fault=FAULTS, broken=st.booleans())
    def receivers_misbehave(self, moods: list[str], fault: Fault, broken: bool) -> None:
        self._run(moods=moods, fault=fault if broken else Fault())

    def teardown(self) -> None:
        """All faults end; what is left comes due; then everything must be as promised."""
        try:
            while self.slow:
                self.commit()
            for _ in range(4):
                self.world.elapse(901)  # the longest wait of all: a retry's
                began = self.world.now()
                self._run()
            self.figures["announcements"] += check_announced(self.world, began, self.labels, excuses=False)
            check_recorded(self.world, began, self.labels)
            check_last_word(self.world, began, self.labels)
            if self.names == NAMES:
                check_order(self.world, self.labels[-1])
            self.world.check()
        finally:
            for connection, _, _ in self.slow:
                connection.close()
            self.figures["histories"] += 1
            self.figures["meetings"] += len(self.world.meetings)
            self.figures["arrivals"] += len(self.world.arrivals)
            self.figures["effects"] += sum(map(len, self.world.effects.values()))
            self.figures["days"] += self.world.elapsed // 86_400_000_000


def prove(owner: psycopg.Connection, url: str, histories: int, **attributes: Any) -> Counter[str]:
    """Play so many histories; returns the figures."""
    words = ("histories", "runs", "meetings", "announcements", "arrivals", "effects", "days")
    figures = Counter(dict.fromkeys(words, 0))
    machine = type("Machine", (Histories,), {"owner": owner, "url": url, "figures": figures, **attributes})
    # Not shrunk unless asked for: time goes on in between, so a shorter history need not fail the same way.
    phases = (Phase.generate, Phase.shrink) if "HIVETALK_SHRINK" in os.environ else (Phase.generate,)
    limits = settings(
        max_examples=histories, stateful_step_count=30, deadline=None, database=None, phases=phases,
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    try:
        with breakable():
            run_state_machine_as_test(seed(SEED)(machine), settings=limits)
    except Exception:
        # In words, with the history: the frames themselves are many, and tell nothing.
        pytest.fail(traceback.format_exc(), pytrace=False)
    return figures


def tell(name: str, figures: Counter[str]) -> None:
    """What stands in docs/reliability.md; a history with anything lost, doubled or early has failed before."""
    said = " ".join(f"{word}={n}" for word, n in figures.items())
    print(f"\nproof: {name} seed={SEED} {said} lost=0 doubled=0 early=0")


def test_every_history_keeps_the_promises(owner: psycopg.Connection, url: str) -> None:
    figures = prove(owner, url, HISTORIES)
    tell("model", figures)


def test_every_history_keeps_the_promises_over_http(owner: psycopg.Connection, url: str) -> None:
    with HttpReceiver() as receiver:
        figures = prove(owner, url, max(HISTORIES // 4, 1), names=(receiver.url,), receiver=receiver)
    tell("model-http", figures)
