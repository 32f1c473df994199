"""How the preflight looks at a host: one command for its shell, which becomes what ssh and sudo make of it."""

import json
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest
import yaml
from ansible import release
from ansible.errors import AnsibleError
from ansible.template import Templar, trust_as_template

from .test_templates import HOSTILE, ROLE, TOP, templates


def templar(version: str = release.__version__, **given: Any) -> Templar:
    known = {"hivetalk_scheduler_python": sys.executable, "ansible_version": {"full": version}}
    found: Templar = templates.templar(known | given)
    return found


def look(**given: Any) -> subprocess.CompletedProcess[str]:
    """What the task's command says here, through two shells more."""
    task = yaml.safe_load((ROLE / "tasks/preflight.yml").read_text())[0]
    command = str(templar(**given).template(trust_as_template(task["ansible.builtin.raw"])))
    for _ in range(2):
        command = f"sh -c {shlex.quote(command)}"
    return subprocess.run(command, shell=True, capture_output=True, text=True)  # noqa: S602 - that is what is tested


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\n" not in text])
def test_what_a_host_is_asked_about_reaches_no_shell(text: str) -> None:
    said = look(hivetalk_scheduler_name="no-such-scheduler", hivetalk_scheduler_on_calendar=text)
    assert said.returncode == 0, said.stderr
    [problem] = json.loads(said.stdout)["problems"]
    assert problem.startswith(f"hivetalk_scheduler_on_calendar is {text!r}: ")


def test_the_command_is_short_enough_for_any_host() -> None:
    # execve(2), MAX_ARG_STRLEN: 128 KiB; and sudo writes all of it into the journal.
    task = yaml.safe_load((ROLE / "tasks/preflight.yml").read_text())[0]
    assert len(str(templar().template(trust_as_template(task["ansible.builtin.raw"])))) < 16_000


def test_a_terminal_between_does_no_harm() -> None:
    # ssh -tt: each line ends as on a terminal, and what sudo says comes before the answer.
    answer = look(hivetalk_scheduler_name="no-such-scheduler").stdout
    lines = f"sudo: unable to resolve host h\r\n{answer}".splitlines()
    target = templar(_hivetalk_scheduler_probe={"stdout_lines": lines}).template(
        trust_as_template("{{ _hivetalk_scheduler_target }}")
    )
    assert target["releases"] == []


def test_an_ansible_that_is_too_old_is_told_so() -> None:
    [needed] = re.findall(r"[\d.]+", (TOP / "meta/runtime.yml").read_text())
    words = trust_as_template("{{ _hivetalk_scheduler_look_py }}")
    with pytest.raises(AnsibleError, match=r"ansible-core 2\.19 or newer is needed, and this is 2\.18\.9"):
        templar("2.18.9").template(words)
    assert templar(needed).template(words)
