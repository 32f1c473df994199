"""systemd's own word on a unit, as ``systemctl show`` gives it."""

import json
import re

from testinfra.host import Host

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86_400}


def properties(host: Host, unit: str) -> dict[str, str]:
    """Every property of `unit` now (testinfra's own are cached)."""
    text = host.check_output("systemctl show %s", unit)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def seconds(span: str) -> float:
    """`span` (systemd.time(7), such as ``1min 30s``) in seconds; raises KeyError for another unit."""
    return round(
        sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([0-9.]+)([a-z]+)", span)), 6
    )


def calendars(timer: dict[str, str]) -> list[str]:
    """The calendar expressions of a timer's properties, normalised by systemd."""
    return re.findall(r"OnCalendar=(.*?) ;", timer["TimersCalendar"])


def exposure(host: Host, unit: str) -> float:
    """What ``systemd-analyze security`` gives the unit: 0 (none) to 10."""
    text = host.run("systemd-analyze security --no-pager %s", unit).stdout
    found = re.search(r"Overall exposure level.*?: ([0-9.]+)", text)
    assert found, text
    return float(found[1])


def exposed(host: Host, unit: str) -> list[str]:
    """The directives that ``systemd-analyze security`` marks, by their names there."""
    found = json.loads(host.check_output("systemd-analyze security --json=short %s", unit))
    return [one["name"] for one in found if one["exposure"] not in (None, "0.0")]
