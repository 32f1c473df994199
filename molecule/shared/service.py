"""The scheduler's service while it works, and what it wrote to the journal."""

import json
import time
from dataclasses import dataclass, replace
from typing import Any

from testinfra.host import Host

_LOOK = (
    "stat -c %%U /proc/%s && tr '\\0' ' ' </proc/%s/cmdline && echo && tr '\\0' ' ' </proc/%s/environ && echo"
    " && cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '"
)


@dataclass(frozen=True)
class Process:
    """The service's main process, as root sees it."""

    user: str = ""
    arguments: str = ""
    environment: str = ""
    everything: str = ""
    """Arguments and environments of all processes of the host."""


def process(host: Host, name: str, until: float) -> Process:
    """The first run of the service `name` that is seen at work, and everything that is seen while one is, until `until`
    (seconds since the epoch): a secret might be handed on later than at its start."""
    first, everything = Process(), []
    while time.time() < until:
        pid = host.check_output("systemctl show --property MainPID --value %s.service", name)
        if pid != "0":
            lines = host.run(_LOOK, pid, pid, pid).stdout.split("\n", 3)
            # Before its exec the process is still systemd's.
            if len(lines) == 4 and " run " in lines[1]:
                first = first if first.user else Process(*lines)
                everything.append(lines[3])
        time.sleep(1 if first.user else 0.5)
    return replace(first, everything="\n".join(everything))


def journal(host: Host, name: str) -> list[dict[str, Any]]:
    """The journal entries of the service `name`."""
    text = host.check_output("journalctl --no-pager --output=json --unit=%s.service", name)
    return [json.loads(line) for line in text.splitlines()]


def lines(host: Host, name: str, word: str) -> list[str]:
    """The service's own lines that begin with `word`."""
    return [str(one["MESSAGE"]) for one in journal(host, name) if str(one["MESSAGE"]).startswith(f"{word} ")]
