"""What the scenario's inventory says, so that no test says it again."""

import os
from pathlib import Path
from typing import Any

import yaml


def variables(host: str) -> dict[str, Any]:
    """The variables of one host of this scenario, templates as they stand."""
    return dict(_hivetalk()["hosts"][host])


def common() -> dict[str, Any]:
    """The variables of all its hosts, templates as they stand."""
    return dict(_hivetalk()["vars"])


def _hivetalk() -> dict[str, Any]:
    file = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory/hosts.yml"
    return dict(yaml.safe_load(file.read_text())["hivetalk"])


def secret(name: str) -> str:
    """A secret that the inventory made for this run of the scenario."""
    return (Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / name).read_text().strip()


def deploy_log() -> str:
    """All that ansible-playbook has shown in this run of the scenario, diffs included."""
    return (Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "ansible.log").read_text()
