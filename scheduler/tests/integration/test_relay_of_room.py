"""A room's relay comes from the database, so it must not reach where the operator's own relays may."""

import pytest
from aiohttp import web

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.destinations import create, session
from hivetalk_scheduler.message import Answer
from tests.integration.lying_relay import lying_relay
from tests.messages import nostr_message

PUBLIC = Config(room_relays="public", delivery_timeout=2)


async def send(url: str, config: Config) -> Answer:
    relay = create(url, config, of_room=True)
    try:
        return await relay.send(nostr_message())
    finally:
        await relay.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
async def test_a_rooms_relay_cannot_reach_into_the_operators_network(host: str) -> None:
    async with lying_relay() as relay:
        url = relay.url.replace("127.0.0.1", host)
        answer = await send(url, PUBLIC)
        assert answer.verdict == "retry"
        assert "is not a public address; room_relays = any would allow it" in answer.text
        assert relay.connections == 0


async def test_a_redirect_does_not_lead_there_either(monkeypatch: pytest.MonkeyPatch) -> None:
    async def redirect(_: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.2:7777/")

    # Nothing here has a public address, so one of the loopback's plays one.
    monkeypatch.setattr(session, "is_public", lambda address: address == "127.0.0.1")
    application = web.Application()
    application.router.add_get("/", redirect)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    answer = await send(f"ws://127.0.0.1:{runner.addresses[0][1]}", PUBLIC)
    await runner.cleanup()
    assert answer.verdict == "retry"
    assert "127.0.0.2 is not a public address" in answer.text


async def test_the_operator_can_allow_any_address() -> None:
    async with lying_relay() as relay:
        assert (await send(relay.url, Config(room_relays="any"))).verdict == "done"


async def test_the_operators_own_relays_may_be_anywhere() -> None:
    async with lying_relay() as relay:
        own = create(relay.url, PUBLIC)
        assert (await own.send(nostr_message())).verdict == "done"
        await own.close()
