"""The picture of two days: a pure function."""

from typing import Any

from hivetalk_scheduler.page.timeline import DAY, GOAL, HEIGHT, STEP, WIDTH, timeline

NOW = 1_800_000_000 // STEP * STEP + 600


def row(at: int, **values: Any) -> dict[str, Any]:
    return {"at": at // STEP, "p50": None, "max": None, **values}


def test_nothing_gives_an_empty_picture() -> None:
    found = timeline(NOW, [], [])
    assert found.steps == () and found.highest == 0 and found.marks == ()
    assert found.ticks == (NOW - DAY, NOW - DAY // 2, NOW, NOW + DAY // 2, NOW + DAY)


def test_bars_stand_on_each_other_within_the_drawing_and_now_is_in_the_middle() -> None:
    past = [row(NOW - 3600, prompt=6, late=2, failed=2, p50=20.0, max=3000.0)]
    found = timeline(NOW, past, [{"at": (NOW + 3600) // STEP, "n": 5, "expected": 5}])
    before, after = found.steps
    assert found.highest == 10 and before.counts == {"prompt": 6, "late": 2, "failed": 2}
    assert [bar.kind for bar in before.bars] == ["prompt", "late", "failed"]
    assert [round(bar.height) for bar in before.bars] == [72, 24, 24]
    assert before.bars[0].y + before.bars[0].height == HEIGHT and before.bars[-1].y == 0
    assert all(bar.x + bar.width <= WIDTH / 2 for bar in before.bars)
    assert after.bars[0].kind == "expected" and after.bars[0].x > WIDTH / 2


def test_what_is_rare_is_still_seen() -> None:
    found = timeline(NOW, [row(NOW - 7200, prompt=100_000), row(NOW - 3600, failed=1)], [])
    assert found.steps[1].bars[0].height >= 2


def test_a_step_that_has_begun_holds_what_was_and_what_comes() -> None:
    found = timeline(
        NOW, [row(NOW, prompt=1, p50=1.0, max=1.0)], [{"at": NOW // STEP, "n": 2, "expected": 2}]
    )
    (step,) = found.steps
    assert step.counts == {"prompt": 1, "expected": 2}


def test_what_had_been_due_before_the_day_is_counted_not_drawn() -> None:
    found = timeline(NOW, [row(NOW - 3 * DAY, late=3, p50=1e8, max=2e8)], [])
    assert found.earlier == 3 and found.steps == ()


def test_the_edges_are_cut_off() -> None:
    found = timeline(NOW, [row(NOW - DAY, prompt=1)], [{"at": (NOW + DAY) // STEP, "n": 1, "expected": 1}])
    assert found.steps[0].bars[0].x >= 0
    last = found.steps[-1].bars[0]
    assert last.x + last.width <= WIDTH


def test_lateness_is_on_a_scale_of_decades_that_fits() -> None:
    found = timeline(NOW, [row(NOW - 3600, late=2, p50=GOAL, max=3_000_000.0)], [])
    (mark,) = found.marks
    assert found.decades[0] == "10,000 s" and found.decades[-1] == "1 ms" and len(found.decades) == 8
    assert mark.p50 == found.goal and 0 <= mark.max < mark.p50 < HEIGHT
    early = timeline(NOW, [row(NOW - 3600, prompt=1, p50=-3.0, max=0.0)], [])
    assert early.marks[0].max == HEIGHT, "nothing below the scale"
