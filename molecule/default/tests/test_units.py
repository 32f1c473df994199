"""The units as deployed say the contract's numbers, by systemd's own word."""

import time
from pathlib import Path

import pytest
from story import NAME
from testinfra.host import Host

from shared import service
from shared.units import calendars, exposed, exposure, properties, seconds


@pytest.mark.parametrize("unit", [f"{NAME}.service", f"{NAME}.timer", f"{NAME}-failure@.service"])
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
    unit = properties(host, f"{NAME}.service")
    assert unit["UnitFileState"] == "static"
    assert unit["TriggeredBy"] == f"{NAME}.timer"
    assert not {"WantedBy", "RequiredBy", "UpheldBy"} & unit.keys()


def test_a_run_every_minute_with_5_s_of_jitter_and_1_s_of_accuracy(host: Host) -> None:
    timer = properties(host, f"{NAME}.timer")
    assert calendars(timer) == ["*-*-* *:*:00"]
    assert seconds(timer["RandomizedDelayUSec"]) == 5
    assert seconds(timer["AccuracyUSec"]) == 1
    assert timer["Unit"] == f"{NAME}.service"


def test_a_missed_run_is_made_up_for(host: Host) -> None:
    assert properties(host, f"{NAME}.timer")["Persistent"] == "yes"


def test_a_run_may_take_180_s(host: Host) -> None:
    unit = properties(host, f"{NAME}.service")
    assert unit["Type"] == "oneshot"
    assert seconds(unit["TimeoutStartUSec"]) == 180


def test_a_crash_does_not_cost_the_minute(host: Host) -> None:
    unit = properties(host, f"{NAME}.service")
    assert unit["Restart"] == "on-failure"
    # Restarts are limited, ticks are not: they are farther apart.
    assert seconds(unit["StartLimitIntervalUSec"]) == 20
    assert unit["StartLimitBurst"] == "4"


def test_the_sandbox_leaves_an_exposure_of_1_1_at_most_and_of_0_9_with_named_networks(host: Host) -> None:
    named = properties(host, f"{NAME}.service").get("IPAddressAllow", "") != ""
    assert exposure(host, f"{NAME}.service") <= (0.9 if named else 1.1)


def test_each_directive_that_is_not_set_has_its_reason_written_down(host: Host) -> None:
    reasons = (Path(__file__).parents[3] / "docs/hardening.md").read_text().replace("\\|", "|")
    unset = exposed(host, f"{NAME}.service")
    assert unset
    assert [name for name in unset if f"`{name}`" not in reasons] == []


def test_a_run_may_take_512_mb_and_256_tasks(host: Host) -> None:
    unit = properties(host, f"{NAME}.service")
    assert (int(unit["MemoryMax"]), int(unit["TasksMax"])) == (512 * 1024**2, 256)


# It sleeps, since the journal takes a program's last words in when it has the time.
SAYS = r"""sleep 1; echo one \\ '"two"'; printf 'three\033[31m\n'; sleep 1; exit 78"""


def test_a_unit_that_fails_is_told_in_one_line(host: Host) -> None:
    unit = f"{NAME}-broken.service"
    telling = f"--property=OnFailure={NAME}-failure@{unit}.service"
    assert host.run(f"systemd-run --wait --collect --unit={unit} {telling} sh -c %s", SAYS).rc == 78
    told: list[dict[str, str]] = []
    until = time.time() + 20
    while not told and time.time() < until:
        time.sleep(0.5)
        said = service.journal(host, f"{NAME}-failure@{unit}")
        told = [one for one in said if str(one["MESSAGE"]).startswith("unit-failed ")]
    [line] = told
    assert line["PRIORITY"] == "3"
    assert line["MESSAGE"].startswith(f"unit-failed unit={unit} result=exit-code status=78 last=")
    # Nothing in it ends the value, or moves a cursor.
    assert "one / 'two'|three[31m|" in line["MESSAGE"]


def test_the_service_has_its_failures_told(host: Host) -> None:
    assert properties(host, f"{NAME}.service")["OnFailure"] == f"{NAME}-failure@{NAME}.service.service"


def test_the_scheduler_and_its_configuration_belong_to_root(host: Host) -> None:
    assert host.check_output(f"readlink /etc/{NAME}/config.toml") == f"/opt/{NAME}/current/config.toml"
    config = host.file(f"/opt/{NAME}/current/config.toml")
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
