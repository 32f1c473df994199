"""Hosts with a real systemd and timer: containers, deployed to with the project's own playbook."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.place import CACHE, HERE, TOP, say
from bench.program import once

HOSTS = {
    "ours, the defaults (jitter 5 s)": "hivetalk-bench-default",
    "ours, jitter 0": "hivetalk-bench-exact",
}
"""Those that write to the journal."""
SENDER = "hivetalk-bench-sender"
"""The one with the defaults that sends to a relay and a webhook of this machine's."""
_ENVIRONMENT = {
    "ANSIBLE_CONFIG": str(TOP / "ansible.cfg"),
    "ANSIBLE_ROLES_PATH": str(TOP / "roles"),
    "ANSIBLE_LOG_PATH": str(CACHE / "log/ansible.log"),
    "PATH": f"{TOP / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
}


@contextmanager
def deployed(*hosts: str) -> Iterator[None]:
    """Create these hosts and deploy to them; remove them at the end."""

    def play(playbook: str) -> None:
        once(
            ["ansible-playbook", "-i", HERE / "inventory", "--limit", ",".join(hosts), TOP / playbook],
            _ENVIRONMENT,
        )

    (CACHE / "log").mkdir(parents=True, exist_ok=True)
    play("molecule/shared/destroy.yml")
    try:
        say(f"{', '.join(hosts)}: created and deployed to")
        play("molecule/shared/create.yml")
        play("molecule/shared/prepare.yml")
        play("playbooks/deploy.yml")
        yield
    finally:
        play("molecule/shared/destroy.yml")


def inside(host: str, *command: str) -> str:
    """The output of `command` on `host`, as root."""
    return once(["podman", "exec", host, *command], _ENVIRONMENT)


def _psql(host: str, sql: str) -> str:
    return inside(
        host,
        "sudo",
        "-u",
        "postgres",
        "psql",
        "-X",
        "-q",
        "-At",
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        sql,
        "hivetalk",
    )


def schedule(host: str, instants: Sequence[int]) -> None:
    """A meeting at each instant (microseconds since the epoch), which is its name."""
    _psql(
        host,
        "INSERT INTO events (name, identifier, start_time, room_name)"
        " SELECT t::text, t::text, to_timestamp(t::numeric / 1000000), 'bench'"
        f" FROM unnest('{{{','.join(map(str, instants))}}}'::bigint[]) AS t",
    )


def fired(host: str) -> list[list[int]]:
    """For each delivery: when it was due, and when it was sent; microseconds since the epoch."""
    rows = _psql(
        host,
        "SELECT round(extract(epoch FROM due_at) * 1000000), round(extract(epoch FROM fired_at) * 1000000)"
        " FROM hivetalk_scheduler.delivery WHERE state = 'delivered' ORDER BY due_at",
    )
    return [[int(value) for value in row.split("|")] for row in rows.splitlines()]


def received(host: str) -> dict[str, int]:
    """When the journal had the line of each event: systemd's own time, microseconds since the epoch."""
    found = {}
    text = inside(host, "journalctl", "--no-pager", "--output=json", "--unit=hivetalk-scheduler.service")
    for line in text.splitlines():
        entry = json.loads(line)
        if str(entry["MESSAGE"]).startswith("event "):
            event = str(entry["MESSAGE"]).partition("event=")[2].split()[0]
            found[event] = int(entry["__REALTIME_TIMESTAMP"])
    return found


def due(host: str) -> dict[str, int]:
    """When each event was due."""
    rows = _psql(host, "SELECT id, round(extract(epoch FROM start_time) * 1000000) FROM events")
    return {event: int(at) for event, _, at in (row.partition("|") for row in rows.splitlines())}


def runs(host: str) -> int:
    """How many runs there have been."""
    return int(_psql(host, "SELECT count(*) FROM hivetalk_scheduler.run"))
