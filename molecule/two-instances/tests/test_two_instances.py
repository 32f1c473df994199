"""Two schedulers side by side: each fires its own database's meetings, and one goes without the other."""

import time

import pytest
from testinfra.host import Host

from shared import application, files, playbook, service
from shared.units import properties

NAMES = {"meetings": "hivetalk", "concerts": "concerts"}
"""The schedulers and their databases."""


@pytest.fixture(scope="module")
def meetings(host: Host) -> dict[str, application.Meeting]:
    """A meeting in each database, announced."""
    now = int(time.time())
    written = {name: application.Meeting(now + 12, now + 600, f"of {name}") for name in NAMES}
    for name, database in NAMES.items():
        application.write(host, written[name], database)
    deadline = time.time() + 60
    for name, database in NAMES.items():
        while not application.deliveries(host, written[name].id, database):
            assert time.time() < deadline, f"{name} did not catch its meeting"
            time.sleep(1)
    time.sleep(max(0, now + 15 - time.time()))
    return written


@pytest.mark.parametrize("name", NAMES)
def test_each_has_its_own_units_user_command_and_directories(host: Host, name: str) -> None:
    assert properties(host, f"{name}.timer")["ActiveState"] == "active"
    assert properties(host, f"{name}.service")["User"] == name
    assert host.check_output(f"{name} config check") != ""
    for path in (f"/opt/{name}/current", f"/etc/{name}/config.toml"):
        assert host.file(path).exists
    found = host.run("find / -xdev -name '*hivetalk-scheduler*' -not -path '/opt/*' -not -path '/proc/*'")
    assert found.stdout == ""


@pytest.mark.parametrize(("name", "other"), [("meetings", "concerts"), ("concerts", "meetings")])
def test_each_fires_its_own_meeting_and_not_the_others(
    host: Host, meetings: dict[str, application.Meeting], name: str, other: str
) -> None:
    rows = application.deliveries(host, meetings[name].id, NAMES[name])
    assert [(row["transition"], row["state"]) for row in rows] == [("live", "delivered")]
    assert application.deliveries(host, meetings[other].id, NAMES[name]) == []
    # Beside the canary of its deploy.
    told = [line for line in service.lines(host, name, "delivered") if "destination=canary:" not in line]
    assert [meetings[name].id in line for line in told] == [True]


def test_one_is_removed_and_the_other_is_left_as_it_is(
    host: Host, meetings: dict[str, application.Meeting]
) -> None:
    before = files.listing(host, "/opt/meetings", "/etc/meetings")
    done = playbook.run("remove", "--limit=concerts")
    assert done.status == 0, done.output
    assert not host.file("/opt/concerts").exists and not host.file("/etc/concerts").exists
    assert files.listing(host, "/opt/meetings", "/etc/meetings") == before
    assert properties(host, "meetings.timer")["ActiveState"] == "active"
    assert host.run("meetings db check").rc == 0
