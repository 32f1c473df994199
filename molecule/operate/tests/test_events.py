"""Meetings that an operator writes on a deployed host, as docs/events.md says: by hand, and from a calendar."""

import json
import time
from datetime import UTC, datetime

from testinfra.host import Host

from shared import application

NAME = "hivetalk-scheduler"
OWNER = f"sudo -u postgres {NAME} events %s --url postgresql:///hivetalk"
HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//a test//\r\n"


def calendar(*starts: float) -> str:
    """An iCalendar file with a meeting of 4 s at each of `starts` (seconds since the epoch)."""
    events = [
        f"BEGIN:VEVENT\r\nUID:{index}@test\r\nSUMMARY:The calendar's {index}\r\n"
        f"DTSTART:{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}\r\nDURATION:PT4S\r\nEND:VEVENT\r\n"
        for index, at in enumerate(starts)
    ]
    return f"{HEAD}{''.join(events)}END:VCALENDAR\r\n"


def imported(host: Host, text: str) -> tuple[list[str], int]:
    """What an import of `text` by the owner of the tables has done, and to how many rows it had nothing to do."""
    command = OWNER % "import - --calendar team --json"
    said = json.loads(host.check_output(f"printf %s | {command}".replace("%s", "%%s %s"), text))
    return [one["change"] for one in said["changes"]], said["unchanged"]


def listed(host: Host) -> list[str]:
    """The names of the meetings to come, as the command lists them to the service's user."""
    rows = json.loads(host.check_output(f"sudo -u {NAME} {NAME} events list --json"))
    return [row["name"] for row in rows if not row["cancelled"]]


def test_a_meeting_added_by_hand_is_listed_announced_and_shown(first: Host) -> None:
    said = json.loads(
        first.check_output(OWNER % "add 'By hand' --start 'in 12 seconds' --for '4 seconds' --json")
    )
    assert "By hand" in listed(first)
    delivered(first, said["id"])
    shown = first.check_output(f"{NAME} events show {said['id']}")
    assert "live" in shown and "ended" in shown and "delivered" in shown


def test_a_calendar_is_imported_once_and_withdrawn(first: Host) -> None:
    soon, later = time.time() + 14, time.time() + 86_400
    assert imported(first, calendar(soon, later)) == (["add", "add"], 0)
    assert imported(first, calendar(soon, later)) == ([], 2)
    assert {"The calendar's 0", "The calendar's 1"} <= set(listed(first))
    (meeting,) = application.query(
        first, "SELECT id::text AS id FROM events WHERE name = :'name'", name="The calendar's 0"
    )
    delivered(first, meeting["id"])
    assert imported(first, calendar())[0] == ["cancel"]
    assert "The calendar's 1" not in listed(first)


def test_a_file_is_looked_for_where_the_operator_is(first: Host) -> None:
    first.check_output(f"install --directory --owner={NAME} /srv/here")
    first.check_output(f"cd /srv/here && {NAME} page status.html")
    assert first.file("/srv/here/status.html").content_string.lstrip().startswith("<!doctype html>")


def delivered(host: Host, event_id: str) -> None:
    """Wait until both transitions are delivered, once each; fails after 60 s."""
    deadline = time.time() + 60
    while [row["state"] for row in application.deliveries(host, event_id)] != ["delivered"] * 2:
        assert time.time() < deadline, application.deliveries(host, event_id)
        time.sleep(0.5)
    for row in application.deliveries(host, event_id):
        assert row["attempts"] == 1 and row["fired"] >= row["due"]
