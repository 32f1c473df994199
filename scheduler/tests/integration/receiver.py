"""A real HTTP server that keeps what it receives, and answers as it is told."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request."""

    at: float
    id: str
    body: dict[str, Any]

    @property
    def what(self) -> tuple[str, str]:
        """The event's name and the transition."""
        return self.body["data"]["name"], self.body["type"].removeprefix("meeting.")


@dataclass
class Receiver:
    """Listens on a free port of the loopback; `answer` gives the status for each request."""

    answer: Callable[[Received], int] = lambda received: 204
    delay: float = 0
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> "Receiver":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                got = Received(time.time(), self.headers["webhook-id"], body)
                outer.received.append(got)
                time.sleep(outer.delay)
                self.send_response(outer.answer(got))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def whats(self) -> list[tuple[str, str]]:
        """(name, transition) of each request, in order."""
        return [received.what for received in self.received]
