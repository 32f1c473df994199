"""The two hosts of this scenario."""

import pytest
import testinfra
from pair import FIRST, SECOND
from testinfra.host import Host


@pytest.fixture(scope="session")
def first() -> Host:
    """The first one."""
    return testinfra.get_host(f"podman://{FIRST}")


@pytest.fixture(scope="session")
def second() -> Host:
    """The second one."""
    return testinfra.get_host(f"podman://{SECOND}")
