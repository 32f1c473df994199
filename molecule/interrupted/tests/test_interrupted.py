"""A deploy that is killed at every task, each time begun again.

A chain: the first deploy is killed at the first task that it does under the lock, the next one, which finds what that
left, at the second, and so on to the last; the one that is not killed has to find its way.
"""

import os
import time

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
"""Among those that it must have been killed before."""
FIRST = CHANGE % (1, "*:*:0/10")
UPGRADE = CHANGE % (2, "*:*:0/5")


def deploy_killed(host: Host, change: str, every: int) -> list[str]:
    """The tasks at which it was killed, in order; ends with a deploy that was not."""
    killed: list[str] = []
    while True:
        environment = {
            "ANSIBLE_CALLBACK_PLUGINS": PLUGINS,
            "ANSIBLE_CALLBACKS_ENABLED": "interrupt",
            "INTERRUPT_AT": str(1 + every * len(killed)),
        }
        done = playbook.run("deploy", change, environment=environment)
        if done.status != KILLED:
            assert done.status == 0, done.output
            return killed
        killed.append(done.output.split("interrupted before: ")[1].splitlines()[0])
        works(host)
        # What the refusal of another deploy names.
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


# On a fresh host every third task: what is there to break comes with an upgrade.
@pytest.mark.parametrize(
    ("change", "every", "key", "calendar"), [(FIRST, 3, 1, "*:*:0/10"), (UPGRADE, 1, 2, "*:*:0/5")]
)
def test_it_converges_wherever_it_was_killed(
    host: Host, change: str, every: int, key: int, calendar: str
) -> None:
    killed = deploy_killed(host, change, every)
    print("\nkilled before:", *killed, sep="\n  ")
    for task in STEPS if every == 1 else ():
        assert any(name.endswith(task) for name in killed), task
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
