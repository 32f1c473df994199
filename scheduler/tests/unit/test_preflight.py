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
    return list(check.problems(TOP, SPECS, variables))


def test_the_defaults_have_no_problem() -> None:
    assert problems() == []


def test_limits_that_systemd_can_read_have_no_problem() -> None:
    networks = ["localhost", "link-local", "multicast", "192.0.2.7", "198.51.100.0/24", "2001:db8::/32"]
    assert problems(networks=networks, memory_max="infinity", tasks_max=16) == []
    assert problems(memory_max="2G") == []


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
        (
            {"hivetalk_database_admin_url": "mysql://h/d"},
            "hivetalk_database_admin_url: it takes postgresql://",
        ),
        (
            {"hivetalk_database_admin_url": "postgresql://[::1/d"},
            "hivetalk_database_admin_url: '[::1' is not",
        ),
        ({"database_url": "postgresql://u@v@h/d"}, "hivetalk_scheduler_database_url: it takes postgresql://"),
        ({"nostr_nsec": "nsec1nonsense"}, "hivetalk_scheduler_nostr_nsec is not an nsec"),
        ({"webhook_secret": "whsec_!"}, "hivetalk_scheduler_webhook_secret is not base64"),
        ({"name": "a b"}, "hivetalk_scheduler_name is 'a b'"),
        ({"keep_releases": 1}, "hivetalk_scheduler_keep_releases is 1: it takes 2 or more"),
        ({"memory_max": "lots"}, "hivetalk_scheduler_memory_max is 'lots': it takes a number with M or G"),
        ({"memory_max": "512M\nUser=root"}, "hivetalk_scheduler_memory_max contains a control character"),
        ({"memory_max": "64M"}, "hivetalk_scheduler_memory_max is '64M': a run needs 128M at least"),
        ({"tasks_max": 2}, "hivetalk_scheduler_tasks_max is 2: a run needs 16 at least"),
        ({"networks": ["any"]}, "hivetalk_scheduler_networks holds 'any'"),
        ({"networks": ["10.0.0.1/8"]}, "10.0.0.1/8 has host bits set"),
        ({"networks": ["localhost", "example.org"]}, "hivetalk_scheduler_networks holds 'example.org'"),
        (
            {"networks": ["localhost"], "database_url": "postgresql:///x?host=/a%22b"},
            "hivetalk_scheduler_database_url contains a control character, a quote or a backslash",
        ),
        ({"on_calendar": "*:*:0/7\\"}, "hivetalk_scheduler_on_calendar contains a backslash"),
        ({"on_calendar": "*:*:00\n"}, "hivetalk_scheduler_on_calendar contains a line's end"),
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


def probe(
    tmp_path: Path,
    calendar: str = "",
    systemd: str = "252 (252.36-1)",
    interval: int = 60,
    name: str = "no-such-scheduler",
    units: dict[str, str] | None = None,
    script: str = (ROLE / "files/probe.py").read_text(),
    releases: str = "",
) -> dict[str, Any]:
    """What probe.py says on a host whose systemd is of this version and has these `units` (files' texts)."""
    for unit, text in (units or {}).items():
        (tmp_path / unit).write_text(text)
    shown = f'shift 3; for unit; do echo "FragmentPath=$(ls {tmp_path}/$unit 2>&-)"; done'
    (tmp_path / "systemctl").write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "systemd {systemd}" && exit; {shown}\n'
    )
    (tmp_path / "systemctl").chmod(0o755)
    said = subprocess.run(
        [sys.executable, "-I", "-", name, calendar, str(interval), releases],
        input=script,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_a_fit_host_has_no_problem(tmp_path: Path) -> None:
    found = probe(tmp_path)
    assert found["problems"] == found["releases"] == found["code"] == []
    assert (found["current"], found["user"], found["paused"]) == ("", False, None)
    assert found["python"] == "{}.{}".format(*sys.version_info[:2])


@pytest.mark.parametrize(("status", "said", "whole"), [(0, "t", True), (0, "f", False), (2, "t", False)])
def test_a_whole_database_is_found_in_one_look(tmp_path: Path, status: int, said: str, whole: bool) -> None:
    (tmp_path / "runuser").write_text(f'#!/bin/sh\necho "$*" >{tmp_path}/asked; echo {said}; exit {status}\n')
    (tmp_path / "runuser").chmod(0o755)
    assert probe(tmp_path, name="it's")["database"] is whole
    assert "rolname = 'it''s'" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    ("url", "says", "there", "asked"),
    [
        ("postgresql:///hivetalk", "true", True, False),
        ("postgresql:///hivetalk", "false", False, True),
        ("postgresql://db/hivetalk", "true", False, False),
    ],
)
def test_a_whole_release_is_word_enough_of_its_database(
    tmp_path: Path, url: str, says: str, there: bool, asked: bool
) -> None:
    (tmp_path / "runuser").write_text(f"#!/bin/sh\necho f; touch {tmp_path}/asked\n")
    (tmp_path / "runuser").chmod(0o755)
    (tmp_path / "n/releases/a/units/one").mkdir(parents=True)
    (tmp_path / "n/releases/a/config.toml").write_text(f'# managed\ndatabase_url = "{url}"\ninterval = 60\n')
    (tmp_path / "n/current").symlink_to("releases/a")
    script = (ROLE / "files/probe.py").read_text().replace('"/opt/"', f'"{tmp_path}/"')
    found = probe(tmp_path, name="n", script=script, releases=f"print('{says}')")
    assert (found["database"], (tmp_path / "asked").exists()) == (there, asked)


