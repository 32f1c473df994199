"""What a run costs does not grow with history: by the rows that PostgreSQL touches, not by time."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from hivetalk_scheduler import sql
from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.database import connect
from hivetalk_scheduler.store import Store, Wanted
from tests.integration.application import installed_long_ago

SHOWN = ("health", "own_run", "counted")
"""What a run asks for its metrics, of the operator's statements."""


def old(owner: psycopg.Connection) -> str:
    """Write 20,000 events that are over; returns their times as SQL."""
    past = "generate_series(1, 20000) AS n, LATERAL (SELECT now() - interval '2 day' - n * interval '1 min' AS t) AS x"
    owner.execute(
        "INSERT INTO hivetalk_scheduler.delivery "
        "(event_id, test, transition, due_at, destination, next_at, state, completed_at) "
        f"SELECT n::text, false, 'live', t, 'journal:', t, 'delivered', t FROM {past}"
    )
    owner.execute(f"INSERT INTO events (name, start_time, end_time) SELECT 'old', t, t FROM {past}")
    return past


def test_what_a_run_looks_at_does_not_grow_with_history(url: str, owner: psycopg.Connection) -> None:
    """No statement of an idle run reads more of the tables because they are old: EXPLAIN shows the rows."""
    past = old(owner)
    owner.execute(
        "INSERT INTO hivetalk_scheduler.payload SELECT event_id, test, transition, due_at, 0, 'json', event_id, 1, '' "
        "FROM hivetalk_scheduler.delivery"
    )
    owner.execute(
        f"INSERT INTO hivetalk_scheduler.run SELECT n::text, 'host', '1', t, t, t, t, '0' FROM {past}"
    )
    owner.execute(f"INSERT INTO hivetalk_scheduler.test_event SELECT n::text, 'old', t, t FROM {past}")
    owner.execute("ANALYZE")
    installed_long_ago(owner, "journal:")
    store = Store(connect(Config(database_url=url)), Clock())
    texts = sql.statements("queries")
    now = datetime.now(UTC)
    parameters = parameters_of_all(now)
    texts |= {name: text for name, text in sql.statements("console").items() if name in SHOWN}
    for name in (
        *SHOWN,
        "look",
        "catch",
        "sweep",
        "refresh",
        "ahead",
        "claim",
        "complete",
        "unshown",
        "prune",
    ):
        # The sweep is the one that goes into the history; a limit bounds how far.
        history = {"lower": now - timedelta(days=10), "limit": 500} if name == "sweep" else {}
        touched = touched_by(store, texts[name], {**parameters, **history})
        assert touched < 1000, f"{name} looks at {touched} rows"


def test_a_catch_never_joins_by_reading_the_history(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten million rows, a day is less than a step of the planner's statistics: it expects many of them, and to
    read all of the history looks cheaper than to look up each."""
    old(owner)
    owner.execute("ANALYZE")
    installed_long_ago(owner, "journal:")
    store = Store(connect(Config(database_url=url)), Clock())
    store.connection.execute("SET random_page_cost = 10000")  # so does that
    plans: list[str] = []
    execute = store._all

    def explained(name: str, /, kind: Any = None, **parameters: Any) -> list[Any]:
        if name in ("catch", "wanted"):
            rows = store.connection.execute(f"EXPLAIN {store._sql[name]}", parameters).fetchall()
            plans.append("\n".join(row["QUERY PLAN"] for row in rows))
        return execute(name, kind, **parameters)

    monkeypatch.setattr(store, "_all", explained)
    now = round(datetime.now(UTC).timestamp() * 1_000_000)
    bounds, wanted = (now - 86_400_000_000, now), Wanted(["journal:"], True, 1000, 0, store.canary)
    with store.transaction():
        store.wanted(bounds, now, wanted)
    with store.transaction():
        store.catch(bounds, now, wanted)
    assert len(plans) == 2
    for plan in plans:
        assert "Nested Loop Left Join" in plan
        assert not re.search(r"Hash \w+ Join|Hash Join|Merge|Seq Scan on (delivery|events)", plan), plan


BURST = 5000


def test_statistics_from_before_a_burst_cost_nothing(url: str, owner: psycopg.Connection) -> None:
    """By them nothing is completed, and an index of it looks as if it held next to nothing."""
    owner.execute(
        "INSERT INTO events (name, start_time, end_time) SELECT 'm', t, t + interval '1 h' "
        f"FROM generate_series(1, {BURST}), (SELECT now() - interval '1 min' AS t) AS x"
    )
    owner.execute(
        "INSERT INTO hivetalk_scheduler.delivery (event_id, test, transition, due_at, destination, next_at, state) "
        "SELECT id::text, false, 'live', start_time, 'journal:', start_time, 'pending' FROM events"
    )
    installed_long_ago(owner, "journal:")
    owner.execute("ALTER TABLE hivetalk_scheduler.delivery SET (autovacuum_enabled = false)")
    owner.execute("VACUUM ANALYZE")
    owner.execute(
        "UPDATE hivetalk_scheduler.delivery SET state = 'delivered', fired_at = due_at, "
        "completed_at = clock_timestamp()"
    )
    store = Store(connect(Config(database_url=url)), Clock())
    touched = touched_by(store, sql.statements("queries")["catch"], parameters_of_all(datetime.now(UTC)))
    assert BURST <= touched < 20 * BURST, f"a catch looks at {touched} rows"


def touched_by(store: Store, text: str, parameters: dict[str, Any]) -> int:
    """The rows that one node of the statement's plan read at most."""
    with store.transaction():
        (row,) = store.connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", parameters).fetchall()
    return max(rows_touched(row["QUERY PLAN"][0]["Plan"]))


def parameters_of_all(now: datetime) -> dict[str, Any]:
    """What every statement may ask for, of a run at `now`."""
    window = {"lower": now - timedelta(days=1), "upper": now + timedelta(minutes=2), "now": now}
    return {
        **window,
        "names": ["journal:"],
        "room_relays": True,
        "limit": 1000,
        "lead": 0,
        "canary": "canary:here/1.0",
        "first": False,
        "running": False,
        "every": 1800,
        "until": now,
        "busy": [],
        "run": "r",
        "lease": 50,
        "retention": 30 * 86_400,
        "ids": list(range(1, 501)),
        "event_ids": [],
        "claims": [1] * 500,
        "states": ["delivered"] * 500,
        "attempted": [1] * 500,
        "fired_ats": [round(now.timestamp() * 1e6)] * 500,
        "answers": [""] * 500,
        "delays": [None] * 500,
        "shown": [1] * 500,
        "kinds": ["journal"] * 500,
        "bounds": [5000, 10_000],
        "by": "host/hivetalk-scheduler",
        "host": "host",
        "n": 1,
        "run_up": 0.02,
        "leased": False,
    }


def rows_touched(plan: dict[str, Any]) -> Iterator[int]:
    """For each node of a plan, the rows that it read, those included that a filter removed."""
    removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
    yield int((plan["Actual Rows"] + removed) * plan["Actual Loops"])
    for child in plan.get("Plans", []):
        yield from rows_touched(child)
