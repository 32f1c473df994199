"""The alerts, by Prometheus' own rule tester: each fires when it should, not before, and not for what is fine."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

from hivetalk_scheduler import metrics

TOP = Path(__file__).parents[3]
ROLE = TOP / "roles/hivetalk_monitoring"
LOADER = DataLoader()
init_plugin_loader([])

ON = '{scheduler="hivetalk-scheduler", instance="%s:9100"}'
COMPLETED = "hivetalk_scheduler_last_run_completed_timestamp_seconds"
INTERVAL = "hivetalk_scheduler_interval_seconds"
UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
OFTEN = "0+15x1000"
"""What says "now" at each sample: they are 15 s apart, from the epoch on."""


def rules(**given: Any) -> str:
    """The file of the alerts with the role's defaults, but for `given`."""
    variables: dict[str, Any] = {"role_path": str(ROLE)}
    for file in ("defaults/main.yml", "vars/main.yml"):
        variables |= LOADER.load_from_file(str(ROLE / file), trusted_as_template=True)
    lookup = f"{{{{ lookup('ansible.builtin.template', '{TOP}/templates/prometheus.rules.yml.j2') }}}}"
    return str(Templar(loader=LOADER, variables=variables | given).template(trust_as_template(lookup)))


def group(text: str) -> list[dict[str, Any]]:
    """Every rule, the recorded ones included."""
    (group,) = yaml.safe_load(text)["groups"]
    return list(group["rules"])


def alerts(text: str) -> list[dict[str, Any]]:
    return [rule for rule in group(text) if "alert" in rule]


NAMES = [alert["alert"] for alert in alerts(rules())]


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "promtool is not installed: run script/setup"
    return subprocess.run([program, *arguments], capture_output=True, text=True)


def series(name: str, values: str, instance: str = "one", **labels: str) -> dict[str, str]:
    """One input series; `values` as promtool has them."""
    more = "".join(f', {key}="{value}"' for key, value in labels.items())
    return {"series": name + (ON % instance).replace("}", more + "}"), "values": values}


def fired(directory: Path, at: int, *inputs: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    """Which alerts fire `at` so many seconds, with the labels and the annotations of each."""
    return timeline(directory, [at], *inputs)[at]


def timeline(
    directory: Path, times: list[int], *inputs: dict[str, str], step: int = 15
) -> dict[int, dict[str, list[dict[str, str]]]]:
    """The same at each of `times`; a sample and an evaluation every `step` seconds."""
    (directory / "rules.yml").write_text(rules())
    expected = [
        {"alertname": name, "eval_time": f"{at}s", "exp_alerts": []} for at in times for name in NAMES
    ]
    test = {"interval": f"{step}s", "input_series": list(inputs), "alert_rule_test": expected}
    (directory / "test.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": f"{step}s", "tests": [test]})
    )
    # Nothing is expected, so that it names what there is: the one report says all that fired.
    done = promtool("test", "rules", directory / "test.yml")
    report = done.stdout + done.stderr
    assert "SUCCESS" in report or "got:" in report, report
    found: dict[int, dict[str, list[dict[str, str]]]] = {at: {} for at in times}
    for name, when, got in re.findall(
        r"alertname: (\w+), time: (\w+), *\n *exp:\[.*?\], *\n *got:\[(.*?)\n *\]", report, re.S
    ):
        at = sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)([dhms])", when))
        for labels, words in re.findall(r"Labels:\{(.*?)\}\n *Annotations:\{(.*?)\}", got):
            assert not re.search(r"[{}%]|<no value>", words), f"{name} says its template: {words}"
            found[at].setdefault(name, []).append(dict(re.findall(r'(\w+)="(.*?)"', f"{labels} {words}")))
    assert any(found.values()) or "SUCCESS" in report, report
    return found


def test_promtool_accepts_the_rules(tmp_path: Path) -> None:
    (file := tmp_path / "rules.yml").write_text(rules())
    done = promtool("check", "rules", "--lint-fatal", file)
    assert done.returncode == 0 and f"SUCCESS: {len(group(rules()))} rules found" in done.stdout, (
        done.stdout + done.stderr
    )


def test_every_metric_of_the_alerts_is_one_that_is_shown() -> None:
    shown = {family.name for family in metrics.FAMILIES}
    for rule in group(rules()):
        for name in re.findall(r"hivetalk_scheduler_\w+", rule["expr"]):
            assert name.removesuffix("_bucket") in shown, rule


def test_what_is_fine_fires_nothing(tmp_path: Path) -> None:
    fine = [
        series(COMPLETED, OFTEN),
        series(INTERVAL, "60x1000"),
        series("hivetalk_scheduler_oldest_overdue_age_seconds", "0x1000"),
        series("hivetalk_scheduler_clock_offset_seconds", "0.2x1000"),
        series("hivetalk_scheduler_resting_destinations", "0x1000", kind="relay"),
        series("hivetalk_scheduler_failed_deliveries", "0x1000", outcome="dead"),
    ]
    assert fired(tmp_path, 3600, *fine) == {}


