"""Every variable is set to something else, and systemd has the new numbers."""

import json
from pathlib import Path
from typing import Any

import yaml
from story import NAME
from testinfra.host import Host

from shared import units

ROLE = Path(__file__).parents[3] / "roles/hivetalk_scheduler"
ELSEWHERE = {
    "hivetalk_scheduler_on_calendar": "stands instead of interval",
    "hivetalk_scheduler_hold": "without it nothing would be on time to the second",
    "hivetalk_scheduler_python": "the image has one",
    "hivetalk_scheduler_wheels_dir": "for a controller without a package index",
    "hivetalk_scheduler_database_url": "empty: the role makes the database",
    "hivetalk_scheduler_database_password": "peer authentication has none",
}


def test_every_variable_is_set_to_something_else(variables: dict[str, Any]) -> None:
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    same = {name for name, value in defaults.items() if variables.get(name, value) == value}
    assert same == set(ELSEWHERE)


def test_the_units_bear_the_configured_name_and_pass_verification(host: Host) -> None:
    result = host.run(
        f"systemd-analyze verify /etc/systemd/system/{NAME}.service /etc/systemd/system/{NAME}.timer"
    )
    assert (result.rc, result.stdout + result.stderr) == (0, "")
    assert units.properties(host, f"{NAME}.timer")["ActiveState"] == "active"
    assert units.properties(host, f"{NAME}.service")["User"] == NAME
    assert host.run("systemctl cat hivetalk-scheduler.service").rc != 0


def test_the_timer_ticks_every_10_s_with_100_ms_of_accuracy_and_no_jitter(host: Host) -> None:
    timer = units.properties(host, f"{NAME}.timer")
    assert units.calendars(timer) == ["*-*-* *:*:00/10"]
    assert units.seconds(timer["RandomizedDelayUSec"]) == 0
    assert units.seconds(timer["AccuracyUSec"]) == 0.1
    assert timer["Persistent"] == "no"


def test_a_run_may_take_30_s(host: Host) -> None:
    assert units.seconds(units.properties(host, f"{NAME}.service")["TimeoutStartUSec"]) == 30


def test_a_run_may_take_300_mb_and_64_tasks(host: Host) -> None:
    service = units.properties(host, f"{NAME}.service")
    assert (int(service["MemoryMax"]), int(service["TasksMax"])) == (300 * 1024**2, 64)


def test_the_sandbox_with_named_networks_leaves_an_exposure_of_0_9_at_most(host: Host) -> None:
    allowed = units.properties(host, f"{NAME}.service")["IPAddressAllow"]
    assert set(allowed.split()) == {"127.0.0.0/8", "::1/128", "10.89.77.0/24"}
    assert units.exposure(host, f"{NAME}.service") <= 0.9


def test_each_secret_is_a_credential_of_its_own(host: Host) -> None:
    text = host.check_output(f"systemctl cat {NAME}.service")
    loaded = {line.split(":")[0] for line in text.splitlines() if line.startswith("LoadCredential")}
    assert loaded == {
        f"LoadCredentialEncrypted={name}" for name in ("nostr_nsec", "webhook_secret", "destinations")
    }


def test_the_command_of_that_name_reads_that_configuration(host: Host) -> None:
    assert not host.file("/etc/hivetalk-scheduler").exists
    for user in ("root", NAME):
        result = host.run(f"runuser --user {user} -- {NAME} status --json")
        assert result.rc == 0 and json.loads(result.stdout)["runs"], result.stderr
        assert json.loads(result.stdout)["timer"]["state"] == "active"


def test_each_run_writes_the_status_page_for_everyone_to_read(host: Host) -> None:
    page = host.run(f"runuser --user nobody -- cat /var/lib/{NAME}/status.html")
    assert page.rc == 0 and page.stdout.startswith("<!doctype html>"), page.stderr
    assert "token-" not in page.stdout, "the URL of a secret destination"
    written = [host.check_output(f"stat --format=%Y /var/lib/{NAME}/status.html")]
    host.run("sleep 25")
    assert host.check_output(f"stat --format=%Y /var/lib/{NAME}/status.html") not in written
