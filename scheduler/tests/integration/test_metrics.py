"""What is measured: against what really happened, and against the formats' own readers."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from hivetalk_scheduler import metrics
from hivetalk_scheduler.cli import main
from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.database import connect
from hivetalk_scheduler.delivery import Completion
from hivetalk_scheduler.run import run
from hivetalk_scheduler.store import Store
from tests.integration import host
from tests.integration.application import add_event, installed_long_ago
from tests.integration.receiver import Receiver

Labels = dict[str, str]
Values = Callable[..., dict[tuple[str, ...], float]]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a run writes its metrics."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path / "metrics.prom"


@pytest.fixture
def values(file: Path) -> Values:
    """The values of a family (or of one suffix of it) in the textfile, by the labels asked for."""

    def read(name: str, *labels: str) -> dict[tuple[str, ...], float]:
        found = [
            (tuple(sample.labels[label] for label in labels), sample.value)
            for family in prometheus(file.read_text())
            for sample in family.samples
            if sample.name == f"hivetalk_scheduler_{name}"
        ]
        assert len(dict(found)) == len(found), "labels that tell the samples apart are left out"
        return dict(found)

    return read


def nonzero(found: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    return {key: value for key, value in found.items() if value}


def flattened(families: Iterator[Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """By the sample's name and labels; a bucket's bound as a number, which the formats may write in two ways."""
    found = {}
    for family in families:
        for sample in family.samples:
            labels = {k: str(float(v)) if k == "le" else v for k, v in sample.labels.items()}
            found[sample.name, tuple(sorted(labels.items()))] = sample.value
    return found


def test_both_formats_are_read_by_their_own_readers_and_say_the_same(
    url: str, owner: psycopg.Connection, file: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    add_event(owner, -1, 60)
    run(host.config(url))
    (config := tmp_path / "config.toml").write_text(f'database_url = "{url}"\n')
    capfd.readouterr()
    assert main(["metrics", "--config", str(config)]) == 0
    text = capfd.readouterr().out
    assert text.endswith("\n# EOF\n")
    said, written = list(openmetrics(text)), list(prometheus(file.read_text()))
    assert [(f.name, f.type, f.unit) for f in said] == [(f.name, f.type, f.unit) for f in metrics.FAMILIES]
    assert {f.documentation for f in said} == {f.help for f in metrics.FAMILIES}
    assert len(flattened(iter(said))) > 40
    assert flattened(iter(said)) == flattened(iter(written))
    assert all(sample.timestamp is None for family in written for sample in family.samples)


def test_promtool_finds_nothing_to_say(url: str, owner: psycopg.Connection, file: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not installed: run script/setup"
    add_event(owner, -1, 60)
    run(host.config(url))
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=file.read_text(), capture_output=True, text=True
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_what_is_done_is_counted_by_kind_and_outcome(
    url: str, owner: psycopg.Connection, file: Path, values: Values, tmp_path: Path
) -> None:
    installed_long_ago(owner)
    (program := tmp_path / "refuse").write_text("#!/bin/sh\nexit 65\n")
    program.chmod(0o755)
    add_event(owner, -1, 600)
    with Receiver(answer=lambda got: 503) as receiver:
        destinations = (receiver.url, "journal:", f"exec:{program}")
        owner.execute(
            "INSERT INTO hivetalk_scheduler.destination SELECT unnest(%s::text[]), now() - interval '1 d'",
            [list(destinations)],
        )
        run(host.config(url, destinations=destinations, max_attempts=2))
        assert nonzero(values("deliveries_total", "kind", "outcome")) == {
            ("journal", "delivered"): 1,
            ("exec", "dead"): 1,
        }
        assert nonzero(values("retries_total", "kind")) == {("webhook",): 1}
        assert values("deliveries_caught_total") == {(): 3}
        assert values("pending_deliveries") == {(): 1} == values("retrying_deliveries")
        assert nonzero(values("failed_deliveries", "outcome")) == {("dead",): 1}
        owner.execute("UPDATE hivetalk_scheduler.delivery SET next_at = now() WHERE state = 'pending'")
        run(host.config(url, destinations=destinations, max_attempts=2))
    assert values("deliveries_total", "kind", "outcome")["webhook", "dead"] == 1
    assert nonzero(values("failed_deliveries", "outcome")) == {("dead",): 2}
    assert values("pending_deliveries") == {(): 0}


def test_what_can_fail_is_shown_as_0_before_it_has(url: str, file: Path, values: Values) -> None:
    run(host.config(url, destinations=("https://example.net/hook", "journal:"), room_relays="none"))
    assert values("deliveries_total", "kind", "outcome") == {
        (kind, outcome): 0 for kind in ("webhook", "journal") for outcome in metrics.OUTCOMES
    }
    assert values("lateness_seconds_count", "kind") == {("webhook",): 0, ("journal",): 0}
    assert values("resting_destinations", "kind") == {("webhook",): 0, ("journal",): 0}
    assert values("oldest_overdue_age_seconds") == {(): 0}
    assert values("deliveries_caught_total") == {(): 0}


def test_lateness_is_a_histogram_of_what_was_delivered(
    url: str, owner: psycopg.Connection, file: Path, values: Values
) -> None:
    installed_long_ago(owner, "journal:")
    for late in (3, 20, 20, 5000):  # so far from any bound that a busy machine does no harm
        add_event(owner, -late, 600)
    run(host.config(url, room_relays="none"))
    buckets = {float(le): n for (le,), n in values("lateness_seconds_bucket", "le").items()}
    assert list(buckets) == [*metrics.BOUNDS, float("inf")]
    assert {le: n for le, n in buckets.items() if le > 0.05} == {
        0.1: 0, 0.25: 0, 0.5: 0, 1: 0, 2.5: 0, 5: 1, 10: 1, 30: 3, 60: 3, 300: 3, 3600: 3, float("inf"): 4,
    }  # fmt: skip
    assert values("lateness_seconds_count") == {(): 4}
    assert values("lateness_seconds_sum")[()] == pytest.approx(5043, abs=9)


def test_a_lateness_on_a_bound_belongs_below_it_as_le_says(url: str, owner: psycopg.Connection) -> None:
    store = Store(connect(host.config(url)), Clock())
    owner.execute(
        "INSERT INTO hivetalk_scheduler.delivery (event_id, test, transition, due_at, destination, next_at) "
        "SELECT n::text, false, 'live', to_timestamp(1000), 'journal:', now() FROM generate_series(1, 4) AS n"
    )
    with store.transaction():
        claimed = store.claim("r", 60, 10)
        fired = [1_000_005_000, 1_000_005_001, 999_000_000, 1_000_000_000 + 3_600_000_001]
        store.complete(
            "r", [Completion(d, "delivered", "", True, at) for d, at in zip(claimed, fired, strict=True)]
        )
    rows = owner.execute(
        "SELECT le, n, round(seconds::numeric, 6)::float8 FROM hivetalk_scheduler.counter ORDER BY le"
    ).fetchall()
    # One before its time (lead) is not late: a sum that went down would look like a restart.
    assert rows == [(0.005, 2, 0.005), (0.01, 1, 0.005001), (float("inf"), 1, 3600.000001)]


def test_said_twice_it_counts_once_and_what_is_rolled_back_counts_not_at_all(
    url: str, owner: psycopg.Connection
) -> None:
    store = Store(connect(host.config(url)), Clock())
    owner.execute(
        "INSERT INTO hivetalk_scheduler.delivery (event_id, test, transition, due_at, destination, next_at) "
        "SELECT n::text, false, 'live', now(), 'journal:', now() FROM generate_series(1, 3) AS n"
    )
    with store.transaction():
        one, two, three = store.claim("r", 60, 10)
    done = [
        Completion(one, "delivered", "", True, one.due_at),
        Completion(two, "pending", "no answer", True, two.due_at, 60.0),
        Completion(three, "pending", "handed back unsent", False, None, 0.0),
    ]
    with pytest.raises(RuntimeError), store.transaction():
        assert len(store.complete("r", done)) == 3
        raise RuntimeError("killed before the commit")
    assert owner.execute("SELECT * FROM hivetalk_scheduler.counter").fetchall() == []
    for _ in range(2):  # the answer to the first was lost
        with store.transaction():
            store.complete("r", done)
    counted = "SELECT outcome, n FROM hivetalk_scheduler.counter ORDER BY outcome"
    assert owner.execute(counted).fetchall() == [("delivered", 1), ("retried", 1)]
    with store.transaction():
        store.complete("another", done)
    assert owner.execute(counted).fetchall() == [("delivered", 1), ("retried", 1)]


def test_the_counts_outlive_the_rows_and_the_hosts_of_a_fleet_add_up(
    url: str,
    owner: psycopg.Connection,
    file: Path,
    values: Values,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed_long_ago(owner, "journal:")
    found = []
    for number, name in enumerate(("first", "second", "first"), 1):
        monkeypatch.setattr(socket, "gethostname", lambda name=name: name)
        for _ in range(number):
            add_event(owner, -1, 600)
        run(host.config(url))
        found.append(
            (
                values("deliveries_total", "kind", "outcome")["journal", "delivered"],
                values("pending_deliveries"),
            )
        )
        owner.execute("DELETE FROM hivetalk_scheduler.delivery")
        owner.execute("DELETE FROM hivetalk_scheduler.run")
        owner.execute("DELETE FROM events")
    # Six in all, by the last word of each host: 2 and 1 + 3.
    assert found == [(1, {(): 0}), (2, {(): 0}), (4, {(): 0})]


def test_a_test_event_is_not_counted(url: str, owner: psycopg.Connection, file: Path, values: Values) -> None:
    owner.execute(
        "INSERT INTO hivetalk_scheduler.test_event (event_id, name, starts_at, ends_at) "
        "VALUES ('test', 'test', now(), now() + interval '1 h')"
    )
    run(host.config(url))
    row = owner.execute("SELECT state FROM hivetalk_scheduler.delivery WHERE test").fetchone()
    assert row == ("delivered",)
    assert nonzero(values("deliveries_total", "kind", "outcome")) == {}
    assert nonzero(values("lateness_seconds_count", "kind")) == {}


def test_an_idle_run_writes_no_count(url: str, owner: psycopg.Connection, file: Path) -> None:
    run(host.config(url))
    assert owner.execute("SELECT * FROM hivetalk_scheduler.counter").fetchall() == []
    assert file.exists()


def test_the_run_itself_is_shown(
    url: str, owner: psycopg.Connection, file: Path, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RELEASE", "NAME"):
        monkeypatch.setenv(f"HIVETALK_SCHEDULER_{name}", 'a "b" \\n\nc')
    run(host.config(url, interval=47))
    row = owner.execute(
        "SELECT extract(epoch FROM finished_at)::float8, extract(epoch FROM finished_at - started_at)::float8, "
        "extract(epoch FROM clock_offset)::float8 FROM hivetalk_scheduler.run"
    ).fetchone()
    assert row is not None
    shown = [
        values(name)[()]
        for name in (
            "last_run_completed_timestamp_seconds",
            "last_run_duration_seconds",
            "clock_offset_seconds",
        )
    ]
    assert shown == pytest.approx(list(row), abs=1e-6)
    assert values("interval_seconds") == {(): 47}
    # Whatever the name of a release or of a scheduler: it stays within its quotation marks.
    assert values("build_info", "scheduler", "release") == {('a "b" \\n\nc',) * 2: 1}


@pytest.mark.parametrize("relay", ["javascript:alert(1)", 'no"colon\n', "WSS://relay.invalid", "\u202eoo:x"])
def test_no_text_of_the_database_becomes_a_label(
    url: str, owner: psycopg.Connection, file: Path, values: Values, relay: str
) -> None:
    owner.execute("INSERT INTO room_info (room_name, room_relay_url) VALUES ('room', %s)", [relay])
    add_event(owner, -1, 600)
    run(host.config(url, delivery_timeout=1))
    for family in prometheus(file.read_text()):
        for sample in family.samples:
            assert set(sample.labels) <= {"scheduler", "kind", "outcome", "le", "version", "release"}
            assert sample.labels.get("kind", "other") in ("relay", "webhook", "exec", "journal", "other")
    assert values("deliveries_caught_total") == {(): 2}
