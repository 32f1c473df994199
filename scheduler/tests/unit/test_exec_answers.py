"""What the exit status of a program means."""

import pytest

from hivetalk_scheduler.destinations.exec import classify


def test_zero_is_a_success_and_the_last_line_is_its_receipt() -> None:
    answer = classify(0, b"starting\nposted as 17\n")
    assert (answer.verdict, answer.text) == ("done", "posted as 17")


@pytest.mark.parametrize("status", [64, 65, 77, 78])
def test_what_another_attempt_would_not_change_is_permanent(status: int) -> None:
    answer = classify(status, b"no such room")
    assert (answer.verdict, answer.text) == ("permanent", f"exit status {status}: no such room")


@pytest.mark.parametrize("status", [1, 2, 75, 126, 127, 255])
def test_every_other_status_is_retried(status: int) -> None:
    assert classify(status, b"").verdict == "retry"


def test_a_signal_is_named() -> None:
    assert classify(-11, b"").text == "killed by signal 11"


@pytest.mark.parametrize("said", [b"", b"\n\n", b"\xff\xfe\x00", b"x" * 4096])
def test_any_bytes_on_standard_error_make_a_short_text(said: bytes) -> None:
    assert len(classify(1, said).text) <= 220
