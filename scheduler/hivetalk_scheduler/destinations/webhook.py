"""``https://`` and ``http://``: a webhook with the headers and the signature of Standard Webhooks.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import asyncio
import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, ClassVar

import aiohttp
from yarl import URL

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.destinations.session import explain, new_session
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.keys import webhook_key
from hivetalk_scheduler.message import Answer, Format, Message

if TYPE_CHECKING:
    from hivetalk_scheduler.check import Check
    from hivetalk_scheduler.notice import Notice

LONGEST_ANSWER = 65_536
"""Bytes read of an answer's body."""
RETRIED = frozenset((408, 425, 429))
"""The statuses below 500 that may pass (RFC 9110, RFC 8470, RFC 6585)."""


class Webhook(Destination):
    """Posts the JSON body; a redirect is not followed, and a certificate is always verified."""

    format: ClassVar[Format] = "json"

    def __init__(self, url: str, config: Config) -> None:
        super().__init__(url, config)
        self.concurrency = config.concurrency
        self._session: aiohttp.ClientSession | None = None
        self._opening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to resolve, connect and shake hands, on one connection."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._connect())

    async def send(self, message: Message) -> Answer:
        """Post the body and judge by the status."""
        return await self._post(message.id, message.due_at // SECOND + int(message.lateness), message.body)

    async def tell(self, notice: "Notice") -> Answer:
        """Post the notice's JSON, signed as an announcement is."""
        return await self._post(notice.id, notice.at // SECOND, notice.body)

    async def _post(self, message_id: str, seconds: int, body: bytes) -> Answer:
        """Post `body`; `seconds`: the webhook-timestamp, since the epoch."""
        limit = self.config.delivery_timeout
        try:
            headers = self._headers(message_id, seconds, body)
        except ValueError as error:
            # The mend is the operator's and the body is good, so the next attempts may succeed.
            return Answer("retry", str(error))
        try:
            async with asyncio.timeout(limit) as clock:
                async with self._opened().post(
                    self.url, data=body, headers=headers, allow_redirects=False
                ) as response:
                    # The verdict is known; the words are waited for, but a lack of them changes nothing.
                    rest = (clock.when() or 0) - asyncio.get_running_loop().time()
                    clock.reschedule(None)
                    return classify(response.status, response.headers, await _words(response, min(rest, 1)))
        except TimeoutError:
            return Answer("retry", f"no answer within {limit:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Answer("retry", explain(error))
        except ValueError:
            return Answer("permanent", "the URL cannot be used")

    async def probe(self) -> "list[Check]":
        """Connect and ask for the head; whatever it answers, it answers."""
        from hivetalk_scheduler.check import ok, warning, wrong
        from hivetalk_scheduler.destinations.reach import reached

        checks = await reached(self.url, self.config.delivery_timeout)
        if any(check.level == "wrong" for check in checks):
            return checks
        try:
            async with asyncio.timeout(self.config.delivery_timeout):
                async with self._opened().head(self.url, allow_redirects=False) as response:
                    return [*checks, ok("answer", f"HTTP {response.status} to HEAD")]
        except TimeoutError:
            text = f"none to HEAD within {self.config.delivery_timeout:g} s"
        except aiohttp.ClientResponseError as error:
            return [
                *checks,
                warning("answer", explain(error), "whether it takes a POST, only a POST tells"),
            ]
        except (aiohttp.ClientError, OSError, ValueError) as error:
            text = explain(error)
        return [*checks, wrong("answer", text, "is it an HTTP server, and is it up?", os.EX_UNAVAILABLE)]

    async def close(self) -> None:
        """Close every connection."""
        if self._opening:
            self._opening.cancel()
        if self._session:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = new_session(self.concurrency)
        return self._session

    async def _connect(self) -> None:
        """Put one connection into the session's pool, unless one lies idle there."""
        connector = self._opened().connector
        if connector is None:
            return
        request = aiohttp.ClientRequest("POST", URL(self.url), loop=asyncio.get_running_loop())
        with suppress(aiohttp.ClientError, OSError, ValueError):
            async with asyncio.timeout(self.config.delivery_timeout):
                connection = await connector.connect(request, [], aiohttp.ClientTimeout(total=None))
            connection.release()

    def _headers(self, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "webhook-id": message_id,
            "webhook-timestamp": str(seconds),
        }
        if self.config.secrets.webhook_secret:
            signed = f"{message_id}.{seconds}.".encode() + body
            mac = hmac.digest(webhook_key(self.config.secrets.webhook_secret), signed, hashlib.sha256)
            headers["webhook-signature"] = "v1," + base64.b64encode(mac).decode()
        return headers


async def _words(response: aiohttp.ClientResponse, patience: float) -> str:
    """The body's beginning as one line of at most 200 characters, read for at most `patience` seconds."""
    if response.content.at_eof():  # most answers have none
        return ""
    body = bytearray()
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(patience):
            while chunk := await response.content.read(LONGEST_ANSWER - len(body)):
                body += chunk
    return " ".join(body[:800].decode("utf-8", "replace").split())[:200]


def classify(status: int, headers: Mapping[str, str], words: str) -> Answer:
    """What an HTTP answer means for the delivery; words: the beginning of its body."""
    text = f"{status} {words}".strip()
    if 200 <= status < 300:
        return Answer("done", text)
    if status >= 500 or status in RETRIED:
        return Answer("retry", text, retry_after(headers))
    if 300 <= status < 400:
        text = f"{status} redirects, which is not followed; set the URL that it redirects to"
    return Answer("permanent", text)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After (RFC 9110, 10.2.3) asks to wait; None if it says nothing that makes sense.

    A date counts from the answer's own Date, so the two clocks need not agree.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        then, now = parsedate_to_datetime(value), parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (then.astimezone(UTC) - now.astimezone(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None
