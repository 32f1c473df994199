"""A bare pooled HTTP client: ``N URL AT_ONCE`` posts one small JSON body N times, and says ``handled``."""

import asyncio
import sys

import aiohttp

BODY = b'{"type":"meeting.live","timestamp":"2026-01-01T00:00:00Z","data":{"name":"' + b"x" * 300 + b'"}}'


async def main(number: int, url: str, at_once: int) -> None:
    left = number

    async def post() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            async with session.post(url, data=BODY, headers={"Content-Type": "application/json"}) as answer:
                answer.raise_for_status()
                await answer.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once)) as session:
        await asyncio.gather(*(post() for _ in range(at_once)))
    print("handled", flush=True)


asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
