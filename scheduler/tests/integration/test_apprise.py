"""Sending through the real Apprise, to a real HTTP server; its plugin json:// stands for all the others."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import nostr_sdk
import pytest
from aiohttp import web

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.destinations import create, label
from hivetalk_scheduler.message import Answer
from hivetalk_scheduler.notice import Subject, compose
from tests.integration.test_relay import local_relay, stored
from tests.integration.test_webhook import receiver
from tests.messages import event, json_message

__all__ = ["local_relay"]
SCHEDULER = Path(__file__).parents[2]
# Apprise's import alone takes seconds on a busy machine.
SHORT = Config(delivery_timeout=30)


def of(url: str) -> str:
    """The URL by which Apprise posts JSON to `url`, with a secret in it."""
    return url.replace("http://", "json://user:hunter2@") + "/hunter2"


async def test_an_announcement_arrives_as_a_title_and_a_text() -> None:
    name = "Tea @everyone <!channel>\x1b[31m"
    async with receiver() as got:
        apprise = create(of(got.url), SHORT)
        assert await apprise.send(json_message(event(name=name))) == Answer("done", "taken")
        ((_, body),) = got.requests
    said = json.loads(body)
    assert said["title"].endswith("is live") and "https://hivetalk.org/join/" in said["message"]
    # Nobody's name for a meeting wakes a whole chat.
    assert (
        "@everyone" not in said["title"] and "<!channel" not in said["title"] and "\x1b" not in said["title"]
    )


async def test_an_alert_arrives() -> None:
    notice = compose(
        "failed", "key", 0, 0, 1, Subject("host", "x.service", "1.0", "exit-code", "78", ("last words",))
    )
    async with receiver() as got:
        assert (await create(of(got.url), SHORT).tell(notice)).verdict == "done"
        ((_, body),) = got.requests
    assert json.loads(body)["title"] == "x.service on host has failed"
    assert "last words" in json.loads(body)["message"]


async def test_an_alert_reaches_somebody_on_nostr_in_private(local_relay: str) -> None:
    """A relay as an alert's URL is refused; this is the way."""
    sender, receiver_ = nostr_sdk.Keys.generate(), nostr_sdk.Keys.generate()
    npub = receiver_.public_key().to_bech32()
    url = f"nostr://{sender.secret_key().to_bech32()}/{npub}?mode=nip04&relay={local_relay}"
    notice = compose("failed", "key", 0, 0, 1, Subject("host", "x.service", "1.0", "exit-code", "78"))
    assert await create(url, Config()).tell(notice) == Answer("done", "taken")
    (message,) = await stored(local_relay, kind=4)
    text = nostr_sdk.nip04_decrypt(receiver_.secret_key(), sender.public_key(), message["content"])
    assert "x.service on host has failed" in text and "has failed" not in message["content"]


async def test_a_refusal_is_retried_and_its_words_hold_no_secret() -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="hunter2 is wrong")

    async with receiver(refuse) as got:
        answer = await create(of(got.url), SHORT).send(json_message())
    assert answer.verdict == "retry" and "500" in answer.text
    assert "hunter2" not in answer.text


async def test_nobody_there_and_no_answer_are_retried_in_time() -> None:
    assert (await create("json://127.0.0.1:1/hunter2", SHORT).send(json_message())).verdict == "retry"

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.2)

    async with receiver(drip) as got:
        began = time.monotonic()
        answer = await create(of(got.url), Config(delivery_timeout=2)).send(json_message())
        assert answer == Answer("retry", "no answer within 2 s")
        assert time.monotonic() - began < 10


async def test_a_url_that_apprise_cannot_read_is_given_up_and_named_by_the_doctor() -> None:
    apprise = create("slack://hunter2hunter2", SHORT)
    assert (await apprise.send(json_message())).verdict == "permanent"
    (check,) = await apprise.probe()
    assert (check.level, check.status) == ("wrong", 78) and "hunter2" not in check.text
    (sound,) = await create("ntfy://topic", SHORT).probe()
    assert sound.level == "ok"


def test_no_part_of_the_url_is_in_its_name() -> None:
    for url in ("tgram://hunter2hunter2/4711", "mailto://me:hunter2@example.org"):
        scheme, _, rest = label(url).partition("://")
        assert url.startswith(scheme) and rest.startswith("#") and len(rest) == 9
    assert label("ntfy://a") != label("ntfy://b")


@pytest.mark.parametrize("wanted", [False, True])
def test_it_is_imported_only_where_a_url_needs_it(wanted: bool) -> None:
    script = (
        "import sys\nfrom hivetalk_scheduler import config\n"
        "config.parse(sys.argv[1])\nfrom hivetalk_scheduler.destinations import create\n"
        "print('hivetalk_scheduler.destinations.schemes' in sys.modules, 'apprise' in sys.modules)"
    )
    urls = '["ntfy://topic"]' if wanted else '["journal:", "https://x.example"]'
    ran = subprocess.run(
        [sys.executable, "-c", script, f"destinations = {urls}"],
        cwd=SCHEDULER,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == [str(wanted), "False"]


async def test_without_the_extra_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    answer = await create("ntfy://topic", SHORT).send(json_message())
    assert answer.verdict == "retry" and "pip install 'hivetalk-scheduler[apprise]'" in answer.text
    (check,) = await create("ntfy://topic", SHORT).probe()
    assert check.level == "wrong" and "the role installs it" in check.mend
