"""The host deployed to itself with the README's command, and its playbooks work there, too."""

import os

from testinfra.backend.base import CommandResult
from testinfra.host import Host

from shared import units

NAME = "hivetalk-scheduler"
TOP = os.environ["MOLECULE_PROJECT_DIRECTORY"]


def typed(host: Host, playbook: str) -> CommandResult:
    """What ``ansible-playbook -i inventory/local`` says, typed on the host."""
    return host.run(
        "cd %s && LC_ALL=C.UTF-8 timeout 200 .venv/bin/ansible-playbook -i inventory/local playbooks/%s.yml",
        TOP,
        playbook,
    )


def test_the_timer_runs_with_nothing_set_but_the_wheels(host: Host) -> None:
    assert units.properties(host, f"{NAME}.timer")["ActiveState"] == "active"
    assert 'destinations = ["journal:"]' in host.file(f"/etc/{NAME}/config.toml").content_string
    assert host.run(f"{NAME} db check").rc == 0


def test_a_test_event_arrives_by_the_timer(host: Host) -> None:
    done = typed(host, "test_event")
    assert done.rc == 0, done.stdout
    told = host.check_output(
        f"journalctl --no-pager --output=cat --unit={NAME}.service --grep='^delivered .*destination=journal:'"
    )
    assert [line.split("transition=")[1].split()[0] for line in told.splitlines()] == ["live", "ended"]


def test_the_status_is_shown(host: Host) -> None:
    done = typed(host, "status")
    assert done.rc == 0, done.stdout
    assert [
        line for line in done.stdout.splitlines() if line.split()[:1] == ["localhost"] and " active " in line
    ]


def test_the_deploy_needed_no_index_and_no_compiler(host: Host) -> None:
    assert host.check_output("ip route show default") == ""
    assert not host.exists("gcc") and not host.exists("cc")
