"""A host whose database goes down: who is told, and what its doctor says; and a host whose timer was stopped."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import standardwebhooks
from pair import SECOND
from testinfra.host import Host

from shared import inventory, receiver
from shared.units import exposure, properties

NAME = "hivetalk-scheduler"
UNITS = ("alert", "recovered", "ping-start", "ping@success")


@dataclass
class Story:
    """What the receiver got while the database was up, down and up again, and what `doctor` said then."""

    secret: str
    requests: list[receiver.Request] = field(default_factory=list, repr=False)
    doctor: dict[str, tuple[int, str]] = field(default_factory=dict)
    failed: int = 0
    """Runs that failed, by systemd's word."""

    def alerts(self) -> list[receiver.Request]:
        """The alerts, as they came."""
        return [one for one in self.requests if one.path == "/alert"]

    def pings(self) -> list[tuple[str, str]]:
        """What follows the URL, and the run's id."""
        found = (
            re.fullmatch(r"/ping/tell-nobody-5190(/\w+)?\?rid=([0-9a-f-]{36})", one.path)
            for one in self.requests
        )
        return [(one[1] or "", one[2]) for one in found if one]


def wait(seconds: float, what: Callable[[], bool]) -> None:
    """Wait until `what` holds; fails after so many seconds."""
    deadline = time.time() + seconds
    while not what():
        assert time.time() < deadline, "it did not happen in time"
        time.sleep(0.5)


def examined(host: Host) -> tuple[int, str]:
    """What `doctor` says, as an operator types it."""
    done = host.run(f"{NAME} doctor")
    return done.rc, done.stdout


@pytest.fixture(scope="module")
def story(second: Host) -> Iterator[Story]:
    """The database of the second host goes down for two reminders' time, and later its timer is stopped."""
    given = inventory.variables(SECOND)
    with receiver.running(given["hivetalk_scheduler_alerts"][0]) as received:
        story = Story(given["hivetalk_scheduler_webhook_secret"], received.requests)
        wait(30, lambda: any(not end for end, _ in story.pings()))
        story.doctor["well"] = examined(second)
        since = second.check_output("date +@%s")
        second.check_output("systemctl stop postgresql")
        try:
            wait(90, lambda: len(story.alerts()) >= 3)
            story.doctor["database down"] = examined(second)
        finally:
            second.check_output("systemctl start postgresql")
        wait(60, lambda: json.loads(story.alerts()[-1].body)["type"] == "scheduler.recovered")
        told = second.check_output(f"journalctl -o cat --since {since} -t {NAME}")
        story.failed = len(re.findall("^unit-failed ", told, re.M))
        second.check_output(f"systemctl stop {NAME}.timer")
        try:
            wait(30, lambda: properties(second, f"{NAME}.service")["ActiveState"] == "inactive")
            story.doctor["timer stopped"] = examined(second)
        finally:
            second.check_output(f"systemctl start {NAME}.timer")
        count = len(story.pings())
        wait(30, lambda: len(story.pings()) > count + 1)
        yield story


def test_an_incident_is_one_alert_its_reminders_and_one_recovery(story: Story) -> None:
    kinds = [json.loads(one.body)["type"].removeprefix("scheduler.") for one in story.alerts()]
    assert kinds == ["failed"] + ["failing"] * (len(kinds) - 2) + ["recovered"]
    # A run failed every 10 s; a reminder takes 15.
    assert 3 <= len(kinds) < story.failed + 1
    first, second_ = (one.arrived for one in story.alerts()[:2])
    assert second_ - first > 14


def test_an_alert_is_signed_and_holds_the_journals_last_lines(story: Story) -> None:
    alert = story.alerts()[0]
    said = standardwebhooks.Webhook(story.secret).verify(alert.body, dict(alert.headers))
    assert said["title"] == f"{NAME}.service on {SECOND} has failed"
    assert (said["data"]["result"], said["data"]["status"]) == ("exit-code", "69")
    assert any(line.startswith("run-failed status=69 error=") for line in said["data"]["lines"])


def test_apprise_sends_the_same_from_the_host_that_has_a_url_of_its(
    first: Host, second: Host, story: Story
) -> None:
    titles = [one.data["title"] for one in story.requests if one.path.startswith("/apprise/")]
    assert titles == [json.loads(one.body)["title"] for one in story.alerts()]
    there = f"find -L /opt/{NAME}/current/code -type d -name apprise -path '*site-packages*'"
    assert second.check_output(there) and not first.check_output(there)


def test_the_switch_hears_each_runs_start_end_and_failure(story: Story) -> None:
    ends: dict[str, list[str]] = {}
    for end, run in story.pings():
        ends.setdefault(run, []).append(end)
    whole = [said for said in ends.values() if len(said) == 2]
    # The last start may have no end yet, the first end no start; and a switch is pinged once, however busy the host.
    assert len(whole) >= len(ends) - 3 and len(whole) > 5
    assert ["/start", ""] in whole and ["/start", "/69"] in whole
    assert {tuple(said) for said in whole} == {("/start", ""), ("/start", "/69")}


def test_no_run_waits_for_them_or_fails_of_them(second: Host, story: Story) -> None:
    order = properties(second, f"{NAME}.service")
    assert not re.search("ping|alert|recovered", order["After"] + order["Before"] + order["Requires"])


def test_the_doctor_finds_nothing_wrong_with_a_host_that_is_well(story: Story) -> None:
    status, said = story.doctor["well"]
    assert status == 0, said
    assert re.search(r"^ok +timer: active and enabled", said, re.M), said
    assert re.search(r"^ok +sandbox: an exposure of 1.1 of 10", said, re.M), said
    assert re.search(
        r"^ok +secrets: alerts, ping_url, webhook_secret \(as hivetalk-scheduler\)", said, re.M
    ), said
    assert re.search(r"^ok +destination journal:: socket", said, re.M), said


def test_the_doctor_names_a_timer_that_was_stopped(story: Story) -> None:
    status, said = story.doctor["timer stopped"]
    assert status == 69, said
    what = f"wrong    timer: {NAME}.timer is inactive: this host begins no run"
    assert f"{what}\n         -> systemctl enable --now {NAME}.timer\n" in said


def test_the_doctor_names_a_database_that_is_down(story: Story) -> None:
    status, said = story.doctor["database down"]
    assert status == 69, said
    assert re.search(r"^wrong +database: ", said, re.M) and "is PostgreSQL up" in said
    assert re.search(r"^ok +configuration: ", said, re.M)


@pytest.mark.parametrize("unit", UNITS)
def test_what_tells_is_in_the_services_sandbox(second: Host, unit: str) -> None:
    assert exposure(second, f"{NAME}-{unit}.service") <= 1.1
    result = second.run(
        f"systemd-analyze verify /etc/systemd/system/{NAME}-{unit.partition('@')[0]}*.service"
    )
    assert (result.rc, result.stdout + result.stderr) == (0, "")


def test_no_secret_url_is_in_a_unit_or_a_log(second: Host, story: Story) -> None:
    found = second.run(f"grep -r tell-nobody-5190 /etc/systemd /opt/{NAME} /etc/{NAME}")
    assert found.stdout == ""
    assert "tell-nobody-5190" not in second.check_output("journalctl --no-pager --output=verbose")
