"""``wss://`` and ``ws://``: a Nostr relay (NIP-01), with authentication (NIP-42).

One connection for a whole run, and many events in flight on it: a send does not wait for another's answer.
"""

import asyncio
import json
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

import aiohttp
from yarl import URL

from hivetalk_scheduler import keys, nostr
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.destinations.session import explain, new_session
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.message import Answer, Format, Message

if TYPE_CHECKING:
    from hivetalk_scheduler.check import Check

LONGEST_FRAME = 65_536
"""Bytes; what a relay says to a publisher is short, so a longer frame ends the connection."""
HEARTBEAT = 20
"""Seconds between pings while a run holds, so that a dead connection is found before the moment."""

_AUTH_REQUIRED = "auth-required"
_PERMANENT = frozenset(
    ("invalid", "blocked", "restricted", "pow", "mute", "replaced", "deleted", _AUTH_REQUIRED)
)


class Relay(Destination):
    """Publishes; counts as published only what the relay's OK names."""

    format: ClassVar[Format] = "nostr"
    concurrency = 256

    def __init__(self, url: str, config: Config, *, public_only: bool = False) -> None:
        super().__init__(url, config)
        self._public_only = public_only
        self._session: aiohttp.ClientSession | None = None
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[_Connection] | None = None

    async def open(self) -> None:
        """Begin to resolve, connect and shake hands."""
        if self._connection is None or self._connection.closed:
            self._attempt()

    async def send(self, message: Message) -> Answer:
        """Publish the signed event and wait for its OK."""
        limit = self.config.delivery_timeout
        held = self._connection
        try:
            async with asyncio.timeout(limit):
                if held and not held.closed:
                    # Relays close old connections, which says nothing about this message: it gets a new one.
                    with suppress(ConnectionResetError):
                        return await self._publish(held, message)
                return await self._publish(await self._connected(), message)
        except TimeoutError:
            notice = self._connection.notice if self._connection else ""
            heard = f"; the relay's last notice: {notice}" if notice else ""
            return Answer("retry", f"no answer within {limit:g} s{heard}")
        except (aiohttp.ClientError, OSError) as error:
            return Answer("retry", explain(error))
        except ValueError:
            return Answer("permanent", "the URL cannot be used")

    async def probe(self) -> "list[Check]":
        """Ask it for its document and for an event; publish nothing."""
        from hivetalk_scheduler.destinations import relay_probe

        return await relay_probe.probe(self.url, self.config)

    async def close(self) -> None:
        """Close the connection, waiting no more than a second for the relay's farewell."""
        if self._connecting:
            self._connecting.cancel()
        if self._connection:
            await self._connection.close()
        if self._session:
            await self._session.close()

    async def _connected(self) -> "_Connection":
        if self._connection and not self._connection.closed:
            return self._connection
        # Shielded, since the attempt is shared and one that waits for it may be cancelled.
        return await asyncio.shield(self._attempt())

    def _attempt(self) -> "asyncio.Task[_Connection]":
        """The attempt to connect that is under way, or a new one."""
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._connecting

    async def _connect(self) -> "_Connection":
        if self._session is None:
            self._session = new_session(0, public_only=self._public_only)
        async with asyncio.timeout(self.config.delivery_timeout):
            socket = await self._session.ws_connect(
                self.url,
                max_msg_size=LONGEST_FRAME,
                heartbeat=HEARTBEAT,
                timeout=aiohttp.ClientWSTimeout(ws_close=1),
            )
        self._connection = _Connection(socket)
        return self._connection

    async def _publish(self, connection: "_Connection", message: Message) -> Answer:
        answer = await connection.publish(message.id, b'["EVENT",', message.body)
        if answer.verdict == "permanent" and answer.text.startswith(_AUTH_REQUIRED):
            return await self._authenticated(connection, message, answer)
        return answer

    async def _authenticated(self, connection: "_Connection", message: Message, refusal: Answer) -> Answer:
        """Authenticate as the author of `message`, then publish it again."""
        try:
            secret = keys.signing_key(message.event, self.config.secrets.nostr_nsec)
        except ValueError as error:
            return Answer("permanent", f"{refusal.text}; {error}"[:500])
        now = message.due_at // SECOND + int(message.lateness)
        url = str(URL(self.url).with_user(None))
        answer = await connection.authenticate(url, now, secret)
        if answer.verdict == "done":
            return await connection.publish(message.id, b'["EVENT",', message.body)
        return Answer(answer.verdict, f"AUTH: {answer.text}"[:500])


