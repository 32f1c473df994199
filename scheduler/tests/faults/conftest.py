"""The fixtures of the integration tests, and the seed."""

import os
import random
from pathlib import Path

import pytest

from tests.integration.conftest import database, owner, server, template, url

__all__ = ["database", "owner", "server", "template", "url"]

SEED = int(os.environ.get("HIVETALK_SEED") or random.SystemRandom().randrange(2**31))


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """A random generator; its seed is printed, and taken from HIVETALK_SEED if that is set."""
    print(f"HIVETALK_SEED={SEED} {request.node.name}")
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where the runs of a test write their journal."""
    return tmp_path / "journal"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures and the seeds, whatever else is shown."""
    for report in [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]:
        for line in report.capstdout.splitlines() if report.when == "call" else []:
            if line.startswith("proof:") or "HIVETALK_SEED=" in line:
                terminalreporter.write_line(line)
