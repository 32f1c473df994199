"""What is refused before anything changes: by the controller (check.py), and by the host (probe.py)."""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.template import Templar

from .test_templates import HOSTILE, LOADER, ROLE, TOP, render

SPECS = [
    str(TOP / "roles" / role / "meta/argument_specs.yml")
    for role in ("hivetalk_scheduler", "hivetalk_database")
]
DEFAULTS: dict[str, Any] = yaml.safe_load((ROLE / "defaults/main.yml").read_text())

_spec = importlib.util.spec_from_file_location("check", ROLE / "files/check.py")
assert _spec and _spec.loader
check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check)


def problems(**given: Any) -> list[str]:
    """What the preflight says of the defaults, but for `given`, which lack the role's prefix."""
    variables = DEFAULTS | {
        name if name.startswith("hivetalk_") else f"hivetalk_scheduler_{name}": value
        for name, value in given.items()
    }
    known = {name: value for name, value in variables.items() if name in DEFAULTS}
    return list(check.problems(SPECS, variables, render("config.toml.j2", **known)))


def test_the_defaults_have_no_problem() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"intervall": 5},
            "hivetalk_scheduler_intervall: no such variable; did you mean hivetalk_scheduler_interval?",
        ),
        ({"hivetalk_database_admin_ur": ""}, "did you mean hivetalk_database_admin_url?"),
        ({"interval": "abc"}, "hivetalk_scheduler_interval is 'abc': takes a value of the type int"),
        ({"topics": {"a": 1}}, "takes a value of the type list"),
        ({"interval": 0}, "hivetalk_scheduler_interval is 0: it takes 1 to 3600"),
        ({"interval": -60}, "hivetalk_scheduler_interval is -60: it takes 1 to 3600"),
        (
            {"interval": 45},
            "hivetalk_scheduler_interval is 45: a calendar timer ticks evenly only if it divides 60",
        ),
        ({"jitter": 60}, "hivetalk_scheduler_jitter (60) and interval (60): the jitter must be shorter"),
        ({"accuracy": 60}, "hivetalk_scheduler_accuracy (60) and interval (60): the accuracy must be finer"),
        ({"window_ahead": 60}, "hivetalk_scheduler_window_ahead (60) and interval + jitter + accuracy (66)"),
        ({"window_behind": 30}, "set window_behind to at least 60"),
        ({"timeout": 30}, "hivetalk_scheduler_timeout (30) and interval + jitter + accuracy"),
        ({"destinations": ["gopher://x"]}, "no destination has the scheme gopher"),
        ({"secret_destinations": ["gopher://x"]}, "gopher"),
        ({"room_relays": "some"}, "hivetalk_scheduler_room_relays is 'some': it takes public, any or none"),
        ({"database_url": "mysql://x"}, "hivetalk_scheduler_database_url"),
        ({"database_url": "postgresql://u:pw@h/d"}, "contains a password"),
        (
            {"hivetalk_database_admin_url": "postgresql://u:pw@h/d"},
            "put it in hivetalk_database_admin_password",
        ),
        ({"nostr_nsec": "nsec1nonsense"}, "hivetalk_scheduler_nostr_nsec is not an nsec"),
        ({"webhook_secret": "whsec_!"}, "hivetalk_scheduler_webhook_secret is not base64"),
        ({"name": "a b"}, "hivetalk_scheduler_name is 'a b'"),
        ({"on_calendar": "*:*:0/7\\"}, "hivetalk_scheduler_on_calendar contains a backslash"),
        (
            {"room_url": "https://x/{room}\nlead = 9"},
            "hivetalk_scheduler_room_url contains a control character",
        ),
        (
            {"destinations": ["exec:/a\nUser=root"]},
            "hivetalk_scheduler_destinations contains a control character",
        ),
    ],
)
def test_each_bad_variable_is_named_with_its_value_and_the_mend(given: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in problems(**given))


@pytest.mark.parametrize("example", ["container", "fleet"])
def test_the_example_inventories_have_no_problem(example: str) -> None:
    file = TOP / "inventory" / example / "group_vars/hivetalk/main.yml"
    variables = LOADER.load_from_file(str(file), trusted_as_template=True)
    templar = Templar(loader=LOADER, variables=variables)
    found = {
        name: templar.template(value) for name, value in variables.items() if name.startswith("hivetalk_")
    }
    assert problems(**found) == []


def test_every_problem_is_named_at_once() -> None:
    assert len(problems(interval=0, timeout=1, intervall=1)) == 3


@pytest.mark.parametrize("name", ["nostr_nsec", "webhook_secret", "secret_destinations"])
def test_a_bad_secret_is_not_shown(name: str) -> None:
    secret: Any = "whsec_TOP SECRET!"
    found = problems(**{name: [secret] if name == "secret_destinations" else secret})
    assert found
    assert "TOP" not in "".join(found)
    [wrong_type] = problems(**{name: {"TOP": "SECRET"}} if name == "secret_destinations" else {name: ["TOP"]})
    assert "TOP" not in wrong_type


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_name_passes(text: str) -> None:
    assert problems(name=text)


def probe(tmp_path: Path, calendar: str = "*:*:00", systemd: str = "252 (252.36-1)") -> dict[str, Any]:
    """What probe.py says on a host whose systemd gives these answers."""
    answers = {
        "systemctl": f'[ "$1" = --version ] && echo "systemd {systemd}" || echo NeedDaemonReload=no',
        "systemd-analyze": '[ "$3" = "*:*:00" ] || { echo "Failed to parse calendar specification"; exit 1; }',
    }
    for name, script in answers.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    said = subprocess.run(
        [sys.executable, "-I", "-", "no-such-scheduler", calendar],
        input=(ROLE / "files/probe.py").read_text(),
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_a_fit_host_has_no_problem(tmp_path: Path) -> None:
    found = probe(tmp_path)
    assert found["problems"] == found["releases"] == found["credentials"] == found["stale_units"] == []
    assert found["python"] == "{}.{}".format(*sys.version_info[:2])


def test_a_calendar_expression_that_systemd_rejects_is_refused(tmp_path: Path) -> None:
    [said] = probe(tmp_path, calendar="every fortnight")["problems"]
    assert said.startswith(
        "hivetalk_scheduler_on_calendar is 'every fortnight': systemd-analyze calendar says"
    )


@pytest.mark.parametrize(("version", "shown"), [("247 (247.3-7)", "247"), ("", "missing")])
def test_an_old_systemd_is_refused_with_the_version_needed(tmp_path: Path, version: str, shown: str) -> None:
    [said] = probe(tmp_path, systemd=version)["problems"]
    assert said == f"systemd is {shown}: 250 or newer is needed"


def test_an_old_python_is_refused_with_the_version_needed(tmp_path: Path) -> None:
    script = (ROLE / "files/probe.py").read_text()
    old = script.replace("NEEDED_PYTHON = (3, 11)", "NEEDED_PYTHON = (3, 99)")
    assert old != script
    said = subprocess.run(
        [sys.executable, "-", "x", "*:*:00"], input=old, capture_output=True, text=True, check=True
    )
    first = json.loads(said.stdout)["problems"][0]
    assert first.startswith(f"hivetalk_scheduler_python is {sys.executable}, Python 3.")
    assert first.endswith("it takes 3.99 or newer")


def test_any_python_3_can_read_the_probe() -> None:
    ast.parse((ROLE / "files/probe.py").read_text(), feature_version=(3, 7))  # the oldest that ast knows
