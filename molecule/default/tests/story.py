"""One story, told once: a meeting and a test event, on a host that nobody touches."""

import asyncio
import time
from dataclasses import dataclass, field

from nostr_sdk import Keys
from testinfra.host import Host

from shared import application, relay, service

NAME = "hivetalk-scheduler"
IN, LASTS = 75, 20
"""Seconds until the test event starts, and how long both events are."""


@dataclass
class TestEvent:
    """What ``test-event --wait`` did."""

    __test__ = False
    began: float
    id: str
    status: int
    output: str


@dataclass
class Story:
    """What was asked for, and what came of it."""

    url: str
    meeting: application.Meeting
    room_key: Keys
    announcements: list[relay.Announcement] = field(default_factory=list, repr=False)
    test_event: TestEvent = field(default_factory=lambda: TestEvent(0, "", -1, ""))
    process: service.Process = field(default_factory=service.Process, repr=False)

    def of(self, event_id: str) -> list[relay.Announcement]:
        """The announcements of one event, as they arrived."""
        return [one for one in self.announcements if one.tag("d") == [event_id]]


def tell(host: Host, url: str) -> Story:
    """Write the meeting and the test event, then only watch until all has happened."""
    room_key = Keys.generate()
    application.room(host, "lab", room_key.secret_key().to_bech32(), room_key.public_key().to_bech32())
    # On the minute: where meetings start.
    starts = (int(time.time()) // 60 + 2) * 60
    meeting = application.Meeting(starts, starts + LASTS, name="On the minute: 50 % “off” \\ $HOME")
    story = Story(url, meeting, room_key)
    application.write(host, meeting)
    asyncio.run(_watch(host, story))
    return story


async def _watch(host: Host, story: Story) -> None:
    wait = story.meeting.ends - time.time() + 45
    story.announcements, story.test_event, story.process = await asyncio.gather(
        relay.watch(story.url, 2, wait),
        asyncio.to_thread(_test_event, host, wait),
        asyncio.to_thread(service.process, host, NAME, story.meeting.ends),
    )


def _test_event(host: Host, wait: float) -> TestEvent:
    began = time.time()
    result = host.run(f"timeout {wait:.0f} {NAME} test-event --in {IN} --for {LASTS} --wait")
    rows = application.query(host, "SELECT event_id FROM hivetalk_scheduler.test_event WHERE only_to IS NULL")
    return TestEvent(began, rows[-1]["event_id"] if rows else "", result.rc, result.stdout + result.stderr)
