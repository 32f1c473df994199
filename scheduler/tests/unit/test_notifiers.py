"""The units that tell somebody of a run: there only where somebody is to be told, and in the service's sandbox."""

import pytest

from .test_templates import directives, names, render, service, value

ALERTS = {"hivetalk_scheduler_alerts": ["https://pager.example/hook"]}
PING = {"hivetalk_scheduler_ping_url": "https://switch.example/SECRET"}
TEMPLATES = ("alert.service", "recovered.service", "ping-start.service", "ping@.service")


def unit(name: str, **given: object) -> str:
    return render(f"hivetalk-scheduler-{name}.j2", **given)


def started(kind: str, **given: object) -> list[str]:
    """What the service starts by the directive `kind`, without the scheduler's name."""
    return [v.removeprefix("hivetalk-scheduler-") for name, v in directives(service(**given)) if name == kind]


def test_nothing_is_started_that_nobody_asked_for() -> None:
    assert started("OnFailure") == ["failure@%n.service"]
    assert not {"OnSuccess", "ping-start.service"} & {*names(service()), *started("Wants")}


def test_a_failure_and_a_recovery_are_told_after_the_line_in_the_journal() -> None:
    assert started("OnFailure", **ALERTS) == ["failure@%n.service", "alert.service"]
    assert started("OnSuccess", **ALERTS) == ["recovered.service"]
    secret = {"hivetalk_scheduler_secret_alerts": ["https://pager.example/SECRET"]}
    assert started("OnSuccess", **secret) == ["recovered.service"]


def test_the_switch_hears_of_a_run_beside_it_and_after_it() -> None:
    assert "ping-start.service" in started("Wants", **PING)
    # Without After= or Before= on the service a run waits for none of them.
    ordered = [
        v for name, v in directives(service(**PING)) if name in ("After", "Before", "Requires", "BindsTo")
    ]
    assert "ping" not in " ".join(ordered)
    assert started("OnSuccess", **PING) == ["ping@success.service"]
    assert started("OnFailure", **PING) == ["failure@%n.service", "ping@failure.service"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_they_are_bounded_and_in_the_services_sandbox(name: str) -> None:
    told = {**ALERTS, **PING, "hivetalk_scheduler_networks": ["192.0.2.0/24"]}
    theirs, its = directives(unit(name, **told)), directives(service(**told))
    assert value(unit(name, **told), "TimeoutStartSec") in ("60s", "15s")
    sandbox = its[its.index(("UMask", "0077")) :]
    of_a_run = ("RuntimeDirectory", "RootDirectory", "MountAPIVFS", "BindReadOnlyPaths", "SystemCallFilter")
    assert [one for one in sandbox if one[0] not in of_a_run and one not in theirs] == []
    assert not {"OnFailure", "OnSuccess", "Restart"} & {name for name, _ in theirs}


def test_each_is_given_the_secrets_that_it_needs_and_no_other() -> None:
    secrets = {
        f"hivetalk_scheduler_{name}": "x" for name in ("nostr_nsec", "webhook_secret", "database_password")
    }
    secrets |= {f"hivetalk_scheduler_secret_{name}": ["https://x"] for name in ("alerts", "destinations")}
    given = {**secrets, **PING}

    def loaded(text: str) -> list[str]:
        return [v.partition(":")[0] for name, v in directives(text) if name == "LoadCredential"]

    assert loaded(service(**given)) == ["nostr_nsec", "webhook_secret", "database_password", "destinations"]
    for name in TEMPLATES[:2]:
        assert loaded(unit(name, **given)) == ["webhook_secret", "alerts"]
    for name in TEMPLATES[2:]:
        assert loaded(unit(name, **given)) == ["ping_url"]
