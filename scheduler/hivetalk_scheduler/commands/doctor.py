"""``doctor``: look at everything, and say of each thing whether it is fine, or what to do."""

import argparse
import asyncio
import json

from hivetalk_scheduler import health, log, timer
from hivetalk_scheduler.check import Check, worst
from hivetalk_scheduler.commands.status import _coloured
from hivetalk_scheduler.doctor import network, records, settings, system
from hivetalk_scheduler.release import name

LEVELS = {"ok": health.FINE, "warning": health.LATE, "wrong": health.FAILING}


def main(args: argparse.Namespace) -> int:
    """Print one line for each check; 0 if nothing is wrong, else the exit status of the worst."""
    checks = asyncio.run(_examine(args.config))
    if args.json:
        print(json.dumps([check._asdict() for check in checks]))
    else:
        print("\n".join(line for check in checks for line in _lines(check)))
        print(_summary(checks))
    return worst(checks)


async def _examine(path: str) -> list[Check]:
    """Every check, in the order in which a run meets what is checked; the slow ones side by side."""
    service = await asyncio.to_thread(system.unit, f"{name()}.service")
    here = await asyncio.to_thread(timer.timer)
    config, found = settings.configuration(path)
    found += settings.secrets(service)
    database, timed, sandbox, clock, receivers = await asyncio.gather(
        asyncio.to_thread(records.database, config, paused=here.pause is not None),
        asyncio.to_thread(lambda: list(system.timer(here, service))),
        asyncio.to_thread(system.sandbox, name()),
        asyncio.to_thread(system.clock),
        network.network(config),
    )
    return [*found, *database, *timed, clock, *system.disks(name()), sandbox, *receivers]


def _lines(check: Check) -> list[str]:
    word = _coloured(f"{check.level:8}", LEVELS[check.level])
    lines = [f"{word} {log.escape(check.what)}: {log.escape(check.text)}"]
    return lines + ([f"         -> {log.escape(check.mend)}"] if check.mend else [])


def _summary(checks: list[Check]) -> str:
    counts = {level: sum(check.level == level for check in checks) for level in LEVELS}
    if not counts["wrong"] and not counts["warning"]:
        return f"all of {len(checks)} are fine"
    return f"{counts['wrong']} wrong, {counts['warning']} to see to, {counts['ok']} fine"
