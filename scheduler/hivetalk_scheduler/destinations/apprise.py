"""Whatever Apprise sends to: mail, chats, pagers (https://github.com/caronc/apprise). The extra ``apprise``.

It de-duplicates nothing and confirms little: an attempt counts as delivered if the service took it.
"""

import asyncio
import contextlib
import json
import logging
import os
import re
import threading
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.message import Answer, Format, Message

if TYPE_CHECKING:
    from hivetalk_scheduler.check import Check
    from hivetalk_scheduler.notice import Notice

MISSING = "Apprise is not installed"
MEND = "deploy again: the role installs it where a URL needs it; elsewhere pip install 'hivetalk-scheduler[apprise]'"
WORDS = {"meeting.live": "is live", "meeting.refresh": "is live", "meeting.ended": "has ended"}


class Apprise(Destination):
    """Sends a title and a text, made from the JSON body that is stored before the first attempt."""

    format: ClassVar[Format] = "json"
    concurrency = 4

    async def send(self, message: Message) -> Answer:
        """Send the announcement."""
        body = json.loads(message.body)
        data = body["data"]
        lines = (data["summary"], data["room_url"], f"{data['starts_at']} to {data['ends_at'] or 'open'}")
        return await self._notify(f"{data['name']} {WORDS[body['type']]}", "\n".join(filter(None, lines)))

    async def tell(self, notice: "Notice") -> Answer:
        """Send the notice."""
        return await self._notify(notice.title, notice.text)

    async def probe(self) -> "list[Check]":
        """Whether Apprise is there and can read the URL; nothing is sent."""
        from hivetalk_scheduler.check import ok, wrong

        words = _Words(self.url)
        try:
            plugin = await asyncio.to_thread(_plugin, self.url, 1.0, words)
        except ImportError:
            return [wrong("library", MISSING, MEND, os.EX_CONFIG)]
        if plugin is None:
            return [
                wrong(
                    "url", f"Apprise cannot read it: {words}", "see its page in Apprise's wiki", os.EX_CONFIG
                )
            ]
        return [
            ok(
                "url",
                f"Apprise reads it ({plugin.service_name})",
            )
        ]

    async def _notify(self, title: str, text: str) -> Answer:
        limit = self.config.delivery_timeout
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()

        def work() -> None:
            found = _send(self.url, limit, _harmless(title), _harmless(text))

            def take() -> None:
                if not answer.done():
                    answer.set_result(found)

            with contextlib.suppress(RuntimeError):  # the run is over
                loop.call_soon_threadsafe(take)

        # A thread of its own, that nothing waits for: a pool would be waited for at the end of the run.
        threading.Thread(target=work, daemon=True).start()
        try:
            return await asyncio.wait_for(answer, limit)
        except TimeoutError:
            return Answer("retry", f"no answer within {limit:g} s")


class _Words(logging.Handler):
    """What Apprise logs in this thread, without what the URL holds, which is mostly secret."""

    def __init__(self, url: str) -> None:
        super().__init__(logging.WARNING)
        rest = unquote(url.partition("://")[2])
        self._secrets = sorted(
            {w for w in re.split(r"[/:@?&=,#]+", rest) if len(w) > 3}, key=len, reverse=True
        )
        self._thread = threading.get_ident()
        self._last = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._last = record.getMessage()

    def __str__(self) -> str:
        text = unquote(self._last)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())[:200] or "no reason given"


def _send(url: str, limit: float, title: str, text: str) -> Answer:
    words = _Words(url)
    try:
        plugin = _plugin(url, limit, words)
        if plugin is None:
            return Answer("permanent", f"Apprise cannot read the URL: {words}")
        import apprise

        sender = apprise.Apprise(asset=plugin.asset)
        sender.add(plugin)
        sent = sender.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT)
        return Answer("done", "taken") if sent else Answer("retry", str(words))
    except ImportError:
        # The mend is the operator's, so the next attempts may succeed.
        return Answer("retry", f"{MISSING}: {MEND}")
    except Exception as error:  # a plugin's bug costs only its own deliveries
        return Answer("retry", f"{type(error).__name__} in Apprise")
    finally:
        logging.getLogger("apprise").removeHandler(words)


def _plugin(url: str, limit: float, words: _Words) -> Any:
    """Apprise's object for `url`, which connects and reads for no longer than `limit` seconds; None if it has none."""
    import apprise

    logger = logging.getLogger("apprise")
    logger.propagate = False
    words._thread = threading.get_ident()
    logger.addHandler(words)
    # In this thread alone: its own pools would be waited for.
    asset = apprise.AppriseAsset(
        app_id="HiveTalk Scheduler", secure_logging=True, async_mode=False, service_timeout=0
    )
    plugin = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if plugin is not None:
        plugin.socket_connect_timeout = min(plugin.socket_connect_timeout or limit, limit)
        plugin.socket_read_timeout = min(plugin.socket_read_timeout or limit, limit)
    return plugin


def _harmless(text: str) -> str:
    """Without control characters, and with no mention that would wake a whole chat: the text may be anybody's."""
    plain = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return plain.replace("@", "@\u200b").replace("<!", "<\u200b!")
