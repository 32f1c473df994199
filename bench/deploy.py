"""Deploying: a first one and one that finds nothing to do, on one host and on twenty, beside the least there is."""

import os
import re
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.place import CACHE, HERE, TOP, say
from bench.postgres import Server
from bench.program import once

_ROLES = CACHE / "roles"
"""Where script/bench has put the public role, if it could be fetched."""
_ROLE = "infra-role-systemd-timer (its timer alone)"
_PLAYS = {
    "by hand (two files, a reload, a start)": HERE / "plays/by_hand.yml",
    _ROLE: HERE / "plays/role.yml",
    "ours": TOP / "playbooks/deploy.yml",
}
_HOSTS = {"alone": "one host", "twenty": "twenty"}
_FORKS = 20
_PHASES = (0, 20, 40)
"""Seconds of a minute: a deploy waits for the timer's next tick, however far that is."""
_INSTANCES = "1024"
_SENT = CACHE / "sent"


def measure(server: Server, quick: bool) -> dict[str, Any]:
    """Seconds, tasks and bytes of each play; the plays in turn, the second time as often as it takes for a median."""
    plays = {name: play for name, play in _PLAYS.items() if name != _ROLE or _ROLES.exists()}
    found: dict[str, Any] = {name: {} for name in plays}
    _play(TOP / "molecule/shared/destroy.yml", "all")
    before = _instances()
    try:
        _instances(_INSTANCES)
        say("deploy: 21 hosts are created")
        _play(TOP / "molecule/shared/create.yml", "all")
        _play(TOP / "molecule/shared/prepare.yml", "all")
        for group in _HOSTS:
            if group == "twenty":
                plays.pop(_ROLE, None)  # which takes minutes there
            for name, play in plays.items():
                phases = _PHASES if (name, group, quick) == ("ours", "alone", False) else (None,)
                found[name][f"first, {_HOSTS[group]}"] = _first(play, group, phases)
            again: dict[str, list[dict[str, float]]] = {name: [] for name in plays}
            for _ in range(1 if quick else 3):
                for name, play in plays.items():
                    again[name].append(_timed(play, group))
            for name, runs in again.items():
                if any(run["changed"] for run in runs):
                    raise RuntimeError(f"{name} changes something at each deploy")
                seconds = statistics.median(run["seconds"] for run in runs)
                found[name][f"nothing to do, {_HOSTS[group]}"] = runs[-1] | {"seconds": seconds}
            say(f"deploy: {_HOSTS[group]} done")
    finally:
        _play(TOP / "molecule/shared/destroy.yml", "all")
        _instances(before)
    return found


def _first(play: Path, group: str, phases: Sequence[int | None]) -> dict[str, float]:
    """The median of first deploys that begin at these seconds of a minute, with all taken out again in between."""
    runs: list[dict[str, float]] = []
    for phase in phases:
        if runs:
            _play(
                TOP / "playbooks/remove.yml", group, words=["--extra-vars", "hivetalk_scheduler_purge=true"]
            )
        if phase is not None:
            time.sleep((phase - time.time()) % 60)
        runs.append(_timed(play, group))
    return sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]


def _instances(number: str = "") -> str:
    """The kernel's limit for inotify, of which each host's systemd takes six; or set it."""
    word = f"fs.inotify.max_user_instances={number}" if number else "fs.inotify.max_user_instances"
    as_root = [] if os.getuid() == 0 else ["sudo", "-n", "--"]
    return once([*as_root, "sysctl", "--values", word]).strip()


def _play(play: Path, group: str, words: Sequence[str] = ()) -> str:
    environment = {
        "ANSIBLE_CONFIG": str(TOP / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": f"{TOP / 'roles'}:{_ROLES}",
        "ANSIBLE_CONNECTION_PLUGINS": str(TOP / "molecule/shared/plugins"),
        "ANSIBLE_NOCOLOR": "1",
        "LAB_SENT": str(_SENT),
        "PATH": f"{TOP / '.venv/bin'}:{os.environ['PATH']}",
    }
    options: list[str | Path] = [
        "--inventory",
        HERE / "fleet",
        "--limit",
        group,
        "--forks",
        str(_FORKS),
        *words,
    ]
    return once(["ansible-playbook", *options, play], environment)


def _timed(play: Path, group: str) -> dict[str, float]:
    """One run; of twenty hosts, the tasks are one host's and the bytes all of theirs."""
    _SENT.write_text("")
    began = time.monotonic()
    said = _play(play, group)
    seconds = time.monotonic() - began
    recap = said.rpartition("PLAY RECAP")[2]
    return {
        "seconds": seconds,
        "tasks": max(map(int, re.findall(r"ok=(\d+)", recap))),
        # The role reloads systemd at each deploy, and says each time that it changed something.
        "changed": 0 if play.name == "role.yml" else sum(map(int, re.findall(r"changed=(\d+)", recap))),
        "bytes": sum(map(int, _SENT.read_text().split())),
    }
