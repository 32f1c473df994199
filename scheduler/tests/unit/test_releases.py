"""Switching, returning, rolling back and pruning on a host (releases.py), whatever it was interrupted in."""

from pathlib import Path

import pytest

from .release_host import NAME, Lab

ENABLE = f"enable --quiet --no-reload {NAME}.timer"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_switch_brings_program_configuration_command_and_units(lab: Lab) -> None:
    lab.release("a")
    assert lab.do("switch", "a") == {"changed": True, "paused": False, "unfinished": True}
    assert (lab.opt / "current").readlink() == Path("releases/a")
    assert (lab.systemd / f"{NAME}.service").read_text() == "a\n"
    assert (lab.etc / "config.toml").read_text() == "a"
    assert (lab.root / "usr/local/bin" / NAME).readlink() == lab.opt / "current/command"
    assert lab.said == [ENABLE, "daemon-reload", f"restart {NAME}.timer"]


def test_a_second_switch_to_the_same_changes_nothing(lab: Lab) -> None:
    lab.deploy("a")
    before, _ = lab.picture(), lab.said
    assert lab.do("switch", "a") == {"changed": False, "paused": False, "unfinished": False}
    assert (lab.picture(), lab.said) == (before, [])


def test_the_timer_is_restarted_only_if_its_unit_changed_and_the_service_never(lab: Lab) -> None:
    lab.deploy("a")
    assert lab.said
    lab.deploy("b")
    assert lab.said == ["daemon-reload"]
    lab.deploy("c", timer="another")
    assert lab.said == [ENABLE, "daemon-reload", f"restart {NAME}.timer"]


def test_a_timer_that_somebody_stopped_is_started(lab: Lab) -> None:
    lab.deploy("a")
    assert lab.said
    (lab.state / "active").write_text("inactive\n")
    assert lab.do("switch", "a")["changed"]
    assert lab.said == [ENABLE, "daemon-reload", f"start {NAME}.timer"]


def test_a_paused_host_gets_everything_but_the_timer(lab: Lab) -> None:
    lab.deploy("a")
    lab.release("b", timer="another")
    (lab.etc / "paused").write_text("{}")
    assert lab.said and lab.do("switch", "b")["paused"]
    assert lab.said == ["daemon-reload"]
    assert (lab.systemd / f"{NAME}.timer").read_text() == "another"


def test_units_that_systemd_has_not_read_yet_are_read(lab: Lab) -> None:
    lab.deploy("a")
    (lab.state / f"stale-{NAME}.timer").write_text("yes\n")
    assert lab.said and lab.do("switch", "a")["changed"]
    assert lab.said == [ENABLE, "daemon-reload", f"restart {NAME}.timer"]


def test_check_tells_what_a_switch_would_do_and_does_nothing(lab: Lab) -> None:
    lab.deploy("a")
    lab.release("b")
    before = lab.picture()
    assert lab.do("switch", "b", "--check") == {"changed": True}
    assert lab.do("switch", "a", "--check") == {"changed": False}
    assert lab.do("switch", "not-installed-yet", "--check") == {"changed": True}
    assert lab.picture() == before


def test_going_back_leaves_the_host_as_it_was(lab: Lab) -> None:
    lab.lay_out(nsec="old", kept="same")
    lab.deploy("a", secrets=("nsec", "kept"))
    before = lab.picture()
    lab.release("b", code="other", timer="another", secrets=("nsec", "kept", "more"))
    assert lab.lay_out(nsec="new", kept="same", more="x") == ["more", "nsec"]
    lab.do("switch", "b")
    assert (lab.etc / "credentials/nsec").read_text() == "new"
    assert lab.said
    assert lab.do("back") == {
        "changed": True,
        "failed": "b",
        "release": "a",
        "journal": ["the last line"],
    }
    assert lab.picture() == before
    # The timer's unit changed back, and the failed release's run is to end.
    assert {f"restart {NAME}.timer", f"stop {NAME}.service", "daemon-reload"} <= set(lab.said)


