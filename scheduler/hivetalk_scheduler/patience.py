"""A time limit on what a library does with hostile input."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raises TimeoutError within, after so many seconds. For the main thread, with nothing else that uses SIGALRM."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"it takes longer than {seconds:g} s to read")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
