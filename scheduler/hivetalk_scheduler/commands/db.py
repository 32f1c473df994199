"""``db migrate``, ``db check`` and ``db purge``: the scheduler's schema."""

import argparse
import json
import os
import sys
from typing import Any

from hivetalk_scheduler import config, progress, sql
from hivetalk_scheduler.database import Connection, connect, translated
from hivetalk_scheduler.errors import ConfigError, UsageError
from hivetalk_scheduler.lean import psycopg

LOCK = 0x48495645
"""The advisory lock (of the transaction, so that a pooler does no harm) that keeps two migrations apart."""


def main(args: argparse.Namespace) -> int:
    """Run the subcommand; raises SchedulerError."""
    return {"migrate": migrate, "check": check, "purge": purge}[args.subcommand](args)


def _owner(args: argparse.Namespace) -> Connection:
    password = sys.stdin.readline().rstrip("\n") if args.password_stdin else None
    if args.password_stdin and not password:
        raise UsageError("--password-stdin: standard input holds no password")
    connection = connect(config.Config() if args.url else config.load(args.config), args.url, password)
    connection.patience = None  # it takes as long as the tables are large
    return connection


def migrate(args: argparse.Namespace) -> int:
    """Apply what is missing, all of it or nothing, and grant; prints what was done."""
    connection = _owner(args)
    applied = []
    with translated(), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        have = _version(connection)
        newest = sql.migrations()[-1].version
        unfit = sql.unfit(have, _oldest(connection)) if have >= newest else None
        if unfit:
            raise ConfigError(unfit)
        if have == 0:
            connection.execute("CREATE SCHEMA IF NOT EXISTS hivetalk_scheduler")
        for migration in sql.migrations():
            if migration.version > have:
                progress.show(f"applying {migration.version:04d} {migration.name}, which may take a while")
                connection.execute(sql.read(migration.path).encode())
                progress.clear()
                connection.execute(
                    "INSERT INTO hivetalk_scheduler.migration (version, name) VALUES (%s, %s)",
                    [migration.version, migration.name],
                )
                applied.append(f"{migration.version:04d} {migration.name}")
        if args.grant_to:
            role = psycopg.sql.Identifier(args.grant_to).as_string(connection)
            connection.execute(sql.grants().format(role=role).encode())
    if args.json:
        print(json.dumps({"applied": applied, "version": max(have, newest)}))
    else:
        print("\n".join(f"applied {name}" for name in applied) or f"up to date at version {have}")
    return 0


def purge(args: argparse.Namespace) -> int:
    """Drop the schema with all that it holds, and nothing else; prints whether it was there."""
    connection = _owner(args)
    with translated(), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        row = connection.execute(
            "SELECT to_regnamespace('hivetalk_scheduler') IS NOT NULL AS there"
        ).fetchone()
        there = bool(row and row["there"])
        connection.execute("DROP SCHEMA IF EXISTS hivetalk_scheduler CASCADE")
    if args.json:
        print(json.dumps({"purged": there}))
    else:
        print("purged" if there else "there was no schema hivetalk_scheduler")
    return 0


def _version(connection: Connection) -> int:
    row = connection.execute(
        "SELECT to_regclass('hivetalk_scheduler.migration') IS NOT NULL AS there"
    ).fetchone()
    if not row or not row["there"]:
        return 0
    row = connection.execute(
        "SELECT coalesce(max(version), 0) AS version FROM hivetalk_scheduler.migration"
    ).fetchone()
    return int(row["version"]) if row else 0


def _oldest(connection: Connection) -> int:
    """The version that a release must know to go on using the schema."""
    row = connection.execute("SELECT max(oldest) AS oldest FROM hivetalk_scheduler.migration").fetchone()
    return int(row["oldest"]) if row else 0


_CHANGE = "SELECT, INSERT, UPDATE"
TABLES = {
    **dict.fromkeys(("event_source", "migration"), "SELECT"),
    **dict.fromkeys(("watermark", "destination", "counter"), _CHANGE),
    **dict.fromkeys(("delivery", "payload", "run", "test_event"), f"{_CHANGE}, DELETE"),
}
"""What grants.sql grants."""


def check(args: argparse.Namespace) -> int:
    """Print one line for each thing checked; 0, or 78 if the schema or a grant is wrong, or 65 for bad rows."""
    found = look(connect(config.load(args.config)))
    if args.json:
        print(json.dumps(found))
    else:
        for line in found:
            print(f"{'ok  ' if line['ok'] else 'FAIL'} {line['check']}: {line['text']}")
    return max((int(line["status"]) for line in found), default=0)


