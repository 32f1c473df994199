"""Posting to a real HTTP server; signatures are verified by the library of Standard Webhooks."""

import asyncio
import base64
import contextlib
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import standardwebhooks
from aiohttp import web

from hivetalk_scheduler.config import Config, Secrets
from hivetalk_scheduler.destinations import create
from hivetalk_scheduler.message import Answer, Message
from tests.messages import json_message, nostr_message

SECRET = "whsec_" + base64.b64encode(b"a secret of 32 bytes, more or less").decode()
SHORT = Config(delivery_timeout=0.5)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    url: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)


@contextlib.asynccontextmanager
async def receiver(
    answer: Handler | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """A server that remembers what it got and then answers with `answer` (default: 200 thanks)."""
    got = Receiver()

    async def handle(request: web.Request) -> web.StreamResponse:
        got.connections.add(request.transport)
        got.requests.append((dict(request.headers), await request.read()))
        return await answer(request) if answer else web.Response(text="thanks")

    application = web.Application()
    application.router.add_post("/{path:.*}", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    got.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield got
    finally:
        await runner.cleanup()


async def post(url: str, message: Message | None = None, config: Config = SHORT) -> Answer:
    webhook = create(url, config)
    try:
        return await webhook.send(message or json_message())
    finally:
        await webhook.close()


async def test_the_receiver_gets_the_stored_bytes_and_its_words_are_the_receipt() -> None:
    message = json_message()
    async with receiver() as got:
        assert await post(got.url, message) == Answer("done", "200 thanks")
        ((headers, body),) = got.requests
    assert body == message.body
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == message.id
    assert headers["User-Agent"] == "hivetalk-scheduler"


@pytest.mark.parametrize("secret", [SECRET, "a plain secret"])
async def test_the_signature_is_that_of_standard_webhooks(secret: str) -> None:
    config = Config(secrets=Secrets(webhook_secret=secret))
    now = int(time.time()) * 1_000_000
    message = json_message()
    message = Message(message.event, "live", now, message.id, message.body, attempt=1, lateness=0.25)
    async with receiver() as got:
        await post(got.url, message, config)
        ((headers, body),) = got.requests
    theirs = secret if secret == SECRET else base64.b64encode(secret.encode()).decode()
    assert standardwebhooks.Webhook(theirs).verify(body, headers)["type"] == "meeting.live"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(theirs).verify(body + b" ", headers)


async def test_without_a_secret_nothing_pretends_to_be_signed() -> None:
    async with receiver() as got:
        await post(got.url)
        assert "webhook-signature" not in got.requests[0][0]


async def test_a_retry_carries_the_same_id_and_body_and_the_time_of_its_own_attempt() -> None:
    async with receiver() as got:
        await post(got.url, json_message())
        await post(got.url, json_message(lateness=90.5))
        (first, first_body), (second, second_body) = got.requests
    assert (first["webhook-id"], first_body) == (second["webhook-id"], second_body)
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 90


async def test_a_bad_secret_is_retried_so_that_its_mend_loses_nothing() -> None:
    config = Config(secrets=Secrets(webhook_secret="whsec_hunter2"))
    async with receiver() as got:
        answer = await post(got.url, config=config)
        assert got.requests == []
    assert answer.verdict == "retry"
    assert "webhook_secret is not base64" in answer.text
    assert "hunter2" not in answer.text


async def test_a_redirect_is_not_followed() -> None:
    async def redirect(_: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with receiver(redirect) as got:
        assert (await post(got.url)).verdict == "permanent"
        assert len(got.requests) == 1


async def test_the_wait_that_the_receiver_asks_for_is_passed_on() -> None:
    async def busy(_: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "7"}, text="slow\ndown")

    async with receiver(busy) as got:
        assert await post(got.url) == Answer("retry", "429 slow down", 7.0)


async def test_a_receiver_that_never_answers_is_retried_within_the_time_limit() -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    async with receiver(hang) as got:
        began = time.monotonic()
        assert await post(got.url) == Answer("retry", "no answer within 0.5 s")
        assert time.monotonic() - began < 2


async def test_a_success_whose_body_never_ends_is_a_success() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"thanks")
        await asyncio.sleep(60)
        return response

    async with receiver(drip) as got:
        assert await post(got.url) == Answer("done", "200 thanks")


async def test_an_endless_or_compressed_answer_is_read_no_further_than_its_first_words() -> None:
    written = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"})
        await response.prepare(request)
        nonlocal written
        for _ in range(10_000):
            await response.write(b"x" * 65_536)
            written += 65_536
        return response

    async with receiver(flood) as got:
        answer = await post(got.url)
    assert written < 20_000_000  # what the sockets' buffers hold
    assert answer == Answer("done", "200 " + "x" * 200)


async def test_a_receiver_that_closes_before_its_answer_is_retried() -> None:
    async def close(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.close()
        return web.Response()

    async with receiver(close) as got:
        assert (await post(got.url)).verdict == "retry"


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 999999 x\r\n\r\n", b"\xff" * 100_000])
async def test_a_receiver_that_does_not_speak_http_is_retried(said: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    answer = await post(f"http://user:hunter2@127.0.0.1:{server.sockets[0].getsockname()[1]}/hunter2")
    server.close()
    assert answer.verdict == "retry"
    assert "hunter2" not in answer.text


async def test_nobody_listening_and_no_such_host_are_retried() -> None:
    assert (await post("http://127.0.0.1:1/")).verdict == "retry"
    assert (await post("https://hook.invalid/")).verdict == "retry"


async def test_opening_connects_so_that_the_send_need_not() -> None:
    accepted = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        await reader.readuntil(b"}}")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    webhook = create(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", SHORT)
    for _ in range(2):
        await webhook.open()
        await asyncio.sleep(0.1)
        assert accepted == 1
    assert (await webhook.send(json_message())).verdict == "done"
    assert accepted == 1
    await webhook.close()
    server.close()


async def test_opening_does_not_wait_and_what_fails_is_left_to_the_send(
    caplog: pytest.LogCaptureFixture,
) -> None:
    webhook = create("https://hook.invalid/", SHORT)
    began = time.monotonic()
    await webhook.open()
    assert time.monotonic() - began < 0.2
    await asyncio.sleep(0.3)
    await webhook.close()
    assert caplog.records == []


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody trusts."""
    directory = tmp_path_factory.mktemp("tls")
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    name = f"-keyout {key} -out {certificate} -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(f"{make} {name}".split(), check=True, capture_output=True)
    return certificate, key


@pytest.mark.parametrize("scheme", ["https", "wss"])
async def test_a_certificate_that_is_not_trusted_is_refused_before_anything_is_sent(
    own_certificate: tuple[Path, Path], scheme: str
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*own_certificate)
    async with receiver(tls=tls) as got:
        message = json_message() if scheme == "https" else nostr_message()
        answer = await post(got.url.replace("https", scheme), message, Config())
        assert got.requests == []
    assert answer.verdict == "retry"
    assert "certificate" in answer.text
