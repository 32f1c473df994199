"""The date of a Nostr event, and that what is stored is what is sent."""

from hivetalk_scheduler.announcement import Announcements, dated
from hivetalk_scheduler.config import Config, Secrets
from hivetalk_scheduler.delivery import Delivery, Payload
from hivetalk_scheduler.event import SECOND, Event

DUE = 1_800_000_000 * SECOND
KEY = "0000000000000000000000000000000000000000000000000000000000000003"
EVENT = Event("1", "Name", "", "", DUE, None, "d", "room", None, None, None, cancelled=False)
CONFIG = Config(secrets=Secrets(nostr_nsec=KEY))


def delivery(transition: str = "live") -> Delivery:
    return Delivery(1, "1", False, transition, DUE, None, "wss://relay", DUE, 1, 0, 0, False, DUE, DUE)  # type: ignore[arg-type]  # a literal


def test_an_event_on_time_is_dated_at_its_due_second() -> None:
    assert dated(DUE + 999_999, DUE + 999_999, 0) == DUE // SECOND
    assert dated(DUE, DUE + 30 * SECOND, 0) == DUE // SECOND


def test_a_late_event_is_dated_now_since_clients_take_an_old_live_event_for_ended() -> None:
    assert dated(DUE, DUE + 7200 * SECOND, 0) == DUE // SECOND + 7200


def test_an_event_sent_ahead_by_lead_is_not_dated_in_the_future() -> None:
    assert dated(DUE, DUE - 10 * SECOND, 0) == DUE // SECOND - 10


def test_ended_is_always_dated_after_live_even_in_the_same_second() -> None:
    assert dated(DUE, DUE, DUE // SECOND) == DUE // SECOND + 1


def test_stored_bytes_are_used_again_unchanged() -> None:
    stored = Payload(delivery().key, "nostr", "the id", 5, "the bytes")
    assert Announcements(CONFIG).build(delivery(), EVENT, "nostr", DUE, [stored]) is stored


def test_what_is_announced_anew_is_built_anew_under_a_new_id() -> None:
    built = Announcements(CONFIG)
    first = {f: built.build(delivery(), EVENT, f, DUE, []) for f in ("nostr", "json")}
    again = delivery()._replace(generation=1)
    for format_, old in first.items():
        assert built.build(again, EVENT, format_, DUE, [old]).message_id != old.message_id


def test_a_refresh_says_live() -> None:
    refresh = delivery()._replace(transition="refresh", of_start=DUE)  # type: ignore[arg-type]  # a literal
    body = Announcements(CONFIG).build(refresh, EVENT, "nostr", DUE, []).body
    assert '["status","live"]' in body


def test_what_was_built_ahead_is_used_only_while_the_event_is_the_same() -> None:
    built = Announcements(CONFIG)
    ahead = built.build(delivery(), EVENT, "nostr", DUE, [])
    assert built.build(delivery(), EVENT, "nostr", DUE + 5, []) is ahead
    renamed = Event("1", "Another", "", "", DUE, None, "d", "room", None, None, None, cancelled=False)
    other = built.build(delivery(), renamed, "nostr", DUE + 5, [])
    assert other.message_id != ahead.message_id and '"Another"' in other.body
    built.forget(delivery().key)
    assert built.build(delivery(), EVENT, "nostr", DUE, []) is not ahead
