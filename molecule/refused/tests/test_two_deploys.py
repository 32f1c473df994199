"""Two deploys to one host at once: the second is refused and says why, the first is not disturbed."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from testinfra.host import Host

from shared import files, playbook

NAME = "hivetalk-scheduler"
LOCK = f"{NAME}-deploy"
CHILDREN = f"pgrep --parent $(systemctl show --property=MainPID --value {LOCK}) || true"
MEND = f"systemctl stop {LOCK}"
CHANGE = "--extra-vars=hivetalk_scheduler_batch_size=7"
PLACES = (f"/opt/{NAME}", f"/etc/{NAME}", "/etc/systemd/system", f"/usr/local/bin/{NAME}", "/etc/passwd")


@pytest.fixture
def at_work(host: Host) -> Iterator[subprocess.Popen[str]]:
    """A deploy that has the lock, and is held there until it is told to go on."""
    # With something to do: one that finds nothing takes no lock.
    host.check_output("systemctl stop %s.timer", NAME)
    first = playbook.start("deploy")
    deadline = time.time() + 60
    while host.run("systemctl is-active %s", LOCK).rc != 0:
        assert first.poll() is None and time.time() < deadline, "the first deploy never took the lock"
        time.sleep(0.1)
    os.killpg(first.pid, signal.SIGSTOP)
    yield first
    if first.poll() is None:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    host.run("systemctl stop %s", LOCK)


def test_the_second_is_refused_with_the_holder_and_the_first_ends_well(
    host: Host, at_work: subprocess.Popen[str]
) -> None:
    before = files.listing(host, *PLACES)
    second = playbook.run("deploy", CHANGE)
    assert second.status != 0
    assert second.says("This host is being deployed to by"), second.output
    assert second.says(f"on {os.uname().nodename} since"), second.output
    assert second.says(f"at once by: {MEND}"), second.output
    # Nothing of it has happened, and the lock is still the first one's.
    assert files.listing(host, *PLACES) == before
    slept = host.check_output(CHILDREN)
    host.check_output("systemctl kill --signal=USR1 %s", LOCK)
    # A sign of life begins its half hour anew, and ends nothing.
    deadline = time.time() + 10
    while host.check_output(CHILDREN) in ("", slept):
        assert time.time() < deadline, "the lock did not take the sign of life"
        time.sleep(0.1)
    assert host.run("systemctl is-active %s", LOCK).rc == 0
    os.killpg(at_work.pid, signal.SIGCONT)
    first = playbook.finish(at_work)
    assert first.status == 0, first.output
    assert host.run("systemctl is-active %s", LOCK).rc != 0
    assert "batch_size = 500" in host.file(f"/etc/{NAME}/config.toml").content_string


def test_the_lock_of_a_killed_deploy_stays_until_the_mend_of_the_refusal_is_typed(
    host: Host, at_work: subprocess.Popen[str]
) -> None:
    os.killpg(at_work.pid, signal.SIGKILL)
    at_work.wait()
    assert host.run("systemctl is-active %s", LOCK).rc == 0
    host.check_output(MEND)
    done = playbook.run("deploy", CHANGE)
    assert done.status == 0, done.output
    assert "batch_size = 7" in host.file(f"/etc/{NAME}/config.toml").content_string
