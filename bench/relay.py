"""A relay in a process of its own: nostr-sdk's LocalRelay without a limit on its rate, at ``HOST PORT`` if given. Says
``ready URL``; with ``--times``, for each meeting ``TITLE TIME``, the microsecond since the epoch at which the relay
judged its event."""

import asyncio
import sys
import time

import nostr_sdk


class _Note(nostr_sdk.WritePolicy):  # type: ignore[misc]  # the package has no types
    async def admit_event(self, event: nostr_sdk.Event, addr: str) -> nostr_sdk.WritePolicyResult:
        now = time.time()
        title = next(tag.to_vec()[1] for tag in event.tags() if tag.to_vec()[0] == "title")
        print(title, round(now * 1e6), flush=True)
        return nostr_sdk.WritePolicyResult.ACCEPT()


async def main() -> None:
    """Serve until SIGTERM."""
    limit = nostr_sdk.RateLimit(max_reqs=1_000_000, notes_per_minute=100_000_000)
    builder = nostr_sdk.LocalRelayBuilder().rate_limit(limit)
    if "--times" in sys.argv:
        nostr_sdk.uniffi_set_event_loop(asyncio.get_running_loop())
        builder = builder.write_policy(_Note())
    place = [word for word in sys.argv[1:] if word != "--times"]
    if place:
        builder = builder.addr(place[0]).port(int(place[1]))
    relay = builder.build()
    await relay.run()
    print(f"ready {await relay.url()}", flush=True)
    await asyncio.sleep(86_400)


if __name__ == "__main__":
    asyncio.run(main())
