"""Debian's Prometheus sees a scheduler through Debian's node_exporter, and tells when it is silent."""

import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from testinfra.host import Host

from shared import application, files, playbook, units

NAME = "hivetalk-scheduler"
TOP = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
_FETCH = "python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=10).read().decode())' %s"
LINK = "/var/lib/prometheus/node-exporter/hivetalk-scheduler.prom"


def prometheus(host: Host, path: str) -> Any:
    """Prometheus' own answer; raises AssertionError where it refuses."""
    answer = json.loads(host.check_output(_FETCH, f"http://localhost:9090/api/v1/{path}"))
    assert answer["status"] == "success", answer
    return answer["data"]


def asked(host: Host, query: str) -> list[dict[str, Any]]:
    """The series that a query finds now."""
    return list(prometheus(host, f"query?query={quote(query)}")["result"])


def firing(host: Host) -> dict[str, dict[str, Any]]:
    """The alerts that fire, by name."""
    found = prometheus(host, "alerts")["alerts"]
    return {one["labels"]["alertname"]: one for one in found if one["state"] == "firing"}


def awaited(host: Host, name: str, fires: bool, seconds: float) -> dict[str, dict[str, Any]]:
    """What fires as soon as the alert `name` does, or does not; fails after so many seconds."""
    give_up = time.monotonic() + seconds
    while (name in (found := firing(host))) != fires:
        assert time.monotonic() < give_up, f"after {seconds} s these fire: {list(found)}"
        time.sleep(0.5)
    return found


def test_node_exporter_takes_the_file_that_each_run_writes(host: Host) -> None:
    file = host.file(f"/var/lib/{NAME}/metrics.prom")
    assert (file.mode, file.user) == (0o644, NAME)
    text = host.check_output(_FETCH, "http://localhost:9100/metrics")
    assert "\nnode_textfile_scrape_error 0\n" in text
    assert 'hivetalk_scheduler_build_info{release="' in text
    # Nothing that a run wrote has been dropped on the way.
    own = [line for line in file.content_string.splitlines() if line.startswith("hivetalk_")]
    assert len(own) == len([line for line in text.splitlines() if line.startswith("hivetalk_")]) > 30


def test_the_sandbox_is_as_tight_as_before(host: Host) -> None:
    service = units.properties(host, f"{NAME}.service")
    assert (service["StateDirectory"], service["StateDirectoryMode"]) == (NAME, "0755")
    assert units.exposure(host, f"{NAME}.service") <= 0.9


def test_prometheus_counts_what_was_announced(host: Host) -> None:
    now = int(time.time())
    application.write(host, application.Meeting(now, now + 3600, "counted"))
    query = 'sum by (kind, scheduler) (hivetalk_scheduler_deliveries_total{outcome="delivered"}) > 0'
    give_up = time.monotonic() + 60
    while not (found := asked(host, query)):
        assert time.monotonic() < give_up, "the meeting was not counted"
        time.sleep(1)
    assert [(one["metric"], one["value"][1]) for one in found] == [
        ({"kind": "journal", "scheduler": NAME}, "1")
    ]


def test_the_command_says_the_same_as_openmetrics(host: Host) -> None:
    said = host.check_output(f"{NAME} metrics")
    assert said.endswith("# EOF")
    line = f'hivetalk_scheduler_deliveries_total{{scheduler="{NAME}",kind="journal",outcome="delivered"}} 1'
    assert line in said.splitlines()


def test_prometheus_evaluates_every_rule(host: Host) -> None:
    (group,) = prometheus(host, "rules")["groups"]
    assert len(group["rules"]) == 10
    assert {(rule["health"], rule.get("lastError", "")) for rule in group["rules"]} == {("ok", "")}


def test_prometheus_answers_every_query_of_the_dashboard(host: Host) -> None:
    dashboard = json.loads(host.file("/srv/hivetalk-scheduler.json").content_string)
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(queries) > 12
    for query in queries:
        text = query.replace("$scheduler", NAME).replace("$__rate_interval", "1m")
        assert asked(host, text), f"no series: {text}"


