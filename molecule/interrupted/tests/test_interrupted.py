"""A deploy that is killed at every task, each time begun again; and so a pause.

A chain: the first deploy is killed after the first task that it does under the lock, the next one, which finds what
that left, after the first one that none was killed after before, and so on; the one that is not killed finds its way.
"""

import json
import os
import time
from collections.abc import Callable

import pytest
from testinfra.host import Host

from shared import files, playbook, service, units

NAME = "hivetalk-scheduler"
KILLED = 9
PLUGINS = f"{os.environ.get('MOLECULE_SCENARIO_DIRECTORY')}/plugins"
PLACES = (f"/etc/{NAME}", "/etc/systemd/system", f"/usr/local/bin/{NAME}")
CHANGE = "--extra-vars={'hivetalk_scheduler_nostr_nsec': '%064d', 'hivetalk_scheduler_on_calendar': '%s'}"
DECRYPT = f"systemd-creds --name=nostr_nsec decrypt /etc/{NAME}/credentials/nostr_nsec.cred -"
STEPS = (
    "Install the release",
    "Migrate the scheduler's schema",
    "Switch to the release",
    "Wait until the timer has fired a canary",
    "Keep what is worth keeping of the old releases",
)
"""Among those that it must have been killed after."""
FIRST = CHANGE % (1, "*:*:0/10")
UPGRADE = CHANGE % (2, "*:*:0/5")


def killed(host: Host, name: str, change: str, look: Callable[[Host], None]) -> list[str]:
    """The tasks after which the playbook was killed, in order; ends with one that was not."""
    tasks: list[str] = []
    while True:
        environment = {
            "ANSIBLE_CALLBACK_PLUGINS": PLUGINS,
            "ANSIBLE_CALLBACKS_ENABLED": "interrupt",
            "INTERRUPTED": json.dumps(tasks),
        }
        done = playbook.run(name, change, environment=environment)
        if done.status != KILLED:
            assert done.status == 0, done.output
            print("\nkilled after:", *tasks, sep="\n  ")
            return tasks
        tasks.append(done.output.split("interrupted after: ")[1].splitlines()[0])
        look(host)
        # What the refusal of another one names.
        host.run(f"systemctl stop {NAME}-deploy")


def works(host: Host) -> None:
    """Whatever is installed is whole: no unit without its program and its secrets, no link to nowhere."""
    if not host.file(f"/etc/systemd/system/{NAME}.service").exists:
        return
    assert host.run(f"systemd-analyze verify /etc/systemd/system/{NAME}.service").rc == 0
    for line in host.check_output(f"cat /etc/systemd/system/{NAME}.service").splitlines():
        if line.startswith("LoadCredential"):
            assert host.file(line.split(":")[1]).exists, line
    for link in (f"/opt/{NAME}/current", f"/etc/{NAME}/config.toml", f"/usr/local/bin/{NAME}"):
        assert host.file(link).exists, link
    assert host.run(f"{NAME} db check").rc == 0


def converged(host: Host, changed: str) -> None:
    """The host is as a deploy that nobody kills leaves it, and fires."""
    left = host.run(f"ls -d /opt/{NAME}/*/.making-* /opt/{NAME}/*.tar.gz /etc/{NAME}/credentials.*")
    assert left.stdout == ""
    assert not host.file(f"/opt/{NAME}/unfinished").exists
    timer = units.properties(host, f"{NAME}.timer")
    assert (timer["ActiveState"], timer["UnitFileState"], timer["NeedDaemonReload"]) == (
        "active",
        "enabled",
        "no",
    )
    before = files.listing(host, *PLACES, f"/opt/{NAME}")
    again = playbook.run("deploy", changed)
    assert again.status == 0 and again.says("changed=0"), again.output
    assert files.listing(host, *PLACES, f"/opt/{NAME}") == before


@pytest.mark.parametrize(
    ("change", "key", "calendar", "more"),
    [
        (FIRST, 1, "*:*:0/10", ["Make the database hivetalk", "Make the service's user"]),
        (UPGRADE, 2, "*:*:0/5", ["Lay out the secrets that are new"]),
    ],
)
def test_it_converges_wherever_it_was_killed(
    host: Host, change: str, key: int, calendar: str, more: list[str]
) -> None:
    tasks = killed(host, "deploy", change, works)
    assert {*STEPS, *more} <= set(tasks), tasks
    assert host.check_output(DECRYPT) == f"{key:064d}"
    assert f"OnCalendar={calendar}" in host.file(f"/etc/systemd/system/{NAME}.timer").content_string
    converged(host, change)


def test_all_the_while_each_run_was_whole(host: Host) -> None:
    runs = service.lines(host, NAME, "run-finished")
    assert len(runs) > 5
    assert service.lines(host, NAME, "run-failed") == []
    assert host.check_output("systemctl list-units --failed --no-legend") == ""
    deadline = time.time() + 30
    while len(service.lines(host, NAME, "run-finished")) == len(runs):
        assert time.time() < deadline, "it runs no more"
        time.sleep(1)


def no_silent_gap(host: Host) -> None:
    """Either the timer is at work, or there is a pause on record that will end."""
    if units.properties(host, f"{NAME}.timer")["ActiveState"] != "active":
        assert host.file(f"/etc/{NAME}/paused").exists
        end = units.properties(host, f"{NAME}-resume.timer")
        assert (end["ActiveState"], end["UnitFileState"]) == ("active", "enabled")


@pytest.mark.parametrize("until", ["2050-01-01 00:00", "2051-01-01 00:00"], ids=["made", "moved"])
def test_a_pause_that_was_killed_leaves_no_silent_gap(host: Host, until: str) -> None:
    said = {"hivetalk_scheduler_pause_reason": "test", "hivetalk_scheduler_pause_until": until}
    tasks = killed(host, "pause", f"--extra-vars={json.dumps(said)}", no_silent_gap)
    assert {"Write down who paused it, since when, until when and why", "Start what ends the pause"} <= set(
        tasks
    )
    if until.startswith("2050"):
        assert {"Stop the timer", "End the run that is at work"} <= set(tasks)
    assert json.loads(host.file(f"/etc/{NAME}/paused").content_string)["until"] == f"{until}:00 UTC"
    assert units.properties(host, f"{NAME}-resume.timer")["NextElapseUSecRealtime"].endswith(
        f"{until}:00 UTC"
    )
    assert units.properties(host, f"{NAME}.timer")["ActiveState"] == "inactive"
