"""A calendar, imported again and again into a real PostgreSQL, and what is announced of it."""

import io
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hivetalk_scheduler.cli import main
from hivetalk_scheduler.run import run
from tests.integration.application import add_event
from tests.integration.host import config
from tests.integration.receiver import Receiver


def event(uid: str, starts: datetime, name: str = "n", lines: str = "DURATION:PT1H") -> str:
    return (
        f"BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20260101T000000Z\nSUMMARY:{name}\nDTSTART:{starts:%Y%m%dT%H%M%SZ}\n"
        f"{lines}\nEND:VEVENT\n"
    )


def calendar(*events: str) -> str:
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\n{''.join(events)}END:VCALENDAR\n"


class Team:
    """A calendar file, and its import as the owner of the application's tables."""

    def __init__(self, file: Path, owner_url: str, capfd: pytest.CaptureFixture[str]) -> None:
        self.file, self._url, self._capfd = file, owner_url, capfd

    def __call__(self, *events: str, words: tuple[str, ...] = (), status: int = 0) -> dict[str, Any]:
        """Write the calendar, import it, and return what was changed."""
        self.file.write_text(calendar(*events))
        return self.again(str(self.file), *words, status=status)

    def again(self, *words: str, status: int = 0) -> dict[str, Any]:
        self._capfd.readouterr()
        ended = main(["events", "import", *words, "--json", "--url", self._url])
        shown = self._capfd.readouterr()
        assert ended == status, shown
        self.err = shown.err
        return dict(json.loads(shown.out))

    def said(self, *words: str) -> str:
        """What an import prints for a person."""
        main(["events", "import", *words, "--url", self._url])
        return str(self._capfd.readouterr().out)

    def verbs(self, *events: str, words: tuple[str, ...] = (), status: int = 0) -> list[str]:
        return [change["change"] for change in self(*events, words=words, status=status)["changes"]]


@pytest.fixture
def team(tmp_path: Path, server: str, database: str, capfd: pytest.CaptureFixture[str]) -> Team:
    return Team(tmp_path / "team.ics", server.format(database), capfd)


SOON = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
WEEKLY = "DURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=5"


def rows(owner: psycopg.Connection) -> list[tuple[Any, ...]]:
    return owner.execute(
        "SELECT name, start_time, status, room_name FROM events ORDER BY start_time, name"
    ).fetchall()


def test_importing_again_updates_and_withdraws_and_never_doubles(
    team: Team, owner: psycopg.Connection
) -> None:
    one, two, series = event("one", SOON, "one"), event("two", SOON, "two"), event("s", SOON, "daily", WEEKLY)
    assert team.verbs(one, two, series) == ["add"] * 7
    before = rows(owner)
    again = team(one, two, series)
    assert (again["changes"], again["unchanged"]) == ([], 7) and rows(owner) == before

    day = timedelta(days=1)
    moved = event(
        "s",
        SOON + 2 * day + timedelta(hours=3),
        "later",
        f"DURATION:PT1H\nRECURRENCE-ID:{SOON + 2 * day:%Y%m%dT%H%M%SZ}",
    )
    without = event("s", SOON, "daily", f"{WEEKLY}\nEXDATE:{SOON + 3 * day:%Y%m%dT%H%M%SZ}")
    found = team(one.replace(":one\nDTSTART", ":uno\nDTSTART"), without, moved)
    assert sorted(change["change"] for change in found["changes"]) == ["cancel", "cancel", "change", "change"]
    assert len(rows(owner)) == 7
    assert {(name, status) for name, _, status, _ in rows(owner)} == {
        ("uno", "planned"), ("two", "cancelled"), ("daily", "planned"), ("daily", "cancelled"), ("later", "planned")
    }  # fmt: skip
    assert team.verbs(one, two, series) == ["change"] * 4 and rows(owner) == before


def test_a_dry_run_says_the_same_and_changes_nothing(team: Team, owner: psycopg.Connection) -> None:
    planned = team(event("one", SOON), words=("--dry-run",))
    assert rows(owner) == [] and planned["dry_run"] is True
    done = team(event("one", SOON))
    assert len(rows(owner)) == 1
    assert [c["identifier"] for c in planned["changes"]] == [c["identifier"] for c in done["changes"]]


