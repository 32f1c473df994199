"""A role's variables are said three times (defaults, specs, program); here they cannot drift apart."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hivetalk_scheduler.config import Config, Secrets

TOP = Path(__file__).parents[3]
ROLES = sorted(path.name for path in (TOP / "roles").iterdir())
PREFIX = "hivetalk_scheduler_"


def load(role: str, file: str) -> Any:
    return yaml.safe_load((TOP / "roles" / role / file).read_text())


def options(role: str) -> dict[str, Any]:
    found: dict[str, Any] = load(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return found


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_specs_have_the_same_keys_and_values(role: str) -> None:
    assert load(role, "defaults/main.yml") == {name: spec["default"] for name, spec in options(role).items()}


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_has_the_prefix_of_its_role_a_type_and_a_meaning(role: str) -> None:
    types = {"str": str, "int": int, "float": (int, float), "bool": bool, "list": list}
    for name, spec in options(role).items():
        assert name.startswith(role + "_")
        assert isinstance(spec["default"], types[spec["type"]]), name
        assert spec["description"].endswith("."), name
        assert (spec["type"] == "list") == ("elements" in spec), name
        if spec["type"] in ("int", "float") and not re.search(
            "Deliveries|Requests|Attempts|Releases|Processes", spec["description"]
        ):
            assert re.search(r"\bs(econds?)?\b", spec["description"], re.I), f"{name} has no unit"


@pytest.mark.parametrize("role", ROLES)
def test_internal_variables_are_marked_as_such(role: str) -> None:
    file = TOP / "roles" / role / "vars" / "main.yml"
    for name in yaml.safe_load(file.read_text()):
        assert name.startswith(f"_{role}_")


@pytest.mark.parametrize("role", ROLES)
def test_secrets_and_nothing_else_are_kept_out_of_logs(role: str) -> None:
    for name, spec in options(role).items():
        assert bool(spec.get("no_log")) == spec["description"].startswith("Secret. "), name


def test_the_role_and_the_program_have_the_same_settings_and_defaults() -> None:
    program = {name: value for name, value in Config._field_defaults.items() if name != "secrets"}
    # Of the unit and of the deploy, not of the program.
    own = {
        "name",
        "python",
        "wheels_dir",
        "persistent",
        "keep_releases",
        "verify",
        "memory_max",
        "tasks_max",
        "networks",
    }
    secrets = set(Secrets._fields) - {"destinations", "alerts"} | {"secret_destinations", "secret_alerts"}
    role = {
        name.removeprefix(PREFIX): value
        for name, value in load("hivetalk_scheduler", "defaults/main.yml").items()
    }
    assert set(role) - own - secrets == set(program)
    for name, default in program.items():
        given = tuple(role[name]) if isinstance(role[name], list) else role[name]
        # Empty stands for the database on the same host.
        assert (given or default) == default, name


def test_the_variables_of_the_contract() -> None:
    contract = {
        "interval": 60,
        "on_calendar": "",
        "jitter": 5,
        "accuracy": 1,
        "persistent": True,
        "timeout": 180,
        "window_behind": 120,
        "window_ahead": 120,
    }
    given = load("hivetalk_scheduler", "defaults/main.yml")
    assert {name: given[PREFIX + name] for name in contract} == contract
    assert {PREFIX + "batch_size", PREFIX + "concurrency"} <= set(given)
