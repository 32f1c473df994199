"""The units as deployed say the contract's numbers, by systemd's own word."""

import pytest
from story import NAME
from testinfra.host import Host

from shared.units import calendars, exposure, properties, seconds


@pytest.mark.parametrize("unit", [f"{NAME}.service", f"{NAME}.timer"])
def test_the_unit_as_deployed_passes_systemd_analyze_verify(host: Host, unit: str) -> None:
    result = host.run(f"systemd-analyze verify /etc/systemd/system/{unit}")
    assert (result.rc, result.stdout + result.stderr) == (0, "")


def test_the_timer_is_enabled_and_active(host: Host) -> None:
    timer = properties(host, f"{NAME}.timer")
    assert timer["UnitFileState"] == "enabled"
    assert timer["ActiveState"] == "active"
    # Running: a run is at work, and the next tick starts the next.
    assert timer["SubState"] in ("waiting", "running")


def test_the_service_starts_by_the_timer_only(host: Host) -> None:
    service = properties(host, f"{NAME}.service")
    assert service["UnitFileState"] == "static"
    assert service["TriggeredBy"] == f"{NAME}.timer"
    assert not {"WantedBy", "RequiredBy", "UpheldBy"} & service.keys()


def test_a_run_every_minute_with_5_s_of_jitter_and_1_s_of_accuracy(host: Host) -> None:
    timer = properties(host, f"{NAME}.timer")
    assert calendars(timer) == ["*-*-* *:*:00"]
    assert seconds(timer["RandomizedDelayUSec"]) == 5
    assert seconds(timer["AccuracyUSec"]) == 1
    assert timer["Unit"] == f"{NAME}.service"


def test_a_missed_run_is_made_up_for(host: Host) -> None:
    assert properties(host, f"{NAME}.timer")["Persistent"] == "yes"


def test_a_run_may_take_180_s(host: Host) -> None:
    service = properties(host, f"{NAME}.service")
    assert service["Type"] == "oneshot"
    assert seconds(service["TimeoutStartUSec"]) == 180


def test_a_crash_does_not_cost_the_minute(host: Host) -> None:
    service = properties(host, f"{NAME}.service")
    assert service["Restart"] == "on-failure"
    assert seconds(service["StartLimitIntervalUSec"]) == 0


def test_the_sandbox_leaves_an_exposure_of_1_1_at_most(host: Host) -> None:
    assert exposure(host, f"{NAME}.service") <= 1.1


def test_the_scheduler_and_its_configuration_belong_to_root(host: Host) -> None:
    config = host.file(f"/etc/{NAME}/config.toml")
    assert (config.user, config.group, config.mode) == ("root", NAME, 0o640)
    found = host.check_output(f"find -L /opt/{NAME} ! -user root -o -perm /022 ! -type l")
    assert found == ""


def test_the_scheduler_was_installed_without_a_network(host: Host) -> None:
    # The scenario took the default route away before the deploy (lab_offline), and it is still away.
    assert host.check_output("ip route show default") == ""
    assert host.run("apt-get update --error-on=any").rc != 0
    assert host.run(f"{NAME} --version").rc == 0
    # Nor did it need a compiler, or an installer of its own.
    assert not host.exists("gcc") and not host.exists("cc") and not host.exists("pip")


def test_the_system_is_not_degraded(host: Host) -> None:
    assert host.check_output("systemctl list-units --failed --no-legend") == ""
