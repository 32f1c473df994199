"""A real HTTP receiver on the lab's gateway: it remembers what was posted to it, and when."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

WORK = {"/hook": 0.5, "/slow": 8.0}
"""Seconds until a request to the path is answered: so long that requests overlap, longer than any time limit."""


@dataclass(frozen=True)
class Request:
    """One POST or GET; `arrived` is seconds since the epoch."""

    arrived: float
    path: str
    headers: Message
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        """The JSON body."""
        return dict(json.loads(self.body))


@dataclass
class Receiver:
    """What has been received so far."""

    requests: list[Request] = field(default_factory=list, repr=False)
    most_at_once: int = 0
    """Requests to ``/hook`` in flight at the same time, at most."""
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, event_id: str, path: str) -> list[Request]:
        """The requests to `path` about one event, as they arrived."""
        found = [
            one for one in self.requests if one.path == path and one.data["data"]["event_id"] == event_id
        ]
        return sorted(found, key=lambda one: one.arrived)

    def take(self, request: Request) -> None:
        """Remember a request, and work on it for a while."""
        with self._lock:
            self.requests.append(request)
            self._now += request.path == "/hook"
            self.most_at_once = max(self.most_at_once, self._now)
        time.sleep(WORK.get(request.path, 0.1))
        with self._lock:
            self._now -= request.path == "/hook"


@contextmanager
def running(url: str) -> Iterator[Receiver]:
    """Receive at the host and port of `url`, an address of this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.take(Request(time.time(), self.path, self.headers, body))
            try:
                self.send_response(204)
                self.end_headers()
            except OSError:
                pass  # who posted to /slow has gone

        def log_message(self, format: str, *args: object) -> None:
            return

    parts = urlsplit(url)
    server = ThreadingHTTPServer((parts.hostname or "", parts.port or 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
