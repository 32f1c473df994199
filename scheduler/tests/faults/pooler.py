"""PgBouncer in transaction mode, before a test's PostgreSQL."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
POOL = 4
"""Connections to the server, for however many hosts."""


@contextlib.contextmanager
def pooled(url: str) -> Iterator[str]:
    """Yields `url` by way of the pooler."""
    if PROGRAM is None:
        pytest.fail("PgBouncer is not installed: run script/setup")
    parts = psycopg.conninfo.conninfo_to_dict(url)
    name = parts["dbname"]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    directory = Path(tempfile.mkdtemp(prefix="hivetalk-pool-"))
    directory.chmod(0o755)
    file = directory / "pgbouncer.ini"
    file.write_text(
        f"[databases]\n{name} = host={parts['host']} dbname={name} user={parts['user']}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = transaction\ndefault_pool_size = {POOL}\nmax_client_conn = 200\n"
    )
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with subprocess.Popen([*prefix, PROGRAM, "-q", str(file)], stderr=subprocess.DEVNULL, cwd="/") as process:
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield f"postgresql://{parts['user']}@127.0.0.1:{port}/{name}"
        finally:
            process.terminate()
            process.wait(10)
            shutil.rmtree(directory)
