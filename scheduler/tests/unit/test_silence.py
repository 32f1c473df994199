"""No run completes: it is told whether a timer stands still, or a host is off and has no series any more."""

from pathlib import Path

import pytest

from tests.unit.test_alerts import COMPLETED, INTERVAL, OFTEN, fired, series, timeline

SILENT, HOST_SILENT, UNSEEN = (f"HivetalkScheduler{name}" for name in ("Silent", "HostSilent", "Unseen"))
OFF = pytest.mark.parametrize("off", ["0+60x10 stale", "0+60x10"])
"""From 600 s on: with the mark that Prometheus makes of a target that does not answer, and without it."""
ALIVE = "0+60x1600"
LAST = 600 + 86_400
"""Until when what was said at 600 s is remembered."""


def of(scheduler: str, one: dict[str, str]) -> dict[str, str]:
    """The same series of another scheduler."""
    return one | {"series": one["series"].replace("hivetalk-scheduler", scheduler)}


def names(found: dict[int, dict[str, list[dict[str, str]]]]) -> dict[int, list[str]]:
    """The alerts at each time, each as often as it fires."""
    return {at: [name for name, each in told.items() for _ in each] for at, told in found.items()}


def ticks(interval: int, until: int) -> str:
    """A run at each tick, and the last at `until`."""
    return " ".join(str(now // interval * interval) for now in range(0, until + 1, 15))


def test_it_is_told_after_3_minutes_and_one_more(tmp_path: Path) -> None:
    # The contract: a failure of under 3 minutes costs nothing.
    early, late = 600 + 180 + 45, 600 + 180 + 90
    found = timeline(tmp_path, [early, late], series(COMPLETED, "0+15x40 600x1000"))
    assert names(found) == {early: [], late: [SILENT]}
    (labels,) = found[late][SILENT]
    assert labels["severity"] == "critical" and labels["scheduler"] == "hivetalk-scheduler"
    assert labels["description"] == (
        "No host of hivetalk-scheduler has completed a run for 4m 30s, as far as Prometheus sees: nothing is "
        "announced. First, see whether a host of it answers; "
        "there: systemctl list-timers hivetalk-scheduler.timer --all"
    )


def test_runs_that_hold_as_long_as_they_may_are_none(tmp_path: Path) -> None:
    # 69 s from one to the next, scraped every 15 s.
    assert fired(tmp_path, 3600, series(COMPLETED, ticks(69, 4000))) == {}


def test_one_silent_host_of_a_fleet_is_a_warning_that_names_it(tmp_path: Path) -> None:
    found = fired(tmp_path, 2000, series(COMPLETED, OFTEN), series(COMPLETED, "600x1000", "two"))
    assert list(found) == [HOST_SILENT]
    (labels,) = found[HOST_SILENT]
    assert (labels["instance"], labels["severity"]) == ("two:9100", "warning")


def test_a_silent_fleet_is_told_once(tmp_path: Path) -> None:
    found = timeline(tmp_path, [2000], series(COMPLETED, "600x1000"), series(COMPLETED, "500x1000", "two"))
    assert names(found) == {2000: [SILENT]}


def test_two_schedulers_are_told_apart(tmp_path: Path) -> None:
    found = fired(tmp_path, 2000, series(COMPLETED, OFTEN), of("concerts", series(COMPLETED, "600x1000")))
    assert [labels["scheduler"] for labels in found[SILENT]] == ["concerts"]


@OFF
def test_a_host_that_is_off_is_told_though_another_scheduler_is_well(tmp_path: Path, off: str) -> None:
    times = [600 + 180, 600 + 180 + 120, LAST - 120, LAST + 120]
    found = timeline(
        tmp_path, times, series(COMPLETED, off), of("concerts", series(COMPLETED, ALIVE, "two")), step=60
    )
    assert list(names(found).values()) == [[], [SILENT], [SILENT], []]
    assert found[LAST - 120][SILENT][0]["scheduler"] == "hivetalk-scheduler"


@OFF
def test_a_host_of_a_fleet_that_is_off_is_told_for_a_day_and_no_longer(tmp_path: Path, off: str) -> None:
    times = [600 + 180 + 300, 600 + 180 + 420, LAST - 120, LAST + 120]
    found = timeline(tmp_path, times, series(COMPLETED, ALIVE), series(COMPLETED, off, "two"), step=60)
    assert list(names(found).values()) == [[], [HOST_SILENT], [HOST_SILENT], []]
    said = "two:9100 has completed no run of hivetalk-scheduler for 23h 58m 0s, as far as Prometheus sees; "
    assert found[LAST - 120][HOST_SILENT][0]["description"].startswith(said)


@OFF
def test_a_fleet_that_is_off_is_told_once_at_any_time(tmp_path: Path, off: str) -> None:
    found = timeline(
        tmp_path,
        [2040, LAST - 120, LAST + 600],
        series(COMPLETED, off),
        series(COMPLETED, off, "two"),
        step=60,
    )
    assert list(names(found).values()) == [[SILENT], [SILENT], [UNSEEN]]


@pytest.mark.parametrize(("others", "name"), [(True, HOST_SILENT), (False, SILENT)])
@pytest.mark.parametrize("labels", [{}, {"site": "b"}])
def test_a_host_that_is_back_is_well_whatever_its_labels_are_now(
    tmp_path: Path, others: bool, name: str, labels: dict[str, str]
) -> None:
    # Off from 600 s on, back at 2000 s.
    before = (series(COMPLETED, "0+15x40 stale", "two"), series(INTERVAL, "60x40 stale", "two"))
    back = (
        series(COMPLETED, "_x133 2010+15x200", "two", **labels),
        series(INTERVAL, "_x133 60x200", "two", **labels),
    )
    if not labels:  # one series, not two of the same name
        before, back = (
            (series(COMPLETED, "0+15x40 stale _x92 2010+15x200", "two"),),
            (series(INTERVAL, "60x40 stale _x92 60x200", "two"),),
        )
    alive = (series(COMPLETED, OFTEN),) if others else ()
    found = timeline(tmp_path, [1980, 2040, 3600], *before, *back, *alive)
    assert names(found) == {1980: [name], 2040: [], 3600: []}


def test_a_host_that_had_other_labels_before_it_was_off_is_told_once(tmp_path: Path) -> None:
    # Its target has one label more from 600 s on, as has the other's, and it is off from 1200 s on.
    hosts = [
        series(COMPLETED, "0+15x40 stale"), series(COMPLETED, "_x40 615+15x200", site="b"),
        series(COMPLETED, "0+15x40 stale", "two"), series(COMPLETED, "_x40 615+15x40 stale", "two", site="b"),
    ]  # fmt: skip
    found = timeline(tmp_path, [1185, 2400], *hosts)
    assert names(found) == {1185: [], 2400: [HOST_SILENT]}
    assert found[2400][HOST_SILENT][0]["site"] == "b"


@pytest.mark.parametrize(
    ("before", "now"), [({}, {"site": "b"}), ({"site": "b"}, {}), ({"site": "b"}, {"site": "c"})]
)
def test_a_timer_that_stands_still_while_the_labels_change_is_told_once(
    tmp_path: Path, before: dict[str, str], now: dict[str, str]
) -> None:
    was, is_now = series(COMPLETED, "600x40 stale", **before), series(COMPLETED, "_x41 600x200", **now)
    assert names(timeline(tmp_path, [1800], was, is_now)) == {1800: [SILENT]}


@pytest.mark.parametrize(("interval", "longest"), [(10, 180), (60, 180), (300, 900), (3600, 10800)])
@pytest.mark.parametrize("off", [False, True])
def test_it_is_three_intervals_where_these_are_longer(
    tmp_path: Path, interval: int, longest: int, off: bool
) -> None:
    runs, shown = (" stale", "x480 stale") if off else (" 7200x1000", "x4000")
    inputs = [series(COMPLETED, ticks(interval, 7200) + runs), series(INTERVAL, f"{interval}{shown}")]
    # At none of them before is one overdue.
    times = [3590, 3650, 7190, 7200 + longest + 45, 7200 + longest + 90]
    assert list(names(timeline(tmp_path, times, *inputs)).values()) == [[], [], [], [], [SILENT]]


def test_a_host_goes_by_its_own_interval_and_a_fleet_by_the_longest(tmp_path: Path) -> None:
    hosts = [
        series(INTERVAL, "60x2000"), series(INTERVAL, "3600x2000", "two"),
        series(COMPLETED, "600x2000"), series(COMPLETED, ticks(3600, 7185) + " 3600x2000", "two"),
    ]  # fmt: skip
    last = 3600 + 10800
    found = timeline(tmp_path, [3600, last, last + 90], *hosts)
    assert list(names(found).values()) == [[HOST_SILENT], [HOST_SILENT], [SILENT]]


@pytest.mark.parametrize("shown", ["60x40 _x1000", "_x2000"])
def test_a_release_that_shows_no_interval_is_told_all_the_same(tmp_path: Path, shown: str) -> None:
    inputs = [series(COMPLETED, OFTEN), series(INTERVAL, "60x1000")]
    inputs += [series(COMPLETED, "0+15x40 600x1000", "two"), series(INTERVAL, shown, "two")]
    assert list(fired(tmp_path, 2000, *inputs)) == [HOST_SILENT]


def test_no_metrics_at_all_is_told(tmp_path: Path) -> None:
    assert names(timeline(tmp_path, [285, 330])) == {285: [], 330: [UNSEEN]}
