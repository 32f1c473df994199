"""The relay and the story, once for all tests."""

import os
from collections.abc import Iterator

import pytest
import story as stories
import testinfra
from nostr_sdk import Keys

from shared import inventory, relay

HOST = f"hivetalk-{os.environ['MOLECULE_SCENARIO_NAME']}"
"""These are the tests of the scenario debian13, too."""


@pytest.fixture(scope="session")
def configured_key() -> Keys:
    """The signing key that the inventory made for this run."""
    return Keys.parse(inventory.secret("nostr_key"))


@pytest.fixture(scope="session")
def relay_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The relay that the inventory names as destination, at work."""
    url = inventory.variables(HOST)["hivetalk_scheduler_destinations"][0]
    with relay.running(url, tmp_path_factory.mktemp("relay")):
        yield url


@pytest.fixture(scope="session")
def story(relay_url: str) -> stories.Story:
    """What happened."""
    return stories.tell(testinfra.get_host(f"podman://{HOST}"), relay_url)
