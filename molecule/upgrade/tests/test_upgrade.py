"""The release before, this one, and back again, while meetings begin and end all the time."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from shared import application, inventory, playbook, project, receiver

HOST, NAME = "hivetalk-upgrade", "hivetalk-scheduler"
LASTS = 15
"""Seconds of a meeting; one is written about every second."""
LATE = 15
"""Seconds after which an announcement would not be due to a hand-over but lost: more than an interval."""


@dataclass
class Story:
    """What was deployed, what was written meanwhile, and what arrived."""

    received: receiver.Receiver = field(repr=False)
    meetings: list[application.Meeting] = field(default_factory=list, repr=False)
    current: list[str] = field(default_factory=list)
    """The release after each of the steps."""
    steps: list[playbook.Result] = field(default_factory=list, repr=False)
    _done: threading.Event = field(default_factory=threading.Event, repr=False)

    def write(self, host: Host) -> None:
        """Write a meeting that begins in 3 s, again and again."""
        while not self._done.is_set():
            starts = int(time.time()) + 3
            meeting = application.Meeting(starts, starts + LASTS, f"number {len(self.meetings)}")
            application.write(host, meeting)
            self.meetings.append(meeting)
            self._done.wait(0.7)

    def step(self, host: Host, name: str, **where: Path) -> None:
        """Run a playbook, and let meetings go by under the release that it leaves."""
        self.steps.append(playbook.run(name, **where))
        assert self.steps[-1].status == 0, self.steps[-1].output
        self.current.append(Path(host.file(f"/opt/{NAME}/current").linked_to).name)
        time.sleep(12)

    def end(self) -> None:
        """Write no more, and wait until the last meeting has ended."""
        self._done.set()
        time.sleep(3 + LASTS + LATE)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    what, top = project.previous(tmp_path_factory.mktemp("previous") / "project")
    print(f"\nthe release before is {what}")
    host = testinfra.get_host(f"podman://{HOST}")
    with receiver.running(inventory.variables(HOST)["hivetalk_scheduler_destinations"][0]) as received:
        story = Story(received)
        # The first deploy makes the tables.
        story.step(host, "deploy", top=top)
        writer = threading.Thread(target=story.write, args=[host])
        writer.start()
        try:
            story.step(host, "deploy")
            story.step(host, "rollback")
        finally:
            story.end()
            writer.join()
        yield story


def test_each_step_changed_the_release_and_the_rollback_brought_the_first_back(story: Story) -> None:
    before, after, back = story.current
    assert before != after and back == before
    assert story.steps[2].says(f"was at {after} and is at {before}")


def test_the_runs_were_of_both_releases(host: Host, story: Story) -> None:
    rows = application.query(host, "SELECT DISTINCT release FROM hivetalk_scheduler.run")
    assert {row["release"] for row in rows} == set(story.current)


def test_every_meeting_was_announced_once_at_its_start_and_once_at_its_end(story: Story) -> None:
    assert len(story.meetings) > 20
    for meeting in story.meetings:
        found = [one.data["type"] for one in story.received.of(meeting.id, "/upgrade")]
        assert found == ["meeting.live", "meeting.ended"], meeting


def test_none_was_early_and_none_waited_for_longer_than_a_run(story: Story) -> None:
    for meeting in story.meetings:
        arrived = [one.arrived for one in story.received.of(meeting.id, "/upgrade")]
        late = [at - due for at, due in zip(arrived, (meeting.starts, meeting.ends), strict=True)]
        assert all(0 <= seconds < LATE for seconds in late), (meeting, late)


def test_no_canary_reached_the_audience(story: Story) -> None:
    ids = {meeting.id for meeting in story.meetings}
    assert {one.data["data"]["event_id"] for one in story.received.requests} == ids


def test_a_rollback_goes_to_a_named_release_and_refuses_one_that_is_not_there(
    host: Host, story: Story
) -> None:
    before, after, _ = story.current
    refused = playbook.run("rollback", "--extra-vars=hivetalk_scheduler_rollback_to=0.0.0-none")
    assert refused.status != 0
    assert refused.says("the release 0.0.0-none is not on this host; there are"), refused.output
    assert before in refused.output and after in refused.output
    assert host.file(f"/opt/{NAME}/current").linked_to.endswith(before)
    named = playbook.run("rollback", f"--extra-vars=hivetalk_scheduler_rollback_to={after}")
    assert named.status == 0, named.output
    assert host.file(f"/opt/{NAME}/current").linked_to.endswith(after)
