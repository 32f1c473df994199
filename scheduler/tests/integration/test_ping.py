"""A dead man's switch, at a real HTTP server: what it hears, and that nothing waits for it."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SCHEDULER = Path(__file__).parents[2]
RUN = "a45a110bed9d47a6882baa258d42ec08"
RID = "rid=a45a110b-ed9d-47a6-882b-aa258d42ec08"
GOOD = {"MONITOR_SERVICE_RESULT": "success", "MONITOR_EXIT_STATUS": "0", "MONITOR_INVOCATION_ID": RUN}


class Switch:
    def __init__(self) -> None:
        self.heard: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.heard.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ping/hunter2"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()


@pytest.fixture
def switch() -> Iterator[Switch]:
    switch = Switch()
    yield switch
    switch.server.shutdown()
    switch.server.server_close()


def ping(tmp_path: Path, url: str, moment: str, said: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What the unit does; the modules that it has loaded are the last line."""
    (tmp_path / "ping_url").write_text(url + "\n")
    script = (
        "import sys; from hivetalk_scheduler.cli import main\n"
        "status = main(sys.argv[1:])\nprint(*sys.modules)\nsys.exit(status)"
    )
    return subprocess.run(
        [sys.executable, "-c", script, "ping", moment, "--unit", "none-such.service"],
        cwd=SCHEDULER,
        env={"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(tmp_path), **said},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize(
    ("said", "path"),
    [
        (GOOD, ""),
        ({**GOOD, "MONITOR_SERVICE_RESULT": "exit-code", "MONITOR_EXIT_STATUS": "69"}, "/69"),
        ({**GOOD, "MONITOR_SERVICE_RESULT": "signal", "MONITOR_EXIT_STATUS": "KILL"}, "/fail"),
        ({**GOOD, "MONITOR_SERVICE_RESULT": "timeout", "MONITOR_EXIT_STATUS": "0"}, "/fail"),
    ],
)
def test_the_switch_hears_how_a_run_ended(
    tmp_path: Path, switch: Switch, said: dict[str, str], path: str
) -> None:
    done = ping(tmp_path, switch.url, "success" if said is GOOD else "failure", said)
    assert (done.returncode, done.stderr) == (0, "")
    assert switch.heard == [f"/ping/hunter2{path}?{RID}"]
    assert not {"psycopg", "aiohttp", "asyncio"} & set(done.stdout.split())


def test_a_query_of_the_urls_own_stays(tmp_path: Path, switch: Switch) -> None:
    ping(tmp_path, switch.url + "/?create=1", "success", GOOD)
    assert switch.heard == [f"/ping/hunter2?create=1&{RID}"]


def test_a_start_without_a_run_is_told_all_the_same(tmp_path: Path, switch: Switch) -> None:
    assert ping(tmp_path, switch.url, "start", {}).returncode == 0
    assert switch.heard == ["/ping/hunter2/start"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/hunter2", "https://switch.invalid/hunter2"])
def test_a_switch_that_is_down_is_a_line_without_its_url_and_no_failure(tmp_path: Path, url: str) -> None:
    done = ping(tmp_path, url, "success", GOOD)
    assert done.returncode == 0
    assert done.stderr.startswith("<4>ping-failed moment=success error=")
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("drip", [b"", b"x"])
def test_one_that_never_answers_or_drips_is_left_in_time(tmp_path: Path, drip: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while True:
                    connection.sendall(drip)
                    time.sleep(0.5)

        threading.Thread(target=serve, daemon=True).start()
        began = time.monotonic()
        done = ping(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}/hunter2", "success", GOOD)
        assert time.monotonic() - began < 15
        assert done.returncode == 0 and "ping-failed" in done.stderr


def test_without_a_url_it_says_what_it_is_for(tmp_path: Path) -> None:
    done = ping(tmp_path, "", "success", GOOD)
    assert done.returncode == 64 and "units run" in done.stderr
