"""What somebody does who has the collection's file and nothing else of the project."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from testinfra.host import Host

from shared import application, units

NAME = "hivetalk-scheduler"
TOP = Path(__file__).parents[3]
SITE = """\
- name: Announce our meetings
  hosts: hivetalk
  become: true
  gather_facts: false
  roles:
    - role: hivetalk.scheduler.hivetalk_scheduler
"""


class Project:
    """An empty directory with the collection, a playbook and the scenario's inventory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "site.yml").write_text(SITE)
        (directory / "ansible.cfg").write_text("[defaults]\ncollections_path = ./collections\n")
        built = self.run("ansible-galaxy", "collection", "build", "--output-path", str(directory), str(TOP))
        [file] = directory.glob("hivetalk-scheduler-*.tar.gz")
        assert built.returncode == 0, built.stderr
        # What it depends on is installed with Ansible.
        self.must("ansible-galaxy", "collection", "install", "--offline", "-p", "./collections", str(file))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command here, with nothing of the project's own in its environment."""
        own = ("ANSIBLE_", "MOLECULE_", "PYTHONPATH")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        return subprocess.run(
            command,
            cwd=self.directory,
            env=environment | {"ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def must(self, *command: str) -> str:
        """The output of a command that must succeed."""
        done = self.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def play(self, playbook: str, *arguments: str) -> str:
        inventory = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory"
        return self.must("ansible-playbook", f"--inventory={inventory}", playbook, *arguments)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def deployed(project: Project) -> str:
    """What the deploy of the project's own playbook said."""
    return project.play("site.yml")


def test_the_role_deploys_by_its_name(project: Project, deployed: str, host: Host) -> None:
    assert "hivetalk.scheduler.hivetalk_scheduler : Switch to the release" in deployed
    assert units.properties(host, f"{NAME}.timer")["ActiveState"] == "active"
    again = project.play("site.yml")
    assert "changed=0" in again, again


def test_the_playbooks_operate_by_their_names(project: Project, deployed: str, host: Host) -> None:
    assert "changed=0" in project.play("hivetalk.scheduler.deploy")
    project.play("hivetalk.scheduler.test_event", "--extra-vars", "test_event_in=1")
    live = "SELECT state FROM hivetalk_scheduler.delivery WHERE transition = 'live' AND destination !~ '^canary:'"
    rows = application.query(host, live)
    assert rows == [{"state": "delivered"}]
    assert re.search(r"hivetalk-collection +OK ", project.play("hivetalk.scheduler.status"))


def test_on_systemd_257_the_sandbox_leaves_an_exposure_of_1_1_at_most(deployed: str, host: Host) -> None:
    assert host.check_output("systemctl --version").startswith("systemd 257")
    assert units.exposure(host, f"{NAME}.service") <= 1.1


def test_nothing_of_the_tests_and_benchmarks_travels_in_it(project: Project) -> None:
    [top] = project.directory.glob("collections/ansible_collections/hivetalk/scheduler")
    found = {path.name for path in top.iterdir()}
    assert {"roles", "playbooks", "templates", "scheduler", "requirements", "docs"} <= found
    assert not {"molecule", "bench", "script", ".venv", ".git"} & found
    assert not (top / "scheduler/tests").exists()
