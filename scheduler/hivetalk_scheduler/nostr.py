"""Nostr events: NIP-01 signing, the live event of NIP-53, the authentication event of NIP-42."""

import hashlib
import json
from functools import lru_cache

from coincurve import PrivateKey

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.event import SECOND, Event, Transition
from hivetalk_scheduler.keys import public_key
from hivetalk_scheduler.payload import room_url

LIVE_EVENT = 30311
AUTHENTICATION = 22242


def sign(
    event: Event, transition: Transition, created_at: int, secret: bytes, config: Config
) -> tuple[str, bytes]:
    """The live event (kind 30311, NIP-53) that announces `transition`: its id and its JSON in UTF-8.

    created_at: Unix seconds. Of two events with one address relays keep the newer, and of a tie the lower id,
    so ``ended`` needs a greater `created_at` than ``live``. secret: 32 bytes.
    """
    # Without an identifier of its own an event gets one, or the events of a room would overwrite each other.
    identifier = (event.identifier or "").strip() or event.id
    pairs = (
        ("d", identifier),
        ("title", event.name),
        ("summary", event.summary),
        ("image", event.image),
        ("streaming", room_url(event, config)),
        ("starts", _seconds(event.starts_at)),
        ("ends", _seconds(event.ends_at)),
        ("status", transition),
        *(("t", topic) for topic in config.topics),
    )
    return signed(LIVE_EVENT, [pair for pair in pairs if pair[1]], created_at, secret)


def authentication(url: str, challenge: str, created_at: int, secret: bytes) -> tuple[str, bytes]:
    """The event (kind 22242, NIP-42) that tells the relay at `url` who is connected: its id and its JSON."""
    return signed(AUTHENTICATION, [("relay", url), ("challenge", challenge)], created_at, secret)


def signed(
    kind: int, tags: list[tuple[str, str | None]], created_at: int, secret: bytes
) -> tuple[str, bytes]:
    """A signed event without content (NIP-01, BIP-340): its id in hexadecimal and its JSON in UTF-8."""
    key, author = _pair(secret)
    # One serialisation of the tags serves the hash and the event, so they cannot differ.
    fields = json.dumps(tags, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    digest = hashlib.sha256(b'[0,"%b",%d,%d,%b,""]' % (author, created_at, kind, fields)).digest()
    body = b'{"id":"%b","pubkey":"%b","created_at":%d,"kind":%d,"tags":%b,"content":"","sig":"%b"}' % (
        digest.hex().encode(),
        author,
        created_at,
        kind,
        fields,
        key.sign_schnorr(digest).hex().encode(),
    )
    return digest.hex(), body


@lru_cache(maxsize=1024)
def _pair(secret: bytes) -> tuple[PrivateKey, bytes]:
    return PrivateKey(secret), public_key(secret).hex().encode()


def _seconds(time: int | None) -> str | None:
    return None if time is None else str(time // SECOND)
