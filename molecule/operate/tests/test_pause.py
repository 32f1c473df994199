"""A pause stops everything, survives a reboot, ends by hand or by itself, and costs no event."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from pair import FIRST, SECOND
from testinfra.host import Host

from shared import application, files, playbook
from shared import host as power
from shared.units import properties

NAME = "hivetalk-scheduler"
PAUSED = f"/etc/{NAME}/paused"
REASON = "the relay moves: \"50 %\" of 'it' $HOME"
PLACES = ("/etc", "/usr/local", "/var/lib/systemd", f"/opt/{NAME}")


def pause(until: str, *more: str) -> playbook.Result:
    """Pause, as an operator types it."""
    said = {"hivetalk_scheduler_pause_reason": REASON, "hivetalk_scheduler_pause_until": until}
    return playbook.run("pause", f"--extra-vars={json.dumps(said)}", *more)


def timer(host: Host, part: str = "") -> tuple[str, str]:
    """Whether it starts at boot, and whether it is at work."""
    found = properties(host, f"{NAME}{part}.timer")
    return found.get("UnitFileState", ""), found["ActiveState"]


def wait(seconds: float, what: Callable[[], bool]) -> None:
    """Wait until `what` holds; fails after so many seconds."""
    deadline = time.time() + seconds
    while not what():
        assert time.time() < deadline, "it did not happen in time"
        time.sleep(0.5)


def noted(host: Host) -> dict[str, str]:
    """What is written down of the pause; nothing if there is none."""
    file = host.run("cat %s", PAUSED)
    return dict(json.loads(file.stdout)) if file.rc == 0 else {}


def states(host: Host, meeting: application.Meeting) -> list[tuple[str, str]]:
    """What became of a meeting's transitions."""
    return [(row["transition"], row["state"]) for row in application.deliveries(host, meeting.id)]


@dataclass
class Story:
    """What was seen of the first host's pause, in this order."""

    over: application.Meeting
    running: application.Meeting
    before: set[str] = field(repr=False)
    pauses: list[dict[str, str]] = field(default_factory=list)
    timers: list[tuple[str, str]] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    fired: list[list[tuple[str, str]]] = field(default_factory=list)
    table: str = ""
    resumed: float = 0

    def look(self, host: Host) -> None:
        """Note how the host is now."""
        self.pauses.append(noted(host))
        self.timers.append(timer(host))
        self.services.append(properties(host, f"{NAME}.service")["ActiveState"])
        self.fired.append(states(host, self.over) + states(host, self.running))


@pytest.fixture(scope="module")
def story(first: Host, second: Host) -> Story:
    """Two meetings begin while both hosts are paused; one of them is over when the pause ends."""
    before = files.listing(first, *PLACES)
    paused = pause("1h")
    assert paused.status == 0, paused.output
    now = int(time.time())
    story = Story(
        application.Meeting(now + 2, now + 5, "over when the pause ends"),
        application.Meeting(now + 2, now + 600, "at work when the pause ends"),
        before,
    )
    for meeting in (story.over, story.running):
        application.write(first, meeting)
    story.table = playbook.run("status").output
    story.look(first)
    power.off(FIRST)
    power.on(FIRST)
    # More than a tick, and the meetings have begun.
    time.sleep(12)
    story.look(first)
    shortened = pause("45s", f"--limit={FIRST}")
    assert shortened.status == 0, shortened.output
    # It was to be seen before its end; on a machine that is too slow for that, say so.
    assert noted(first), "the pause was over before it could be looked at"
    story.look(first)
    wait(90, lambda: timer(first) == ("enabled", "active"))
    wait(60, lambda: len(states(first, story.running)) > 0 and not noted(first))
    wait(60, lambda: {state for _, state in states(first, story.running)} == {"delivered"})
    story.look(first)
    return story


def test_a_bad_end_is_refused_with_its_mend_and_nothing_happens(first: Host) -> None:
    before = files.listing(first, *PLACES)
    refused = pause("2020-01-01 00:00")
    assert refused.status != 0
    assert refused.says("hivetalk_scheduler_pause_until is '2020-01-01 00:00': that is over"), refused.output
    assert refused.says("give a time such as"), refused.output
    unsaid = playbook.run("pause", "--extra-vars=hivetalk_scheduler_pause_until=1h")
    assert unsaid.status != 0
    assert unsaid.says("missing required arguments: hivetalk_scheduler_pause_reason"), unsaid.output
    assert files.listing(first, *PLACES) == before
    assert timer(first) == ("enabled", "active")


