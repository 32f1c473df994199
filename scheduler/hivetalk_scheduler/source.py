"""Where a calendar comes from: a file, standard input, or the web. All of them are bounded."""

import asyncio
import sys
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from hivetalk_scheduler import log
from hivetalk_scheduler.errors import DataError, TryAgain, UsageError

LARGEST = 10 * 2**20
"""Bytes of a calendar."""
PATIENCE = 30.0
"""Seconds for all of a calendar to arrive."""
REDIRECTS = 5
ON_THE_WEB = ("http", "https", "webcal", "webcals")
"""webcal is what calendars' own links begin with, and means https."""


def load(source: str) -> bytes:
    """The calendar in the file, at the URL, or (``-``) on standard input.

    Raises UsageError or DataError where it cannot be used, and TryAgain where it cannot be reached now.
    """
    scheme = source.partition("://")[0].lower() if "://" in source else ""
    if scheme in ON_THE_WEB:
        return asyncio.run(_fetch(source))
    if scheme:
        raise UsageError(f"SOURCE is a {log.escape(scheme)}: URL; name a file, an https or http URL, or -")
    try:
        if source == "-":
            return _bounded(sys.stdin.buffer.read(LARGEST + 1))
        with Path(source).open("rb") as file:
            return _bounded(file.read(LARGEST + 1))
    except OSError as error:
        raise UsageError(
            f"SOURCE {log.escape(source)}: {error.strerror}; name a file that {_user()} may read, or -"
        ) from None


def shown(source: str) -> str:
    """The source in words; of a URL only the host, since the rest may be as good as a password."""
    if "://" not in source:
        return source
    try:
        return str(urlsplit(source).hostname)
    except ValueError:
        return "the URL"


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "this user"


def _bounded(data: bytes) -> bytes:
    if len(data) > LARGEST:
        raise DataError(
            f"the calendar is larger than {LARGEST // 2**20} MiB; split it, or leave old meetings out"
        )
    return data


async def _fetch(url: str) -> bytes:
    import aiohttp

    from hivetalk_scheduler.destinations.session import explain, new_session

    host = log.escape(shown(url))
    try:
        async with asyncio.timeout(PATIENCE), new_session(1) as session:
            for _ in range(REDIRECTS + 1):
                url = url.replace("webcals:", "https:", 1).replace("webcal:", "https:", 1)
                async with session.get(
                    url,
                    allow_redirects=False,
                    headers={"Accept": "text/calendar", "Accept-Encoding": "identity"},
                ) as response:
                    if response.status in (301, 302, 303, 307, 308) and "Location" in response.headers:
                        url = redirected(url, response.headers["Location"])
                        continue
                    if response.status != 200:
                        words = f"{host} answers HTTP {response.status}; see whether its address still holds"
                        raise TryAgain(words) if response.status >= 500 else DataError(words)
                    data = bytearray()
                    async for chunk in response.content.iter_chunked(2**16):
                        data += chunk
                        _bounded(bytes(data) if len(data) > LARGEST else b"")
                    return bytes(data)
            raise DataError(f"{host} redirects more than {REDIRECTS} times; name the address where it ends")
    except TimeoutError:
        raise TryAgain(f"{host} has not sent the whole calendar within {PATIENCE:g} s; try again") from None
    except ValueError:  # before ClientError: aiohttp's InvalidURL is both
        raise UsageError("SOURCE: the URL cannot be used; write it as https://host/path") from None
    except (aiohttp.ClientError, OSError) as error:
        raise TryAgain(f"{host}: {log.escape(explain(error))}; try again") from None


def redirected(url: str, location: str) -> str:
    target = urljoin(url, location)
    if urlsplit(target).scheme not in ("http", "https"):
        raise DataError(
            f"{log.escape(shown(url))} redirects to what is no https or http URL; name another address"
        )
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
        raise DataError(f"{log.escape(shown(url))} redirects from https to http; name another address")
    return target
