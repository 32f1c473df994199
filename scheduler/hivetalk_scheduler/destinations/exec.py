"""``exec:/path``: a program of the operator, with the JSON body on its standard input and no shell."""

import asyncio
import os
import signal
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from hivetalk_scheduler.destinations import Destination
from hivetalk_scheduler.message import Answer, Format, Message

if TYPE_CHECKING:
    from hivetalk_scheduler.check import Check
    from hivetalk_scheduler.notice import Notice

PERMANENT = frozenset((os.EX_USAGE, os.EX_DATAERR, os.EX_NOPERM, os.EX_CONFIG))
"""Of sysexits(3): another attempt would end the same."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Exec(Destination):
    """Runs the program once for each message; its exit status is the answer."""

    format: ClassVar[Format] = "json"
    concurrency = 4

    async def send(self, message: Message) -> Answer:
        """Run the program; at the time limit its whole process group is killed."""
        names = {"HIVETALK_TRANSITION": message.transition, "HIVETALK_MESSAGE_ID": message.id}
        return await self._run(message.body, names)

    async def tell(self, notice: "Notice") -> Answer:
        """Run the program with the notice's JSON."""
        return await self._run(notice.body, {"HIVETALK_ALERT": notice.kind, "HIVETALK_MESSAGE_ID": notice.id})

    async def probe(self) -> "list[Check]":
        """Look at the program, and do not run it."""
        from hivetalk_scheduler.check import ok, wrong

        program = self.url.partition(":")[2]
        try:
            mode = os.stat(program).st_mode  # noqa: PTH116 - as the rest of this module
        except OSError as error:
            return [
                wrong(
                    "program", f"{error.strerror}: {program}", "install it, or correct the URL", os.EX_CONFIG
                )
            ]
        if not stat.S_ISREG(mode) or not os.access(program, os.X_OK):
            return [wrong("program", f"{program} cannot be executed", f"chmod 755 {program}", os.EX_CONFIG)]
        if mode & 0o022:
            text = f"{program} can be changed by others than its owner"
            return [wrong("program", text, f"chmod go-w {program}", os.EX_NOPERM)]
        return [ok("program", f"{program} can be executed")]

    async def _run(self, body: bytes, names: dict[str, str]) -> Answer:
        program = self.url.partition(":")[2]
        with _Tail() as tail, os.fdopen(os.memfd_create("message"), "r+b", buffering=0) as stdin:
            # Already whole when the program starts, so one that reads none of it breaks no pipe.
            stdin.write(body)
            stdin.seek(0)
            try:
                process = await asyncio.create_subprocess_exec(
                    program,
                    stdin=stdin,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=tail.end,
                    cwd="/",
                    # Clean: nothing of the scheduler's own, and nothing hostile from the database.
                    env={"PATH": PATH, "LANG": "C.UTF-8", **names},
                    start_new_session=True,
                )
            except OSError as error:
                return Answer("retry", f"{program} cannot be run: {error.strerror}")
            status = await self._wait(process)
            if status is None:
                return Answer("retry", f"killed after {self.config.delivery_timeout:g} s")
            return classify(status, tail.read())

    async def _wait(self, process: asyncio.subprocess.Process) -> int | None:
        """The exit status; None if the process group had to be killed."""
        try:
            async with asyncio.timeout(self.config.delivery_timeout):
                return await process.wait()
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


class _Tail:
    """The read end of a pipe that never fills up, since it keeps only the last bytes.

    asyncio's own pipes would hold up `wait` as long as any process that was left in the background has one.
    """

    def __init__(self) -> None:
        self._kept = bytearray()

    def __enter__(self) -> "_Tail":
        self._from, self.end = os.pipe()
        os.set_blocking(self._from, False)
        asyncio.get_running_loop().add_reader(self._from, self.read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._from)
        os.close(self._from)
        os.close(self.end)

    def read(self) -> bytes:
        """Take what lies in the pipe; returns the last bytes so far."""
        with suppress(BlockingIOError):
            self._kept += os.read(self._from, 65_536)
            del self._kept[:-4096]
        return bytes(self._kept)


def classify(status: int, stderr: bytes) -> Answer:
    """What an exit status (negative: a signal's number) means; the text is the last line of `stderr`."""
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    said = lines[-1].strip()[:200] if lines else ""
    if status == 0:
        return Answer("done", said)
    end = f"exit status {status}" if status > 0 else f"killed by signal {-status}"
    text = f"{end}: {said}" if said else end
    return Answer("permanent" if status in PERMANENT else "retry", text)
