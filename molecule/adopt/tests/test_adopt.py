"""The predecessor is replaced while meetings begin and end: each start and each end is announced once."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from testinfra.host import Host

from shared import application, files, inventory, playbook, receiver
from shared.units import properties

NAME = "hivetalk-scheduler"
UNITS = ("/etc/systemd/system", "/usr/local/lib/systemd")
BEGINS, LASTS, EVERY = 15, 45, 4
"""Seconds from when a meeting is written to its start, its length, and from one to the next."""


@dataclass
class Story:
    """What was there before, and what came of it."""

    before: set[str] = field(repr=False)
    failed: playbook.Result = field(repr=False)
    given_back: set[str] = field(repr=False)
    still: dict[str, str] = field(repr=False)
    received: receiver.Receiver = field(repr=False)
    adopted: playbook.Result = field(default_factory=lambda: playbook.Result(-1, ""), repr=False)
    meetings: list[application.Meeting] = field(default_factory=list, repr=False)

    def senders(self, meeting: application.Meeting, kind: str) -> list[str]:
        """Who has announced it."""
        return [
            one.headers.get("X-Sender", "scheduler")
            for one in self.received.of(meeting.id, "/hook")
            if one.data["type"] == kind
        ]


@pytest.fixture(scope="module")
def story(host: Host) -> Iterator[Story]:
    """A take-over that fails, then one that succeeds; a meeting is written every few seconds all the while."""
    url = inventory.variables("hivetalk-adopt")["hivetalk_scheduler_destinations"][0]
    with receiver.running(url) as received:
        before = files.listing(host, *UNITS)
        # A directory that cannot be replaced by the link of that name: the last step of the deploy fails.
        host.check_output(f"mkdir -p /opt/{NAME}/current/in-the-way")
        failed = playbook.run("adopt")
        story = Story(
            before, failed, files.listing(host, *UNITS), properties(host, f"{NAME}.timer"), received
        )
        # Of the deploy that failed nothing is left.
        assert not host.file(f"/opt/{NAME}").exists and not host.user(NAME).exists

        over = threading.Event()

        def write() -> None:
            while not over.wait(EVERY):
                now = int(time.time())
                story.meetings.append(application.Meeting(now + BEGINS, now + BEGINS + LASTS, "one of many"))
                application.write(host, story.meetings[-1])

        writer = threading.Thread(target=write)
        writer.start()
        try:
            time.sleep(20)
            story.adopted = playbook.run("adopt")
            time.sleep(12)
        finally:
            over.set()
            writer.join()
        time.sleep(max(0, story.meetings[-1].ends + 15 - time.time()))
        yield story


def test_a_take_over_that_fails_gives_back(story: Story) -> None:
    assert story.failed.status != 0
    assert "TASK [hivetalk_scheduler : Give back to the predecessor" in story.failed.output
    assert story.given_back == story.before
    assert (story.still["ActiveState"], story.still["UnitFileState"]) == ("active", "enabled")


def test_the_predecessor_is_recognised_and_replaced(host: Host, story: Story) -> None:
    assert story.adopted.status == 0, story.adopted.output
    timer = properties(host, f"{NAME}.timer")
    assert timer["FragmentPath"] == f"/etc/systemd/system/{NAME}.timer"
    assert timer["ActiveState"] == "active"
    service = properties(host, f"{NAME}.service")
    assert (service["User"], service.get("DropInPaths", "")) == (NAME, "")
    given = {word.partition("=")[0] for word in service["Environment"].split()}
    assert given == {"HIVETALK_SCHEDULER_RELEASE", "HIVETALK_SCHEDULER_NAME"}, "nothing of the predecessor's"


def test_nothing_is_missed_and_nothing_is_announced_twice(story: Story) -> None:
    lives = [story.senders(meeting, "meeting.live") for meeting in story.meetings]
    assert [len(senders) for senders in lives] == [1] * len(lives)
    # Both had their part, or this would show nothing.
    assert {senders[0] for senders in lives} == {"predecessor", "scheduler"}
    # The predecessor never announced an end.
    ends = [story.senders(meeting, "meeting.ended") for meeting in story.meetings]
    assert ends == [["scheduler"]] * len(ends)


def test_the_backup_is_where_the_playbook_says(host: Host, story: Story) -> None:
    found = re.search(r"units\s+are\s+kept\s+in\s+(/var/backups/[\w-]+)", story.adopted.output)
    assert found, story.adopted.output
    there = {line.split()[0] for line in story.before if re.match(r"/\S*hivetalk-scheduler\S* [-l]", line)}
    # The link by which a timer is enabled is made by systemd, not by hand.
    kept = {path for path in there if ".wants/" not in path}
    assert kept
    for path in kept:
        assert host.file(f"{found[1]}{path}").exists, path
    assert host.check_output("ls /var/backups | grep -c predecessor") == "1"


def test_a_second_adoption_is_a_deploy_that_changes_nothing(host: Host, story: Story) -> None:
    again = playbook.run("adopt")
    assert again.status == 0 and "changed=0 " in again.output, again.output
    assert again.says("There is no unit of the predecessor here")
