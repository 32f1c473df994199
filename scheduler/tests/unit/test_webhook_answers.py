"""What an HTTP answer means."""

import pytest

from hivetalk_scheduler.destinations.webhook import classify, retry_after


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_success(status: int) -> None:
    assert classify(status, {}, "thanks").verdict == "done"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_retried(status: int) -> None:
    assert classify(status, {}, "").verdict == "retry"


@pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 405, 410, 413, 422])
def test_what_will_not_pass_is_permanent(status: int) -> None:
    assert classify(status, {}, "").verdict == "permanent"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_permanent_and_names_the_mend(status: int) -> None:
    answer = classify(status, {"Location": "https://elsewhere.example"}, "")
    assert answer.verdict == "permanent"
    assert "set the URL that it redirects to" in answer.text


def test_the_receipt_is_the_status_and_the_receivers_words() -> None:
    assert classify(200, {}, "thanks").text == "200 thanks"
    assert classify(204, {}, "").text == "204"


DATE = "Fri, 15 Jan 2027 08:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Fri, 15 Jan 2027 08:01:30 GMT", 90),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("9" * 5000, None),
        ("Fri, 99 Jan 2027 08:01:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_nothing(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value, "Date": DATE}) == seconds


def test_a_date_counts_from_the_receivers_own_clock() -> None:
    headers = {"Retry-After": "Thu, 01 Jan 1970 00:00:30 GMT", "Date": "Thu, 01 Jan 1970 00:00:00 GMT"}
    assert retry_after(headers) == 30


def test_a_date_without_the_receivers_date_is_nothing() -> None:
    assert retry_after({"Retry-After": DATE}) is None


def test_only_an_answer_that_is_retried_carries_a_wait() -> None:
    assert classify(503, {"Retry-After": "5"}, "").retry_after == 5
    assert classify(200, {"Retry-After": "5"}, "").retry_after is None
