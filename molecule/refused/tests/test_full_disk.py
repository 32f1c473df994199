"""A deploy to a host whose disk is full says so, and what was there works on."""

from collections.abc import Iterator

import pytest
from testinfra.host import Host

from shared import files, playbook, units

NAME = "hivetalk-scheduler"
ANOTHER_RELEASE = "--extra-vars=hivetalk_scheduler_python=/bin/python3"
"""The same Python by another name: what the deploy installs has to be unpacked once more."""
PLACES = (
    f"/opt/{NAME}",
    f"/etc/{NAME}",
    "/etc/systemd/system",
    f"/usr/local/bin/{NAME}",
    "/etc/passwd",
    "/tmp",  # noqa: S108  # looked at, not written
    "/root",
)


@pytest.fixture(params=[1, 15], ids=lambda free: f"{free} MB free")
def full(request: pytest.FixtureRequest, host: Host) -> Iterator[int]:
    """A disk on which the archive has no room, and one on which it has room but is not unpacked."""
    size = int(host.check_output("df --output=avail --block-size=1M /opt").split()[-1]) - request.param
    host.check_output(f"fallocate --length {size}M /opt/filler")
    yield request.param
    host.check_output("rm -f /opt/filler")


def test_a_full_disk_is_named_and_the_host_is_left_as_it_was(host: Host, full: int) -> None:
    before, timer = files.listing(host, *PLACES), units.properties(host, f"{NAME}.timer")
    refused = playbook.run("deploy", ANOTHER_RELEASE)
    assert refused.status != 0
    assert refused.says("No space left on device"), refused.output
    assert refused.says(f"/opt/{NAME}"), refused.output
    assert files.listing(host, *PLACES) == before
    now = units.properties(host, f"{NAME}.timer")
    assert now["ActiveState"] == "active"
    assert now["ActiveEnterTimestamp"] == timer["ActiveEnterTimestamp"]
    assert host.run(f"{NAME} db check").rc == 0


def test_with_room_the_same_deploy_succeeds(host: Host) -> None:
    before = host.file(f"/opt/{NAME}/current").linked_to
    done = playbook.run("deploy", ANOTHER_RELEASE)
    assert done.status == 0, done.output
    assert host.file(f"/opt/{NAME}/current").linked_to != before
    assert host.run(f"{NAME} db check").rc == 0
