"""``db purge`` takes all that is the scheduler's, and nothing that is the application's."""

import psycopg
import pytest

from hivetalk_scheduler.cli import main
from tests.integration.application import add_event

SCHEMA = "SELECT to_regnamespace('hivetalk_scheduler') IS NOT NULL"


def test_the_schema_goes_and_the_applications_tables_stay(
    server: str, database: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    add_event(owner, 60, None)
    assert owner.execute(SCHEMA).fetchone() == (True,)
    purge = ["db", "purge", "--url", server.format(database)]
    assert main(purge) == 0
    assert capfd.readouterr().out == "purged\n"
    assert owner.execute(SCHEMA).fetchone() == (False,)
    assert owner.execute("SELECT count(*) FROM events").fetchone() == (1,)
    assert main([*purge, "--json"]) == 0
    assert capfd.readouterr().out == '{"purged": false}\n'
    # And it can be made again.
    assert main(["db", "migrate", "--url", server.format(database)]) == 0


def test_the_schedulers_own_role_may_not(
    url: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["db", "purge", "--url", url]) == 78
    assert "must be owner" in capfd.readouterr().err
    assert owner.execute(SCHEMA).fetchone() == (True,)
