"""A release that cannot start, and one that starts and fires nothing: the host goes back, and says why."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from shared import files, playbook, project, service, units

NAME = "hivetalk-scheduler"
PLACES = (
    f"/opt/{NAME}",
    f"/etc/{NAME}",
    "/etc/systemd/system",
    f"/usr/local/bin/{NAME}",
)
RUN = "scheduler/hivetalk_scheduler/run.py"
CALL = "    began = clock.monotonic()\n"
FAULTS = {
    "cannot start": (CALL, "    raise SystemExit(3)\n"),
    "fires nothing": (CALL, "    return\n"),
}
KEY = "--extra-vars=hivetalk_scheduler_nostr_nsec={:064d}"


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The project with a fault; also with another timer, so that there is a unit to bring back."""

    def make(fault: str) -> Path:
        top = project.copy(tmp_path_factory.mktemp("faulty") / "project", RUN, *FAULTS[fault])
        timer = top / "templates/hivetalk-scheduler.timer.j2"
        timer.write_text(timer.read_text().replace("[Timer]", "[Timer]\nRemainAfterElapse=true"))
        return top

    return make


def test_a_host_that_had_no_scheduler_is_left_without_one(host: Host, faulty: Callable[[str], Path]) -> None:
    before = files.listing(host, *PLACES)
    bad = playbook.run("deploy", top=faulty("cannot start"))
    assert bad.status != 0
    assert bad.says("its run failed: exit-code, status 3"), bad.output
    assert bad.says("there is none before it: the host is without a scheduler, as it was"), bad.output
    assert bad.says("The last lines of its journal:"), bad.output
    assert files.listing(host, *PLACES) == before
    assert not host.user(NAME).exists and not host.file(f"/var/lib/{NAME}").exists
    assert units.properties(host, f"{NAME}.timer")["LoadState"] == "not-found"
    # The next deploy needs no hand.
    good = playbook.run("deploy", KEY.format(1), "--limit=hivetalk-bad-release")
    assert good.status == 0, good.output
    assert units.properties(host, f"{NAME}.timer")["ActiveState"] == "active"


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("cannot start", "its run failed: exit-code, status 3"),
        ("fires nothing", "was not fired within 23 s: its runs did not deliver"),
    ],
)
def test_the_host_goes_back_to_the_release_before(
    host: Host, faulty: Callable[[str], Path], fault: str, why: str
) -> None:
    top, before = faulty(fault), files.listing(host, *PLACES)
    current = host.file(f"/opt/{NAME}/current").linked_to
    bad = playbook.run("deploy", KEY.format(2), top=top)
    assert bad.status != 0
    assert bad.says(why), bad.output
    assert bad.says(f"so the host is back at {Path(current).name}, with its units and its secrets"), (
        bad.output
    )
    assert bad.says("The last lines of its journal:"), bad.output
    assert bad.says(f"Starting {NAME}.service"), bad.output
    # Units, links, configuration, secrets, code: all as it was, and working.
    assert files.listing(host, *PLACES) == before
    timer = units.properties(host, f"{NAME}.timer")
    assert (timer["ActiveState"], timer["UnitFileState"]) == ("active", "enabled")
    assert timer["NeedDaemonReload"] == "no"
    assert host.check_output("systemctl list-units --failed --no-legend") == ""
    runs = len(service.lines(host, NAME, "run-finished"))
    deadline = time.time() + 30
    while len(service.lines(host, NAME, "run-finished")) == runs:
        assert time.time() < deadline, "the release of before does not run"
        time.sleep(1)


def test_after_the_first_bad_host_no_more_were_begun() -> None:
    spared = testinfra.get_host("podman://hivetalk-spared")
    # Three deploys were for it, too.
    assert files.listing(spared, *PLACES) == files.listing(spared, "/etc/systemd/system")
