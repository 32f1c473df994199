"""The waits between attempts."""

from hypothesis import given
from hypothesis import strategies as st

from hivetalk_scheduler.retry import FIRST, LONGEST, backoff


def test_waits_double_and_are_bounded() -> None:
    assert [backoff(n, 0) for n in (1, 2, 3, 4)] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert backoff(500, 0) == LONGEST


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_jitter_takes_up_to_half_of_the_wait(attempts: int, chance: float) -> None:
    assert backoff(attempts, 0) / 2 <= backoff(attempts, chance) <= backoff(attempts, 0)


def test_retry_after_is_heeded_within_bounds() -> None:
    assert backoff(1, 0.5, asked=30) == 30
    assert backoff(1, 0.5, asked=10**9) == LONGEST
    assert backoff(5, 0, asked=1) == 16
