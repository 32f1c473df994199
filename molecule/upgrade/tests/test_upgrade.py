"""The release before, this one on one host and on both, and back again, while meetings begin and end all the time."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from shared import application, inventory, playbook, project, receiver

NAME = "hivetalk-scheduler"
FIRST, SECOND = "hivetalk-upgrade-1", "hivetalk-upgrade-2"
DATABASE = "hivetalk-upgrade-database"
LASTS = 40
"""Seconds of a meeting; one is written about every second."""
LATE = 30
"""Seconds after which an announcement would not be due to a hand-over or a busy machine, but lost: more than some
intervals, and less than the 50 s after which what a run has left behind is another's."""


def current(name: str) -> str:
    """The release that a host has."""
    return Path(testinfra.get_host(f"podman://{name}").file(f"/opt/{NAME}/current").linked_to).name


@dataclass
class Story:
    """What was deployed, what was written meanwhile, and what arrived."""

    received: receiver.Receiver = field(repr=False)
    meetings: list[application.Meeting] = field(default_factory=list, repr=False)
    current: list[tuple[str, str]] = field(default_factory=list)
    """The releases of both hosts after each of the steps."""
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

    def step(self, name: str, *arguments: str, **where: Path) -> None:
        """Run a playbook, and let meetings go by under the releases that it leaves."""
        self.steps.append(playbook.run(name, *arguments, **where))
        assert self.steps[-1].status == 0, self.steps[-1].output
        self.current.append((current(FIRST), current(SECOND)))
        time.sleep(12)

    def end(self) -> None:
        """Write no more, and wait until the last meeting has ended."""
        self._done.set()
        time.sleep(3 + LASTS + LATE)


@pytest.fixture(scope="session")
def database() -> Host:
    """The host of the database that both share."""
    return testinfra.get_host(f"podman://{DATABASE}")


@pytest.fixture(scope="module")
def story(database: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    what, top = project.previous(tmp_path_factory.mktemp("previous") / "project")
    print(f"\nthe release before is {what}")
    with receiver.running(inventory.common()["hivetalk_scheduler_destinations"][0]) as received:
        story = Story(received)
        story.step("deploy", top=top)
        writer = threading.Thread(target=story.write, args=[database])
        writer.start()
        try:
            story.step("deploy", f"--limit={FIRST}")
            story.step("deploy")
            story.step("rollback")
        finally:
            story.end()
            writer.join()
        yield story


def test_each_step_changed_the_release_and_the_rollback_brought_the_first_back(story: Story) -> None:
    before, after = story.current[1][::-1]
    assert before != after
    assert story.current == [(before, before), (after, before), (after, after), (before, before)]
    assert story.steps[3].says(f"was at {after} and is at {before}")


def test_the_hosts_worked_side_by_side_under_different_releases(database: Host, story: Story) -> None:
    after, before = story.current[1]
    (both,) = application.query(
        database,
        "SELECT count(*) FILTER (WHERE release = :'before' AND host = :'second')::int AS before,"
        " count(*) FILTER (WHERE release = :'after' AND host = :'first')::int AS after"
        " FROM hivetalk_scheduler.run, (SELECT min(started_at) AS t FROM hivetalk_scheduler.run"
        " WHERE release = :'after' AND host = :'first') AS x, (SELECT min(started_at) AS t"
        " FROM hivetalk_scheduler.run WHERE release = :'after' AND host = :'second') AS y"
        " WHERE started_at BETWEEN x.t AND y.t",
        first=FIRST, second=SECOND, before=before, after=after,
    )  # fmt: skip
    assert both["before"] > 1 and both["after"] > 1, both


def test_the_hosts_shared_the_work(database: Host, story: Story) -> None:
    rows = application.query(
        database,
        "SELECT r.host, count(*)::int AS n FROM hivetalk_scheduler.delivery AS d"
        " JOIN hivetalk_scheduler.run AS r ON r.id = d.claimed_by WHERE NOT d.test GROUP BY r.host",
    )
    print("\ndelivered:", rows)
    assert {row["host"] for row in rows} == {FIRST, SECOND}


def test_every_meeting_was_announced_once_at_its_start_and_once_at_its_end(
    database: Host, story: Story
) -> None:
    assert len(story.meetings) > 20
    for meeting in story.meetings:
        found = [one.data["type"] for one in story.received.of(meeting.id, "/upgrade")]
        assert found == ["meeting.live", "meeting.ended"], application.deliveries(database, meeting.id)


def test_none_was_early_and_none_waited_for_longer_than_a_run(story: Story) -> None:
    for meeting in story.meetings:
        arrived = [one.arrived for one in story.received.of(meeting.id, "/upgrade")]
        late = [at - due for at, due in zip(arrived, (meeting.starts, meeting.ends), strict=True)]
        assert all(0 <= seconds < LATE for seconds in late), (meeting, late)


def test_no_canary_reached_the_audience(story: Story) -> None:
    ids = {meeting.id for meeting in story.meetings}
    assert {one.data["data"]["event_id"] for one in story.received.requests} == ids


def test_the_databases_passwords_are_shown_nowhere(host: Host, story: Story) -> None:
    for name in ("scheduler", "owner"):
        password = inventory.secret(name)
        assert not any(password in step.output for step in story.steps)
        assert password not in host.check_output("journalctl --no-pager --output=verbose")
        found = host.run(f"grep -rlF -f - /etc /opt/{NAME}/releases /run/systemd <<'E'\n{password}\nE")
        assert found.stdout == ""


def test_a_rollback_goes_to_a_named_release_and_refuses_one_that_is_not_there(story: Story) -> None:
    after, before = story.current[1]
    here = f"--limit={FIRST}"
    refused = playbook.run("rollback", "--extra-vars=hivetalk_scheduler_rollback_to=0.0.0-none", here)
    assert refused.status != 0
    assert refused.says("the release 0.0.0-none is not on this host; there are"), refused.output
    assert before in refused.output and after in refused.output
    assert current(FIRST) == before
    named = playbook.run("rollback", f"--extra-vars=hivetalk_scheduler_rollback_to={after}", here)
    assert named.status == 0, named.output
    assert (current(FIRST), current(SECOND)) == (after, before)
