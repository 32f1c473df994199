"""A relay in a process of its own: nostr-sdk's LocalRelay without a limit on its rate. Says ``ready URL``."""

import asyncio
import sys
from datetime import timedelta

import nostr_sdk


async def main() -> None:
    """Serve until SIGTERM."""
    limit = nostr_sdk.RateLimit(max_reqs=1_000_000, notes_per_minute=100_000_000)
    relay = nostr_sdk.LocalRelayBuilder().rate_limit(limit).build()
    await relay.run()
    sys.stdout.write(f"ready {await relay.url()}\n")
    sys.stdout.flush()
    await asyncio.sleep(timedelta(days=1).total_seconds())


if __name__ == "__main__":
    asyncio.run(main())
