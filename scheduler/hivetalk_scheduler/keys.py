"""Keys: nsec and npub (NIP-19, in the bech32 of BIP-173), hexadecimal keys, and the webhook secret.

No message of this module contains a secret.
"""

import base64
import binascii
from functools import lru_cache

from hivetalk_scheduler.event import Event

_CHARSET = {character: value for value, character in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_DATA_LENGTH, _CHECKSUM_LENGTH = 52, 6


def signing_key(event: Event, fallback_nsec: str | None) -> bytes:
    """The 32 bytes that sign `event`: its room's key, else the one in `fallback_nsec`.

    Raises ValueError if there is none, if it is no key, or if the room's npub belongs to another key.
    """
    if event.room_nsec and event.room_nsec.strip():
        secret = secret_key(event.room_nsec, "room_info.room_nsec")
        if event.room_npub and event.room_npub.strip():
            owner = _decode(event.room_npub, "npub", "room_info.room_npub")
            if owner != public_key(secret):
                # Not shown: where the two columns are swapped, it is the secret key.
                raise ValueError(
                    "room_info.room_npub is not the key of room_nsec; write the pair of one key into the room's row"
                )
        return secret
    if fallback_nsec:
        return secret_key(fallback_nsec, "the credential nostr_nsec")
    raise ValueError(
        "there is no key to sign with; set room_info.room_nsec for the room, or the credential nostr_nsec"
    )


def secret_key(text: str, field: str = "the credential nostr_nsec") -> bytes:
    """The 32 bytes of an nsec or a hexadecimal key; raises ValueError naming `field`."""
    secret = _decode(text, "nsec", field)
    public_key(secret, field)
    return secret


@lru_cache(maxsize=1024)
def public_key(secret: bytes, field: str = "the secret key") -> bytes:
    """The x-only public key (BIP-340) of 32 secret bytes; raises ValueError if the curve has no such key."""
    from coincurve import PublicKeyXOnly

    try:
        return PublicKeyXOnly.from_secret(secret).format()
    except ValueError:
        raise ValueError(f"{field} is not a key of secp256k1; make a new one") from None


@lru_cache(maxsize=16)
def webhook_key(secret: str) -> bytes:
    """The bytes of a Standard Webhooks secret: what follows ``whsec_`` in base64, else the text as it is."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("the credential webhook_secret is not base64 after whsec_; copy it again, whole")
    return key


@lru_cache(maxsize=2048)
def _decode(text: str, prefix: str, field: str) -> bytes:
    """The 32 bytes of ``<prefix>1...`` or of 64 hexadecimal digits."""
    text = text.strip()
    problem = f"{field} is not an {prefix}: it takes {prefix}1 and 58 characters, or 64 hexadecimal digits"
    if len(text) == 64:
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise ValueError(problem) from None
    if text != text.lower() and text != text.upper():
        raise ValueError(f"{problem}; capital and small letters are mixed")
    found, _, data = text.lower().rpartition("1")
    if found != prefix or len(data) != _DATA_LENGTH + _CHECKSUM_LENGTH:
        raise ValueError(problem)
    try:
        values = [_CHARSET[character] for character in data]
    except KeyError:
        raise ValueError(problem) from None
    if _polymod(prefix, values) != 1:
        raise ValueError(f"{field} is not an {prefix}: its checksum is wrong; copy it again, whole")
    number = 0
    for value in values[:_DATA_LENGTH]:
        number = number << 5 | value
    # 52 groups of 5 bits are 256 bits and 4 of padding, which are zero.
    if number & 0xF:
        raise ValueError(problem)
    return (number >> 4).to_bytes(32, "big")


def _polymod(prefix: str, values: list[int]) -> int:
    """The checksum of BIP-173 over the expanded prefix and the data."""
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    checksum = 1
    for value in expanded + values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                checksum ^= generator
    return checksum
