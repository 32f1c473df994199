"""A PostgreSQL of one test's own, to be restarted, filled up and starved; a migrated database on it."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from hivetalk_scheduler.cli import main
from tests.integration.application import TABLES
from tests.integration.conftest import BINARIES


def as_root(*command: str) -> None:
    """Run `command`, which must succeed, as root."""
    subprocess.run(["sudo", "-n", *command] if os.geteuid() else command, check=True, capture_output=True)


class Postgres:
    """A server with its data in `directory`/data; `options` are those of its command line."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self._options = " ".join(
            ["-c listen_addresses=", f"-c unix_socket_directories={directory}", "-c fsync=off", *options]
        )

    def control(self, *arguments: str, check: bool = True) -> None:
        """Run pg_ctl."""
        self._as_postgres(
            "pg_ctl",
            "-D",
            f"{self.directory}/data",
            "-w",
            "-l",
            f"{self.directory}.log",
            *arguments,
            check=check,
        )

    def initialise(self) -> None:
        """Make the cluster; its write-ahead log is in small pieces, so that it fits anywhere."""
        arguments = ["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--wal-segsize=1"]
        self._as_postgres("initdb", "-D", f"{self.directory}/data", *arguments)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self.control("-o", self._options, "start")

    def stop(self, mode: str = "fast", check: bool = True) -> None:
        """Stop it: fast ends the sessions, immediate is a crash."""
        self.control("-m", mode, "stop", check=check)

    def log(self) -> str:
        """What the server has said."""
        return Path(f"{self.directory}.log").read_text()

    def url(self, user: str = "postgres", name: str = "hivetalk") -> str:
        """The URL of a database."""
        return f"postgresql://{user}@/{name}?host={self.directory}"

    def migrate(self) -> None:
        """Make the application's database, with the scheduler's schema and role."""
        with psycopg.connect(self.url(name="postgres"), autocommit=True) as admin:
            admin.execute("CREATE ROLE scheduler LOGIN")
            admin.execute("CREATE DATABASE hivetalk")
        with psycopg.connect(self.url(), autocommit=True) as owner:
            owner.execute(TABLES)
        assert main(["db", "migrate", "--url", self.url(), "--grant-to", "scheduler"]) == 0

    @contextlib.contextmanager
    def owner(self) -> Iterator[psycopg.Connection]:
        """A connection as the application."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            yield connection

    def _as_postgres(self, program: str, *arguments: str, check: bool = True) -> None:
        prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*prefix, str(BINARIES[-1] / program), *arguments]
        subprocess.run(command, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")


@contextlib.contextmanager
def postgres(*options: str, megabytes: int = 0) -> Iterator[Postgres]:
    """A server that runs; with `megabytes`, on a file system of that size."""
    directory = Path(tempfile.mkdtemp(prefix="hivetalk-pg-"))
    try:
        if megabytes:
            as_root("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "none", str(directory))
        elif os.geteuid() == 0:
            shutil.chown(directory, "postgres")
        # Beside the directory, whose file system may be full.
        log = Path(f"{directory}.log")
        log.touch()
        log.chmod(0o666)
        server = Postgres(directory, *options)
        server.initialise()
        server.start()
        try:
            server.migrate()
            yield server
        finally:
            server.stop("immediate", check=False)
    finally:
        if megabytes:
            as_root("umount", "--lazy", str(directory))
        shutil.rmtree(directory, ignore_errors=True)
        Path(f"{directory}.log").unlink(missing_ok=True)
