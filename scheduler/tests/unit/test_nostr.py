"""The signed event is what NIP-01, NIP-42 and NIP-53 ask for, verified by another library."""

import json
from typing import Any

import nostr_sdk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hivetalk_scheduler import keys, nostr
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.event import SECOND, Event, Transition
from tests.messages import SECRET, STARTS, event

CREATED = 1_800_000_000


def signed(about: Event, transition: Transition = "live", config: Config | None = None) -> dict[str, Any]:
    """What `sign` made, after another library has verified its id and its signature."""
    event_id, body = nostr.sign(about, transition, CREATED, SECRET, config or Config())
    theirs = nostr_sdk.Event.from_json(body.decode())
    assert theirs.verify()
    assert theirs.id().to_hex() == event_id
    content: dict[str, Any] = json.loads(body)
    return content


def tags(about: Event, transition: Transition = "live", config: Config | None = None) -> list[list[str]]:
    found: list[list[str]] = signed(about, transition, config)["tags"]
    return found


def test_the_announcement_is_a_live_event_of_nip_53_with_every_tag() -> None:
    found = signed(event())
    assert found["kind"] == 30311
    assert found["created_at"] == CREATED
    assert found["pubkey"] == keys.public_key(SECRET).hex()
    assert found["content"] == ""
    assert found["tags"] == [
        ["d", "weekly"],
        ["title", "Weekly call"],
        ["summary", "What is new"],
        ["image", "https://example.org/image.png"],
        ["streaming", "https://hivetalk.org/join/hive"],
        ["starts", "1800000000"],
        ["ends", "1800003600"],
        ["status", "live"],
        ["t", "hivetalk"],
        ["t", "livestream"],
    ]


def test_live_and_ended_have_one_address_so_that_ended_replaces_live() -> None:
    live, ended = signed(event(), "live"), signed(event(), "ended")
    assert ["status", "ended"] in ended["tags"]
    assert live["tags"][0] == ended["tags"][0]
    assert live["pubkey"] == ended["pubkey"]


@pytest.mark.parametrize("identifier", [None, "", "  "])
def test_events_of_one_room_without_identifier_do_not_overwrite_each_other(identifier: str | None) -> None:
    first = tags(event(id="first", identifier=identifier))[0]
    second = tags(event(id="second", identifier=identifier))[0]
    assert first == ["d", "first"]
    assert second == ["d", "second"]


def test_what_an_event_does_not_have_is_left_out_and_not_sent_empty() -> None:
    bare = event(name="", summary="", image="", starts_at=None, ends_at=None, room_name=None)
    assert tags(bare, config=Config(topics=())) == [["d", "weekly"], ["status", "live"]]


def test_the_name_of_the_room_is_percent_encoded_in_its_url() -> None:
    url = dict(tags(event(room_name="my room/ä?#&%")))["streaming"]
    assert url == "https://hivetalk.org/join/my%20room%2F%C3%A4%3F%23%26%25"


def test_fractions_of_a_second_are_cut_off() -> None:
    assert dict(tags(event(starts_at=STARTS + SECOND - 1)))["starts"] == "1800000000"


def test_the_key_of_the_room_is_not_in_the_event() -> None:
    about = event(room_nsec=SECRET.hex())
    assert SECRET.hex() not in json.dumps(signed(about))


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_signed_and_arrives_as_it_was(text: str) -> None:
    assert dict(tags(event(name=text + "!")))["title"] == text + "!"


@pytest.mark.parametrize(
    "name", ['\x00\x01\x1b[31m\x7f\r\n\t"\\/', "\u2028\u2029\u202e\ufeff", "\U0001f41d", "x" * 2**20]
)
def test_a_hostile_name_is_only_text(name: str) -> None:
    assert dict(tags(event(name=name)))["title"] == name


def test_half_a_character_does_not_stop_the_announcement() -> None:
    assert dict(tags(event(name="half \ud800")))["title"] == "half ?"


def test_two_signatures_differ_but_the_id_does_not() -> None:
    first, second = signed(event()), signed(event())
    assert first["id"] == second["id"]
    assert first["sig"] != second["sig"]


def test_the_authentication_event_is_that_of_nip_42() -> None:
    event_id, body = nostr.authentication("wss://relay.example", "a challenge", CREATED, SECRET)
    theirs = nostr_sdk.Event.from_json(body.decode())
    assert theirs.verify()
    content = json.loads(body)
    assert (content["id"], content["kind"]) == (event_id, 22242)
    assert content["tags"] == [["relay", "wss://relay.example"], ["challenge", "a challenge"]]
