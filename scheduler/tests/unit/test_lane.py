"""A lane: what is queued is sent, handed back, or held by its rate."""

import asyncio

import pytest

from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.delivery import Delivery
from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.lane import FAILURES, Lane, Ready
from hivetalk_scheduler.message import Answer, Message
from tests.messages import EVENT

NOW = 1_800_000_000 * SECOND


class Still(Clock):
    """A clock that stands."""

    def now(self) -> int:
        return NOW


class Counting(Destination):
    """Answers as it is told, and counts."""

    concurrency = 1

    def __init__(self, verdict: str = "done") -> None:
        super().__init__("journal:", Config())
        self.verdict, self.sent = verdict, 0

    async def send(self, message: Message) -> Answer:
        self.sent += 1
        await asyncio.sleep(0)
        return Answer(self.verdict)  # type: ignore[arg-type]  # a literal


class Desk:
    """Keeps what a lane reports."""

    def __init__(self, destination: Destination, rate: float = 0) -> None:
        self.reports: list[Answer | None] = []
        self.lane = Lane(
            destination, Still(), 11, rate, lambda ready, answer, fired_at: self.reports.append(answer)
        )


def ready(lease: float = 50, until: int | None = None) -> Ready:
    next_at = NOW + round(lease * SECOND)
    return Ready(
        Delivery(1, "1", False, "live", NOW, None, "journal:", next_at, 1, 0, 0, False, NOW, NOW),
        EVENT,
        None,
        until,
    )


async def test_what_is_put_just_as_the_last_worker_ends_is_sent() -> None:
    """A worker that has ended but is still counted would leave it in the queue until the run's deadline."""
    destination = Counting()
    desk = Desk(destination)
    desk.lane.put([ready()])
    (worker,) = desk.lane._workers
    worker.add_done_callback(lambda _: None)
    while not worker.done():
        await asyncio.sleep(0)
    desk.lane.put([ready()])
    await asyncio.sleep(0.05)
    assert destination.sent == 2 and len(desk.reports) == 2


async def test_a_slow_answer_holds_up_nothing_that_is_put_meanwhile() -> None:
    """A worker that waits for an answer would else count as the one for what is put next."""

    class Slow(Counting):
        concurrency = 4

        async def send(self, message: Message) -> Answer:
            self.sent += 1
            await asyncio.sleep(60)
            raise AssertionError("it never answers")

    destination = Slow()
    desk = Desk(destination)
    for sent in (1, 2, 3, 4, 4):
        desk.lane.put([ready()])
        await asyncio.sleep(0.01)
        assert destination.sent == sent
    await desk.lane.stop(0)


async def test_what_has_waited_for_most_of_its_lease_is_handed_back() -> None:
    destination = Counting()
    desk = Desk(destination)
    desk.lane.put([ready(lease=10), ready(lease=12)])
    await asyncio.sleep(0.05)
    assert [answer and answer.verdict for answer in desk.reports] == [None, "done"]
    assert destination.sent == 1


async def test_a_live_whose_end_has_come_while_it_waited_is_not_sent() -> None:
    destination = Counting()
    desk = Desk(destination)
    desk.lane.put([ready(until=NOW), ready(until=NOW + 1)])
    await asyncio.sleep(0.05)
    assert [answer and answer.verdict for answer in desk.reports] == [None, "done"]


async def test_a_failing_lane_hands_everything_back_and_takes_nothing_until_it_has_rested() -> None:
    destination = Counting("retry")
    desk = Desk(destination)
    desk.lane.put([ready() for _ in range(10)])
    await asyncio.sleep(0.05)
    assert destination.sent == FAILURES and desk.reports[FAILURES:] == [None] * (10 - FAILURES)
    assert desk.lane.news == "tired" and desk.lane.busy
    desk.lane.put([ready()])
    await asyncio.sleep(0.05)
    assert destination.sent == FAILURES, "claimed while it was failing"
    desk.lane.rest(NOW)
    desk.lane.news = ""
    desk.lane.put([ready()])
    await asyncio.sleep(0.05)
    assert destination.sent == FAILURES + 1


async def test_a_destination_that_raises_costs_only_its_own_deliveries() -> None:
    class Broken(Counting):
        async def send(self, message: Message) -> Answer:
            raise RuntimeError("a bug")

    desk = Desk(Broken())
    desk.lane.put([ready()])
    await asyncio.sleep(0.05)
    (answer,) = desk.reports
    assert answer is not None and answer.verdict == "retry" and "a bug" in answer.text


@pytest.mark.parametrize("rate", [0, 1])
async def test_stopping_hands_back_what_waits_whatever_the_rate(rate: float) -> None:
    class Hanging(Counting):
        async def send(self, message: Message) -> Answer:
            await asyncio.sleep(60)
            return Answer("done")

    desk = Desk(Hanging(), rate)
    desk.lane.put([ready() for _ in range(5)])
    await asyncio.sleep(0.05)
    await desk.lane.stop(0.1)
    assert len(desk.reports) == 5 and [answer for answer in desk.reports if answer] == desk.reports[-1:]