@pytest.mark.parametrize(
    ("says", "cluster", "there"),
    [
        ("installed installed ", True, True),
        ("installed installed ", False, False),
        ("installed config-files ", True, False),
        ("installed ", True, False),
    ],
)
def test_postgresql_is_found_with_its_packages_and_a_cluster(
    tmp_path: Path, says: str, cluster: bool, there: bool
) -> None:
    (tmp_path / "dpkg-query").write_text(f"#!/bin/sh\nprintf '{says}'\n")
    (tmp_path / "dpkg-query").chmod(0o755)
    if cluster:
        (tmp_path / "15/main").mkdir(parents=True)
        (tmp_path / "15/main/postgresql.conf").touch()
    script = (ROLE / "files/probe.py").read_text().replace("/etc/postgresql/", f"{tmp_path}/")
    assert probe(tmp_path, script=script)["postgresql"] is there


@pytest.mark.parametrize(
    ("says", "whole"),
    [
        ("print('true')", True),
        ("print('false')", False),
        ("raise OSError", False),
        ("print('true'); sys.exit('no')", False),
    ],
)
def test_a_whole_host_is_found_in_the_same_look(tmp_path: Path, says: str, whole: bool) -> None:
    script = (ROLE / "files/probe.py").read_text()
    there = script.replace("def current(name):", "def current(name):\n    return 'a'")
    assert there != script
    asked = "import sys; assert sys.argv[1:] == ['/', 'n', 'whole', 'a']; " + says
    assert probe(tmp_path, name="n", script=there, releases=asked)["whole"] is whole
    # Without a current release there is nothing to be whole.
    assert probe(tmp_path, name="n", releases=asked)["whole"] is False


@pytest.mark.parametrize("name", ["root", "nobody", "sudo", "apt"])
def test_a_name_that_the_host_uses_for_something_else_is_refused(tmp_path: Path, name: str) -> None:
    found = probe(tmp_path, name=name)["problems"]
    assert found
    for said in found:
        assert said.startswith(f"hivetalk_scheduler_name is {name!r}: ")
        assert "is on this host and is not the scheduler's; take another name" in said


def test_units_of_the_name_are_refused_unless_they_are_the_schedulers(tmp_path: Path) -> None:
    own = {
        "meetings.service": render("hivetalk-scheduler.service.j2", hivetalk_scheduler_name="meetings"),
        "meetings.timer": render("hivetalk-scheduler.timer.j2", hivetalk_scheduler_name="meetings"),
    }
    assert probe(tmp_path, name="meetings", units=own)["problems"] == []
    for unit in own:
        [said] = probe(tmp_path, name="meetings", units=own | {unit: "[Unit]"})["problems"]
        assert f"the unit {tmp_path}/{unit} is on this host and is not the scheduler's" in said


@pytest.mark.parametrize(("version", "shown"), [("247 (247.3-7)", "247"), ("", "missing")])
def test_an_old_systemd_is_refused_with_the_version_needed(tmp_path: Path, version: str, shown: str) -> None:
    [said] = probe(tmp_path, systemd=version)["problems"]
    assert said == f"systemd is {shown}: 251 or newer is needed"


def test_an_old_python_is_refused_with_the_version_needed(tmp_path: Path) -> None:
    script = (ROLE / "files/probe.py").read_text()
    old = script.replace("NEEDED_PYTHON = (3, 11)", "NEEDED_PYTHON = (3, 99)")
    assert old != script
    [said] = probe(tmp_path, script=old)["problems"]
    assert said.startswith(f"hivetalk_scheduler_python is {sys.executable}, Python 3.")
    assert said.endswith("it takes 3.99 or newer")


def test_any_python_3_can_read_the_probe() -> None:
    ast.parse((ROLE / "files/probe.py").read_text(), feature_version=(3, 7))  # the oldest that ast knows


@pytest.mark.parametrize("variable", ["destinations", "secret_destinations", "alerts", "secret_alerts"])
def test_apprise_goes_only_to_a_host_that_has_a_url_of_its(variable: str) -> None:
    name = f"hivetalk_scheduler_{variable}"
    # The last is another package's.
    own = ["journal:", "https://x", "http://x", "wss://x", "ws://x", "exec:/x", "bee://x"]
    assert check.lock_for({name: own}) == "runtime"
    assert check.lock_for({name: [*own, "mailto://x"]}) == "apprise"
