"""A relay that is slow, silent, hostile or broken costs a retry, never an exception and never a false success."""

import asyncio
import json
import time

import pytest
from aiohttp import web

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.destinations import create
from hivetalk_scheduler.message import Answer
from tests.integration.lying_relay import Frame, accept, lying_relay, silence
from tests.messages import event, nostr_message

SHORT = Config(delivery_timeout=0.5)


async def send(url: str, config: Config = SHORT) -> Answer:
    relay = create(url, config)
    try:
        return await relay.send(nostr_message())
    finally:
        await relay.close()


async def test_a_relay_that_never_answers_is_retried_within_the_time_limit() -> None:
    async with lying_relay(silence) as relay:
        began = time.monotonic()
        answer = await send(relay.url)
        assert (answer.verdict, answer.text) == ("retry", "no answer within 0.5 s")
        assert time.monotonic() - began < 2


async def test_a_server_that_never_finishes_the_handshake_is_retried_within_the_time_limit() -> None:
    server = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(60), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    began = time.monotonic()
    assert (await send(f"ws://127.0.0.1:{port}")).verdict == "retry"
    assert time.monotonic() - began < 2
    server.close()


async def test_opening_does_not_wait_for_a_relay_that_hangs() -> None:
    server = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(60), "127.0.0.1", 0)
    relay = create(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", SHORT)
    began = time.monotonic()
    await relay.open()
    assert time.monotonic() - began < 0.2
    await relay.close()
    server.close()


async def test_opening_connects_so_that_the_send_need_not() -> None:
    async with lying_relay() as relay:
        destination = create(relay.url, SHORT)
        await destination.open()
        await asyncio.sleep(0.2)
        assert relay.connections == 1
        assert (await destination.send(nostr_message())).verdict == "done"
        assert relay.connections == 1
        await destination.close()


async def test_a_close_before_the_ok_is_not_a_success() -> None:
    async def close(socket: web.WebSocketResponse, _: Frame) -> None:
        await socket.close()

    async with lying_relay(close) as relay:
        answer = await send(relay.url)
    assert (answer.verdict, answer.text) == (
        "retry",
        "the relay closed the connection before its OK (code 1000)",
    )


async def test_a_connection_that_was_closed_while_held_is_replaced_within_the_send() -> None:
    sockets = []

    async def greet(socket: web.WebSocketResponse) -> None:
        sockets.append(socket)

    async with lying_relay(accept, greet) as relay:
        destination = create(relay.url, SHORT)
        assert (await destination.send(nostr_message())).verdict == "done"
        await sockets[0].close()
        assert (await destination.send(nostr_message())).verdict == "done"
        assert relay.connections == 2
        await destination.close()


async def test_opening_again_replaces_a_connection_that_was_closed_while_held() -> None:
    async def leave(socket: web.WebSocketResponse) -> None:
        if relay.connections == 1:
            await socket.close()

    async with lying_relay(accept, leave) as relay:
        destination = create(relay.url, SHORT)
        for _ in range(3):
            await destination.open()
            await asyncio.sleep(0.1)
        assert relay.connections == 2
        await destination.close()


async def test_a_reset_in_the_middle_of_a_burst_costs_a_new_connection_and_no_announcement() -> None:
    async def reset(socket: web.WebSocketResponse, frame: Frame) -> None:
        if len(relay.frames) == 50:
            relay.transports[0].abort()  # type: ignore[union-attr]
        await accept(socket, frame)

    async def work() -> list[str]:
        return [(await destination.send(message)).verdict for message in messages]

    messages = (nostr_message(event(id=f"event-{n}", identifier=None)) for n in range(300))
    async with lying_relay(reset) as relay:
        destination = create(relay.url, Config(delivery_timeout=5))
        verdicts = await asyncio.gather(*(work() for _ in range(20)))
        await destination.close()
        assert relay.connections == 2
    assert [v for some in verdicts for v in some] == ["done"] * 300


async def test_a_held_connection_that_breaks_during_the_send_is_replaced_once() -> None:
    async def first_then_break(socket: web.WebSocketResponse, frame: Frame) -> None:
        if len(relay.frames) == 2:
            await socket.close()
        else:
            await accept(socket, frame)

    async with lying_relay(first_then_break) as relay:
        destination = create(relay.url, SHORT)
        assert (await destination.send(nostr_message())).verdict == "done"
        assert (await destination.send(nostr_message(event(id="second")))).verdict == "done"
        assert relay.connections == 2
        await destination.close()


@pytest.mark.parametrize(
    "frame",
    [
        "nonsense",
        "",
        "[" * 60_000,
        "{}",
        "[]",
        "null",
        '["OK"]',
        '["OK", 1, true, ""]',
        '["OK", "{id}", "true", ""]',
        '["OK", "{id}", 1, ""]',
        '["OK", "{id}"]',
        '["OK", "%s", true, ""]' % ("0" * 64),
        '["OK", "", "yes", ""]',
        '["EVENT", "x", {}]',
        '["EOSE", "x"]',
    ],
)
async def test_what_is_not_an_ok_for_this_event_is_not_a_success(frame: str) -> None:
    async def nonsense(socket: web.WebSocketResponse, told: Frame) -> None:
        await socket.send_str(frame.replace("{id}", told[1]["id"]))

    async with lying_relay(nonsense) as relay:
        assert (await send(relay.url)).verdict == "retry"


async def test_nonsense_before_the_ok_does_no_harm() -> None:
    async def both(socket: web.WebSocketResponse, frame: Frame) -> None:
        await socket.send_str("nonsense")
        await socket.send_bytes(b"\xff\x00")
        await accept(socket, frame)

    async with lying_relay(both) as relay:
        assert (await send(relay.url)).verdict == "done"


@pytest.mark.parametrize("message", [None, 7, ["x"]])
async def test_an_ok_without_a_proper_text_is_still_an_ok(message: object) -> None:
    async def short(socket: web.WebSocketResponse, frame: Frame) -> None:
        await socket.send_json(["OK", frame[1]["id"], True] + ([message] if message else []))

    async with lying_relay(short) as relay:
        assert await send(relay.url) == Answer("done", "")


async def test_a_frame_of_ten_megabytes_ends_the_connection_and_not_the_run() -> None:
    async def huge(socket: web.WebSocketResponse, frame: Frame) -> None:
        await socket.send_json(["OK", frame[1]["id"], True, "x" * 10 * 2**20])

    async with lying_relay(huge) as relay:
        answer = await send(relay.url, Config(delivery_timeout=5))
    assert answer.verdict == "retry"
    assert "code 1009" in answer.text


async def test_an_ok_with_an_empty_id_answers_the_only_event_in_flight() -> None:
    async def empty(socket: web.WebSocketResponse, _: Frame) -> None:
        await socket.send_json(["OK", "", False, "invalid: cannot parse"])

    async with lying_relay(empty) as relay:
        assert await send(relay.url) == Answer("permanent", "invalid: cannot parse")


async def test_an_ok_with_an_empty_id_is_not_pinned_on_one_of_several() -> None:
    async def empty(socket: web.WebSocketResponse, frame: Frame) -> None:
        if len(relay.frames) == 2:
            await socket.send_json(["OK", "", False, "invalid: cannot parse"])

    async with lying_relay(empty) as relay:
        destination = create(relay.url, SHORT)
        messages = [nostr_message(event(id=f"event-{n}", identifier=None)) for n in range(2)]
        answers = await asyncio.gather(*(destination.send(m) for m in messages))
        await destination.close()
    text = "no answer within 0.5 s; the relay's last notice: invalid: cannot parse"
    assert answers == [Answer("retry", text)] * 2


async def test_a_notice_is_passed_on() -> None:
    async def notice(socket: web.WebSocketResponse, _: Frame) -> None:
        await socket.send_json(["NOTICE", "we are closed on Mondays"])

    async with lying_relay(notice) as relay:
        assert (await send(relay.url)).text.endswith("we are closed on Mondays")


async def test_one_event_without_answer_does_not_hold_up_the_others() -> None:
    async def skip_first(socket: web.WebSocketResponse, frame: Frame) -> None:
        if len(relay.frames) > 1:
            await accept(socket, frame)

    async with lying_relay(skip_first) as relay:
        destination = create(relay.url, SHORT)
        messages = [nostr_message(event(id=f"event-{n}", identifier=None)) for n in range(3)]
        verdicts = [a.verdict for a in await asyncio.gather(*(destination.send(m) for m in messages))]
        await destination.close()
    assert sorted(verdicts) == ["done", "done", "retry"]
    assert relay.connections == 1


async def test_the_bytes_on_the_wire_are_the_stored_bytes() -> None:
    message = nostr_message(event(name='\U0001f41d \u2028 \\ " \n'))
    async with lying_relay() as relay:
        destination = create(relay.url, SHORT)
        await destination.send(message)
        await destination.close()
        assert relay.events() == [json.loads(message.body)]


async def test_an_http_error_instead_of_a_websocket_is_retried_and_named() -> None:
    async with lying_relay() as relay:
        answer = await send(relay.url + "/elsewhere?token=hunter2")
    assert answer.verdict == "retry"
    assert answer.text.startswith("HTTP 404")
    assert "hunter2" not in answer.text


async def test_a_send_that_is_cancelled_does_not_disturb_those_that_wait_for_the_same_connection() -> None:
    async with lying_relay() as relay:
        destination = create(relay.url, SHORT)
        first = asyncio.create_task(destination.send(nostr_message()))
        second = asyncio.create_task(destination.send(nostr_message(event(id="second"))))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await second).verdict == "done"
        assert relay.connections == 1
        await destination.close()
