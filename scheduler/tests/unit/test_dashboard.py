"""Grafana's dashboard: made from its description, and asking only for what there is."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hivetalk_scheduler import metrics
from hivetalk_scheduler.exposition import shown_name
from tests.unit.test_alerts import promtool

TOP = Path(__file__).parents[3]
DASHBOARD = json.loads((TOP / "roles/hivetalk_monitoring/files/dashboard.json").read_text(encoding="utf-8"))
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_it_is_what_its_description_says() -> None:
    checked = subprocess.run(
        [sys.executable, TOP / "script/dashboard", "--check"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


def test_prometheus_parses_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": target["expr"].replace("$__rate_interval", "5m")}
        for number, target in enumerate(TARGETS)
    ]
    (file := tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "x", "rules": rules}]}))
    done = promtool("check", "rules", file)
    assert done.returncode == 0 and f"SUCCESS: {len(TARGETS)} rules found" in done.stdout, done.stderr


def test_every_metric_is_shown_and_every_shown_metric_is_asked_for() -> None:
    asked = {name for target in TARGETS for name in re.findall(r"hivetalk_scheduler_\w+", target["expr"])}
    shown = {
        shown_name(family) + ("_bucket" if family.type == "histogram" else "") for family in metrics.FAMILIES
    }
    assert asked <= shown
    # An age is told by its alert; a number of panels that nobody reads is no help.
    assert shown - asked == {"hivetalk_scheduler_oldest_overdue_age_seconds"}


def test_nothing_overlaps_or_has_the_number_of_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: str(panel["title"]))
def test_each_panel_has_what_grafana_needs(panel: dict[str, Any]) -> None:
    assert panel["type"] in ("timeseries", "stat", "heatmap", "table")
    assert panel["description"].endswith(".") and panel["fieldConfig"]["defaults"]["unit"] in ("s", "short")
    assert [target["refId"] for target in panel["targets"]] == list("ABCD"[: len(panel["targets"])])
    # Whatever the operator's data source is called, and whichever scheduler is chosen.
    for one in (panel, *panel["targets"]):
        assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all('scheduler="$scheduler"' in target["expr"] for target in panel["targets"])
    assert {one["name"] for one in DASHBOARD["templating"]["list"]} == {"datasource", "scheduler"}