def test_going_back_without_a_release_before_stops_and_disables_the_timer(lab: Lab) -> None:
    lab.release("a")
    lab.do("switch", "a")
    assert lab.said
    assert lab.do("back")["release"] is None
    assert f"disable --quiet --now {NAME}.timer" in lab.said


def test_a_deploy_that_was_killed_is_undone_by_the_next_one(lab: Lab) -> None:
    lab.lay_out(nsec="good")
    lab.deploy("a", secrets=("nsec",))
    lab.release("killed", secrets=("nsec",))
    lab.lay_out(nsec="bad")
    lab.do("switch", "killed")
    lab.release("b", secrets=("nsec",))
    lab.lay_out(nsec="worse")
    lab.do("switch", "b")
    assert lab.do("back")["release"] == "a"
    assert (lab.etc / "credentials/nsec").read_text() == "good"
    assert lab.do("back")["changed"] is False


def test_a_switch_that_fails_half_way_can_be_undone(lab: Lab) -> None:
    lab.deploy("a")
    before = lab.picture()
    lab.release("b", code="other")
    (lab.state / "broken").touch()
    assert "no such luck" in lab.run("switch", "b").stderr
    (lab.state / "broken").unlink()
    assert lab.do("back")["release"] == "a"
    assert lab.picture() == before


def test_the_same_deploy_again_after_a_kill_is_still_to_be_verified(lab: Lab) -> None:
    lab.deploy("a")
    lab.release("b")
    lab.do("switch", "b")
    assert lab.do("switch", "b") == {"changed": False, "paused": False, "unfinished": True}
    lab.do("finish", "5")
    assert lab.do("switch", "b")["unfinished"] is False


def test_a_unit_that_a_release_no_longer_has_goes_and_comes_back(lab: Lab) -> None:
    lab.release("a")
    (lab.opt / f"releases/a/units/{NAME}-failed@.service").write_text("x")
    lab.deploy("a")
    lab.deploy("b")
    assert not (lab.systemd / f"{NAME}-failed@.service").exists()
    lab.do("rollback", "a")
    assert (lab.systemd / f"{NAME}-failed@.service").exists()


def test_rollback_goes_to_the_release_before_and_again_to_the_one_before_that(lab: Lab) -> None:
    for name in ("a", "b", "c"):
        lab.deploy(name)
    for name in ("b", "a"):
        assert lab.do("rollback", "")["release"] == name
        lab.do("finish", "5")
    done = lab.run("rollback", "")
    assert done.returncode != 0
    assert done.stderr == "there is no release before; there are a, b, c; the current one is a\n"


def test_rollback_after_a_rollback_and_a_deploy_skips_what_was_rolled_back(lab: Lab) -> None:
    for name in ("good", "bad"):
        lab.deploy(name)
    lab.do("rollback", "")
    lab.do("finish", "5")
    lab.deploy("next")
    assert lab.do("rollback", "")["release"] == "good"


def test_rollback_to_a_missing_release_is_refused_with_what_is_there(lab: Lab) -> None:
    lab.deploy("a")
    before = lab.picture()
    done = lab.run("rollback", "z")
    assert done.returncode != 0
    assert done.stderr == "the release z is not on this host; there are a; the current one is a\n"
    assert lab.picture() == before


def test_rollback_to_a_release_that_the_schema_no_longer_serves_is_refused(lab: Lab) -> None:
    for name in ("a", "b"):
        lab.deploy(name)
    before = lab.picture()
    (lab.opt / "releases/a/command").write_text("#!/bin/sh\necho FAIL schema: version 9\nexit 78\n")
    before = lab.picture()
    done = lab.run("rollback", "a")
    assert done.returncode != 0
    assert "the release a cannot run:\nFAIL schema: version 9" in done.stderr
    assert lab.picture() == before


def test_a_rollback_that_fails_deletes_neither_release(lab: Lab) -> None:
    for name in ("a", "b"):
        lab.deploy(name)
    lab.do("rollback", "a")
    assert lab.do("back")["release"] == "b"
    assert lab.do("rollback", "a")["release"] == "a"


