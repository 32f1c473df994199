"""What the playbook remove does on a host whose first deploy broke off, and with its lock, by Ansible's own word."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .test_role_tasks import TOP

NAME = "meetings"
UNITS = [f"/etc/systemd/system/{NAME}.{kind}" for kind in ("service", "timer")]
SYSTEMCTL = """\
# Knows no unit but those that are in the list of what is there.
for unit; do :; done
echo "$*" >>{top}/said
grep -q "/$unit\\"" {top}/there && state=loaded active=active || {{ state=not-found active=inactive; missing=1; }}
case "$1 $2" in
    "show --property=InvocationID") cat {top}/holder; echo {later} >{top}/holder ;;
    show*) printf 'LoadState=%s\\nActiveState=%s\\n\\n' $state $active ;;
    stop*) [ -z "$missing" ] || {{ echo "Unit $unit not loaded." >&2; exit 5; }} ;;
    *) [ -z "$missing" ] ;;
esac
"""


OWN, OTHER = "a" * 32, "b" * 32
"""Invocations of the lock's unit."""


def remove(
    top: Path, there: list[str], *arguments: str, later: str = OWN
) -> subprocess.CompletedProcess[str]:
    """Run the playbook on this machine with a host's commands of our own, where `there` is what remove.py finds.

    later: the lock's invocation at the second look.
    """
    (top / "there").write_text(json.dumps(there))
    scripts = {
        "systemctl": SYSTEMCTL.format(top=top, later=later),
        "systemd-run": f"echo {OWN} >{top}/holder",
        "python": f"cat >/dev/null; cat {top}/there",
        "runuser": f'echo "$*" >>{top}/ran; echo \'{{"purged": true}}\'',
    }
    for name, script in scripts.items():
        (top / name).write_text(f"#!/bin/sh\n{script}\n")
        (top / name).chmod(0o755)
    (top / "hosts").write_text(
        "[hivetalk]\nhost\n[hivetalk:vars]\nansible_connection=local\nansible_become=false\n"
        f"ansible_python_interpreter={sys.executable}\nhivetalk_scheduler_python={top}/python\n"
        f"hivetalk_scheduler_name={NAME}\n"
    )
    opt = f"--extra-vars=_hivetalk_scheduler_opt={top}/opt"
    return subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            f"--inventory={top}/hosts",
            opt,
            *arguments,
            TOP / "playbooks/remove.yml",
        ],
        env=os.environ | {"ANSIBLE_CONFIG": str(TOP / "ansible.cfg"), "PATH": f"{top}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("units", [[], UNITS], ids=["none", "both"])
def test_it_stops_the_units_that_are_there_and_no_other(tmp_path: Path, units: list[str]) -> None:
    done = remove(tmp_path, [*units, f"/opt/{NAME}"])
    assert done.returncode == 0, done.stdout
    assert f"- /opt/{NAME}\n" in done.stdout
    said = (tmp_path / "said").read_text().splitlines()
    stopped = {line.split()[-1] for line in said if line.startswith("stop ")}
    # Its lock as well.
    assert stopped == {Path(unit).name for unit in units} | {f"{NAME}-deploy.service"}


def test_it_leaves_the_lock_of_another_alone(tmp_path: Path) -> None:
    done = remove(tmp_path, [f"/opt/{NAME}"], later=OTHER)
    assert done.returncode == 0, done.stdout
    assert "stop " not in (tmp_path / "said").read_text()


PURGE = (
    '--extra-vars={"hivetalk_scheduler_purge": true, "hivetalk_scheduler_database_url": "postgresql://h/x"}'
)


def test_a_purge_needs_no_current_release(tmp_path: Path) -> None:
    for made, code in enumerate((".making-x", "newer", "old")):
        (tmp_path / "opt/code" / code).mkdir(parents=True)
        os.utime(tmp_path / "opt/code" / code, (9 - made, 9 - made))
    done = remove(tmp_path, [f"/opt/{NAME}"], PURGE)
    assert done.returncode == 0, done.stdout
    assert (
        f" {tmp_path}/opt/code/newer/bin/hivetalk-scheduler --json db purge "
        in (tmp_path / "ran").read_text()
    )


def test_a_purge_of_a_host_that_has_no_code_yet_runs_none(tmp_path: Path) -> None:
    done = remove(tmp_path, [f"/opt/{NAME}"], PURGE)
    assert done.returncode == 0, done.stdout
    assert not (tmp_path / "ran").exists()
