"""pgqueuer at its best: asyncpg, uvloop, batches of 500; for lateness its shortest poll, 1 ms."""

import sys
from datetime import timedelta

import asyncpg
import protocol
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.models import Job
from pgqueuer.queries import Queries

WHAT, URL, ARGUMENT = sys.argv[1:4]
count = protocol.Countdown(int(ARGUMENT) if WHAT == "burst" else 0)


async def main() -> None:
    connection = await asyncpg.connect(URL)
    peer = PgQueuer.from_asyncpg_connection(connection)

    @peer.entrypoint("tick")
    async def tick(job: Job) -> None:
        count()

    @peer.entrypoint("fire")
    async def fire(job: Job) -> None:
        protocol.fired(int(job.payload or b""))

    if WHAT == "burst":
        await peer.run(batch_size=500)
        return
    queries = Queries(peer.connection)
    await queries.install()
    if WHAT == "prepare":
        number = int(ARGUMENT)
        await queries.enqueue(["tick"] * number, [None] * number, [0] * number)
        return
    instants = protocol.times(ARGUMENT)
    payloads: list[bytes | None] = [str(at).encode() for at in instants]
    hour = [timedelta(hours=1)] * len(instants)
    await queries.enqueue(["fire"] * len(instants), payloads, [0] * len(instants), hour)
    # An interval from now is not an instant: say the instants themselves.
    await connection.execute(
        "UPDATE pgqueuer SET execute_after = to_timestamp(convert_from(payload, 'UTF8')::numeric / 1000000)"
    )
    protocol.say("ready")
    await peer.run(batch_size=500, dequeue_timeout=timedelta(milliseconds=1))


uvloop.run(main())
