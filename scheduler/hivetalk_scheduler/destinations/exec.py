"""``exec:/path``: a program of the operator, with the JSON body on its standard input and no shell."""

import asyncio
import os
import signal
from contextlib import suppress
from typing import ClassVar

from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.message import Answer, Format, Message

PERMANENT = frozenset((64, 65, 77, 78))
"""EX_USAGE, EX_DATAERR, EX_NOPERM, EX_CONFIG of sysexits(3): another attempt would end the same."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Exec(Destination):
    """Runs the program once for each message; its exit status is the answer."""

    format: ClassVar[Format] = "json"
    concurrency = 4

    async def send(self, message: Message) -> Answer:
        """Run the program; at the time limit its whole process group is killed."""
        limit = self.config.delivery_timeout
        program = self.url.partition(":")[2]
        try:
            # Already whole when the program starts, so one that reads none of it breaks no pipe.
            stdin = os.memfd_create("message")
            with open(stdin, "r+b", buffering=0) as body:  # noqa: PTH123 - a descriptor has no path
                body.write(message.body)
                body.seek(0)
                process = await asyncio.create_subprocess_exec(
                    program,
                    stdin=body,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    cwd="/",
                    # Clean: nothing of the scheduler's own, and nothing hostile from the database.
                    env={
                        "PATH": PATH,
                        "LANG": "C.UTF-8",
                        "HIVETALK_TRANSITION": message.transition,
                        "HIVETALK_MESSAGE_ID": message.id,
                    },
                    start_new_session=True,
                )
        except OSError as error:
            return Answer("retry", f"{program} cannot be run: {error.strerror}")
        tail = bytearray()
        reading = asyncio.create_task(_read_tail(process.stderr, tail))
        try:
            async with asyncio.timeout(limit):
                status = await process.wait()
            # A process left in the background may hold the pipe open; its words are not waited for.
            await asyncio.wait([reading], timeout=0.1)
        except TimeoutError:
            return Answer("retry", f"killed after {limit:g} s")
        finally:
            reading.cancel()
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return classify(status, bytes(tail))


def classify(status: int, stderr: bytes) -> Answer:
    """What an exit status (negative: a signal's number) means; the text is the last line of `stderr`."""
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    said = lines[-1].strip()[:200] if lines else ""
    if status == 0:
        return Answer("done", said)
    end = f"exit status {status}" if status > 0 else f"killed by signal {-status}"
    text = f"{end}: {said}" if said else end
    return Answer("permanent" if status in PERMANENT else "retry", text)


async def _read_tail(stream: asyncio.StreamReader | None, tail: bytearray) -> None:
    """Read `stream` to its end, so that the program never blocks on it, and keep the last bytes in `tail`."""
    assert stream is not None  # noqa: S101 - asked for above
    while chunk := await stream.read(65_536):
        tail += chunk
        del tail[:-4096]
