"""procrastinate: with its defaults for lateness, with 20 jobs at once for a burst."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

import procrastinate
import protocol

WHAT, URL, ARGUMENT = sys.argv[1:4]
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=URL))
count = protocol.Countdown(int(ARGUMENT) if WHAT == "burst" else 0)


@app.task(name="tick")
async def tick() -> None:
    count()


@app.task(name="fire")
async def fire(due: int) -> None:
    protocol.fired(due)


async def main() -> None:
    async with app.open_async():
        if WHAT == "prepare":
            await app.schema_manager.apply_schema_async()
            for _ in range(int(ARGUMENT) // 1000):
                await tick.batch_defer_async(*[{}] * 1000)
        elif WHAT == "burst":
            await app.run_worker_async(concurrency=20)
        else:
            await app.schema_manager.apply_schema_async()
            for at in protocol.times(ARGUMENT):
                due = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
                await fire.configure(schedule_at=due).defer_async(due=at)
            protocol.say("ready")
            await app.run_worker_async()


asyncio.run(main())
