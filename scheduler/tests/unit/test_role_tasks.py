"""What a part of a deploy does (``--tags``), and in which order, by ansible-playbook's own word."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .test_on_calendar import needs_systemd

TOP = Path(__file__).parents[3]
RELEASE = [
    "Check the variables of all hosts, and name the release of each",
    "Install the release",
    "Migrate the scheduler's schema",
    "Lay out the secrets that are new",
    "Switch to the release",
    "Wait until the timer has fired a canary",
    "Keep what is worth keeping of the old releases",
]


PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - import_role: {name: hivetalk_scheduler, tasks_from: preflight}
      tags: always
    - import_role: {name: hivetalk_scheduler, tasks_from: change}
"""
"""A deploy, with what its role includes only where there is something to do."""


def played(text: str, *arguments: str) -> str:
    """What ansible-playbook says to this play of the role on this machine; raises CalledProcessError."""
    return subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            "--inventory=localhost,",
            *arguments,
            "/dev/stdin",
        ],
        env=os.environ
        | {"ANSIBLE_CONFIG": str(TOP / "ansible.cfg"), "ANSIBLE_ROLES_PATH": str(TOP / "roles")},
        input=text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def tasks(*arguments: str) -> list[str]:
    """The tasks of a deploy with these arguments, in order."""
    said = played(PLAY, "--list-tasks", *arguments)
    return [line.split("TAGS:")[0].split(" : ")[-1].strip() for line in re.findall(r"^ {6}(.+)", said, re.M)]


def in_order(expected: list[str], found: list[str]) -> bool:
    """Whether `expected` are in `found` in this order, whatever is between."""
    rest = iter(found)
    return all(name in rest for name in expected)


def test_a_release_comes_with_its_schema_its_secrets_and_its_canary() -> None:
    found = tasks("--tags=release")
    assert in_order(RELEASE, found), found
    assert "Install PostgreSQL" not in found


def test_a_part_of_a_deploy_switches_nothing_but_a_whole_release() -> None:
    for tag in ("database", "migrate"):
        found = tasks(f"--tags={tag}")
        assert "Migrate the scheduler's schema" in found
        assert not {"Install the release", "Switch to the release"} & set(found)


def test_a_whole_deploy_works_under_the_lock() -> None:
    found = tasks()
    assert in_order(["Take the lock of this host", "Make the database hivetalk", *RELEASE[1:]], found), found


@pytest.mark.parametrize("part", [[], ["--tags=release"]], ids=["whole", "a part"])
def test_one_hosts_bad_variable_stops_the_deploy_before_any_host_is_touched(
    tmp_path: Path, part: list[str]
) -> None:
    inventory = tmp_path / "hosts"
    inventory.write_text(
        "[hivetalk]\ngood\nbad hivetalk_scheduler_intervall=30\n"
        f"[hivetalk:vars]\nansible_connection=local\nansible_python_interpreter={sys.executable}\n"
    )
    # With --check, so that the machine of the tests stays as it is even where the deploy goes on.
    arguments = ["--check", "--extra-vars=ansible_become=false", *part]
    said = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            f"--inventory={inventory}",
            *arguments,
            TOP / "playbooks/deploy.yml",
        ],
        env=os.environ | {"ANSIBLE_CONFIG": str(TOP / "ansible.cfg")},
        capture_output=True,
        text=True,
    )
    assert said.returncode != 0
    assert "hivetalk_scheduler_intervall: no such variable" in said.stdout
    assert re.findall(r"^PLAY \[(.+)\]", said.stdout, re.M) == ["Check every host before any is changed"]
    assert re.search(r"^good +: ok=\d+ +changed=0 ", said.stdout, re.M), said.stdout


HOSTS = """\
[hivetalk]
one hivetalk_scheduler_database_url=postgresql://u@db1:5432,db2/x
two hivetalk_scheduler_database_url=postgresql://v@db1:5432,db2/x?application_name=two
another hivetalk_scheduler_name=another hivetalk_scheduler_database_url=postgresql://u@db1:5432,db2/x
elsewhere hivetalk_scheduler_database_url=postgresql://u@db1:5432,db2/y
near hivetalk_scheduler_database_url=postgresql://u@localhost/x
nearer hivetalk_scheduler_database_url=postgresql:///x?host=/run/postgresql
nearest
third hivetalk_scheduler_database_url=postgresql://db/x
fourth hivetalk_scheduler_database_url=postgresql:///x?host=db
[hivetalk:vars]
ansible_connection=local
"""
"""All of them this machine, so of one hostname."""


