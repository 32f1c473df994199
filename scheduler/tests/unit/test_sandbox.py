"""What the service's sandbox lets through, and what a run that fails or crashes may cost."""

import shlex

import pytest
from ansible.errors import AnsibleError

from .test_templates import HOSTILE, directives, names, service, value


def binds(unit: str) -> list[str]:
    """The paths that the unit binds, as systemd reads them."""
    lines = [value for name, value in directives(unit) if name == "BindReadOnlyPaths"]
    return [path.replace("%%", "%").replace("\\:", ":") for line in lines for path in shlex.split(line)]


def test_only_named_networks_shut_out_the_others_and_the_file_system() -> None:
    assert not {"IPAddressDeny", "IPAddressAllow", "RootDirectory"} & set(names(service()))
    unit = service(hivetalk_scheduler_networks=["localhost", "192.0.2.0/24"])
    assert value(unit, "IPAddressDeny") == "any"
    assert value(unit, "IPAddressAllow") == "localhost 192.0.2.0/24"
    assert value(unit, "RootDirectory") == "/run/" + value(unit, "RuntimeDirectory")
    assert {"/usr", "/etc", "/opt/hivetalk-scheduler", "-/run/postgresql"} <= set(binds(unit))


@pytest.mark.parametrize(
    ("url", "bound"),
    [
        ("postgresql:///hivetalk", []),
        ("postgresql://db.example/hivetalk?sslmode=require", []),
        ("postgresql:///h?host=/srv/pg&sslrootcert=/srv/tls/ca%20x.crt", ["-/srv/pg", "-/srv/tls/ca x.crt"]),
        ("postgresql://u@%2Fsrv%2Fpg,%2fsrv%2Fother:5433/h", ["-/srv/pg", "-/srv/other"]),
        ("postgresql:///h?host=%2Fsrv%2Fa%3Ab%25n", ["-/srv/a:b%n"]),
    ],
)
def test_what_the_database_needs_of_the_file_system_is_bound(url: str, bound: list[str]) -> None:
    closed = {"hivetalk_scheduler_networks": ["localhost"]}
    before = binds(service(**closed))
    assert sorted(binds(service(**closed, hivetalk_scheduler_database_url=url))) == sorted(before + bound)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_path_is_bound_literally_or_refused(text: str) -> None:
    closed = {"hivetalk_scheduler_networks": ["localhost"]}
    try:
        unit = service(**closed, hivetalk_scheduler_destinations=["exec:/opt/" + text])
    except AnsibleError:
        return
    assert "-/opt/" + text in binds(unit)
    assert len(binds(unit)) == len(binds(service(**closed))) + 1


def test_a_python_elsewhere_may_be_executed_and_is_bound() -> None:
    unit = service(
        hivetalk_scheduler_networks=["::1"], _hivetalk_scheduler_target={"prefix": "/srv/python 3"}
    )
    assert "/srv/python 3" in shlex.split(value(unit, "ExecPaths"))
    assert "-/srv/python 3" in binds(unit)


@pytest.mark.parametrize(
    ("interval", "calendar", "burst"), [(60, "", 4), (10, "", 6), (1, "", 24), (60, "minutely", 24)]
)
def test_restarts_are_refused_before_ticks_are(interval: int, calendar: str, burst: int) -> None:
    unit = service(hivetalk_scheduler_interval=interval, hivetalk_scheduler_on_calendar=calendar)
    assert (value(unit, "StartLimitIntervalSec"), value(unit, "StartLimitBurst")) == ("20s", str(burst))
