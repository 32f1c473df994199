"""For every scenario's tests: on failure, the journal of the host that they tested."""

from collections.abc import Generator
from typing import Any

import pytest

_JOURNAL = "journalctl --no-pager --output=short-precise --lines=120 --unit='{}*'"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the journal of the scheduler's units to a failed test's report, once for each module."""
    report = yield
    arguments: dict[str, Any] = getattr(item, "funcargs", {})
    told = item.config.stash.setdefault(_told, set())
    if report.failed and "host" in arguments and item.path not in told:
        told.add(item.path)
        unit = getattr(item.module, "NAME", "hivetalk")  # type: ignore[attr-defined]  # a test has one
        report.sections.append(("journal of the host", arguments["host"].run(_JOURNAL.format(unit)).stdout))
    return report


_told = pytest.StashKey[set[Any]]()
