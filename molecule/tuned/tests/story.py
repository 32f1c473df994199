"""One story, told once: many meetings at one instant, and one that is too late."""

import asyncio
import time
from dataclasses import dataclass, field

from nostr_sdk import Keys
from testinfra.host import Host

from shared import application, receiver, relay

HOST = "hivetalk-tuned"
NAME = "meetings"
ROOM_RELAY = "ws://10.89.77.1:7722"
MANY = 12
"""Meetings at one instant: more than a batch, and more than may be in flight at once."""
LASTS = 24
"""Seconds; not a multiple of the interval."""


@dataclass
class Story:
    """What was asked for, and what came of it."""

    received: receiver.Receiver = field(repr=False)
    meetings: list[application.Meeting] = field(repr=False)
    """All at the same time, between two ticks."""
    stale: application.Meeting
    """Began longer ago than max_lateness when it was written."""
    at_the_relay: list[relay.Announcement] = field(repr=False)


def tell(host: Host, received: receiver.Receiver) -> Story:
    """Write the meetings, then only watch until all has happened."""
    keys = Keys.generate()
    nsec, npub = keys.secret_key().to_bech32(), keys.public_key().to_bech32()
    application.room(host, "lab", nsec, npub, relay_url=ROOM_RELAY)
    now = int(time.time())
    # Between two ticks, and not too soon for the lead.
    starts = (now // 10 + 3) * 10 + 5
    meetings = [application.Meeting(starts, starts + LASTS, f"number {n}") for n in range(MANY)]
    stale = application.Meeting(now - 75, now + 3600, "written too late")
    for meeting in (*meetings, stale):
        application.write(host, meeting)
    application.old_delivery(host, "forgotten", 3 * 3600)
    application.old_delivery(host, "kept", 1 * 3600)
    watch = relay.watch(ROOM_RELAY, MANY, starts + LASTS + 15 - time.time())
    return Story(received, meetings, stale, asyncio.run(watch))
