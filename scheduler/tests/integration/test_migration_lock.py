"""A migration beside whoever is at work in the database."""

import psycopg
import pytest

from hivetalk_scheduler.cli import main


def test_who_holds_a_table_for_long_makes_a_migration_fail_and_no_claim(
    server: str, owner: psycopg.Connection, database: str, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What waits for such a lock has everyone who comes after it wait, too."""
    owner.execute(
        "DELETE FROM hivetalk_scheduler.migration WHERE version > 3; DROP INDEX hivetalk_scheduler.delivery_queue;"
        "CREATE INDEX delivery_pending ON hivetalk_scheduler.delivery (next_at) WHERE state = 'pending'"
    )
    with psycopg.connect(url) as reader:
        reader.execute("SELECT FROM hivetalk_scheduler.delivery")
        assert main(["db", "migrate", "--url", server.format(database)]) == 69
        said = capfd.readouterr().err
        assert "lock timeout" in said and "pg_stat_activity" in said
        assert owner.execute("SELECT max(version) FROM hivetalk_scheduler.migration").fetchone() == (3,)
    assert main(["db", "migrate", "--url", server.format(database)]) == 0
    assert owner.execute("SELECT to_regclass('hivetalk_scheduler.delivery_queue')::text").fetchone() == (
        "hivetalk_scheduler.delivery_queue",
    )
