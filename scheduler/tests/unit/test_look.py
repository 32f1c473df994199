"""How the preflight looks at a host: one command for its shell, which becomes what ssh and sudo make of it."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
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


def look(path: str = "", **given: Any) -> subprocess.CompletedProcess[str]:
    """What the task's command says here, through two shells more, with `path` first; its standard input never ends."""
    task = yaml.safe_load((ROLE / "tasks/preflight.yml").read_text())[0]
    command = str(templar(**given).template(trust_as_template(task["ansible.builtin.raw"])))
    command = f"sh -c {shlex.quote(command)}"
    reading, writing = os.pipe()
    try:
        return subprocess.run(
            ["sh", "-c", command],
            env=os.environ | {"PATH": f"{path}:{os.environ['PATH']}"},
            stdin=reading,
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        os.close(reading)
        os.close(writing)


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


def taken(lines: list[str], what: str) -> Any:
    """What the preflight takes these lines of a host for: the value of that variable of the role."""
    probe = {"stdout_lines": lines, "stdout": "\n".join(lines), "stderr": "", "rc": 0}
    check = {"rc": 0, "stdout_lines": ["DEBUG: odd", json.dumps({"h": {"problems": []}})]}
    given = {"_hivetalk_scheduler_probe": probe, "_hivetalk_scheduler_check": check}
    return templar(inventory_hostname="h", **given).template(trust_as_template(f"{{{{ {what} }}}}"))


def test_what_else_comes_with_the_answer_does_no_harm() -> None:
    # ssh -tt: sudo's words come before it, and a session's after it; each line ends as on a terminal.
    answer = look(hivetalk_scheduler_name="no-such-scheduler").stdout
    lines = f"sudo: unable to resolve host h\r\n{answer}session of root closed\r\n{{}}\r\n".splitlines()
    assert taken(lines, "_hivetalk_scheduler_target.releases") == []
    assert taken(lines, "_hivetalk_scheduler_problems") == []


@pytest.mark.parametrize("lines", [[], ["Illegal instruction"]])
def test_a_host_that_does_not_answer_is_told_so(lines: list[str]) -> None:
    [problem] = taken(lines, "_hivetalk_scheduler_problems")
    assert problem.startswith("hivetalk_scheduler_python is ")
    assert problem.endswith(", which does not run on this host: " + "".join(lines))


def test_what_is_asked_there_waits_for_nobody(tmp_path: Path) -> None:
    # A terminal is there, and psql would ask on it for a password.
    (tmp_path / "runuser").write_text(f'#!/bin/sh\necho "$*" >{tmp_path}/asked; cat >{tmp_path}/read\n')
    (tmp_path / "runuser").chmod(0o755)
    look(str(tmp_path), hivetalk_scheduler_name="no-such-scheduler")
    assert " --no-password " in (tmp_path / "asked").read_text()


def test_an_ansible_that_is_too_old_is_told_so() -> None:
    [needed] = re.findall(r"[\d.]+", (TOP / "meta/runtime.yml").read_text())
    words = trust_as_template("{{ _hivetalk_scheduler_look_py }}")
    with pytest.raises(AnsibleError, match=r"ansible-core 2\.19 or newer is needed, and this is 2\.18\.9"):
        templar("2.18.9").template(words)
    assert templar(needed).template(words)
