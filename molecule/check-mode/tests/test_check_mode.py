"""``--check --diff`` on a fresh host, which is then deployed in parts, and of another setting on a deployed one."""

import re
from dataclasses import dataclass, field

import pytest
from testinfra.host import Host

from shared import application, files, playbook

NAME = "hivetalk-scheduler"
NOT_OURS = (
    # The kernel's, and what is gone at a reboot.
    "/proc", "/sys", "/dev", "/run",
    # The journal, the database's own work, and the timer's stamp: time goes on meanwhile.
    "/var/log", "/var/lib/postgresql", "/var/lib/systemd/timers",
    # Where Ansible's own modules run from, and what the one for apt computes anew whenever it reads the index.
    "/root/.ansible", "/var/cache/apt/pkgcache.bin", "/var/cache/apt/srcpkgcache.bin",
)  # fmt: skip
CHANGE = (
    "--extra-vars",
    "hivetalk_scheduler_interval=30",
    "--extra-vars",
    "hivetalk_scheduler_nostr_nsec=" + "2" * 64,
)


@dataclass
class Story:
    """What was on the host, and what the playbooks said."""

    before: set[str] = field(default_factory=set, repr=False)
    fresh: playbook.Result | None = None
    after: set[str] = field(default_factory=set, repr=False)
    with_database: set[str] = field(default_factory=set, repr=False)
    databases: list[str] = field(default_factory=list)
    deployed: set[str] = field(default_factory=set, repr=False)
    whole: playbook.Result | None = None
    changed: playbook.Result | None = None
    checked: set[str] = field(default_factory=set, repr=False)


def state(host: Host) -> set[str]:
    """Every file of the host, and every unit that systemd has loaded from one."""
    units = host.check_output("systemctl list-unit-files --no-pager --no-legend --plain")
    return files.listing(host, "/", without=NOT_OURS) | set(units.splitlines())


@pytest.fixture(scope="module")
def story(host: Host) -> Story:
    """What happened."""
    story = Story(before=state(host))
    story.fresh = playbook.run("deploy", "--check", "--diff")
    story.after = state(host)
    for part in ("database", "release"):
        done = playbook.run("deploy", f"--tags={part}")
        assert done.status == 0, done.output
        if part == "database":
            story.with_database = state(host)
            story.databases = [
                row["name"]
                for row in application.query(host, "SELECT datname AS name FROM pg_database", "postgres")
            ]
    story.deployed = state(host)
    story.whole = playbook.run("deploy")
    story.changed = playbook.run("deploy", "--check", "--diff", *CHANGE)
    story.checked = state(host)
    return story


def changes(result: playbook.Result | None) -> int:
    """How many tasks say that they would change something; the playbook must have succeeded."""
    assert result and result.status == 0, result and result.output
    found = re.search(r"changed=(\d+)", result.output.rpartition("PLAY RECAP")[2])
    assert found
    return int(found[1])


def test_a_check_of_a_fresh_host_says_what_would_change_and_changes_nothing(story: Story) -> None:
    assert changes(story.fresh) > 5
    assert story.before ^ story.after == set()


def test_the_database_alone_brings_no_scheduler(story: Story) -> None:
    assert "hivetalk" in story.databases
    assert not [line for line in story.with_database - story.after if NAME in line]


def test_the_release_alone_brings_the_rest_and_the_whole_finds_nothing_to_do(story: Story) -> None:
    assert changes(story.whole) == 0
    brought = {line.split()[0] for line in story.deployed - story.with_database}
    assert {f"/etc/systemd/system/{NAME}.timer", f"{NAME}.timer", f"/opt/{NAME}/current"} <= brought


def test_a_check_of_another_setting_shows_the_difference_and_changes_nothing(story: Story) -> None:
    assert changes(story.changed) > 0
    assert story.changed
    for line in ("-OnCalendar=*:*:00", "+OnCalendar=*:*:0/30", "-interval = 60", "+interval = 30"):
        assert line in story.changed.output
    assert "1" * 64 not in story.changed.output and "2" * 64 not in story.changed.output
    assert story.deployed ^ story.checked == set()