@pytest.mark.parametrize(
    ("alert", "name", "good", "bad", "wait", "labels"),
    [
        ("Overdue", "oldest_overdue_age_seconds", "180x1000", "181x1000", 60, {}),
        ("Undelivered", "failed_deliveries", "0x1000", "1x1000", 60, {"outcome": "dead"}),
        ("Undelivered", "failed_deliveries", "0x1000", "1x1000", 60, {"outcome": "expired"}),
        ("Clock", "clock_offset_seconds", "1x1000", "1.1x1000", 300, {}),
        ("Clock", "clock_offset_seconds", "-1x1000", "-1.1x1000", 300, {}),
        ("DestinationFailing", "resting_destinations", "0x1000", "1x1000", 300, {"kind": "relay"}),
    ],
)
def test_it_fires_beyond_its_bound_after_its_time(
    tmp_path: Path, alert: str, name: str, good: str, bad: str, wait: int, labels: dict[str, str]
) -> None:
    alert, name = f"HivetalkScheduler{alert}", f"hivetalk_scheduler_{name}"
    alive = series(COMPLETED, OFTEN)
    assert fired(tmp_path, 3600, alive, series(name, good, **labels)) == {}
    assert fired(tmp_path, wait - 15, alive, series(name, bad, **labels)) == {}
    found = fired(tmp_path, wait + 15, alive, series(name, bad, **labels))
    assert list(found) == [alert] and labels.items() <= found[alert][0].items()


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("oldest_overdue_age_seconds", {}),
        ("failed_deliveries", {"outcome": "dead"}),
        ("resting_destinations", {"kind": "relay"}),
        ("clock_offset_seconds", {}),
    ],
)
def test_what_a_silent_host_said_long_ago_is_not_believed(
    tmp_path: Path, name: str, labels: dict[str, str]
) -> None:
    found = fired(
        tmp_path, 3600, series(COMPLETED, OFTEN), series(COMPLETED, "0x1000", "two"),
        series(f"hivetalk_scheduler_{name}", "500x1000", "two", **labels),
    )  # fmt: skip
    assert list(found) == ["HivetalkSchedulerHostSilent"]


@pytest.mark.parametrize(("late", "there"), [(2, True), (0, False)])
def test_one_of_fifty_that_is_late_misses_the_goal_of_99_of_100(
    tmp_path: Path, late: int, there: bool
) -> None:
    name = "hivetalk_scheduler_lateness_seconds_bucket"
    # A hundred deliveries in a minute, by two hosts; `late` of the second one's fall between 2.5 and 5 s.
    inputs = [series(COMPLETED, OFTEN)]
    for instance, bad in (("one", 0), ("two", late)):
        for le, n in (("0.025", 50 - bad), ("1", 50 - bad), ("2.5", 50 - bad), ("5", 50), ("+Inf", 50)):
            inputs.append(series(name, f"0x4 {n}x1000", instance, kind="relay", le=le))
    found = fired(tmp_path, 60 + 300 + 60, *inputs)
    assert set(found) == ({"HivetalkSchedulerLate"} if there else set())
    # Of what was late a quarter of an hour ago it says nothing any more.
    assert fired(tmp_path, 60 + 900 + 60, *inputs) == {}


def test_each_alert_has_a_severity_and_leads_to_its_section_of_the_runbook() -> None:
    text = (TOP / "docs/runbook.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    told = alerts(rules(hivetalk_monitoring_runbook_url="https://wiki.example/runbook"))
    assert list(sections) == [alert["alert"] for alert in told]
    for alert in told:
        name, notes = alert["alert"], alert["annotations"]
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert notes.keys() == {"summary", "description", "runbook_url"}
        # As GitHub, GitLab and most renderers make an anchor of a heading.
        assert notes["runbook_url"] == f"https://wiki.example/runbook#{name.lower()}"
        for part in ("**What it means.**", "**Look at.**", "**Mend.**"):
            assert part in sections[name], f"{name} does not say: {part}"
        # Who cannot open the runbook has its first step.
        step = re.fullmatch(r".*\. First, .*?: (.+)", notes["description"])
        assert step, f"{name} says no first step"
        command = step[1].replace("{{ $labels.scheduler }}", "hivetalk-scheduler")
        assert f"$ {command.replace('{{ $labels.outcome }}', 'dead')}" in sections[name], command


def test_without_a_url_there_is_no_dead_link_but_the_installed_files_name() -> None:
    for alert in alerts(rules()):
        assert alert["annotations"].keys() == {"summary", "description", "runbook"}
        assert alert["annotations"]["runbook"] == (
            f"{alert['alert']} in /usr/share/doc/hivetalk-scheduler/runbook.md on the host of Prometheus"
        )


@pytest.mark.parametrize("url", ['https://x/"\n- alert: y', "https://x/{{ $labels }}", "https://x/%s\\"])
def test_a_hostile_url_stays_one_value(url: str) -> None:
    assert alerts(rules(hivetalk_monitoring_runbook_url=url))[0]["annotations"]["runbook_url"].startswith(url)
