"""Whether a receiver can be reached, for `doctor`: name, address, TLS and its certificate, without a word to it."""

import asyncio
import os
import socket
import ssl
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from hivetalk_scheduler.check import Check, ok, warning, wrong

SOON = 14
"""Days before its end in which a certificate should long have been renewed."""


class Reached(NamedTuple):
    """An open door."""

    address: str
    milliseconds: int
    """Until the connection stood."""
    days: float | None
    """That the certificate is still valid; None without TLS."""


async def reach(url: str, limit: float) -> Reached:
    """Connect and leave again, within `limit` seconds; raises OSError (ssl.SSLError and TimeoutError are some)."""
    parts = urlsplit(url)
    secure = parts.scheme in ("https", "wss")
    began = time.monotonic()
    async with asyncio.timeout(limit):
        _, writer = await asyncio.open_connection(
            parts.hostname,
            parts.port or (443 if secure else 80),
            ssl=ssl.create_default_context() if secure else None,
        )
    took = round((time.monotonic() - began) * 1000)
    try:
        certificate = writer.get_extra_info("peercert") or {}
        ends = certificate.get("notAfter")
        days = (ssl.cert_time_to_seconds(ends) - time.time()) / 86_400 if ends else None
        return Reached(str(writer.get_extra_info("peername")[0]), took, days)
    finally:
        writer.close()


async def reached(url: str, limit: float) -> list[Check]:
    """The checks of `reach`."""
    try:
        found = await reach(url, limit)
    except (OSError, ValueError) as error:
        return [unreachable(error, limit)]
    checks = [ok("connection", f"{found.address} in {found.milliseconds} ms")]
    if found.days is not None:
        text = f"valid for {found.days:.0f} more days"
        late = found.days < SOON
        checks.append(
            warning("certificate", text, "its owner renews it") if late else ok("certificate", text)
        )
    return checks


def unreachable(error: Exception, limit: float) -> Check:
    """What the error of an attempt to connect means, in words without the URL."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return wrong(
            "certificate",
            error.verify_message,
            "its owner mends it; nothing is sent before",
            os.EX_UNAVAILABLE,
        )
    if isinstance(error, socket.gaierror):
        return wrong(
            "name", error.strerror or "unknown", "is the host's name right? does DNS work?", os.EX_UNAVAILABLE
        )
    if isinstance(error, TimeoutError):
        return wrong(
            "connection", f"none within {limit:g} s", "is it up? does a firewall drop it?", os.EX_UNAVAILABLE
        )
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return wrong("connection", text[:200], "is it up, at this host and port?", os.EX_UNAVAILABLE)