class _Connection:
    """One WebSocket, and who waits for what on it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.closed = False
        self.notice = ""
        self._socket = socket
        self._waiting: dict[str, list[asyncio.Future[Answer]]] = {}
        """By event id; two meetings that are the same event to a relay wait for an OK each."""
        self._loop = asyncio.get_running_loop()
        self._challenge: asyncio.Future[str] = self._loop.create_future()
        self._authenticating = asyncio.Lock()
        self._authentications: dict[bytes, Answer] = {}
        self._reading = asyncio.create_task(self._read())

    async def publish(self, event_id: str, verb: bytes, event: bytes) -> Answer:
        """Send the frame ``verb event ]`` and return the relay's OK for `event_id`, classified.

        Raises ConnectionResetError if the connection ends before the OK.
        """
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting.setdefault(event_id, []).append(answer)
        try:
            await self._socket.send_frame(verb + event + b"]", aiohttp.WSMsgType.TEXT)
            return await answer
        except ConnectionResetError:
            self.closed = True
            raise
        finally:
            self._waiting[event_id].remove(answer)
            if not self._waiting[event_id]:
                del self._waiting[event_id]

    async def authenticate(self, url: str, created_at: int, secret: bytes) -> Answer:
        """Answer the relay's challenge, once for each key; created_at: Unix seconds."""
        async with self._authenticating:
            answer = self._authentications.get(secret)
            if answer is None or answer.verdict == "retry":
                challenge = await asyncio.shield(self._challenge)
                event_id, event = nostr.authentication(url, challenge, created_at, secret)
                answer = self._authentications[secret] = await self.publish(event_id, b'["AUTH",', event)
            return answer

    async def close(self) -> None:
        await self._socket.close()
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading

    async def _read(self) -> None:
        try:
            async for frame in self._socket:
                if frame.type is aiohttp.WSMsgType.TEXT:
                    self._take(frame.data)
        finally:
            self.closed = True
            code = self._socket.close_code
            for answer in chain(*self._waiting.values()):
                if not answer.done():
                    answer.set_exception(
                        ConnectionResetError(f"the relay closed the connection before its OK (code {code})")
                    )

    def _take(self, frame: str) -> None:
        """Act on one frame; what is no OK, AUTH or NOTICE is ignored, as NIP-01 leaves room for more."""
        try:
            content = json.loads(frame)
        except (ValueError, RecursionError):
            return
        match content:
            case ["OK", str(event_id), bool(accepted), *rest]:
                answers = self._waiting.get(event_id)
                # Some relays leave the id out where they could not read the event.
                if answers is None and not event_id and len(self._waiting) == 1:
                    (answers,) = self._waiting.values()
                text = rest[0] if rest and isinstance(rest[0], str) else ""
                if answers is None:
                    self.notice = text[:200]
                elif answer := next((one for one in answers if not one.done()), None):
                    answer.set_result(classify(accepted, text))
            case ["AUTH", str(challenge), *_]:
                if self._challenge.done():
                    self._challenge = self._loop.create_future()
                self._challenge.set_result(challenge)
                self._authentications.clear()
            case ["NOTICE", str(text), *_]:
                self.notice = text[:200]


def classify(accepted: bool, text: str) -> Answer:
    """What a relay's OK means for the delivery: NIP-01's prefixes, and what real relays say."""
    text = text[:500]
    prefix = text.partition(":")[0].strip().lower()
    if accepted or prefix == "duplicate":
        return Answer("done", text)
    return Answer("permanent" if prefix in _PERMANENT else "retry", text)
