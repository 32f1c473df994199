"""Whether each receiver answers: destinations, alerts, the dead man's switch; all of them side by side."""

import asyncio
import os

from hivetalk_scheduler import destinations
from hivetalk_scheduler.check import Check, wrong
from hivetalk_scheduler.config import Config

LIMIT = 10.0
"""Seconds that one step of a probe may take, whatever delivery_timeout is."""
PATIENCE = 25.0
"""Seconds that one probe may take in all."""


async def network(config: Config) -> list[Check]:
    """The checks of each receiver, in the order of the configuration."""
    limited = config._replace(delivery_timeout=min(config.delivery_timeout, LIMIT))
    probes = []
    for name, given in (("destinations", config.destinations), ("alerts", config.alerts)):
        secret: tuple[str, ...] = getattr(config.secrets, name)
        probes += [_probe(name, url, url in secret, limited) for url in dict.fromkeys((*given, *secret))]
    found = [check for checks in await asyncio.gather(*probes) for check in checks]
    return found + await _switch(limited)


async def _probe(name: str, url: str, secret: bool, config: Config) -> list[Check]:
    try:
        label = f"{name.removesuffix('s')} {destinations.label(url, secret=secret)}"
        destination = destinations.create(url, config)
    except ValueError as error:
        return [wrong(name.removesuffix("s"), str(error), f"correct {name} and deploy again", os.EX_CONFIG)]
    try:
        async with asyncio.timeout(PATIENCE):
            checks = await destination.probe()
    except Exception as error:  # a destination's bug is one line, too
        text = f"{type(error).__name__}: {error}"[:200]
        checks = [
            wrong("probe", text, "test-event --in 75 --wait says whether it takes an event", os.EX_SOFTWARE)
        ]
    finally:
        await destination.close()
    return [check._replace(what=f"{label}: {check.what}") for check in checks]


async def _switch(config: Config) -> list[Check]:
    """The host of the dead man's switch; to ask for more would be a ping."""
    if not config.secrets.ping_url:
        return []
    from hivetalk_scheduler.destinations.reach import reached

    checks = await reached(config.secrets.ping_url, config.delivery_timeout)
    return [check._replace(what=f"ping: {check.what}") for check in checks]
