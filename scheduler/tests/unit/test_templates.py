"""The templates, rendered by Ansible's own engine: whatever a variable holds, it stays one value."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hivetalk_scheduler import arguments
from hivetalk_scheduler.config import Config

TOP = Path(__file__).parents[3]
ROLE = TOP / "roles" / "hivetalk_scheduler"
sys.path.append(str(ROLE / "files"))

import templates  # noqa: E402 - the role's own, found by the path above

LOADER = templates.LOADER

HOSTILE = [
    "%n%h%%",
    "$HOME ${PATH} $$",
    "a \"b\" 'c' `id` $(id)",
    "back\\slash",
    "end\\",
    "one\nExecStart=/bin/two",
    "one\r\n[Service]",
    "one\u2028Two=2",
    "{{ lookup('pipe', 'id') }}",
    "# ; = [Unit]",
    " spaces around ",
]
"""Texts that mean something to a unit, a shell, TOML, Jinja or Ansible."""


PAUSE: dict[str, Any] = {"_hivetalk_scheduler_end": {"stdout": "2026-11-24 08:00:00 UTC"}}
"""What the templates of a pause need besides: when it ends."""


NAMES = {"_hivetalk_scheduler_checked": {"release": "1.0-0123456789ab", "code": "1.0-c0de"}}


def render(template: str, **given: Any) -> str:
    """A file of templates/ with the role's defaults, but for `given`."""
    return templates.render(TOP / "templates" / template, NAMES | given)


def directives(unit: str) -> list[tuple[str, str]]:
    """The unit's directives as systemd.syntax(7) reads them: comments away, a last backslash joins two lines."""
    kept = [line for line in re.split(r"[\n\r]", unit) if line.strip() and line.lstrip()[0] not in "#;"]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(kept)).split("\n")
    return [(name, value) for name, _, value in (line.partition("=") for line in joined)]


def names(unit: str) -> list[str]:
    return [name for name, _ in directives(unit)]


def value(unit: str, name: str) -> str:
    return next(value for given, value in directives(unit) if given == name)


def timer(**given: Any) -> str:
    return render("hivetalk-scheduler.timer.j2", **given)


def service(**given: Any) -> str:
    return render("hivetalk-scheduler.service.j2", **given)


@pytest.mark.parametrize(
    ("interval", "calendar"),
    [
        (1, "*:*:0/1"),
        (10, "*:*:0/10"),
        (30, "*:*:0/30"),
        (60, "*:*:00"),
        # In UTC, as the program counts: an hour in some zones begins at half past.
        (120, "*:0/2:00 UTC"),
        (900, "*:0/15:00 UTC"),
        (3600, "*:00:00 UTC"),
        ("20", "*:*:0/20"),
    ],
)
def test_the_interval_becomes_a_calendar_expression(interval: object, calendar: str) -> None:
    assert value(timer(hivetalk_scheduler_interval=interval), "OnCalendar") == calendar


def test_a_release_is_named_by_the_texts_of_all_its_files() -> None:
    plain = render("release.j2")
    for file in (
        "config.toml",
        "hivetalk-scheduler",
        "hivetalk-scheduler.service",
        "hivetalk-scheduler.timer",
    ):
        text = render(f"{file}.j2").rstrip("\n")
        assert text.partition("\n")[2] in plain, file
    for name, new in {"interval": 30, "memory_max": "300M", "name": "x", "alerts": ["ntfy://x"]}.items():
        assert render("release.j2", **{f"hivetalk_scheduler_{name}": new}) != plain


def test_the_timer_of_the_contract() -> None:
    unit = timer()
    assert value(unit, "OnCalendar") == "*:*:00"
    assert value(unit, "RandomizedDelaySec") == "5s"
    assert value(unit, "AccuracySec") == "1s"
    assert value(unit, "Persistent") == "true"
    assert value(service(), "TimeoutStartSec") == "180s"


def test_numbers_are_written_as_systemd_reads_them() -> None:
    unit = timer(
        hivetalk_scheduler_accuracy="1e-6",
        hivetalk_scheduler_jitter=0.25,
        hivetalk_scheduler_persistent="no",
    )
    assert value(unit, "AccuracySec") == "0.000001s"
    assert value(unit, "RandomizedDelaySec") == "0.25s"
    assert value(unit, "Persistent") == "false"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
