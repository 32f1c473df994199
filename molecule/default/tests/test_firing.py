"""A meeting that the application wrote, and a test event: the timer alone fires them."""

import asyncio
import json

import pytest
from nostr_sdk import Event, Keys
from story import IN, LASTS, NAME, Story
from testinfra.host import Host

from shared import application, relay, service

LATE = 2.5
"""Seconds after the due time by which a subscriber has it. Between two runs nobody is there for under 1 s."""


@pytest.fixture(params=["meeting", "test event"])
def fired(request: pytest.FixtureRequest, story: Story) -> str:
    """The identity of what was to be announced."""
    return story.meeting.id if request.param == "meeting" else story.test_event.id


def due(host: Host, event_id: str) -> list[float]:
    """When live and ended were due."""
    return [float(row["due"]) for row in application.deliveries(host, event_id)]


def test_live_then_ended_arrive_once_each(story: Story, fired: str) -> None:
    assert [one.status for one in story.of(fired)] == ["live", "ended"]


def test_nothing_is_early_and_nothing_is_late(host: Host, story: Story, fired: str) -> None:
    lateness = [one.arrived - at for one, at in zip(story.of(fired), due(host, fired), strict=True)]
    assert all(0 <= late <= LATE for late in lateness), lateness


def test_each_transition_is_one_delivery_of_one_attempt(host: Host, story: Story, fired: str) -> None:
    rows = application.deliveries(host, fired)
    assert [(row["transition"], row["destination"], row["state"], row["attempts"]) for row in rows] == [
        ("live", story.url, "delivered", 1),
        ("ended", story.url, "delivered", 1),
    ]


def test_the_due_times_are_those_that_were_asked_for(host: Host, story: Story) -> None:
    assert due(host, story.meeting.id) == [story.meeting.starts, story.meeting.ends]
    live, ended = due(host, story.test_event.id)
    assert abs(live - story.test_event.began - IN) < 5
    assert abs(ended - live - LASTS) < 1


def test_the_relay_holds_it_and_an_independent_library_verifies_its_signature(
    story: Story, fired: str
) -> None:
    kept = [one for one in asyncio.run(relay.stored(story.url)) if one.tag("d") == [fired]]
    assert "ended" in {one.status for one in kept}
    for one in kept:
        assert Event.from_json(json.dumps(one.event)).verify()
        # The check itself can fail.
        assert not Event.from_json(json.dumps(one.event | {"content": "forged"})).verify()


def test_the_room_signs_its_meeting_and_the_configured_key_the_others(
    story: Story, configured_key: Keys
) -> None:
    for event_id, keys in ((story.meeting.id, story.room_key), (story.test_event.id, configured_key)):
        assert [one.event["pubkey"] for one in story.of(event_id)] == [keys.public_key().to_hex()] * 2


def test_the_announcement_says_what_the_meeting_says(story: Story) -> None:
    live, ended = story.of(story.meeting.id)
    for one in (live, ended):
        assert one.event["kind"] == 30311
        assert one.tag("title") == [story.meeting.name]
        assert one.tag("starts") == [str(story.meeting.starts)]
        assert one.tag("ends") == [str(story.meeting.ends)]
        assert one.tag("streaming") == ["https://hivetalk.org/join/lab"]
        assert one.tag("t") == ["hivetalk", "livestream"]
    # An addressable event: the newer one replaces the older (NIP-01).
    assert ended.event["created_at"] > live.event["created_at"]


def test_the_application_sees_what_was_sent(host: Host, story: Story) -> None:
    rows = application.query(
        host, "SELECT status, nostr_event_id FROM events WHERE id = :'id'", id=story.meeting.id
    )
    assert rows == [{"status": "ended:sent", "nostr_event_id": story.of(story.meeting.id)[1].event["id"]}]


def test_the_waiting_test_event_reports_that_it_arrived(story: Story) -> None:
    assert story.test_event.status == 0, story.test_event.output


def test_each_run_looks_2_minutes_back_and_2_minutes_ahead(host: Host, story: Story) -> None:
    runs = application.runs(host)
    assert [run.ahead for run in runs] == [120] * len(runs)
    assert runs[0].behind == 120
    # A later run looks as far back at least, and never into the time before the first run's window.
    assert all(run.behind >= 120 and run.window_from >= runs[0].window_from for run in runs)


def test_the_runs_are_a_minute_apart(host: Host, story: Story) -> None:
    gaps = [run.gap for run in application.runs(host)[1:]]
    # 0 to 5 s of jitter, 1 s of accuracy, and the start-up.
    assert gaps and max(gaps) < 60 + 5 + 1 + 2, gaps


def test_the_journal_tells_the_story(host: Host, story: Story, fired: str) -> None:
    assert service.lines(host, NAME, "run-started")
    assert service.lines(host, NAME, "run-finished")
    told = [line for line in service.lines(host, NAME, "delivered") if fired in line]
    assert len(told) == 2
    for line, transition in zip(told, ("live", "ended"), strict=True):
        assert f"transition={transition} destination={story.url} lateness_ms=" in line
        assert " attempt=1" in line


def test_the_service_ran_as_its_own_user_not_as_root(host: Host, story: Story) -> None:
    assert story.process.user == NAME
    delivered = [one for one in service.journal(host, NAME) if str(one["MESSAGE"]).startswith("delivered ")]
    assert {one["_UID"] for one in delivered} == {host.check_output("id -u %s", NAME)} != {"0"}