def test_the_newest_releases_stay_with_their_code_and_their_secrets(lab: Lab) -> None:
    for number in range(5):
        lab.lay_out(**{f"s{number}": "x"})
        lab.release(f"r{number}", code=f"c{number // 2}", secrets=(f"s{number}",))
        lab.do("switch", f"r{number}")
        lab.do("finish", "3")
    assert sorted(p.name for p in (lab.opt / "releases").iterdir()) == ["r2", "r3", "r4"]
    assert sorted(p.name for p in (lab.opt / "code").iterdir()) == ["c1", "c2"]
    assert sorted(p.name for p in (lab.etc / "credentials").iterdir()) == ["s2", "s3", "s4"]


def test_the_current_release_and_the_one_before_it_always_stay(lab: Lab) -> None:
    for name in ("a", "b", "c", "d"):
        lab.deploy(name)
    lab.do("rollback", "b")
    lab.do("finish", "2")
    assert sorted(p.name for p in (lab.opt / "releases").iterdir()) == ["a", "b", "d"]


def test_a_secret_is_laid_out_only_if_it_differs(lab: Lab) -> None:
    assert lab.lay_out(one="1") == ["one"]
    assert (lab.etc / "credentials.next/one").stat().st_mode & 0o777 == 0o600
    lab.deploy("a", secrets=("one",))
    assert lab.lay_out(one="1") == []
    assert not (lab.etc / "credentials.next").exists()
    assert (lab.etc / "credentials/one").stat().st_mode & 0o777 == 0o600


def test_a_host_is_whole_after_a_deploy(lab: Lab) -> None:
    assert lab.run("whole", "a").stdout == "false\n"
    lab.deploy("a")
    before = lab.picture()
    assert lab.run("whole", "a").stdout == "true\n"
    # By bad rows of the application's, too, which no deploy mends.
    before_program = (lab.opt / "releases/a/command").read_text()
    lab.program_of("a", "exit 65")
    assert lab.run("whole", "a").stdout == "true\n"
    (lab.opt / "releases/a/command").write_text(before_program)
    assert lab.picture() == before


@pytest.mark.parametrize("status", [69, 78, 1])
def test_a_host_whose_schema_or_database_does_not_do_is_not_whole(lab: Lab, status: int) -> None:
    lab.deploy("a")
    lab.program_of("a", f'[ "$*" = "db check" ] && exit {status}')
    assert lab.run("whole", "a").stdout == "false\n"


@pytest.mark.parametrize(
    "fault",
    [
        "unit", "unit changed", "timer", "disabled", "link", "another link", "unfinished", "secrets", "held",
        "stale", "another release",
    ],
)  # fmt: skip
def test_whatever_somebody_has_changed_makes_a_host_not_whole(lab: Lab, fault: str) -> None:
    lab.deploy("a")
    wanted = "a"
    if fault == "unit":
        (lab.systemd / f"{NAME}.service").unlink()
    elif fault == "unit changed":
        (lab.systemd / f"{NAME}-failure@.service").write_text("by hand")
    elif fault == "timer":
        (lab.state / "active").write_text("inactive\n")
    elif fault == "disabled":
        (lab.state / "enabled").write_text("disabled\n")
    elif fault == "link":
        (lab.root / "usr/local/bin" / NAME).unlink()
    elif fault == "another link":
        (lab.etc / "config.toml").unlink()
        (lab.etc / "config.toml").write_text("by hand")
    elif fault == "unfinished":
        (lab.opt / "unfinished").write_text("{}")
    elif fault == "secrets":
        (lab.etc / "credentials.next").mkdir()
    elif fault == "held":
        (lab.state / "deploy").write_text("active\n")
    elif fault == "stale":
        (lab.state / f"stale-{NAME}.timer").write_text("yes\n")
    else:
        lab.deploy("b")
    assert lab.run("whole", wanted).stdout == "false\n"