@example("*:*:0/7 UTC%")
def test_a_calendar_expression_lands_literally_or_is_refused(text: str) -> None:
    stays_one_value(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_calendar_expression_lands_literally_or_is_refused(text: str) -> None:
    stays_one_value(text)


def stays_one_value(text: str) -> None:
    try:
        unit = timer(hivetalk_scheduler_on_calendar=text)
    except AnsibleError as error:
        assert "on_calendar contains a control character or a backslash" in str(error)
        return
    assert names(unit) == names(timer())
    assert value(unit, "OnCalendar").replace("%%", "%") == text
    assert "%" not in value(unit, "OnCalendar").replace("%%", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_program_lands_literally_or_is_refused(text: str) -> None:
    try:
        unit = service(hivetalk_scheduler_destinations=["exec:/opt/" + text])
    except AnsibleError as error:
        assert "destinations contains a control character or a backslash" in str(error)
        return
    assert names(unit) == names(service())
    *_, program = shlex.split(value(unit, "ExecPaths"))
    assert program.replace("%%", "%") == "-/opt/" + text


@pytest.mark.parametrize("text", [*HOSTILE, "", "Upper", "-dash", "a" * 32, "a/b", "a\n"])
@pytest.mark.parametrize(
    "template",
    [
        "hivetalk-scheduler.service.j2",
        "hivetalk-scheduler.timer.j2",
        "hivetalk-scheduler-failure@.service.j2",
        "hivetalk-scheduler.j2",
    ],
)
def test_a_name_that_is_not_plain_is_refused(template: str, text: str) -> None:
    with pytest.raises(AnsibleError, match="hivetalk_scheduler_name takes a to z"):
        render(template, hivetalk_scheduler_name=text)


SECRETS = ("nostr_nsec", "webhook_secret", "database_password", "ping_url")


OWN = [path.name for path in sorted((TOP / "templates").iterdir()) if not path.name.startswith("prometheus.")]
"""Prometheus' rules are of another role, which has no secret."""


@pytest.mark.parametrize("template", OWN)
def test_no_secret_is_in_any_file_but_its_own(template: str) -> None:
    secrets = {f"hivetalk_scheduler_{name}": f"TOP-{name}-SECRET" for name in SECRETS}
    secrets |= {"hivetalk_scheduler_secret_destinations": ["https://x.example/TOP-url-SECRET"]}
    assert "SECRET" not in render(template, **PAUSE, **secrets)


def test_credentials_are_loaded_only_for_secrets_that_are_set() -> None:
    assert "LoadCredential" not in names(service())
    unit = service(hivetalk_scheduler_nostr_nsec="x", hivetalk_scheduler_secret_destinations=["https://x"])
    assert [given for name, given in directives(unit) if name == "LoadCredential"] == [
        "nostr_nsec:/etc/hivetalk-scheduler/credentials/nostr_nsec",
        "destinations:/etc/hivetalk-scheduler/credentials/destinations",
    ]


def test_a_pause_ends_at_its_end_and_with_the_units_of_its_name() -> None:
    timer = render("hivetalk-scheduler-resume.timer.j2", **PAUSE, hivetalk_scheduler_name="meetings")
    assert value(timer, "OnCalendar") == "2026-11-24 08:00:00 UTC"
    assert value(timer, "Persistent") == "true"
    assert value(timer, "Unit") == "meetings-resume.service"


def test_every_name_follows_the_name() -> None:
    for template in (path.name for path in (TOP / "templates").glob("hivetalk-scheduler*")):
        text = render(
            template, **PAUSE, hivetalk_scheduler_name="meetings", hivetalk_scheduler_nostr_nsec="x"
        )
        assert "hivetalk-scheduler" not in text.replace("bin/hivetalk-scheduler", "")


@pytest.mark.parametrize("user", [0, 1000])
@pytest.mark.parametrize(
    ("typed", "config"),
    [
        ("status", "/opt/meetings/releases/1.0-0123456789ab/config.toml"),
        ("--config /else status", "/else"),
        ("db check --config /else", "/else"),
    ],
)
def test_the_command_reads_the_configuration_of_its_release_unless_told_another(
    tmp_path: Path, user: int, typed: str, config: str
) -> None:
    program = tmp_path / "program"
    systemd_run = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
    scripts = {"program": 'printf "%s\\n" "$@"', "id": f"echo {user}", "systemd-run": systemd_run}
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    wrapper = render(
        "hivetalk-scheduler.j2", hivetalk_scheduler_name="meetings", hivetalk_scheduler_nostr_nsec="x"
    ).replace("/opt/meetings/code/1.0-c0de/bin/hivetalk-scheduler", str(program))
    ran = subprocess.run(
        ["sh", "-c", wrapper, "meetings", *typed.split()],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert arguments.parser().parse_args(ran.stdout.splitlines()).config == config


def test_the_configuration_has_every_setting_once_with_its_default() -> None:
    settings_ = tomllib.loads(render("config.toml.j2"))
    defaults = {name: value for name, value in Config._field_defaults.items() if name != "secrets"}
    assert {name: tuple(v) if isinstance(v, list) else v for name, v in settings_.items()} == defaults


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), min_size=1, max_size=30)


@given(TEXTS, st.lists(TEXTS, max_size=3))
@settings(max_examples=40, deadline=None)
@example(HOSTILE[0], HOSTILE)
def test_texts_reach_the_configuration_unchanged(text: str, texts: list[str]) -> None:
    written = tomllib.loads(
        render(
            "config.toml.j2",
            hivetalk_scheduler_database_url=text,
            hivetalk_scheduler_on_calendar=text,
            hivetalk_scheduler_room_url=text,
            hivetalk_scheduler_room_relays=text,
            hivetalk_scheduler_destinations=texts,
            hivetalk_scheduler_topics=texts,
        )
    )
    for name in ("database_url", "on_calendar", "room_url", "room_relays"):
        assert written[name] == text
    assert written["destinations"] == written["topics"] == texts
