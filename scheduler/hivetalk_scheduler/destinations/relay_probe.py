"""What a relay says when it is asked, for `doctor`: its document (NIP-11), and a REQ. No event is published."""

import asyncio
import json
import os
from contextlib import suppress
from typing import Any

import aiohttp
from yarl import URL

from hivetalk_scheduler import clock, keys, nostr
from hivetalk_scheduler.check import Check, ok, warning, wrong
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.destinations.reach import reached
from hivetalk_scheduler.destinations.session import explain, new_session

LONGEST_DOCUMENT = 65_536
"""Bytes that are read of a relay's document, and of a frame."""
LONGEST_EVENT = 16_384
"""Bytes of an announcement whose texts are as long as they may be, in ASCII."""
AHEAD = 10
"""Seconds by which an event may be dated ahead: two in one second follow each other, and clocks differ."""


async def probe(url: str, config: Config) -> list[Check]:
    """Connect, read the document if there is one, ask for one event; each within `delivery_timeout` seconds."""
    limit = config.delivery_timeout
    checks = await reached(url, limit)
    if any(check.level == "wrong" for check in checks):
        return checks
    session = new_session(0)
    try:
        document = await _document(session, url, limit)
        if document is not None:
            checks += limits(document, config)
        async with asyncio.timeout(limit):
            async with session.ws_connect(url, max_msg_size=LONGEST_DOCUMENT) as socket:
                checks += await _asked(socket, url, config)
    except TimeoutError:
        checks.append(
            wrong(
                "answer",
                f"none to a REQ within {limit:g} s",
                "is it a relay, and is it up?",
                os.EX_UNAVAILABLE,
            )
        )
    except (aiohttp.ClientError, OSError, ValueError) as error:
        checks.append(wrong("answer", explain(error), "is it a relay, and is it up?", os.EX_UNAVAILABLE))
    finally:
        await session.close()
    return checks


async def _document(session: aiohttp.ClientSession, url: str, limit: float) -> dict[str, Any] | None:
    """The relay's document (NIP-11); None if it offers none."""
    address = URL(url).with_scheme("https" if url.startswith("wss:") else "http")
    with suppress(TimeoutError, aiohttp.ClientError, OSError, ValueError, RecursionError):
        async with asyncio.timeout(limit):
            headers = {"Accept": "application/nostr+json", "Accept-Encoding": "identity"}
            async with session.get(address, headers=headers, allow_redirects=False) as response:
                content = bytearray()
                while chunk := await response.content.read(LONGEST_DOCUMENT - len(content)):
                    content += chunk
                document = json.loads(content)
                return document if isinstance(document, dict) and response.status == 200 else None
    return None


def limits(document: dict[str, Any], config: Config) -> list[Check]:
    """The limits that a relay states, against what is sent to it."""
    given = document.get("limitation")
    limitation: dict[str, Any] = given if isinstance(given, dict) else {}

    def number(name: str) -> int | None:
        value = limitation.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    software = document.get("software")
    found = [ok("document", f"software {str(software)[:100]}" if software else "offered")]
    longest, past, ahead = (
        number(name) for name in ("max_message_length", "created_at_lower_limit", "created_at_upper_limit")
    )
    if longest is not None and longest < LONGEST_EVENT:
        text = f"it takes messages of {longest} bytes; a long description can make one of {LONGEST_EVENT}"
        found.append(warning("limits", text, "keep descriptions short, or ask its operator for more"))
    if past is not None and past < config.max_lateness:
        text = f"it takes events dated at most {past} s ago; one is tried again for {config.max_lateness} s"
        found.append(warning("limits", text, "what it refuses by then is dead: deliveries retry --anew"))
    if ahead is not None and ahead < AHEAD:
        text = f"it takes events dated at most {ahead} s ahead"
        found.append(warning("limits", text, "keep this host's and the database's clock by NTP"))
    if (number("min_pow_difficulty") or 0) > 0:
        text = f"it wants proof of work ({number('min_pow_difficulty')} bits), which is not made"
        found.append(
            wrong(
                "limits",
                text,
                "take another relay, or ask its operator to admit the rooms' keys",
                os.EX_CONFIG,
            )
        )
    for name, text in (
        ("payment_required", "it takes payment"),
        ("restricted_writes", "not everybody may write"),
    ):
        if limitation.get(name) is True:
            found.append(warning("limits", text, "see that the keys that sign are admitted there"))
    if len(found) == 1 and limitation:
        found.append(ok("limits", "none that an announcement meets"))
    return found


async def _asked(socket: aiohttp.ClientWebSocketResponse, url: str, config: Config) -> list[Check]:
    """What it says to a REQ; if it wants authentication (NIP-42) first, with the key that there is."""
    request = json.dumps(["REQ", "doctor", {"kinds": [nostr.LIVE_EVENT], "limit": 1}])
    challenge, awaited = "", ""
    found: list[Check] = []
    await socket.send_str(request)
    async for frame in socket:
        match _frame(frame):
            case ["EOSE", "doctor", *_]:
                return [*found, ok("answer", "it answers a REQ")]
            case ["AUTH", str(text), *_]:
                challenge = text
            case ["OK", str(event_id), True, *_] if event_id == awaited:
                found.append(ok("authentication", "wanted, and given with the credential nostr_nsec"))
                await socket.send_str(request)
            case ["OK", str(event_id), False, *rest] if event_id == awaited:
                text = f"the key nostr_nsec is not admitted: {str(rest[:1])[:200]}"
                return [*found, warning("authentication", text, "ask its operator; a room's key may be")]
            case ["CLOSED", "doctor", *rest]:
                said = str(rest[0])[:200] if rest else "no reason"
                secret = config.secrets.nostr_nsec
                if not said.startswith("auth-required") or awaited or not (challenge and secret):
                    return [*found, *_closed(said)]
                address = str(URL(url).with_user(None))
                key = keys.secret_key(secret)
                awaited, event = nostr.authentication(address, challenge, int(clock.host()), key)
                await socket.send_str(f'["AUTH",{event.decode()}]')
    return [
        *found,
        wrong("answer", "it closed the connection", "is it a relay, and is it up?", os.EX_UNAVAILABLE),
    ]


def _closed(said: str) -> list[Check]:
    if said.startswith("auth-required"):
        text = "it wants authentication (NIP-42); the key that signs gives it"
        return [
            ok("answer", "it answers a REQ"),
            warning("authentication", text, "set nostr_nsec to have it tried here"),
        ]
    return [
        warning(
            "answer",
            f"it refuses to be asked: {said}",
            "whether it takes events, test-event --in 75 --wait says",
        )
    ]


def _frame(frame: aiohttp.WSMessage) -> object:
    if frame.type is not aiohttp.WSMsgType.TEXT:
        return None
    try:
        return json.loads(frame.data)
    except (ValueError, RecursionError):
        return None
