"""A bare client of a relay: events signed beforehand, one connection, every frame sent without waiting for an answer.

``prepare FILE N`` signs; ``send FILE URL`` sends, waits for each OK, and says ``handled``.
"""

import asyncio
import secrets
import sys
import time
from pathlib import Path

import aiohttp


def prepare(file: Path, number: int) -> None:
    from hivetalk_scheduler import nostr
    from hivetalk_scheduler.config import Config
    from hivetalk_scheduler.event import Event

    key, now, config = secrets.token_bytes(32), int(time.time()), Config()
    with file.open("wb") as out:
        for index in range(number):
            event = Event(id=f"event-{index}", name=f"Meeting {index}", summary="", image="", starts_at=now * 10**6,
                          ends_at=None, identifier=str(index), room_name="room", room_npub=None, room_nsec=None,
                          room_relay_url=None, cancelled=False)  # fmt: skip
            out.write(b'["EVENT",' + nostr.sign(event, "live", now, key, config)[1] + b"]\n")


async def send(file: Path, url: str) -> None:
    frames = file.read_text().splitlines()
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:

        async def read() -> None:
            left = len(frames)
            async for frame in socket:
                # ["OK", id, true, ...], with spaces or without
                if frame.data.startswith('["OK"') and "true" in frame.data[72:80]:
                    left -= 1
                    if left == 0:
                        return
                else:
                    raise SystemExit(f"the relay said {frame.data[:200]}")

        reader = asyncio.create_task(read())
        for frame in frames:
            await socket.send_str(frame)
        await reader
    print("handled", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        asyncio.run(send(Path(sys.argv[2]), sys.argv[3]))
