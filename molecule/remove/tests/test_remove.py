"""Deployed, paused, removed; deployed again and purged; half deployed and purged: what is on the host each time."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from testinfra.host import Host

from shared import application, files, playbook

NAME = "hivetalk-scheduler"
NOT_OURS = (
    # The kernel's, and what is gone at a reboot.
    "/proc", "/sys", "/dev", "/run",
    # What apt makes of its lists when it is asked whether PostgreSQL is installed.
    "/var/cache/apt",
    # PostgreSQL's, which stays: its files change with every transaction.
    "/var/lib/postgresql",
    # The journal, and what its rotation leaves.
    "/var/log",
    # Where Ansible's own modules run from.
    "/root/.ansible",
    # The host's own key, which systemd makes when a secret is first encrypted; others may use it meanwhile.
    "/var/lib/systemd/credential.secret",
    # Copies that userdel and useradd make of the files before.
    "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-",
)  # fmt: skip
SCHEMA = "SELECT to_regnamespace('hivetalk_scheduler') IS NOT NULL AS there"


def run(name: str, *arguments: str) -> playbook.Result:
    """Run a playbook that must succeed."""
    done = playbook.run(name, *arguments)
    assert done.status == 0, done.output
    return done


def roles(host: Host) -> set[str]:
    """PostgreSQL's roles, apart from its own."""
    rows = application.query(host, "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")
    return {row["rolname"] for row in rows}


@dataclass
class Story:
    """The host's files, and what was in the database."""

    meeting: application.Meeting
    before: set[str] = field(repr=False)
    deployed: set[str] = field(default_factory=set, repr=False)
    removed: set[str] = field(default_factory=set, repr=False)
    kept: list[str] = field(default_factory=list)
    purged: set[str] = field(default_factory=set, repr=False)
    said: str = field(default="", repr=False)
    again: str = field(default="", repr=False)
    half: set[str] = field(default_factory=set, repr=False)
    schema: list[dict[str, object]] = field(default_factory=list)
    cleared: set[str] = field(default_factory=set, repr=False)


def delivered(host: Host, meeting: application.Meeting) -> list[str]:
    """The states of a meeting's deliveries."""
    return [row["state"] for row in application.deliveries(host, meeting.id)]


def half_deploy(host: Host) -> None:
    """A first deploy that is killed between the installation of its release and the switch to it."""
    plugins = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]).parent / "interrupted/plugins"
    killed = playbook.run(
        "deploy",
        environment={
            "ANSIBLE_CALLBACK_PLUGINS": str(plugins),
            "ANSIBLE_CALLBACKS_ENABLED": "interrupt",
            "INTERRUPT_AFTER": "Migrate the scheduler's schema",
        },
    )
    assert killed.status == 9, killed.output
    host.check_output(f"systemctl stop {NAME}-deploy")


@pytest.fixture(scope="module")
def story(host: Host) -> Story:
    """What happened."""
    now = int(time.time())
    story = Story(application.Meeting(now, now + 3600, "at work"), files.listing(host, "/", without=NOT_OURS))
    run("deploy")
    application.write(host, story.meeting)
    deadline = time.time() + 60
    while delivered(host, story.meeting) != ["delivered"]:
        assert time.time() < deadline, "the meeting was not announced"
        time.sleep(1)
    run(
        "pause",
        "--extra-vars=hivetalk_scheduler_pause_reason=test",
        "--extra-vars=hivetalk_scheduler_pause_until=1h",
    )
    story.deployed = files.listing(host, "/", without=NOT_OURS)
    story.said = run("remove").output
    story.removed = files.listing(host, "/", without=NOT_OURS)
    story.kept = delivered(host, story.meeting)
    story.again = run("remove").output
    run("deploy")
    run("remove", "--extra-vars=hivetalk_scheduler_purge=true")
    story.purged = files.listing(host, "/", without=NOT_OURS)
    half_deploy(host)
    story.half = files.listing(host, "/", without=NOT_OURS)
    story.schema = application.query(host, SCHEMA)
    run("remove", "--extra-vars=hivetalk_scheduler_purge=true")
    story.cleared = files.listing(host, "/", without=NOT_OURS)
    return story


def test_there_was_something_to_remove(story: Story) -> None:
    brought = {line.split()[0] for line in story.deployed - story.before}
    for path in (
        f"/opt/{NAME}/current",
        f"/etc/{NAME}/paused",
        f"/etc/{NAME}/credentials/nostr_nsec.cred",
        f"/usr/local/bin/{NAME}",
        f"/var/lib/{NAME}/metrics.prom",
        f"/etc/systemd/system/{NAME}.service",
        f"/etc/systemd/system/{NAME}-resume.timer",
        f"/var/lib/systemd/timers/stamp-{NAME}.timer",
    ):
        assert path in brought


def test_no_file_is_left_and_none_is_changed(story: Story) -> None:
    assert story.removed ^ story.before == set()


def test_no_unit_is_left(host: Host, story: Story) -> None:
    assert host.check_output("systemctl list-units --all --no-legend '*hivetalk*'") == ""
    assert host.check_output("systemctl list-units --failed --no-legend") == ""


def test_what_was_removed_is_said(story: Story) -> None:
    for what in (f"/etc/systemd/system/{NAME}.timer", f"/opt/{NAME}", f"the user {NAME}"):
        assert f"- {what}\n" in story.said, story.said


def test_the_data_stay(story: Story) -> None:
    assert story.kept == ["delivered"]


def test_a_second_removal_finds_nothing(story: Story) -> None:
    assert "changed=0 " in story.again


def test_a_purge_takes_the_data_and_the_role_and_leaves_the_application_its_own(
    host: Host, story: Story
) -> None:
    assert application.query(host, SCHEMA) == [{"there": False}]
    assert roles(host) == {"postgres"}
    assert len(application.query(host, "SELECT id FROM events")) == 1
    assert story.purged ^ story.before == set()


def test_a_first_deploy_that_broke_off_is_removed_as_well(host: Host, story: Story) -> None:
    brought = {line.split()[0] for line in story.half - story.purged}
    assert f"/opt/{NAME}/releases" in brought
    assert not {f"/opt/{NAME}/current", f"/etc/systemd/system/{NAME}.timer"} & brought
    assert story.schema == [{"there": True}]
    assert story.cleared ^ story.purged == set()
