"""Hosts that meet over one row, host by host and step by step: what the histories of the model do by chance."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from hivetalk_scheduler import catch
from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.database import connect
from hivetalk_scheduler.store import Store, Wanted
from tests.faults.hosts import Fault, Host, breakable
from tests.faults.judgement import rows
from tests.faults.world import World

WIRE, LABEL = "json-wire://one/", "json-wire://one"


@pytest.fixture
def world(owner: psycopg.Connection, url: str) -> Iterator[World]:
    """A world in which the scheduler has been installed for a while."""
    with breakable():
        world = World(owner)
        world.installed = world.now()
        Host(world).run(url, WIRE)
        world.elapse(600)
        yield world


def states(world: World) -> list[tuple[str, str]]:
    """(transition, state) of every delivery."""
    return sorted((transition, row.state) for (_, _, transition, _), row in rows(world).items())


def test_a_host_that_wakes_after_its_lease_overwrites_nothing(url: str, world: World) -> None:
    """It froze within a send; another one has delivered meanwhile; what it says now does not count."""
    world.insert(-1, None)
    host = Host(world, Fault("frozen", at=1), moods=["retry"])
    host.run(url, WIRE)
    assert host.hit and host.completed
    assert len(world.arrivals) == 2 and len({arrival.id for arrival in world.arrivals}) == 1
    assert states(world) == [("live", "delivered")]
    world.check()


def test_an_end_waits_while_a_live_may_still_be_on_its_way(url: str, world: World) -> None:
    """Its host died within the send: until the lease is over, nobody knows whether it arrives after the end."""
    meeting = world.insert(-1, 600)
    host = Host(world, moods=["die"])
    host.run(url, WIRE)
    assert host.dead
    world.move(meeting, None, -0.5, "end")
    Host(world).run(url, WIRE)
    assert [arrival.key[2] for arrival in world.arrivals] == ["live"]
    world.elapse(60)
    Host(world).run(url, WIRE)
    assert [arrival.key[2] for arrival in world.arrivals] == ["live", "ended"]
    world.check()


def test_an_end_waits_while_a_live_is_due_and_not_judged(url: str, world: World) -> None:
    """Judged at the very moment of the end, a host's clock off by a millisecond, both would go out at once."""
    world.insert(30, 10)
    Host(world).run(url, WIRE)
    world.elapse(60)
    store = Store(connect(Config(database_url=url)), Clock())
    with store.transaction():
        assert [delivery.transition for delivery in store.claim("a run", 30, 10)] == ["live"]
    store.connection.close()


@pytest.mark.parametrize("jump", [7200.0, -7200.0, 90_000.0])
def test_a_wrong_clock_of_the_host_changes_nothing(url: str, world: World, jump: float) -> None:
    world.insert(-1, 600)
    world.insert(5, 600)
    Host(world, jump=jump).run(url, WIRE)
    assert states(world) == [("live", "delivered"), ("live", "pending")]
    world.elapse(5)
    Host(world, jump=jump).run(url, WIRE)
    assert states(world) == [("live", "delivered")] * 2
    world.check()


def test_a_catch_that_was_cut_short_goes_on_where_it_was(
    url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch, "LIMIT", 2)
    for number in range(5):
        world.insert(100 + number, 60)
    world.elapse(4 * 86_400)
    for _ in range(4):
        Host(world).run(url, WIRE)
    assert states(world) == [("ended", "expired")] * 5


def test_what_was_written_late_and_met_an_outage_is_on_record(url: str, world: World) -> None:
    """Nobody could announce it in time, and somebody must be able to see that."""
    world.elapse(7200)
    Host(world).run(url, WIRE)
    world.insert(-3600, None)
    world.insert(-3600, 60)
    world.elapse(8 * 86_400)
    Host(world).run(url, WIRE)
    assert states(world) == [("ended", "expired"), ("live", "expired")]


def stores(url: str) -> tuple[Store, Store]:
    """Two hosts' stores."""
    config = Config(database_url=url)
    one, two = (Store(connect(config), Clock()) for _ in range(2))
    return one, two


def test_two_catches_at_once_write_one_row(url: str, world: World, owner: psycopg.Connection) -> None:
    Host(world).run(url, WIRE)
    world.insert(1, None)
    one, two = stores(url)
    now = one.look([LABEL]).now
    wanted = ((now - 60_000_000, now + 60_000_000), now, Wanted([LABEL], False, 10, 0.0, one.canary))
    found: list[int] = []

    def second() -> None:
        with two.transaction():
            found.append(two.catch(*wanted))

    with one.transaction():
        assert one.catch(*wanted) == 1
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
    thread.join()
    assert found == [0]
    assert owner.execute("SELECT count(*) FROM hivetalk_scheduler.delivery").fetchone() == (1,)
    one.connection.close()
    two.connection.close()


def test_two_claims_at_once_take_different_rows(url: str, world: World) -> None:
    one, two = stores(url)
    world.insert(30, None)
    world.insert(31, None)
    Host(world).run(url, WIRE)
    world.elapse(40)
    with one.transaction(), two.transaction():
        first = one.claim("one", 30, 1)
        second = two.claim("two", 30, 2)
    assert len(first) == len(second) == 1 and first[0].id != second[0].id
    one.connection.close()
    two.connection.close()
