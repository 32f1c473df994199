"""The scheduler as it is deployed: a release made and installed by the role's own programs, and its database."""

import json
import platform
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

from bench.place import CACHE, HERE, TOP, say
from bench.postgres import TABLES, Server
from bench.program import once

ROLE = TOP / "roles/hivetalk_scheduler/files"
TEMPLATE = "scheduler_template"
_UNPACK = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import install
install.unpack(*map(pathlib.Path, sys.argv[2:]))
"""


@cache
def release() -> Path:
    """The directory of the code, as a release has it, of the sources as they are now."""
    directory = CACHE / "releases"
    directory.mkdir(parents=True, exist_ok=True)
    interpreter = str(Path(sys.executable).resolve())
    version = ".".join(platform.python_version_tuple()[:2])
    made = json.loads(once([
        sys.executable, ROLE / "archive.py", "--project", TOP, "--cache", TOP / ".cache/releases", "--python", version,
        "--machine", platform.machine(), "--interpreter", interpreter,
    ]))  # fmt: skip
    final = directory / str(made["code"])
    if not final.exists():
        say(f"installing the release {final.name}")
        once([interpreter, "-c", _UNPACK, ROLE, made["archive"], final])
        # The seam where another package adds a kind of destination.
        site = next(final.glob("lib/python*/site-packages"))
        shutil.copytree(HERE / "seam", site, dirs_exist_ok=True)
    return final


def python() -> Path:
    """The release's Python."""
    return release() / "bin/python"


def migrated(server: Server) -> None:
    """Make the template: HiveTalk's tables and the migrated schema."""
    server.execute("DROP ROLE IF EXISTS scheduler")
    server.execute("CREATE ROLE scheduler LOGIN")
    server.fresh(TEMPLATE)
    server.execute(TABLES, database=TEMPLATE)
    once([release() / "bin/hivetalk-scheduler", "db", "migrate", "--url", server.url(TEMPLATE),
          "--grant-to", "scheduler"])  # fmt: skip


def database(server: Server, name: str, *destinations: str) -> str:
    """A database whose scheduler was installed 30 days ago and ran a minute ago."""
    server.fresh(name, TEMPLATE)
    server.execute(
        "INSERT INTO hivetalk_scheduler.watermark (origin, caught_to)"
        " VALUES (now() - interval '30 d', now() - interval '1 min')",
        database=name,
    )
    server.execute(
        "INSERT INTO hivetalk_scheduler.destination SELECT unnest(%s::text[]), now() - interval '30 d'",
        [list(destinations)], name,
    )  # fmt: skip
    return name


def add_due(server: Server, name: str, number: int, ago: float = 1.0) -> None:
    """So many meetings that all began in the same instant, `ago` seconds ago."""
    server.execute(
        "INSERT INTO events (name, start_time, room_name, identifier)"
        " SELECT 'Meeting ' || n, t, 'room', n::text FROM generate_series(1, %s) AS n,"
        " (SELECT clock_timestamp() - make_interval(secs => %s) AS t) AS due",
        [number, ago], name,
    )  # fmt: skip


def catch_all(server: Server, name: str, destination: str) -> None:
    """Write the deliveries that a catch would have written ahead of time, as a peer's jobs are there beforehand."""
    server.execute(
        "INSERT INTO hivetalk_scheduler.delivery (event_id, test, transition, due_at, destination, next_at)"
        " SELECT id::text, false, 'live', start_time, %s, start_time FROM events", [destination], name,
    )  # fmt: skip
    server.execute("UPDATE hivetalk_scheduler.watermark SET caught_to = clock_timestamp()", database=name)


def command(server: Server, name: str, **settings: Any) -> list[str | Path]:
    """The command of one run with `settings`; everything else as by default."""
    file = CACHE / "log" / f"{name}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    settings = {"database_url": server.url(name, "scheduler"), **settings}
    # JSON's strings, numbers, booleans and lists are TOML's, too.
    file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    return [release() / "bin/hivetalk-scheduler", "run", "--config", file]
