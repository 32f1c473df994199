"""The hand-over from a run to the next."""

import psycopg
import pytest

from hivetalk_scheduler import fire, window
from hivetalk_scheduler.run import run
from tests.integration.host import config
from tests.integration.receiver import Receiver


def at_steps(owner: psycopg.Connection, first: float, step: float, number: int) -> list[int]:
    """So many events, each `step` seconds after the one before; when they are due, in microseconds since the epoch."""
    rows = owner.execute(
        "INSERT INTO events (name, start_time) SELECT n::text, clock_timestamp() + make_interval(secs => %s + n * %s)"
        " FROM generate_series(0, %s - 1) AS n RETURNING (extract(epoch FROM start_time) * 1000000)::bigint",
        [first, step, number],
    ).fetchall()
    return sorted(at for (at,) in rows)


def test_what_would_fall_into_the_hand_over_is_fired_before_it(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, last = at_steps(owner, 0.8, 0.4, 2)
    monkeypatch.setattr(window, "hold_end", lambda *_: last - 200_000)
    with Receiver() as receiver:
        run(config(url, receiver, hold=True))
    assert [name for name, _ in receiver.whats] == ["0", "1"]


def test_the_hand_over_is_not_put_off_for_ever(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_, last = at_steps(owner, 1.0, 0.1, 40)
    monkeypatch.setattr(window, "hold_end", lambda *_: first)
    monkeypatch.setattr(fire, "GAP", 1.0)
    with Receiver() as receiver:
        run(config(url, receiver, hold=True))
    sent = len(receiver.whats)
    assert 5 < sent < 30
    ((now,),) = owner.execute("SELECT extract(epoch FROM clock_timestamp()) * 1000000").fetchall()
    assert now < last
