"""Real programs, well behaved and not."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.destinations import create
from hivetalk_scheduler.message import Answer
from tests.messages import SECRET, event, json_message


def program(tmp_path: Path, script: str) -> str:
    """The URL of a shell script."""
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"exec:{path}"


async def run(url: str, limit: float = 5) -> Answer:
    return await create(url, Config(delivery_timeout=limit)).send(json_message())


async def test_the_program_gets_the_stored_bytes_on_its_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert (await run(program(tmp_path, f"cat >{out}"))).verdict == "done"
    assert out.read_bytes() == json_message().body


async def test_its_environment_is_clean_and_its_directory_is_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/secret")
    monkeypatch.setenv("LD_PRELOAD", "")
    path = tmp_path / "program"
    path.write_text(
        "#!/usr/bin/env python3\nimport json, os, sys\n"
        "print(json.dumps([dict(os.environ), os.getcwd(), sys.argv[1:]]), file=sys.stderr)\n"
    )
    path.chmod(0o755)
    about = event(name="; rm -rf /", room_nsec=SECRET.hex(), id="$(reboot)")
    answer = await create(f"exec:{path}", Config()).send(json_message(about))
    assert answer.verdict == "done"
    path.write_text(path.read_text().replace("file=sys.stderr", f"file=open('{tmp_path}/out', 'w')"))
    await create(f"exec:{path}", Config()).send(json_message(about))
    environment, directory, arguments = json.loads((tmp_path / "out").read_text())
    environment.pop("LC_CTYPE", None)  # Python's own doing
    assert environment == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HIVETALK_TRANSITION": "live",
        "HIVETALK_MESSAGE_ID": json_message(about).id,
    }
    assert (directory, arguments) == ("/", [])


async def test_the_last_line_on_standard_error_is_the_receipt(tmp_path: Path) -> None:
    answer = await run(program(tmp_path, "echo one >&2; echo; echo two >&2"))
    assert answer == Answer("done", "two")


@pytest.mark.parametrize(("status", "verdict"), [(0, "done"), (65, "permanent"), (75, "retry"), (1, "retry")])
async def test_the_exit_status_is_the_answer(tmp_path: Path, status: int, verdict: str) -> None:
    assert (await run(program(tmp_path, f"exit {status}"))).verdict == verdict


async def test_a_program_that_reads_nothing_is_judged_by_its_exit_status(tmp_path: Path) -> None:
    message = json_message(event(name="x" * 2**20))
    answer = await create(program(tmp_path, "exec <&-; exit 0"), Config()).send(message)
    assert answer.verdict == "done"


async def test_a_program_that_hangs_is_killed_with_its_children_at_the_time_limit(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    began = time.monotonic()
    answer = await run(program(tmp_path, f"sleep 300 & echo $! $$ >{pids}; trap '' TERM; sleep 300"), 0.5)
    assert answer == Answer("retry", "killed after 0.5 s")
    assert time.monotonic() - began < 3
    await _gone(pids)


async def test_a_run_that_is_stopped_leaves_no_program_behind(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    task = asyncio.create_task(run(program(tmp_path, f"echo $$ >{pids}; sleep 300"), 60))
    while not pids.exists() or not pids.read_text():
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _gone(pids)


async def _gone(pids: Path) -> None:
    for pid in map(int, pids.read_text().split()):
        for _ in range(100):
            if not _runs(pid):
                break
            await asyncio.sleep(0.02)
        assert not _runs(pid)


def _runs(pid: int) -> bool:
    """A zombie that waits for a lazy init does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_program_that_leaves_a_child_in_the_background_is_done_when_it_exits(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    began = time.monotonic()
    answer = await run(program(tmp_path, f"echo started >&2; sleep 300 & echo $! >{pids}"))
    os.kill(int(pids.read_text()), 9)
    assert answer == Answer("done", "started")
    assert time.monotonic() - began < 2


async def test_a_program_that_floods_standard_error_does_not_block_and_does_not_fill_the_memory(
    tmp_path: Path,
) -> None:
    answer = await run(
        program(tmp_path, "head -c 50000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo end >&2")
    )
    assert answer == Answer("done", "end")


@pytest.mark.parametrize(
    ("mode", "text", "words"),
    [
        (None, "", "No such file or directory"),
        (0o644, "#!/bin/sh\n", "Permission denied"),
        (0o755, "not a program", "Exec format error"),
    ],
)
async def test_what_cannot_be_run_is_retried_and_named(
    tmp_path: Path, mode: int | None, text: str, words: str
) -> None:
    path = tmp_path / "program"
    if mode is not None:
        path.write_text(text)
        path.chmod(mode)
    answer = await run(f"exec:{path}")
    assert answer == Answer("retry", f"{path} cannot be run: {words}")


async def test_programs_leave_no_descriptor_open(tmp_path: Path) -> None:
    url = program(tmp_path, "exit 0")
    await run(url)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        await run(url)
        await run("exec:/nowhere")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
