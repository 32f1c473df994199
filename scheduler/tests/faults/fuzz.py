"""What the fuzzing tests share: how many inputs, from which seed, and the texts that have broken others.

HIVETALK_SEED repeats one seed's inputs.
"""

import os
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings

SEED = int(os.environ.get("HIVETALK_SEED", "20261123"))
NSEC = "1".rjust(64, "0")


def bounded(examples: int) -> Any:
    """A test of so many examples, the same ones for the same seed."""
    limits = settings(
        max_examples=examples, deadline=None, database=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    return lambda test: seed(SEED)(limits(test))


HOSTILE = [
    "\x1b[31m",
    "\x9b2J",
    "\x07",
    "\r\n<0>forged=1",
    "\u202e",
    "\u2028",
    "%s%n",
    "{room}",
    '"\\',
    "\ud7ff\U0010ffff",
]
