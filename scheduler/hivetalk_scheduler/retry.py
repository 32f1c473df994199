"""When to try again: a pure function of the attempts made and a random number."""

FIRST = 1.0
"""Seconds before the second attempt."""
LONGEST = 900.0
"""Seconds between two attempts, at most."""


def backoff(attempts: int, chance: float, asked: float | None = None) -> float:
    """Seconds to wait after `attempts` failed attempts (at least 1): exponential, with jitter.

    `chance` is uniform in [0, 1) and takes up to half of the wait away, so that many do not come back at once.
    `asked` is what the receiver asked for (Retry-After); it is heeded up to LONGEST.
    """
    wait = min(FIRST * 2.0 ** min(attempts - 1, 30), LONGEST)
    wait *= 1 - chance / 2
    return max(wait, min(asked or 0.0, LONGEST))
