"""events list, show, add, move and cancel, on a real PostgreSQL."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hivetalk_scheduler.cli import main
from tests.integration.application import TABLES, add_event


@pytest.fixture
def file(tmp_path: Path, url: str) -> str:
    path = tmp_path / "config.toml"
    path.write_text(f'database_url = "{url}"\nhold = false\n')
    return str(path)


class Desk:
    """An operator at the command line; writes as the owner of the application's tables."""

    def __init__(self, file: str, owner_url: str, capfd: pytest.CaptureFixture[str]) -> None:
        self._file, self._owner, self._capfd = file, owner_url, capfd

    def __call__(self, *words: str, status: int = 0, writes: bool | None = None) -> str:
        """Everything that `events WORDS` prints."""
        writes = words[0] not in ("list", "show", "export") if writes is None else writes
        self._capfd.readouterr()
        ended = main(["--config", self._file, "events", *words, *(["--url", self._owner] if writes else [])])
        shown = self._capfd.readouterr()
        assert ended == status, shown
        return shown.out + shown.err

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))


@pytest.fixture
def events(file: str, server: str, database: str, capfd: pytest.CaptureFixture[str]) -> Desk:
    return Desk(file, server.format(database), capfd)


TEA = (
    "add",
    "Tea with the bees",
    "--start",
    "in 20 minutes Europe/Berlin",
    "--for",
    "45 minutes",
    "--room",
    "tea",
)


def test_what_is_added_is_said_in_absolute_time_shown_moved_and_cancelled(
    events: Desk, owner: psycopg.Connection
) -> None:
    said = events(*TEA)
    assert (
        " Europe/Berlin (UTC+0" in said
        and "Z, in 20 min" in said
        and "no row of room_info is named tea" in said
    )
    (row,) = events.json("list")
    assert (row["name"], row["room_name"], row["status"]) == ("Tea with the bees", "tea", "planned")
    starts, ends = (datetime.fromisoformat(row[name]) for name in ("starts_at", "ends_at"))
    assert ends - starts == timedelta(minutes=45)
    assert timedelta(minutes=19) < starts - datetime.now(UTC) < timedelta(minutes=21)
    id_ = row["event_id"]
    assert "in 19 min" in events("list") and id_ in events("list", "--room", "tea")
    assert events("list", "--room", "other") == "no meeting\n"
    assert events("list", "--until", "in 5 minutes") == "no meeting\n"

    moved = events.json("move", id_, "--start", "in 2 hours")
    assert (
        datetime.fromisoformat(moved["ends_at"]) - datetime.fromisoformat(moved["starts_at"]) == ends - starts
    )
    assert "cancelled" in events("cancel", id_) and "cancelled" in events("list")
    assert owner.execute("SELECT status FROM events").fetchall() == [("cancelled",)]
    assert "is cancelled" in events("move", id_, "--start", "in 3 hours", status=65)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "n", "--start", "yesterday 10:00", "--for", "1 h"), "--start 'yesterday 10:00' is past"),
        (("add", "n", "--start", "10/11 15:00", "--for", "1 h"), "may be"),
        (("add", "n", "--start", "in 2 hours", "--end", "in 1 hour"), "--end is not after the start"),
        (("add", "n", "--start", "in 2 hours"), "--help"),
        (("add", " ", "--start", "in 2 hours", "--for", "1 h"), "NAME is empty"),
        (("move", "x"), "say where to"),
        (("list", "--limit", "0"), "--limit 0"),
        (("list", "--until", "soon"), "--until 'soon'"),
        (("import", "-"), "--calendar"),
        (("import", "file:///etc/passwd"), "https"),
    ],
)
def test_bad_words_are_64_and_change_nothing(
    events: Desk, owner: psycopg.Connection, words: tuple[str, ...], says: str
) -> None:
    assert says in events(*words, status=64)
    assert owner.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_a_meeting_that_runs_is_ended_not_cancelled(events: Desk, owner: psycopg.Connection) -> None:
    id_ = add_event(owner, -60, 600)
    other = add_event(owner, 600, 700)
    assert f"events move {id_} --end now" in events("cancel", other, id_, status=65)
    assert owner.execute("SELECT DISTINCT status FROM events").fetchall() == [("planned",)], (
        "nothing half done"
    )
    assert "now" in events("move", id_, "--end", "now")
    assert owner.execute(
        "SELECT end_time <= clock_timestamp() FROM events WHERE id = %s", [id_]
    ).fetchone() == (True,)
    assert "it is over" in events("cancel", id_, status=65)


def test_a_moved_meeting_is_planned_again(events: Desk, owner: psycopg.Connection) -> None:
    id_ = add_event(owner, -3600, -60, status="ended:sent")
    events("move", id_, "--start", "in 1 hour")
    assert owner.execute("SELECT status FROM events").fetchone() == ("planned",)
    events("move", id_, "--end", "in 3 hours")
    span = owner.execute("SELECT end_time - start_time FROM events").fetchone()
    assert span is not None and timedelta(minutes=119) < span[0] < timedelta(minutes=121)


