"""A real PostgreSQL of the tests' own: its own data directory, its own socket, no TCP."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.integration.application import TABLES

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def _as_postgres(*command: str) -> None:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, capture_output=True)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL server; yields the URL of its superuser, without a database's name."""
    if not BINARIES:
        pytest.fail("PostgreSQL's server is not installed: run script/setup")
    directory = Path(tempfile.mkdtemp(prefix="hivetalk-pg-"))
    if os.geteuid() == 0:
        shutil.chown(directory, "postgres")
    data = str(directory / "data")
    try:
        _as_postgres(
            str(BINARIES[-1] / "initdb"),
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
            "-E",
            "UTF8",
        )
        options = (
            f"-c listen_addresses= -c unix_socket_directories={directory} -c fsync=off -c max_connections=200"
        )
        _as_postgres(
            str(BINARIES[-1] / "pg_ctl"), "-D", data, "-w", "-l", f"{directory}/log", "-o", options, "start"
        )
        try:
            yield f"postgresql://postgres@/{{}}?host={directory}"
        finally:
            _as_postgres(str(BINARIES[-1] / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """A migrated database with the application's tables, to be copied; also the scheduler's role."""
    from hivetalk_scheduler.cli import main

    with psycopg.connect(server.format("postgres"), autocommit=True) as admin:
        admin.execute("CREATE ROLE scheduler LOGIN")
        admin.execute("CREATE DATABASE migrated")
    with psycopg.connect(server.format("migrated"), autocommit=True) as owner:
        owner.execute(TABLES)
    assert main(["db", "migrate", "--url", server.format("migrated"), "--grant-to", "scheduler"]) == 0
    return "migrated"


@pytest.fixture
def database(server: str, template: str) -> Iterator[str]:
    """The name of a fresh migrated database."""
    name = f"test_{os.urandom(6).hex()}"
    with psycopg.connect(server.format("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def owner(server: str, database: str) -> Iterator[psycopg.Connection]:
    """A connection as the application, which owns the tables."""
    with psycopg.connect(server.format(database), autocommit=True) as connection:
        yield connection


@pytest.fixture
def url(server: str, database: str) -> str:
    """What the scheduler connects to: its own role, with the least privilege."""
    return server.format(database).replace("postgres@", "scheduler@")