def test_what_is_not_the_calendars_own_is_left(team: Team, owner: psycopg.Connection, tmp_path: Path) -> None:
    own = add_event(owner, 7200, 8000, name="the application's")
    team(event("one", SOON, "first"))
    team(words=("--calendar", "another"))
    other = tmp_path / "other.ics"
    other.write_text(
        calendar(event("one", SOON, "renamed"), event(f"{own}@hivetalk-scheduler", SOON, "taken over"))
    )
    found = team.again(str(other), status=65)
    assert [change["change"] for change in found["changes"]] == ["leave", "leave"]
    assert ["another calendar's" in change["why"] for change in found["changes"]] == [True, False]
    assert [name for name, *_ in rows(owner)] == ["the application's", "first"]
    assert all(status == "planned" for _, _, status, _ in rows(owner))


def test_a_past_meeting_stays_as_it_was(team: Team, owner: psycopg.Connection) -> None:
    team(event("one", SOON, "one"), event("two", SOON, "two"))
    owner.execute(
        "UPDATE events SET start_time = start_time - interval '3 d', end_time = end_time - interval '3 d'"
    )
    assert team.verbs() == []


def test_a_bad_event_costs_only_itself_and_its_row_stays(team: Team, owner: psycopg.Connection) -> None:
    team(event("one", SOON, "one"), event("two", SOON, "two"))
    found = team(
        event("one", SOON, "\x1b[31mone", "DURATION:nonsense"), event("two", SOON, "zwei"), status=65
    )
    assert [problem["uid"] for problem in found["problems"]] == ["one"]
    assert [(name, status) for name, _, status, _ in rows(owner)] == [("one", "planned"), ("zwei", "planned")]
    assert "DURATION" in found["problems"][0]["why"]
    said = team.said(str(team.file))
    assert "unread" in said and "DURATION" in said and all(line.isprintable() for line in said.splitlines())


def test_a_row_that_the_database_refuses_costs_only_itself(team: Team, owner: psycopg.Connection) -> None:
    owner.execute("ALTER TABLE events ADD CHECK (name <> 'cursed')")
    found = team(event("one", SOON, "cursed"), event("two", SOON, "fine"), status=65)
    assert [name for name, *_ in rows(owner)] == ["fine"]
    (problem,) = found["problems"]
    assert problem["name"] == "cursed" and "events_name_check" in problem["why"]
    assert "refused " in team.said(str(team.file))


def test_a_broken_calendar_changes_nothing(team: Team, owner: psycopg.Connection) -> None:
    team(event("one", SOON))
    team.file.write_text(calendar(event("one", SOON))[:-16])
    assert main(["events", "import", str(team.file), "--url", owner.info.dsn]) == 65
    assert [status for _, _, status, _ in rows(owner)] == ["planned"]


def test_the_room_is_a_location_that_is_one(team: Team, owner: psycopg.Connection) -> None:
    owner.execute("INSERT INTO room_info (room_name) VALUES ('tea')")
    team(
        event("a", SOON, "a", "DURATION:PT1H\nLOCATION:tea"),
        event("b", SOON, "b", "DURATION:PT1H\nLOCATION:Kitchen"),
    )
    assert [(name, room) for name, _, _, room in rows(owner)] == [("a", "tea"), ("b", None)]
    team(event("a", SOON, "a"), event("b", SOON, "b"), words=("--room", "hall"))
    assert [(name, room) for name, _, _, room in rows(owner)] == [("a", "hall"), ("b", "hall")]


def test_the_horizon_bounds_a_rule_without_end(team: Team, owner: psycopg.Connection) -> None:
    endless = event("one", SOON, "n", "DURATION:PT1H\nRRULE:FREQ=DAILY")
    assert len(team.verbs(endless)) == 90
    assert team.verbs(endless, words=("--until", "in 10 days")) == [], "what lies beyond is not withdrawn"
    for bad in ("in 6000 days", "yesterday 10:00"):
        assert main(["events", "import", str(team.file), "--until", bad, "--url", owner.info.dsn]) == 64