def test_an_unknown_event_is_65(events: Desk) -> None:
    for words in (("show", "nope"), ("move", "nope", "--end", "in 1 h"), ("cancel", "nope")):
        assert "there is no event nope" in events(*words, status=65)


def test_show_says_what_was_announced(events: Desk, owner: psycopg.Connection, file: str) -> None:
    id_ = add_event(owner, -1, 3600)
    assert main(["run", "--config", file]) == 0
    shown = events("show", id_)
    assert "live          20" in shown and "delivered" in shown
    assert [d["state"] for d in events.json("show", id_)["deliveries"]] == ["delivered"]


def test_hostile_names_do_not_reach_the_terminal(events: Desk, owner: psycopg.Connection) -> None:
    id_ = add_event(owner, 60, 120, name="\x1b[2Jgone\u202e", room_name="\x07")
    for words in (("list",), ("show", id_), ("cancel", id_)):
        assert all(line.isprintable() for line in events(*words).splitlines())


def test_the_schedulers_own_role_may_not_write(events: Desk, owner: psycopg.Connection) -> None:
    said = events(*TEA, status=78, writes=False)
    assert (
        "the role scheduler may not write the table public.events" in said
        and "--url postgresql://postgres@" in said
    )
    assert owner.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_a_password_is_read_from_standard_input(events: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))
    assert "hunter2" not in events(*TEA, "--password-stdin")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "holds no password" in events(*TEA, "--password-stdin", status=64)


@pytest.mark.parametrize("times", ["timestamptz", "timestamp"])
@pytest.mark.parametrize(
    "id_type",
    [
        "uuid PRIMARY KEY DEFAULT gen_random_uuid()",
        "uuid PRIMARY KEY",
        "text PRIMARY KEY",
        "varchar(40) PRIMARY KEY",
        "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "serial PRIMARY KEY",
    ],
)
def test_the_tables_may_have_other_types(
    events: Desk, owner: psycopg.Connection, server: str, database: str, id_type: str, times: str
) -> None:
    _other_tables(owner, server, database, id_type, times)
    owner.execute(f"ALTER DATABASE {database} SET timezone = 'Asia/Kathmandu'")
    made = events.json("add", "n", "--start", "2030-01-01T12:00Z", "--for", "1 h")
    events("move", made["id"], "--start", "2030-01-01T13:00Z")
    (row,) = events.json("list")
    assert (row["starts_at"], row["ends_at"]) == ("2030-01-01T13:00:00.000Z", "2030-01-01T14:00:00.000Z")


def test_an_id_that_cannot_be_made_up_is_said(
    events: Desk, owner: psycopg.Connection, server: str, database: str
) -> None:
    _other_tables(owner, server, database, "bigint PRIMARY KEY", "timestamptz")
    assert "events.id is bigint and has no default" in events(*TEA, status=78)


def _other_tables(owner: psycopg.Connection, server: str, database: str, id_type: str, times: str) -> None:
    owner.execute("DROP SCHEMA hivetalk_scheduler CASCADE; DROP TABLE events, room_info")
    tables = TABLES.replace(b"uuid PRIMARY KEY DEFAULT gen_random_uuid()", id_type.encode())
    owner.execute(tables.replace(b"timestamptz", times.encode()))
    assert main(["db", "migrate", "--url", server.format(database), "--grant-to", "scheduler"]) == 0


def test_another_applications_tables_are_not_written(
    events: Desk, owner: psycopg.Connection, server: str, database: str
) -> None:
    owner.execute(
        "DROP SCHEMA hivetalk_scheduler CASCADE; CREATE TABLE talks (number int, begins timestamptz)"
    )
    owner.execute(
        "CREATE SCHEMA hivetalk_scheduler; CREATE VIEW hivetalk_scheduler.event_source AS "
        "SELECT number AS event_id, 'n'::text AS name, NULL::text AS summary, NULL::text AS image, begins AS starts_at,"
        " NULL::timestamptz AS ends_at, NULL::text AS identifier, NULL::text AS room_name, NULL::text AS room_npub, "
        "NULL::text AS room_nsec, NULL::text AS room_relay_url, false AS cancelled, NULL::text AS status FROM talks"
    )
    assert main(["db", "migrate", "--url", server.format(database), "--grant-to", "scheduler"]) == 0
    owner.execute("INSERT INTO talks VALUES (3, now() + interval '1 h')")
    assert "needs HiveTalk's own table events" in events(*TEA, status=78)
    assert [row["event_id"] for row in events.json("list")] == ["3"], "but they are listed"
    assert "UID:3@hivetalk-scheduler" in events("export")
