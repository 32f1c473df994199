"""A database that is restored from a backup: what was done since is no longer known, and what is due since is done."""

import subprocess
from pathlib import Path

import psycopg

from hivetalk_scheduler.run import run
from tests.faults.hosts import Host, breakable
from tests.faults.world import World
from tests.integration.application import add_event, installed_long_ago
from tests.integration.conftest import BINARIES
from tests.integration.host import config
from tests.integration.receiver import Receiver

WIRE, HOUR = "json-wire://one/", 3600


def by_postgresql(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs."""
    subprocess.run([BINARIES[-1] / program, *arguments], check=True, capture_output=True)


def test_a_database_restored_from_yesterday_misses_nothing_since(
    server: str, database: str, url: str, owner: psycopg.Connection, tmp_path: Path
) -> None:
    """What is due since goes out, as the truth of now; what the backup knows of does not go out again."""
    backup, itself = f"{tmp_path}/backup", server.format(database)
    with breakable():
        world = World(owner)
        world.installed = world.now()
        Host(world).run(url, WIRE)
        world.elapse(600)
        world.insert(-1, 60)
        world.insert(-1, 48 * HOUR)
        Host(world).run(url, WIRE)
        world.elapse(61)
        Host(world).run(url, WIRE)
        over, running = world.insert(5 * HOUR, 60), world.insert(6 * HOUR, 48 * HOUR)
        by_postgresql("pg_dump", "--format=custom", "--file", backup, itself)
        lost = world.insert(-1, None)
        for _ in range(23):
            world.elapse(HOUR)
            Host(world).run(url, WIRE)
        before = len(world.arrivals)
        world.check()
        assert {arrival.key[1:3] for arrival in world.arrivals} >= {(over.id, "ended"), (running.id, "live")}

        by_postgresql("pg_restore", "--clean", "--exit-on-error", "--dbname", itself, backup)
        world.elapse(23 * HOUR)
        world.elapsed -= 23 * HOUR * 1_000_000  # only the backup is that old
        # An id is made of the due time, which the model shifts: that it is the same is the next test's matter.
        over.minded = running.minded = world.now()
        for _ in range(2):
            Host(world).run(url, WIRE)
    again = [arrival.key[1:3] for arrival in world.arrivals[before:]]
    assert sorted(again) == sorted([(over.id, "ended"), (running.id, "live")])
    assert owner.execute("SELECT FROM events WHERE id = %s", [lost.id]).fetchone() is None
    world.check()


def test_what_goes_out_again_after_a_restore_has_the_id_of_the_first_time(
    server: str, database: str, url: str, owner: psycopg.Connection, tmp_path: Path
) -> None:
    """So its effect is once, although the database has forgotten that it was sent."""
    backup, itself = f"{tmp_path}/backup", server.format(database)
    with Receiver() as receiver:
        installed_long_ago(owner, receiver.url)
        add_event(owner, -30, HOUR, name="running")
        add_event(owner, -30, -5, name="over")
        by_postgresql("pg_dump", "--format=custom", "--file", backup, itself)
        ids = []
        for _ in range(2):
            run(config(url, receiver))
            ids.append(sorted(received.id for received in receiver.received))
            receiver.received.clear()
            by_postgresql("pg_restore", "--clean", "--exit-on-error", "--dbname", itself, backup)
    assert len(ids[0]) == 2 and ids[0] == ids[1]
