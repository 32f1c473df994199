"""What ``doctor`` ends with where something is wrong that no other command meets."""

import os
from pathlib import Path

import pytest

from hivetalk_scheduler import destinations
from hivetalk_scheduler.check import Check, worst
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.doctor import network, settings, system
from hivetalk_scheduler.timer import Timer


@pytest.mark.parametrize(
    ("result", "status", "shown"),
    [
        ("exit-code", "78", os.EX_CONFIG),
        ("exit-code", "64", os.EX_USAGE),
        ("exit-code", "1", os.EX_SOFTWARE),
        ("exit-code", "203", os.EX_SOFTWARE),
        ("timeout", "15", os.EX_SOFTWARE),
        ("signal", "9", os.EX_SOFTWARE),
        ("oom-kill", "", os.EX_SOFTWARE),
    ],
)
def test_a_run_that_ended_by_no_status_of_ours_is_70(
    monkeypatch: pytest.MonkeyPatch, result: str, status: str, shown: int
) -> None:
    monkeypatch.setattr(system, "unit", lambda name: {"UnitFileState": "enabled"})
    checks = list(system.timer(Timer("x.timer", "active"), {"Result": result, "ExecMainStatus": status}))
    assert [check.level for check in checks] == ["ok", "wrong"]
    assert worst(checks) == shown and result in checks[1].text


async def test_a_kind_of_destination_whose_probe_fails_is_one_line_and_70(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def probe(self: object) -> list[Check]:
        raise AttributeError("a bug of another package's")

    kind = type(destinations.create("journal:", Config()))
    monkeypatch.setattr(kind, "probe", probe)
    checks = await network.network(Config(destinations=("journal:", "exec:/bin/true")))
    assert [(check.what, check.level) for check in checks] == [
        ("destination journal:: probe", "wrong"),
        ("destination exec:/bin/true: program", "ok"),
    ]
    assert checks[0].text == "AttributeError: a bug of another package's" and checks[0].mend
    assert worst(checks) == os.EX_SOFTWARE


def test_secrets_that_the_service_has_and_this_command_has_not_are_77(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "nostr_nsec").write_text("nsec1hunter2")
    # As systemctl show prints them.
    service = {
        "LoadCredential": "webhook_secret:/etc/hivetalk-scheduler/credentials/webhook_secret-1",
        "LoadCredentialEncrypted": "nostr_nsec:/etc/hivetalk-scheduler/credentials/nostr_nsec-2.cred",
    }
    (check,) = settings.secrets(service)
    assert (check.level, check.status) == ("wrong", os.EX_NOPERM)
    assert check.text.startswith("webhook_secret cannot be read as ") and "root" in check.mend
    (tmp_path / "webhook_secret").write_text("hunter2")
    (check,) = settings.secrets(service)
    assert check.level == "ok" and "hunter2" not in str(check)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    (check,) = settings.secrets(service)
    assert check.status == os.EX_NOPERM and check.text.startswith("nostr_nsec, webhook_secret cannot")
