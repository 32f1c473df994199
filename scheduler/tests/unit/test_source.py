"""Fetching a calendar: bounded in size, time and redirects, and never what the operator did not name."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hivetalk_scheduler import source
from hivetalk_scheduler.errors import DataError, SchedulerError, TryAgain, UsageError

CALENDAR = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        what, _, rest = self.path.removeprefix("/").partition("?")
        if what.startswith("to"):
            self.send_response(302)
            self.send_header("Location", rest or f"/to{int(what[2:] or 0) + 1}")
            self.end_headers()
            return
        self.send_response(int(what) if what.isdigit() else 200)
        self.end_headers()
        if what == "endless":
            while True:
                self.wfile.write(b"x" * 2**16)
        if what == "slow":
            time.sleep(3)
        self.wfile.write(CALENDAR)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the client hangs up
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_calendar_from_the_web_over_a_redirect(web: str) -> None:
    assert source.load(f"{web}/a.ics") == CALENDAR
    assert source.load(f"{web}/to?/a.ics") == CALENDAR


@pytest.mark.parametrize(
    ("path", "error", "says"),
    [
        ("/to", DataError, "redirects more than 5 times"),
        ("/to?file:///etc/passwd", DataError, "no https or http URL"),
        ("/to?ftp://127.0.0.1/a", DataError, "no https or http URL"),
        ("/404", DataError, "HTTP 404"),
        ("/503", TryAgain, "HTTP 503"),
        ("/endless", DataError, "larger than"),
    ],
)
def test_what_the_web_may_not_do(
    web: str, path: str, error: type[SchedulerError], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LARGEST", 2**20)
    with pytest.raises(error, match=says) as refused:
        source.load(f"{web}{path}?token=hunter2" if path[:3] != "/to" else f"{web}{path}")
    assert "hunter2" not in str(refused.value)


def test_a_slow_server_is_not_waited_for(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PATIENCE", 0.3)
    with pytest.raises(TryAgain, match="has not sent the whole calendar"):
        source.load(f"{web}/slow")


def test_from_https_to_http_is_refused() -> None:
    with pytest.raises(DataError, match="from https to http"):
        source.redirected("https://example.org/a", "http://example.org/a")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/a.ics", "gopher://x/y"])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="name a file, an https or http URL, or -"):
        source.load(url)


def test_what_cannot_be_reached_or_is_no_url() -> None:
    with pytest.raises(TryAgain, match="try again"):
        source.load("http://127.0.0.1:1/a?token=hunter2")
    with pytest.raises(UsageError, match="cannot be used"):
        source.load("http://[::bad/")


def test_a_file_is_bounded_and_a_missing_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.ics"
    file.write_bytes(CALENDAR)
    assert source.load(str(file)) == CALENDAR
    monkeypatch.setattr(source, "LARGEST", 10)
    with pytest.raises(DataError, match="larger than"):
        source.load(str(file))
    with pytest.raises(UsageError, match="No such file"):
        source.load(str(tmp_path / "none.ics"))
    with pytest.raises(UsageError, match="directory"):
        source.load(str(tmp_path))


def test_of_a_url_only_the_host_is_shown() -> None:
    assert (
        source.shown("https://user:hunter2@example.org/private-hunter2/basic.ics?x=hunter2") == "example.org"
    )
    assert source.shown("team.ics") == "team.ics"
