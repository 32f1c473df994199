"""What a relay's OK means, by NIP-01's prefixes and by what real relays say."""

import pytest

from hivetalk_scheduler.destinations.relay import classify


@pytest.mark.parametrize(
    ("accepted", "text", "verdict"),
    [
        (True, "", "done"),
        (True, "duplicate: already have this event", "done"),
        (False, "duplicate: exists", "done"),
        (False, "Duplicate: exists", "done"),
        (False, "rate-limited: slow down", "retry"),
        (False, "error: unknown", "retry"),
        (False, "", "retry"),
        (False, "something of its own", "retry"),
        (False, "invalid: bad signature", "permanent"),
        (False, "blocked: no", "permanent"),
        (False, "restricted: members only", "permanent"),
        (False, "pow: 20 bits needed", "permanent"),
        (False, "mute: nobody is listening", "permanent"),
        (False, "replaced: have newer event", "permanent"),
        (False, "deleted: user requested deletion", "permanent"),
        (False, "auth-required: who are you", "permanent"),
    ],
)
def test_each_answer_of_a_relay_has_its_verdict(accepted: bool, text: str, verdict: str) -> None:
    answer = classify(accepted, text)
    assert (answer.verdict, answer.text) == (verdict, text)


def test_a_long_answer_is_cut() -> None:
    assert len(classify(True, "x" * 60_000).text) == 500
