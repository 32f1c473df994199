"""The collection: its version is the program's, and ansible-doc shows all that the roles take."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hivetalk_scheduler import __version__

TOP = Path(__file__).parents[3]
ROLES = sorted(path.name for path in (TOP / "roles").iterdir())


def documented(role: str) -> dict[str, Any]:
    """What ansible-doc says of a role, by entry point."""
    said = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-doc",
            "--type=role",
            "--json",
            f"--roles-path={TOP / 'roles'}",
            role,
        ],
        env=os.environ | {"ANSIBLE_CONFIG": str(TOP / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=True,
    )
    [(_, shown)] = json.loads(said.stdout).items()
    return dict(shown["entry_points"])


def test_the_collection_has_the_version_of_the_program() -> None:
    assert yaml.safe_load((TOP / "galaxy.yml").read_text())["version"] == __version__


@pytest.mark.parametrize("role", ROLES)
def test_ansible_doc_shows_every_variable_with_its_meaning_type_and_default(role: str) -> None:
    entries = documented(role)
    assert entries["main"]["short_description"] and entries["main"]["description"]
    shown = {name: option for entry in entries.values() for name, option in entry["options"].items()}
    defaults = yaml.safe_load((TOP / "roles" / role / "defaults/main.yml").read_text())
    assert set(defaults) <= set(shown)
    for name, option in shown.items():
        assert option["description"] and option["type"], name
    assert {name: shown[name]["default"] for name in defaults} == defaults
