"""What becomes of the other hosts of a batch, and of their locks, where one host cannot go on."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from .test_on_calendar import needs_systemd
from .test_templates import TOP

PARTS = ("roles", "templates", "playbooks", "scheduler/hivetalk_scheduler", "requirements")
FILES = ("pyproject.toml", "README.md", "LICENSE", "ansible.cfg")
SCRIPTS = {
    "systemd-run": """\
for word; do case "$word" in --unit=*) unit=${word#--unit=} ;; esac; done
[ ! -e TOP/bus-down ] || { echo Failed to connect to bus; exit 1; }
[ ! -e TOP/held-$unit ] || { echo "Unit $unit was already loaded"; exit 1; }
echo "$unit" >>TOP/taken
""",
    "systemctl": """\
for unit; do :; done
case "$*" in
    *InvocationID*) echo 0123456789abcdef0123456789abcdef ;;
    *Description*) echo "bob on b since 12:00:00 UTC" ;;
    is-active*) [ -e TOP/held-$unit ] ;;
    stop*) echo "$unit" >>TOP/freed ;;
    *) exec /usr/bin/systemctl "$@" ;;
esac
""",
    # Only to look at the host: nothing is installed on this one, nor is a user made.
    "python": """\
case "$*" in
    *gzip*) PYTHON "$@" | sed 's/"user": false/"user": true/' ;;
    *) echo far enough >&2; exit 1 ;;
esac
""",
}


class Batch:
    """A copy of the project, an inventory whose hosts are this machine, and its commands."""

    def __init__(self, top: Path) -> None:
        self.top, self.project = top, top / "project"
        for part in PARTS:
            shutil.copytree(TOP / part, self.project / part, ignore=shutil.ignore_patterns("__pycache__"))
        for file in FILES:
            shutil.copy(TOP / file, self.project)
        for name, script in SCRIPTS.items():
            text = script.replace("TOP", str(top)).replace("PYTHON", sys.executable)
            (top / name).write_text(f"#!/bin/sh\n{text}")
            (top / name).chmod(0o755)

    def archive(self) -> None:
        """Put into the controller's cache what a host with the defaults needs."""
        made = self.project / ".cache/releases"
        version = "{}.{}".format(*sys.version_info[:2])
        said = subprocess.run(
            [
                sys.executable,
                self.project / "roles/hivetalk_scheduler/files/archive.py",
                f"--project={self.project}",
                f"--cache={made}",
                f"--python={version}",
                f"--machine={platform.machine()}",
                f"--interpreter={self.top}/python",
                "--name-only",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        made.mkdir(parents=True)
        (made / f"{json.loads(said.stdout)['code']}.tar.gz").write_text("made")

    def deploy(self, **hosts: str) -> tuple[dict[str, str], str]:
        """Deploy to all of them in one batch; the task that each failed in, and all that was said."""
        lines = [f"{name} hivetalk_scheduler_name={name} {given}" for name, given in hosts.items()]
        (self.top / "hosts").write_text(
            "[hivetalk]\n" + "\n".join(lines) + "\n[hivetalk:vars]\nansible_connection=local\n"
            f"ansible_become=false\nansible_python_interpreter={sys.executable}\n"
            f"hivetalk_scheduler_python={self.top}/python\nhivetalk_scheduler_database_url=postgresql:///x\n"
        )
        said = subprocess.run(
            [
                Path(sys.executable).parent / "ansible-playbook",
                f"--inventory={self.top}/hosts",
                '--extra-vars={"deploy_serial": ["100%"]}',
                f"--extra-vars=_hivetalk_scheduler_opt={self.top}/opt",
                self.project / "playbooks/deploy.yml",
            ],
            env=os.environ
            | {
                "ANSIBLE_CONFIG": str(self.project / "ansible.cfg"),
                "ANSIBLE_ROLES_PATH": str(self.project / "roles"),
                "PATH": f"{self.top}:{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
        ).stdout
        failed: dict[str, str] = {}
        task = ""
        for line in said.splitlines():
            if begun := re.match(r"TASK \[(?:\w+ : )?(.+)\]", line):
                task = begun[1]
            if ended := re.match(r"fatal: \[(\w+)[\]\s]", line):
                failed[ended[1]] = task
        return failed, said

    def locks(self, what: str) -> list[str]:
        """The hosts whose locks were `taken`, or `freed`."""
        file = self.top / what
        return sorted(line.removesuffix("-deploy.service") for line in _lines(file))


def _lines(file: Path) -> Iterable[str]:
    return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(tmp_path)


@needs_systemd
def test_an_archive_that_cannot_be_made_stops_its_host_alone_and_leaves_no_lock(batch: Batch) -> None:
    batch.archive()
    # Of another lock, so with an archive of its own.
    other = "hivetalk_scheduler_wheels_dir=/nowhere hivetalk_scheduler_destinations='[\"mailto://u@example.org\"]'"
    failed, said = batch.deploy(one="", other=other, two="")
    assert failed.pop("other") == "Stop if the host's archive could not be made", said
    assert "The controller needs its package index, or all the wheels" in said
    # Here the others end later, where this test ends them.
    assert (
        set(failed) == {"one", "two"}
        and "Stop if the host's archive could not be made" not in failed.values()
    )
    assert batch.locks("taken") == batch.locks("freed") == ["one", "other", "two"], said


@needs_systemd
def test_a_host_that_another_deploy_holds_stops_alone_and_leaves_no_lock(batch: Batch) -> None:
    batch.archive()
    (batch.top / "held-one-deploy.service").touch()
    failed, said = batch.deploy(one="", two="")
    assert failed.pop("one") == "Stop if there is no lock to have", said
    assert "This host is being deployed to by bob on b since 12:00:00 UTC. Wait until" in " ".join(
        said.split()
    )
    assert set(failed) == {"two"} and "Stop if there is no lock to have" not in failed.values(), said
    # Nor is another's taken away.
    assert batch.locks("taken") == batch.locks("freed") == ["two"], said


@needs_systemd
def test_a_lock_that_cannot_be_taken_for_another_reason_says_that_reason(batch: Batch) -> None:
    (batch.top / "bus-down").touch()
    failed, said = batch.deploy(one="")
    assert failed == {"one": "Stop if there is no lock to have"}, said
    assert "The lock of this host could not be taken: Failed to connect to bus" in " ".join(said.split())
    assert "being deployed to" not in said


def test_whoever_takes_the_lock_lets_go_of_it_whatever_happens() -> None:
    def imports(tasks: list[dict[str, Any]], file: str) -> list[bool]:
        return [task.get("ansible.builtin.import_tasks") == file for task in tasks]

    takers = []
    for file in TOP.glob("roles/*/tasks/*.yml"):
        tasks = yaml.safe_load(file.read_text())
        # Not outside of such a block: there one host's refusal would end the others, with their locks.
        assert not any(imports(tasks, "lock.yml")), file
        for block in tasks:
            if any(imports(block.get("block", []), "lock.yml")):
                assert (
                    imports(block["block"], "lock.yml")[0] and imports(block["always"], "unlock.yml")[-1]
                ), file
                takers.append(file.stem)
    assert sorted(takers) == ["change", "pause", "remove", "resume", "rollback"]


def test_no_command_is_left_to_a_login_shell_which_may_be_none_of_sh() -> None:
    raw = [
        task
        for file in TOP.glob("roles/*/tasks/*.yml")
        for task in yaml.safe_load(file.read_text())
        if "ansible.builtin.raw" in task
    ]
    assert len(raw) == 3
    assert all(task["args"] == {"executable": "/bin/sh"} for task in raw), raw