def test_what_is_exported_is_imported_without_any_change(
    team: Team, owner: psycopg.Connection, tmp_path: Path, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    team(event("one", SOON, "one, and; a \\\\ half"), event("s", SOON, "daily", WEEKLY))
    owner.execute(
        "UPDATE events SET status = 'cancelled' WHERE name = 'daily' AND start_time > now() + interval '3 d'"
    )
    add_event(owner, 3600, None, name="without end", description="l\nm")
    before = rows(owner)
    file = tmp_path / "config.toml"
    file.write_text(f'database_url = "{url}"\n')
    capfd.readouterr()
    assert main(["events", "export", "--config", str(file)]) == 0
    (tmp_path / "out.ics").write_text(capfd.readouterr().out, newline="")
    found = team.again(str(tmp_path / "out.ics"))
    assert (found["changes"], found["unchanged"]) == ([], len(before)) and rows(owner) == before
    owner.execute("DELETE FROM events")
    assert len(team.again(str(tmp_path / "out.ics"), status=65)["changes"]) == 4 + 1, (
        "restored, but for one without end"
    )


def test_from_standard_input_and_from_the_web(
    team: Team, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = calendar(event("one", SOON)).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert len(team.again("-", "--calendar", "team")["changes"]) == 1

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        source = f"http://127.0.0.1:{server.server_port}/private-hunter2/a.ics"
        assert team.again(source, "--calendar", "team")["unchanged"] == 1
        assert "hunter2" not in team.err


def test_two_imports_at_once_do_not_double(team: Team, owner: psycopg.Connection) -> None:
    """The second one waits for the first, and then finds it done."""
    with psycopg.connect(owner.info.dsn) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [0x48495649])
        timer = threading.Timer(1, holder.commit)
        timer.start()
        began = time.monotonic()
        team(event("one", SOON))
        assert time.monotonic() - began > 0.9
        timer.join()
    assert len(rows(owner)) == 1


def test_an_imported_meeting_is_announced_and_what_becomes_of_it(
    team: Team, owner: psycopg.Connection, url: str
) -> None:
    """Imported, moved and withdrawn, from the calendar to the receiver."""
    now = datetime.now(UTC).replace(microsecond=0)
    at = now + timedelta(seconds=6)

    def imported(**starts: datetime) -> list[str]:
        return team.verbs(*(event(uid, when, uid, "DURATION:PT2S") for uid, when in starts.items()))

    def states() -> dict[str, set[tuple[str, str]]]:
        found: dict[str, set[tuple[str, str]]] = {}
        for name, transition, state in owner.execute(
            "SELECT e.name, d.transition, d.state FROM hivetalk_scheduler.delivery AS d "
            "JOIN events AS e ON e.id::text = d.event_id"
        ):
            found.setdefault(name, set()).add((transition, state))
        return found

    with Receiver() as receiver:
        assert imported(stays=at, moves=at, goes=at) == ["add"] * 3
        run(config(url, receiver))
        assert states()["goes"] == {("live", "pending"), ("ended", "pending")} and receiver.received == []
        assert imported(stays=at, moves=at + timedelta(seconds=3)) == ["cancel", "change"]
        while len(receiver.received) < 4 and datetime.now(UTC) < now + timedelta(seconds=30):
            run(config(url, receiver, hold=True, on_calendar="minutely", interval=2, jitter=0, accuracy=0.1))
    assert sorted(receiver.whats) == [
        ("moves", "ended"),
        ("moves", "live"),
        ("stays", "ended"),
        ("stays", "live"),
    ]
    starts = {got.what: got.at for got in receiver.received}
    assert 0 <= starts["stays", "live"] - at.timestamp() < 2
    assert 3 <= starts["moves", "live"] - at.timestamp() < 5
    assert states() == {
        "stays": {("live", "delivered"), ("ended", "delivered")},
        "moves": {
            ("live", "superseded"),
            ("ended", "superseded"),
            ("live", "delivered"),
            ("ended", "delivered"),
        },
        "goes": {("live", "cancelled"), ("ended", "cancelled")},
    }
