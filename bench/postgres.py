"""A PostgreSQL of the bench's own: the distribution's defaults, fsync included, on a socket and on loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.place import TOP

TABLES = (TOP / "roles/hivetalk_database/files/hivetalk.sql").read_bytes()


@dataclass
class Server:
    """A running server."""

    directory: Path
    port: int

    def url(self, database: str, user: str = "postgres") -> str:
        """By socket, as the scheduler connects; every peer gets the same."""
        return f"postgresql://{user}@/{database}?host={self.directory}&port={self.port}"

    def tcp(self, database: str) -> str:
        """For the drivers of Node.js, which know no socket in a URL."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str | bytes, parameters: Any = None, database: str = "postgres") -> list[Any]:
        """The rows of one statement, as the superuser."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def fresh(self, name: str, template: str = "template1") -> str:
        """A new database of that name."""
        self.drop(name)
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Drop the database, whoever is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def settle(self, database: str) -> None:
        """Vacuum, analyze and flush, so that no one pays for what another wrote."""
        self.execute("VACUUM ANALYZE", database=database)
        self.execute("CHECKPOINT")


def _as_postgres(*command: str) -> None:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, capture_output=True, cwd="/")


@contextmanager
def running() -> Iterator[Server]:
    """Start a new server; stop and delete it at the end."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    directory = Path(tempfile.mkdtemp(prefix="hivetalk-bench-"))
    if os.geteuid() == 0:
        shutil.chown(directory, "postgres")
    directory.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = f"{directory}/data"
    try:
        _as_postgres(f"{binaries}/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8")
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={directory}"
            " -c max_connections=200"
        )
        _as_postgres(f"{binaries}/pg_ctl", "-D", data, "-w", "-l", f"{directory}/log", "-o", options, "start")
        try:
            yield Server(directory, port)
        finally:
            _as_postgres(f"{binaries}/pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
