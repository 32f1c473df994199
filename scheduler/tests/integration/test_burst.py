"""A burst: more due at once than one claim takes, so that claiming and recording overlap."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import psycopg
import pytest

from hivetalk_scheduler import fire
from hivetalk_scheduler.claims import Claims
from hivetalk_scheduler.database import Connection
from hivetalk_scheduler.delivery import Completion
from hivetalk_scheduler.errors import DatabaseUnavailable
from hivetalk_scheduler.run import run
from hivetalk_scheduler.store import Store
from tests.integration.application import installed_long_ago
from tests.integration.test_run import config, lines

NUMBER = 3000


def burst(owner: psycopg.Connection) -> None:
    installed_long_ago(owner, "journal:")
    owner.execute(
        "INSERT INTO events (name, start_time) SELECT n::text, now() - interval '1 s' FROM generate_series(1, %s) AS n",
        [NUMBER],
    )


def once_each(owner: psycopg.Connection, err: str) -> bool:
    """Whether each was sent once, recorded, and shown to the application."""
    done = owner.execute(
        "SELECT count(*) FILTER (WHERE state = 'delivered' AND attempts = 1 AND claims = 1 AND shown)"
        " FROM hivetalk_scheduler.delivery"
    ).fetchone()
    shown = owner.execute("SELECT count(*) FROM events WHERE status = 'live:sent'").fetchone()
    return done == shown == (NUMBER,) and len(lines(err, "event")) == len(lines(err, "delivered")) == NUMBER


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Connection], None]], list[Connection]]:
    """Do something to each connection that firing opens beside the run's own; the list of them."""

    def arrange(to: Callable[[Connection], None]) -> list[Connection]:
        opened: list[Connection] = []
        connect = fire.connect

        def open_and(*arguments: object) -> Connection:
            opened.append(connect(*arguments))  # type: ignore[arg-type]  # passed on
            to(opened[-1])
            return opened[-1]

        monkeypatch.setattr(fire, "connect", open_and)
        return opened

    return arrange


def test_a_burst_is_recorded_over_a_second_connection(
    url: str,
    owner: psycopg.Connection,
    capfd: pytest.CaptureFixture[str],
    second: Callable[..., list[Connection]],
) -> None:
    opened = second(lambda connection: None)
    burst(owner)
    run(config(url))
    assert once_each(owner, capfd.readouterr().err)
    assert len(opened) == 1 and opened[0].closed


def test_claiming_and_recording_go_on_side_by_side(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = Counter[bool]()
    complete = Claims.complete

    def count(claims: Claims, completions: Sequence[Completion], store: Store | None = None) -> None:
        beside[store is not None] += len(completions)
        complete(claims, completions, store)

    monkeypatch.setattr(Claims, "complete", count)
    burst(owner)
    run(config(url))
    # The first answers may come while nothing is claimed, and the last are few.
    assert beside[True] > 0.7 * NUMBER, beside


def test_no_more_is_claimed_than_is_recorded(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    complete = Claims.complete

    def look(claims: Claims, completions: Sequence[Completion], store: Store | None = None) -> None:
        time.sleep(0.1)  # a database that is slow to record
        held.extend(*owner.execute(
            "SELECT count(*) FROM hivetalk_scheduler.delivery WHERE state = 'pending' AND claimed_by IS NOT NULL"
        ).fetchall())  # fmt: skip
        complete(claims, completions, store)

    monkeypatch.setattr(Claims, "complete", look)
    burst(owner)
    run(config(url, batch_size=200))
    assert 200 < max(held) <= fire.BATCHES * 200


def test_a_few_need_no_second_connection(
    url: str, owner: psycopg.Connection, second: Callable[..., list[Connection]]
) -> None:
    opened = second(lambda connection: None)
    owner.execute(
        "INSERT INTO events (name, start_time) SELECT n::text, now() FROM generate_series(1, 50) AS n"
    )
    run(config(url))
    assert opened == []


def test_no_second_connection_to_be_had_costs_nothing(
    url: str,
    owner: psycopg.Connection,
    capfd: pytest.CaptureFixture[str],
    second: Callable[..., list[Connection]],
) -> None:
    def refuse(connection: Connection) -> None:
        connection.close()
        raise DatabaseUnavailable("database: too many connections for role")

    second(refuse)
    burst(owner)
    run(config(url))
    err = capfd.readouterr().err
    assert once_each(owner, err)
    assert lines(err, "second-connection-lost")


def test_a_second_connection_that_breaks_costs_nothing(
    url: str,
    owner: psycopg.Connection,
    capfd: pytest.CaptureFixture[str],
    second: Callable[..., list[Connection]],
) -> None:
    second(
        lambda connection: owner.execute(
            "SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid]
        )
    )
    burst(owner)
    run(config(url))
    err = capfd.readouterr().err
    assert once_each(owner, err)
    assert lines(err, "second-connection-lost")
