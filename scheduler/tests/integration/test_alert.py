"""What an operator hears of runs that fail: through the command that the units run, to a real receiver."""

import base64
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import standardwebhooks

from hivetalk_scheduler.commands import alert
from hivetalk_scheduler.errors import TryAgain, UsageError

SCHEDULER = Path(__file__).parents[2]
SECRET = "whsec_" + base64.b64encode(b"a secret of 32 bytes, more or less").decode()


class Hook:
    """A receiver of webhooks; it answers with `status`."""

    def __init__(self) -> None:
        self.status = 204
        self.got: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append((dict(self.headers), body))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def kinds(self) -> list[str]:
        return [json.loads(body)["type"].removeprefix("scheduler.") for _, body in self.got]


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


@dataclass
class Host:
    """A host whose runs fail and complete when a test says so; its clock stands still but for `pass_`."""

    directory: Path
    monkeypatch: pytest.MonkeyPatch
    now: float = 1_800_000_000.0

    def __post_init__(self) -> None:
        for name in ("state", "run", "credentials"):
            (self.directory / name).mkdir()
        self.monkeypatch.setattr("hivetalk_scheduler.clock.host", lambda: self.now)
        for name, value in {
            "STATE_DIRECTORY": str(self.directory / "state"),
            "RUNTIME_DIRECTORY": str(self.directory / "run"),
            "CREDENTIALS_DIRECTORY": str(self.directory / "credentials"),
            "MONITOR_UNIT": "hivetalk-scheduler.service",
            "MONITOR_INVOCATION_ID": "",
        }.items():
            self.monkeypatch.setenv(name, value)

    def configure(self, *alerts: str, more: str = "", reminder: int = 3600) -> None:
        settings = f"alerts = {json.dumps(alerts)}\nalert_reminder = {reminder}\n"
        (self.directory / "config.toml").write_text(settings + more)

    def _end(self, kind: str, result: str, status: str) -> bool:
        """Whether everybody was told who had to be."""
        self.monkeypatch.setenv("MONITOR_SERVICE_RESULT", result)
        self.monkeypatch.setenv("MONITOR_EXIT_STATUS", status)
        args: Any = type("", (), {"kind": kind, "config": str(self.directory / "config.toml")})
        try:
            return alert.main(args) == 0
        except TryAgain:
            return False

    def fail(self, times: int = 1, every: float = 60, status: str = "69") -> bool:
        for _ in range(times):
            well = self._end("failed", "exit-code", status)
            self.now += every
        return well

    def complete(self, times: int = 1, every: float = 60) -> bool:
        for _ in range(times):
            # As the unit's condition has it.
            well = self.known() is None or self._end("recovered", "success", "0")
            self.now += every
        return well

    def known(self) -> Path | None:
        found = [self.directory / place / "incident.json" for place in ("state", "run")]
        return next((path for path in found if path.exists()), None)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_a_night_of_failures_is_one_alert_some_reminders_and_one_recovery(host: Host, hook: Hook) -> None:
    host.configure(hook.url)
    host.fail(times=8 * 60 + 1)
    host.complete(times=10)
    assert hook.kinds == ["failed"] + ["failing"] * 8 + ["recovered"]
    assert json.loads(hook.got[-1][1])["data"]["failures"] == 481
    assert len({headers["webhook-id"] for headers, _ in hook.got}) == 10


def test_a_fault_that_comes_and_goes_is_not_told_each_time(host: Host, hook: Hook) -> None:
    host.configure(hook.url)
    for _ in range(60):
        host.fail()
        host.complete()
    # Two hours: the first one and its end, then one that goes on, with its reminders.
    assert hook.kinds == ["failed", "recovered", "failed", "failing"]
    host.complete(times=6)
    assert hook.kinds[4:] == ["recovered"]


def test_a_good_host_is_told_nothing_and_keeps_nothing(host: Host, hook: Hook) -> None:
    host.configure(hook.url)
    assert host.complete(times=3) and host._end("recovered", "success", "0")
    assert hook.kinds == [] and host.known() is None


def test_a_receiver_that_is_down_is_told_when_it_is_up_and_the_others_once(host: Host, hook: Hook) -> None:
    down = Hook()
    down.status = 503
    host.configure(hook.url, down.url)
    assert not host.fail(times=3)
    assert (hook.kinds, down.kinds) == (["failed"], ["failed"] * 3)
    down.status = 204
    assert host.fail(times=2)
    down.status = 503
    assert not host.complete(times=2)
    down.status = 204
    assert host.complete(times=2)
    assert hook.kinds == ["failed", "recovered"]
    assert down.kinds == ["failed"] * 4 + ["recovered"] * 3
    # The attempts at one notice are one notice.
    assert len({headers["webhook-id"] for headers, _ in down.got}) == 2
    assert host.known() is None
    down.server.server_close()


