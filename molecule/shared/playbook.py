"""The project's playbooks, as an operator runs them, on the hosts of this scenario."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_TOP = Path(__file__).parents[2]
_SECONDS = 600
"""That a playbook may take."""


@dataclass(frozen=True)
class Result:
    """What ``ansible-playbook`` ended with; `output` without the breaks that it puts into long lines."""

    status: int
    output: str

    def says(self, text: str) -> bool:
        """Whether `text` is in the output, wherever a line of YAML was broken."""
        return " ".join(text.split()) in " ".join(self.output.split())


def start(
    name: str, *arguments: str, top: Path = _TOP, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Begin ``playbooks/<name>.yml`` of the project in `top` as the leader of a process group of its own."""
    directory = os.environ["MOLECULE_SCENARIO_DIRECTORY"]
    return subprocess.Popen(
        [
            "ansible-playbook",
            f"--inventory={directory}/inventory",
            *arguments,
            top / f"playbooks/{name}.yml",
        ],
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(top / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(top / "roles"),
            "ANSIBLE_NOCOLOR": "1",
        }
        | (environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> Result:
    """Wait for a playbook that was begun; raises TimeoutExpired."""
    output, _ = process.communicate(timeout=_SECONDS)
    return Result(process.returncode, re.sub(r"\x1b\[[0-9;]*m", "", output))


def run(name: str, *arguments: str, top: Path = _TOP, environment: dict[str, str] | None = None) -> Result:
    """Run ``playbooks/<name>.yml`` to its end; raises TimeoutExpired."""
    return finish(start(name, *arguments, top=top, environment=environment))
