"""The receiver, the room's relay, and the story, once for all tests."""

from collections.abc import Iterator
from typing import Any

import pytest
import story as stories
import testinfra

from shared import inventory, receiver, relay


@pytest.fixture(scope="session")
def variables() -> dict[str, Any]:
    """What the inventory says."""
    return inventory.variables(stories.HOST)


@pytest.fixture(scope="session")
def story(variables: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[stories.Story]:
    """What happened; the receivers go on until the tests end."""
    with (
        receiver.running(variables["hivetalk_scheduler_destinations"][0]) as received,
        relay.running(stories.ROOM_RELAY, tmp_path_factory.mktemp("relay")),
    ):
        yield stories.tell(testinfra.get_host(f"podman://{stories.HOST}"), received)
