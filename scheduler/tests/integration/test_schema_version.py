"""Two releases over one schema: the older one goes on for as long as the schema serves it."""

from pathlib import Path

import psycopg
import pytest

from hivetalk_scheduler import sql
from hivetalk_scheduler.cli import main

NEWEST = sql.migrations()[-1].version


@pytest.fixture
def file(tmp_path: Path, url: str) -> str:
    path = tmp_path / "config.toml"
    path.write_text(f'database_url = "{url}"\ninterval = 4\njitter = 0\naccuracy = 0.1\n')
    return str(path)


def migrated_by_a_newer_release(owner: psycopg.Connection, contracts: bool) -> None:
    """What the next release's migration does: it adds something, or takes something away."""
    if contracts:
        owner.execute(
            f"ALTER TABLE hivetalk_scheduler.migration ALTER COLUMN oldest SET DEFAULT {NEWEST + 1}"
        )
    else:
        owner.execute("ALTER TABLE hivetalk_scheduler.run ADD COLUMN added text")
    owner.execute(
        "INSERT INTO hivetalk_scheduler.migration (version, name) VALUES (%s, 'next')", [NEWEST + 1]
    )


def test_a_release_that_is_older_than_the_schema_works_on(
    file: str, server: str, database: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    migrated_by_a_newer_release(owner, contracts=False)
    assert main(["run", "--config", file]) == 0
    assert main(["db", "check", "--config", file]) == 0
    assert main(["db", "migrate", "--url", server.format(database)]) == 0
    assert f"up to date at version {NEWEST + 1}" in capfd.readouterr().out


@pytest.mark.parametrize("command", ["run", "db check", "db migrate"])
def test_a_release_that_the_schema_no_longer_serves_refuses(
    file: str,
    server: str,
    database: str,
    owner: psycopg.Connection,
    capfd: pytest.CaptureFixture[str],
    command: str,
) -> None:
    migrated_by_a_newer_release(owner, contracts=True)
    where = ["--url", server.format(database)] if command == "db migrate" else ["--config", file]
    assert main([*command.split(), *where]) == 78
    said = "".join(capfd.readouterr())
    assert (
        f"the schema is at version {NEWEST + 1} and no longer serves a release that knows version {NEWEST}"
        in said
    )
    assert "deploy a newer release on this host, too" in said
