"""The demo's meeting: write it, watch the timer announce it, and check what arrived. Usage: HOST RELAY."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from typing import Any

import nostr_sdk
import testinfra
from testinfra.host import Host

from shared import application, relay

STARTS_IN = 13
"""Seconds: a run every 10 s sees the meeting before it starts."""
LASTS = 5
"""Seconds."""
PATIENCE = 30
"""Seconds after the meeting's end at which the demo gives up."""


def say(text: str = "") -> None:
    """Print at once, even into a pipe."""
    print(text, flush=True)


def stamped(who: str, text: str) -> None:
    """One line of the live view."""
    say(f"{time.strftime('%H:%M:%S', time.gmtime())}  {who:8}  {text}")


def tag(event: dict[str, Any], name: str) -> str:
    """The first value of a Nostr event's tag."""
    return next((t[1] for t in event["tags"] if t[0] == name), "")


async def follow_journal(host: str, since: float) -> None:
    """Show the service's journal as it grows."""
    command = (
        "podman",
        "exec",
        host,
        "journalctl",
        "--unit=hivetalk-scheduler.service",
        "--output=cat",
        "--follow",
    )
    process = await asyncio.create_subprocess_exec(
        *command,
        f"--since=@{since:.0f}",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    try:
        async for line in process.stdout:
            text = line.decode().rstrip()
            if text.split(" ", 1)[0] in (
                "run-started",
                "event",
                "delivered",
                "retried",
                "dead",
                "run-finished",
            ):
                stamped("journal", text if len(text) < 160 else text[:157] + "...")
    finally:
        # Not waited for: journalctl in the container holds the pipe until its next line.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)


async def follow_relay(url: str, identifier: str, arrived: list[dict[str, Any]]) -> None:
    """Collect the meeting's events as the relay sends them to a subscriber, until it has ended."""
    async with relay.subscribed(url) as frames:
        async for kind, event in frames:
            if kind == "EVENT" and tag(event, "d") == identifier:
                arrived.append(event)
                stamped(
                    "relay",
                    f'stored {event["id"][:16]}... status={tag(event, "status")} "{tag(event, "title")}"',
                )
                if tag(event, "status") == "ended":
                    return


async def watch(host: str, url: str, meeting: application.Meeting) -> list[dict[str, Any]]:
    """The Nostr events that a subscriber received, in their order."""
    arrived: list[dict[str, Any]] = []
    journal = asyncio.create_task(follow_journal(host, time.time()))
    try:
        async with asyncio.timeout(meeting.ends - time.time() + PATIENCE):
            await follow_relay(url, meeting.id, arrived)
    except TimeoutError:
        stamped("demo", "gave up waiting")
    finally:
        await asyncio.sleep(0.5)
        journal.cancel()
        await asyncio.gather(journal, return_exceptions=True)
    return arrived


def verified(event: dict[str, Any], public_key: nostr_sdk.PublicKey) -> bool:
    """Whether an independent library finds the id and the signature right, and the key is the room's."""
    parsed = nostr_sdk.Event.from_json(json.dumps(event))
    return parsed.verify() and parsed.author().to_hex() == public_key.to_hex()


def show(event: dict[str, Any]) -> None:
    """A Nostr event as JSON, a line for each field and for each tag."""
    fields = [f'  "{name}": {json.dumps(value)}' for name, value in event.items() if name != "tags"]
    tags = ",\n".join(f"    {json.dumps(t, ensure_ascii=False)}" for t in event["tags"])
    say("{\n" + ",\n".join([*fields, f'  "tags": [\n{tags}\n  ]']) + "\n}")


def settled(host: Host, event_id: str) -> list[dict[str, Any]]:
    """The deliveries, once each has ended."""
    give_up = time.monotonic() + PATIENCE
    while True:
        rows = application.deliveries(host, event_id)
        if all(row["state"] != "pending" for row in rows) or time.monotonic() > give_up:
            return rows
        time.sleep(0.5)


def clock(seconds: float) -> str:
    """Seconds since the epoch as a time of day with milliseconds, UTC."""
    return f"{time.strftime('%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03d}"


def main() -> int:
    """0 only if both transitions arrived everywhere, signed by the room's key."""
    name, url = sys.argv[1:]
    host = testinfra.get_host(f"podman://{name}")
    keys = nostr_sdk.Keys.generate()
    now = float(host.check_output("date +%s"))
    meeting = application.Meeting(
        int(now) + STARTS_IN, int(now) + STARTS_IN + LASTS, "Demo: tea with the bees", "demo"
    )
    host.check_output(
        "sudo -u postgres psql -qXAt hivetalk -c \"DELETE FROM room_info WHERE room_name = 'demo'\""
    )
    application.room(host, "demo", keys.secret_key().to_bech32(), keys.public_key().to_bech32())
    application.write(host, meeting)

    say("\n== The meeting")
    say(
        f'written into events: "{meeting.name}", {clock(meeting.starts)} to {clock(meeting.ends)} UTC; now {clock(now)}'
    )
    say("\n== The timer")
    say("$ systemctl list-timers hivetalk-scheduler.timer")
    say(host.check_output("systemctl list-timers --no-pager hivetalk-scheduler.timer").split("\n\n")[0])
    say("\n== Live (nobody touches the service; the timer starts it)")
    arrived = asyncio.run(watch(name, url, meeting))
    rows = settled(host, meeting.id)

    say("\n== The meeting's last event, as the relay stored it")
    good = [event for event in arrived if verified(event, keys.public_key())]
    if arrived:
        show(arrived[-1])
    for event in arrived:
        mark = "good: signed by the room's key" if event in good else "BAD"
        say(f"signature of {tag(event, 'status'):5}  {mark}")

    say("\n== What happened")
    say(f"{'':6} {'due':13} {'fired':13} {'lateness':>9}  {'destination':26} receipt")
    for row in rows:
        late = "" if row["fired"] is None else f"{(row['fired'] - row['due']) * 1000:.0f} ms"
        fired = "" if row["fired"] is None else clock(row["fired"])
        ids = [event["id"] for event in good if tag(event, "status") == row["transition"]]
        stored = f", stored as {ids[0][:16]}..." if ids and row["destination"] == url else ""
        receipt = row["state"] + (f": {row['answer']}" if row["answer"] else "") + stored
        say(
            f"{row['transition']:6} {clock(row['due']):13} {fired:13} {late:>9}  {row['destination']:26} {receipt}"
        )

    say("\n== Look around")
    say(f"  podman exec -it {name} bash                (.venv/bin/podman, where podman alone cannot see it)")
    say("    systemctl list-timers hivetalk-scheduler.timer")
    say("    journalctl -u hivetalk-scheduler")
    say("    hivetalk-scheduler status")
    say("  script/demo                  once more, with a new meeting")
    say("  script/demo --clean          remove everything")

    early = [row for row in rows if row["fired"] is not None and row["fired"] < row["due"]]
    complete = {row["transition"] for row in rows} == {"live", "ended"}
    delivered = all(row["state"] == "delivered" for row in rows)
    order = [tag(event, "status") for event in good] == ["live", "ended"]
    if complete and delivered and order and not early:
        say("\nThe meeting's start and end arrived, on time and signed.")
        return 0
    say("\nFAILED: not everything arrived as it should; the table and the journal above say what did not.")
    say(
        "  What to do: script/demo --clean, then again; if it fails again, read the journal in the container."
    )
    return 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the follower's pipe may still be open
