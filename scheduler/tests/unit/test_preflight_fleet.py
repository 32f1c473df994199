"""What check.py, in one call, says of each host of a deploy."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError

from .test_preflight import DEFAULTS, SPECS, check
from .test_templates import TOP


def host(
    hostname: str = "h",
    python: str = "3.11",
    encrypts: bool = True,
    prefix: str = "/usr",
    code: tuple[str, ...] = (),
    **given: Any,
) -> list[str]:
    """A host's part of the standard input, with the defaults but for `given`, which lack the role's prefix."""
    variables = DEFAULTS | {
        name if name == "ansible_managed" else f"hivetalk_scheduler_{name}": value
        for name, value in given.items()
    }
    probed = {
        "python": python,
        "machine": "x86_64",
        "hostname": hostname,
        "encrypts": encrypts,
        "prefix": prefix,
        "code": code,
    }
    return [json.dumps(variables), json.dumps(probed), "/usr/bin/python3"]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time that variables were judged."""
    calls: list[str] = []
    real = check.problems

    def problems(project: Path, specs: list[str], variables: dict[str, Any]) -> Any:
        calls.append(json.dumps(variables))
        return real(project, specs, variables)

    monkeypatch.setattr(check, "problems", problems)
    return calls


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def said(**hosts: list[str]) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["check.py", str(TOP), *SPECS])
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(hosts)))
        check.main()
        return dict(json.loads(capsys.readouterr().out))

    return said


def test_hosts_that_are_given_the_same_are_judged_once(ask: Any, judged: list[str]) -> None:
    found = ask(**{f"h{number}": host(hostname=f"h{number}") for number in range(20)})
    assert len(judged) == 1
    assert len(found) == 20
    assert all(one == found["h0"] and one["problems"] == [] for one in found.values())


def test_each_host_has_its_own_answer(ask: Any) -> None:
    found = ask(
        plain=host(),
        newer=host(python="3.13"),
        mail=host(destinations=["mailto://u@example.org"]),
        user=host(database_url="postgresql://u@db/x"),
        longer=host(interval=30),
        secret=host(webhook_secret="whsec_" + "A" * 32),
        plainly=host(webhook_secret="whsec_" + "A" * 32, encrypts=False),
        bound=host(networks=["localhost"]),
        bound_elsewhere=host(networks=["localhost"], prefix="/opt/py"),
        managed=host(ansible_managed="by hand"),
        kept=host(keep_releases="7.0"),
        bad=host(intervall=5),
        mute=[*host(interval=0)[:1], "", "/usr/bin/python3"],
        mute_and_good=[*host()[:1], "", "/usr/bin/python3"],
    )
    assert found["plain"]["name"] == "hivetalk-scheduler"
    assert len({found[name]["code"] for name in ("plain", "newer", "mail")}) == 3
    assert found["user"]["code"] == found["plain"]["code"]
    # A release is named by what is in its files, and in its code; a secret is not.
    others = ("plain", "newer", "mail", "user", "longer", "secret", "plainly")
    others += ("bound", "bound_elsewhere", "managed")
    assert len({found[name]["release"] for name in others}) == len(others)
    assert found["kept"]["release"] == found["plain"]["release"]
    assert [found[name]["database_user"] for name in ("plain", "user")] == ["", "u"]
    [said] = found["bad"]["problems"]
    assert said.startswith("hivetalk_scheduler_intervall: no such variable")
    assert "interval is 0" in found["mute"]["problems"][0]
    # Its host could not be looked at: that is said elsewhere.
    assert found["mute_and_good"] == {"problems": []}


def test_each_host_names_the_archive_that_it_lacks(ask: Any) -> None:
    lacking = ask(
        plain=host(), mail=host(destinations=["mailto://u@example.org"], wheels_dir="/srv/my wheels")
    )
    assert lacking["plain"]["archive"] == [
        "--python=3.11",
        "--machine=x86_64",
        "--interpreter=/usr/bin/python3",
        "--wheels=",
        "--lock=runtime",
    ]
    assert lacking["mail"]["archive"][-2:] == ["--wheels=/srv/my wheels", "--lock=apprise"]
    code = lacking["plain"]["code"]
    found = ask(has_it=host(code=("other", code)), has_another=host(code=("other",)))
    assert found["has_it"]["archive"] == []
    assert found["has_another"]["archive"] == lacking["plain"]["archive"]


def test_hosts_of_one_hostname_that_share_a_database_are_each_told(ask: Any) -> None:
    url = "postgresql://u@db/x"
    found = ask(
        one=host(database_url=url),
        two=host(database_url=url),
        other=host(hostname="other", database_url=url),
        own=host(),
        same=host(),
        bad=host(database_url=url, intervall=5),
    )
    assert {name for name in found if found[name]["problems"]} == {"one", "two", "bad"}
    assert "are one and two: each would fire the canaries" in found["one"]["problems"][0]


def test_a_host_whose_files_cannot_be_rendered_stops_no_other(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = check.files

    def files(project: Path, variables: dict[str, Any], target: dict[str, Any]) -> Any:
        if variables["hivetalk_scheduler_interval"] == 30:
            raise AnsibleError("odd")
        return real(project, variables, target)

    monkeypatch.setattr(check, "files", files)
    found = ask(plain=host(), odd=host(interval=30))
    assert found["odd"] == {"problems": ["odd"]}
    assert found["plain"]["release"]
