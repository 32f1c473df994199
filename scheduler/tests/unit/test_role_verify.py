"""When a deploy believes that its release works, and when it does not wait any longer (verify.py)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .test_templates import ROLE

BEFORE = "ActiveState=inactive\nResult=success\nExecMainStatus=0\nInvocationID=old\n"
FLOWN = '{"event_id": "test-1", "patience_s": 1.5, "deliveries": []}'


def verify(
    top: Path,
    state: str,
    journal: str = "",
    command: str = f"echo '{FLOWN}'",
    program: str = (ROLE / "files/verify.py").read_text(),
) -> subprocess.CompletedProcess[str]:
    """Run verify.py; systemctl says BEFORE at the first look and `state` from then on (N: the number of the look)."""
    systemctl = (
        f'if [ "$1" = kill ]; then echo "$*" >>{top}/signs; exit 1; fi\n'
        f"n=$(cat {top}/n 2>/dev/null || echo 0); echo $((n + 1)) >{top}/n\n"
        f"if [ $n = 0 ]; then printf %s '{BEFORE}'; else printf %s '{state}' | sed s/N/$n/; fi"
    )
    for name, script in {
        "systemctl": systemctl,
        "journalctl": f"echo '{journal}'",
        "command": command,
    }.items():
        (top / name).write_text(f"#!/bin/sh\n{script}\n")
        (top / name).chmod(0o755)
    return subprocess.run(
        [sys.executable, "-I", "-", "meetings"],
        input=program.replace('f"/opt/{name}/current/command"', f'"{top}/command"'),
        env={"PATH": f"{top}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_its_own_canary_delivered_is_enough(tmp_path: Path) -> None:
    line = "delivered run=r event=test-1 transition=live destination=canary:h/r lateness_ms=5"
    assert verify(tmp_path, BEFORE, line).returncode == 0


@pytest.mark.parametrize(
    "line",
    [
        "delivered run=r event=test-2 transition=live",
        "event event=test-1 transition=live",
        "retried run=r event=test-1 x",
    ],
)
def test_anything_else_is_not(tmp_path: Path, line: str) -> None:
    done = verify(tmp_path, BEFORE, line)
    assert done.returncode != 0
    assert done.stderr == "the canary test-1 was not fired within 2 s: no run has started\n"


def test_runs_that_end_well_and_do_not_deliver_are_named(tmp_path: Path) -> None:
    done = verify(tmp_path, BEFORE.replace("old", "new"))
    assert done.stderr == "the canary test-1 was not fired within 2 s: its runs did not deliver\n"


@pytest.mark.parametrize(
    ("state", "looks"),
    [
        # systemd tries again: the second failure is enough.
        ("ActiveState=activating\nResult=exit-code\nExecMainStatus=3\nInvocationID=N\n", 3),
        # It does not.
        ("ActiveState=failed\nResult=exit-code\nExecMainStatus=3\nInvocationID=new\n", 2),
    ],
)
def test_runs_that_fail_end_the_wait(tmp_path: Path, state: str, looks: int) -> None:
    done = verify(tmp_path, state, command=f"echo '{FLOWN}' | sed s/1.5/60/")
    assert done.stderr == "its run failed: exit-code, status 3\n"
    assert (tmp_path / "n").read_text().strip() == str(looks)


def test_a_run_of_before_that_failed_does_not_count(tmp_path: Path) -> None:
    done = verify(tmp_path, "ActiveState=failed\nResult=exit-code\nExecMainStatus=3\nInvocationID=old\n")
    assert "no run has started" in done.stderr


@pytest.mark.parametrize(("every", "signs"), [("60", 1), ("0.5", 3)])
def test_while_it_waits_the_lock_gets_signs_of_life(tmp_path: Path, every: str, signs: int) -> None:
    script = (ROLE / "files/verify.py").read_text()
    often = script.replace("SIGN = 60\n", f"SIGN = {every}\n")
    assert every == "60" or often != script
    verify(tmp_path, BEFORE, program=often)
    given = (tmp_path / "signs").read_text().splitlines()
    assert set(given) == {"kill --signal=USR1 meetings-deploy.service"}
    # A slow machine has fewer looks in the same time.
    assert len(given) == 1 if signs == 1 else 1 < len(given) <= signs + 1


def test_a_program_that_does_not_start_is_known_at_once(tmp_path: Path) -> None:
    done = verify(tmp_path, BEFORE, command="echo no such module >&2; exit 1")
    assert done.stderr == "its command does not work: no such module\n"