def test_nothing_runs_during_a_pause_not_even_after_a_reboot(story: Story) -> None:
    assert story.timers[:3] == [("disabled", "inactive")] * 3
    assert story.services[:3] == ["inactive"] * 3
    assert story.fired[:3] == [[]] * 3


def test_a_pause_says_why_until_when_and_by_whom(story: Story) -> None:
    assert story.pauses[0]["reason"] == REASON
    assert story.pauses[0]["until"].endswith(" UTC") and " on " in story.pauses[0]["by"]
    assert story.pauses[1] == story.pauses[0]
    # The end was moved; it began when it began.
    assert story.pauses[2]["since"] == story.pauses[0]["since"]
    assert story.pauses[2]["until"] < story.pauses[0]["until"]


def test_the_status_shows_the_pause(story: Story) -> None:
    for name in (FIRST, SECOND):
        (row,) = [line for line in story.table.splitlines() if line.split()[:1] == [name] and " UTC" in line]
        assert row.split()[3] == "paused" and f"paused until {story.pauses[0]['until']}: {REASON}" in row


def test_it_ends_by_itself_and_nothing_is_lost(first: Host, story: Story) -> None:
    assert story.pauses[3] == {}
    assert story.timers[3] == ("enabled", "active")
    # Of what is over, only the end is announced.
    assert ("ended", "delivered") in states(first, story.over)
    assert ("live", "delivered") not in states(first, story.over)
    assert states(first, story.running) == [("live", "delivered")]


def test_no_file_is_left_of_a_pause(first: Host, story: Story) -> None:
    assert {line for line in files.listing(first, *PLACES) ^ story.before if NAME in line} == set()


def test_resume_ends_a_pause_at_once(second: Host, story: Story) -> None:
    assert timer(second) == ("disabled", "inactive")
    done = playbook.run("resume", f"--limit={SECOND}")
    assert done.status == 0, done.output
    assert (timer(second), noted(second)) == (("enabled", "active"), {})
    assert timer(second, "-resume")[1] == "inactive"
    again = playbook.run("resume", f"--limit={SECOND}")
    assert again.status == 0 and "changed=0 " in again.output, again.output


def test_an_end_that_comes_before_the_pause_is_complete_is_made_up_for(second: Host, story: Story) -> None:
    done = pause("1s", f"--limit={SECOND}")
    assert done.status == 0, done.output
    wait(30, lambda: timer(second) == ("enabled", "active") and not noted(second))


def test_an_end_that_falls_into_a_deploy_waits_until_it_is_over(second: Host, story: Story) -> None:
    def hold() -> None:
        second.check_output(f"systemd-run --quiet --collect --unit={NAME}-deploy sleep infinity")

    assert pause("1h", f"--limit={SECOND}").status == 0
    hold()
    # As its timer would.
    second.check_output(f"systemctl start --no-block {NAME}-resume.service")
    time.sleep(8)
    assert timer(second) == ("disabled", "inactive") and noted(second)
    # Whoever moves the end meanwhile does not lose the pause to the one that waits.
    second.check_output(f"systemctl stop {NAME}-deploy")
    assert pause("2h", f"--limit={SECOND}").status == 0
    hold()
    second.check_output(f"systemctl start --no-block {NAME}-resume.service")
    second.check_output(f"systemctl stop {NAME}-deploy")
    wait(30, lambda: timer(second) == ("enabled", "active") and not noted(second))


def test_a_host_that_is_down_at_the_end_resumes_when_it_is_up(second: Host, story: Story) -> None:
    done = pause("45s", f"--limit={SECOND}")
    assert done.status == 0, done.output
    until = datetime.strptime(noted(second)["until"], "%Y-%m-%d %H:%M:%S %Z").replace(tzinfo=UTC).timestamp()
    power.off(SECOND)
    time.sleep(max(0, until - time.time()) + 1)
    power.on(SECOND)
    wait(30, lambda: timer(second) == ("enabled", "active") and not noted(second))