@needs_systemd
def test_hosts_of_one_hostname_that_share_a_database_are_named(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(f"{HOSTS}ansible_python_interpreter={sys.executable}\n")
    said = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            f"--inventory={tmp_path}/hosts",
            "--check",
            "--extra-vars=ansible_become=false",
            TOP / "playbooks/deploy.yml",
        ],
        env=os.environ | {"ANSIBLE_CONFIG": str(TOP / "ansible.cfg")},
        capture_output=True,
        text=True,
    )
    assert said.returncode != 0
    assert re.findall(r"^PLAY \[(.+)\]", said.stdout, re.M) == ["Check every host before any is changed"]
    words = " ".join(said.stdout.split())
    for pair in ("one and two", "third and fourth"):
        assert words.count(f"at work on one database, are {pair}: each") >= 2, words
    assert re.findall(r"^(\w+) .* failed=1 ", said.stdout, re.M) == ["fourth", "one", "third", "two"]


AGAIN = """
- hosts: all
  gather_facts: false
  vars_files:
    - "{{ role }}/defaults/main.yml"
    - "{{ role }}/vars/main.yml"
  tasks:
    - ansible.builtin.debug: {msg: "fit: {{ _hivetalk_scheduler_fit | bool }}, before any"}
    - block:
        - ansible.builtin.include_role: {name: hivetalk_scheduler, tasks_from: preflight}
          vars: {hivetalk_scheduler_interval: 45}
      rescue:
        - ansible.builtin.debug: {msg: "fit: {{ _hivetalk_scheduler_fit | bool }}, refused"}
    - ansible.builtin.include_role: {name: hivetalk_scheduler, tasks_from: preflight}
    - ansible.builtin.debug: {msg: "fit: {{ _hivetalk_scheduler_fit | bool }}, passed"}
    - ansible.builtin.debug: {msg: "fit: {{ _hivetalk_scheduler_fit | bool }}, another"}
      vars: {hivetalk_scheduler_name: another}
"""


@needs_systemd
def test_a_preflight_counts_for_the_scheduler_that_has_passed_it_alone() -> None:
    # Such as a second one of the same play, or after a rescue.
    given = f"role={TOP}/roles/hivetalk_scheduler ansible_python_interpreter={sys.executable}"
    said = played(AGAIN, "--connection=local", f"--extra-vars={given}")
    found = re.findall(r"fit: (\w+), (.+?)\W*$", said, re.M)
    assert found == [
        ("False", "before any"),
        ("False", "refused"),
        ("True", "passed"),
        ("False", "another"),
    ]


@needs_systemd
def test_in_a_play_of_ones_own_a_refused_host_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(
        "bad hivetalk_scheduler_intervall=30\nelsewhere hivetalk_scheduler_wheels_dir=/srv/wheels\ngood\nalike\n"
        f"[all:vars]\nansible_connection=local\nansible_python_interpreter={sys.executable}\n"
        "hivetalk_scheduler_database_url=postgresql:///x\n"
    )
    play = "- {hosts: all, gather_facts: false, roles: [hivetalk_scheduler]}"
    with pytest.raises(subprocess.CalledProcessError) as failed:
        played(play, f"--inventory={tmp_path}/hosts", "--check", "--limit=all,!localhost")
    said = failed.value.stdout
    assert re.findall(r"^(\w+) .* failed=1 ", said, re.M) == ["bad"]
    # Each archive once, whichever host asks.
    made = said.partition("TASK [hivetalk_scheduler : Make the code's archive")[2].partition("TASK [")[0]
    assert re.findall(r"--wheels=(\S*) ", made) == ["/srv/wheels", ""], made


PACKAGES = re.compile(
    r"\b(apt|apt_key|apt_repository|deb822_repository|dnf5?|yum|package|pacman|zypper|apk|pip):"
)


def test_the_scheduler_needs_no_package_manager_of_the_host() -> None:
    for file in (*TOP.glob("roles/hivetalk_scheduler/tasks/*.yml"), *TOP.glob("playbooks/*.yml")):
        assert not PACKAGES.search(file.read_text()), file
    # It is found where there is one.
    assert PACKAGES.search((TOP / "roles/hivetalk_database/tasks/server.yml").read_text())
