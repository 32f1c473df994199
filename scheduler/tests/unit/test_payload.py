"""The JSON body and its webhook-id."""

import json

import pytest

from hivetalk_scheduler import payload
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.event import SECOND
from tests.messages import SECRET, STARTS, event


def test_the_body_has_the_shape_of_standard_webhooks_and_every_field_of_the_event() -> None:
    body = json.loads(payload.json_body(event(), "ended", STARTS + 3600 * SECOND, Config()))
    assert body == {
        "type": "meeting.ended",
        "timestamp": "2027-01-15T09:00:00Z",
        "data": {
            "event_id": "6f1f2a3e-0000-4000-8000-000000000001",
            "name": "Weekly call",
            "summary": "What is new",
            "image": "https://example.org/image.png",
            "starts_at": "2027-01-15T08:00:00Z",
            "ends_at": "2027-01-15T09:00:00Z",
            "room": "hive",
            "room_url": "https://hivetalk.org/join/hive",
            "test": False,
        },
    }


def test_an_event_without_end_or_room_says_null() -> None:
    data = json.loads(payload.json_body(event(ends_at=None, room_name=None), "live", STARTS, Config()))[
        "data"
    ]
    assert (data["ends_at"], data["room"], data["room_url"]) == (None, None, None)


def test_a_test_event_says_so() -> None:
    assert json.loads(payload.json_body(event(test=True), "live", STARTS, Config()))["data"]["test"] is True


def test_the_key_of_the_room_is_not_in_the_body() -> None:
    assert SECRET.hex().encode() not in payload.json_body(
        event(room_nsec=SECRET.hex()), "live", STARTS, Config()
    )


@pytest.mark.parametrize("name", ['\n\x1b[31m"\\', "\U0001f41d", "x" * 2**20])
def test_a_hostile_name_arrives_as_it_is(name: str) -> None:
    assert json.loads(payload.json_body(event(name=name), "live", STARTS, Config()))["data"]["name"] == name


def test_the_body_of_one_transition_is_always_the_same_bytes() -> None:
    assert payload.json_body(event(), "live", STARTS, Config()) == payload.json_body(
        event(), "live", STARTS, Config()
    )


def test_the_webhook_id_is_stable_and_differs_for_every_part_of_the_key() -> None:
    def webhook_id(about: object = event(), transition: object = "live", due_at: int = STARTS) -> str:
        return payload.webhook_id(about, transition, due_at)  # type: ignore[arg-type]

    ids = [
        webhook_id(),
        webhook_id(event(id="other")),
        webhook_id(event(test=True)),
        webhook_id(transition="ended"),
        webhook_id(due_at=STARTS + 1),
    ]
    assert len(set(ids)) == len(ids)
    assert webhook_id(event(name="renamed")) == ids[0]
    assert ids[0].startswith("msg_")
    assert len(ids[0]) == 36


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (-SECOND, "1969-12-31T23:59:59Z"),
        (253_402_300_799 * SECOND, "9999-12-31T23:59:59Z"),
        (None, None),
    ],
)
def test_times_are_iso_8601_in_utc(time: int | None, text: str | None) -> None:
    assert payload.iso(time) == text