def look(connection: Connection) -> list[dict[str, Any]]:
    """What `check` prints: each with ``check``, ``ok``, ``text`` (and its mend), ``status``; raises SchedulerError."""
    found: list[dict[str, Any]] = []

    def add(what: str, ok: bool, text: str, status: int = os.EX_CONFIG) -> None:
        found.append({"check": what, "ok": ok, "text": text, "status": 0 if ok else status})

    with translated(), connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        add(
            "connection",
            True,
            f"PostgreSQL {connection.info.server_version // 10000}, {connection.info.dbname}",
        )
        have = _version(connection)
        unfit = sql.unfit(have, None) or sql.unfit(have, _oldest(connection))
        add("schema", not unfit, unfit or f"version {have}")
        if not unfit:
            _check_grants(connection, add)
        if all(line["ok"] for line in found):
            _check_rows(connection, add)
    return found


def _check_grants(connection: Connection, add: Any) -> None:
    wanted = [(table, right) for table, rights in TABLES.items() for right in rights.split(", ")]
    rows = connection.execute(
        "SELECT what || ' on ' || name AS missing FROM unnest(%s::text[], %s::text[]) AS w (name, what) "
        "WHERE NOT (has_schema_privilege('hivetalk_scheduler', 'USAGE') "
        "AND has_table_privilege('hivetalk_scheduler.' || name, what))",
        [[table for table, _ in wanted], [right for _, right in wanted]],
    ).fetchall()
    missing = [row["missing"] for row in rows]
    row = connection.execute(
        "SELECT has_function_privilege('hivetalk_scheduler.write_back(text[], text[], text[])', 'EXECUTE') AS granted"
    ).fetchone()
    if not row or not row["granted"]:
        missing.append("EXECUTE on write_back()")
    text = (
        "missing: " + ", ".join(missing) + "; run hivetalk-scheduler db migrate --grant-to ROLE as the owner"
    )
    add("grants", not missing, text if missing else "complete")


def _check_rows(connection: Connection, add: Any) -> None:
    wrong = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
        "WHERE attrelid = 'hivetalk_scheduler.event_source'::regclass "
        "AND ((attname IN ('starts_at', 'ends_at') AND atttypid <> 'timestamptz'::regtype) "
        "OR (attname = 'cancelled' AND atttypid <> 'boolean'::regtype))"
    ).fetchall()
    text = "; ".join(f"{row['attname']} is {row['type']}" for row in wrong)
    add(
        "event_source",
        not wrong,
        f"{text}: it takes timestamptz, and boolean for cancelled" if wrong else "sound",
    )
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE ends_at < starts_at) AS reversed, "
        "count(*) FILTER (WHERE starts_at IS NULL) AS startless, "
        "count(*) - count(DISTINCT event_id) AS doubled, "
        "count(*) FILTER (WHERE octet_length(event_id::text) > 500) AS oversized "
        "FROM hivetalk_scheduler.event_source "
        "WHERE starts_at IS NULL OR starts_at > now() - interval '1 day' OR ends_at > now()"
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    problems = {
        "end before start (announced live, never ended)": row["reversed"],
        "without start_time (never announced)": row["startless"],
        "with the id of another (announced once)": row["doubled"],
        "id longer than 500 bytes (never announced)": row["oversized"],
    }
    bad = [f"{n} {what}" for what, n in problems.items() if n]
    add(
        "events",
        not bad,
        "; ".join(bad) + ": correct these rows" if bad else "no malformed row",
        os.EX_DATAERR,
    )
    connection.execute("SET LOCAL enable_seqscan = off")
    for column in ("starts_at", "ends_at"):
        lines = connection.execute(
            psycopg.sql.SQL(
                "EXPLAIN SELECT FROM hivetalk_scheduler.event_source WHERE {} > now() AND {} < now() + interval '4 min'"
            ).format(*[psycopg.sql.Identifier(column)] * 2)
        ).fetchall()
        scans = [
            line["QUERY PLAN"]
            for line in lines
            if "Seq Scan" in line["QUERY PLAN"] and "room" not in line["QUERY PLAN"]
        ]
        text = (
            f"no index on {column}: every run reads the whole table; CREATE INDEX CONCURRENTLY ON its column"
        )
        add(f"index on {column}", not scans, text if scans else "used", 0)
