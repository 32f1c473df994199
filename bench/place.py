"""Where things are, and how the bench speaks."""

import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
HERE = TOP / "bench"
CACHE = TOP / ".cache/bench"
RESULTS = CACHE / "results"
_BEGAN = time.monotonic()


def say(text: str) -> None:
    """One line of progress, with the seconds since the start."""
    sys.stderr.write(f"[{time.monotonic() - _BEGAN:6.0f} s] {text}\n")
    sys.stderr.flush()