def test_a_stopped_timer_is_told_and_a_started_one_is_well_again(host: Host) -> None:
    assert awaited(host, "HivetalkSchedulerSilent", False, 30) == {}
    host.check_output(f"systemctl stop {NAME}.timer {NAME}.service")
    try:
        found = awaited(host, "HivetalkSchedulerSilent", True, 60)
    finally:
        host.check_output(f"systemctl start {NAME}.timer")
    told = found["HivetalkSchedulerSilent"]
    assert (told["labels"]["severity"], told["labels"]["scheduler"]) == ("critical", NAME)
    assert told["annotations"]["runbook_url"] == "https://wiki.example/runbook#hivetalkschedulersilent"
    assert f"No host of {NAME} has completed a run for " in told["annotations"]["description"]
    # The inventory asks for 25 s, but three intervals are longer.
    assert float(told["value"]) > 30
    assert awaited(host, "HivetalkSchedulerSilent", False, 60) == {}


@pytest.mark.parametrize(
    ("vanish", "come_back"),
    [
        # Prometheus fails to scrape, as it does with a host that is off.
        ("systemctl stop prometheus-node-exporter", "systemctl start prometheus-node-exporter"),
        (f"mv {LINK} /root/link", f"mv /root/link {LINK}"),
    ],
)
def test_a_host_whose_metrics_vanish_is_told_and_one_that_is_back_is_well(
    host: Host, vanish: str, come_back: str
) -> None:
    completed = "hivetalk_scheduler_last_run_completed_timestamp_seconds"
    assert awaited(host, "HivetalkSchedulerSilent", False, 60) == {}
    host.check_output(vanish)
    try:
        found = awaited(host, "HivetalkSchedulerSilent", True, 60)
        assert asked(host, completed) == [], "there is still a series to compare with"
    finally:
        host.check_output(come_back)
    assert list(found) == ["HivetalkSchedulerSilent"]
    assert found["HivetalkSchedulerSilent"]["labels"]["scheduler"] == NAME
    assert awaited(host, "HivetalkSchedulerSilent", False, 60) == {}
    assert len(asked(host, completed)) == 1


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            "hivetalk_monitoring_textfile_directory=/nowhere",
            "is /nowhere, which is no directory on this host",
        ),
        ("hivetalk_monitoring_prometheus_config=/etc/hostname", 'no line that says just "rule_files:"'),
        ("hivetalk_monitoring_silence=soon", "is of type str and we were unable to convert to int"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_changed(host: Host, given: str, problem: str) -> None:
    before = files.listing(host, "/etc", "/var/lib/prometheus/node-exporter")
    done = playbook.run("monitoring", f"--extra-vars={given}")
    assert done.status != 0 and done.says(problem), done.output
    assert files.listing(host, "/etc", "/var/lib/prometheus/node-exporter") == before


def test_it_can_be_taken_away_again(host: Host) -> None:
    before = host.file("/etc/prometheus/prometheus.yml").content_string
    done = playbook.run("monitoring", "--extra-vars=hivetalk_monitoring_present=false")
    assert done.status == 0, done.output
    for path in (
        LINK,
        "/etc/prometheus/hivetalk-scheduler.rules.yml",
        "/usr/share/doc/hivetalk-scheduler/runbook.md",
        "/srv/hivetalk-scheduler.json",
    ):
        assert not host.file(path).exists and not host.file(path).is_symlink, path
    assert host.file("/etc/prometheus/prometheus.yml").content_string == before.replace(
        "  - /etc/prometheus/hivetalk-scheduler.rules.yml\n", ""
    )
    assert prometheus(host, "rules")["groups"] == []
    again = playbook.run("monitoring", "--extra-vars=hivetalk_monitoring_present=false")
    assert "changed=0 " in again.output