def test_whom_nobody_told_of_the_failure_hears_nothing_of_the_recovery(host: Host, hook: Hook) -> None:
    hook.status = 503
    host.configure(hook.url)
    host.fail()
    hook.status = 204
    assert host.complete() and hook.kinds == ["failed"] and host.known() is None


def test_a_receiver_that_stays_down_is_given_up_after_a_day(host: Host, hook: Hook) -> None:
    host.configure(hook.url)
    host.fail()
    hook.status = 503
    host.complete(times=30, every=3600)
    assert host.known() is None
    assert hook.kinds[1:] == ["recovered"] * len(hook.kinds[1:]) and len(hook.kinds) < 30


def test_it_is_signed_and_says_who_how_and_since_when(host: Host, hook: Hook) -> None:
    (host.directory / "credentials/webhook_secret").write_text(SECRET)
    host.now = time.time()
    host.configure(hook.url)
    host.fail(status="78")
    ((headers, body),) = hook.got
    standardwebhooks.Webhook(SECRET).verify(body, headers)
    said = json.loads(body)
    assert said["title"].startswith("hivetalk-scheduler.service on ") and said["title"].endswith("has failed")
    assert {name: said["data"][name] for name in ("unit", "failures", "result", "status")} == {
        "unit": "hivetalk-scheduler.service",
        "failures": 1,
        "result": "exit-code",
        "status": "78",
    }


def test_a_configuration_that_is_wrong_elsewhere_does_not_silence_it(host: Host, hook: Hook) -> None:
    host.configure(hook.url, "ftp://nobody/", "wss://relay.example", more="intervall = 3\njitter = 'x'\n")
    assert host.fail() and hook.kinds == ["failed"]


def test_one_that_is_no_toml_leaves_the_secret_alerts(host: Host, hook: Hook) -> None:
    (host.directory / "config.toml").write_text("alerts = [")
    (host.directory / "credentials/alerts").write_text(f"{hook.url}/token\n")
    assert host.fail() and hook.kinds == ["failed"]


@pytest.mark.parametrize("garbage", [b"", b"\xff{]", b'{"told": 7}'])
def test_garbage_in_the_state_tells_once_more_and_is_mended(host: Host, hook: Hook, garbage: bytes) -> None:
    host.configure(hook.url)
    (host.directory / "state/incident.json").write_bytes(garbage)
    assert host.fail(times=3) and hook.kinds == ["failed"]
    (host.directory / "state/incident.json").write_bytes(garbage)
    assert host.complete(times=2) and hook.kinds == ["failed", "recovered"]


def test_one_that_does_not_answer_holds_nothing_up(
    host: Host, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert, "LIMIT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        host.configure(f"http://127.0.0.1:{deaf.getsockname()[1]}/", hook.url)
        began = time.monotonic()
        assert not host.fail()
        assert time.monotonic() - began < 3 and hook.kinds == ["failed"]


def test_a_program_is_given_the_same(host: Host, tmp_path: Path) -> None:
    program = tmp_path / "page"
    program.write_text(f'#!/bin/sh\necho "$HIVETALK_ALERT" >>{tmp_path}/kinds\ncat >{tmp_path}/body\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    host.configure(f"exec:{program}", "journal:")
    assert host.fail() and host.complete()
    assert (tmp_path / "kinds").read_text().split() == ["failed", "recovered"]
    assert json.loads((tmp_path / "body").read_text())["type"] == "scheduler.recovered"


def test_what_the_journal_said_last_is_cut_and_escaped(
    host: Host, hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journalctl = tmp_path / "journalctl"
    journalctl.write_text(
        "#!/bin/sh\nfor n in $(seq 100); do echo line $n; done\nprintf '\\033[31mred \\342\\200\\256 \\377\\n'\n"
        "head -c 100000 /dev/zero | tr '\\0' x\n"
    )
    journalctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("MONITOR_INVOCATION_ID", "0123")
    host.configure(hook.url)
    assert host.fail()
    lines = json.loads(hook.got[0][1])["data"]["lines"]
    assert len(lines) == 20 and lines[0] == "line 83"
    assert all(line.isprintable() and len(line) <= 300 for line in lines)
    assert lines[-2].startswith("\\x1b[31mred \\u202e")


def test_by_hand_it_says_what_it_is_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY")
    with pytest.raises(UsageError, match="units run"):
        host.fail()


def test_it_asks_no_database(host: Host, hook: Hook) -> None:
    host.configure(hook.url)
    host.monkeypatch.setenv("MONITOR_SERVICE_RESULT", "timeout")
    script = (
        "import sys; from hivetalk_scheduler.cli import main\n"
        "status = main(sys.argv[1:])\nprint(status, 'psycopg' in sys.modules)"
    )
    words = ["--config", str(host.directory / "config.toml"), "alert", "failed"]
    ran = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=SCHEDULER, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "0 False\n" and hook.kinds == ["failed"]
