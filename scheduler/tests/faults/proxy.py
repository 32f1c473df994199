"""A TCP proxy before PostgreSQL's socket that can swallow packets, or cut a connection after a COMMIT succeeded."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import psycopg

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes close() send RST."""


class Proxy:
    """`cut(n)` says whether the answer to the n-th COMMIT is withheld, and the connection reset instead."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.cut: Callable[[int], bool] = lambda number: False
        self.commits = 0
        self.swallowed = 0
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._lost: list[threading.Event] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                self._sockets += [client, server]
                try:
                    server.connect(self._path)
                except OSError:
                    client.close()
                    continue
                lost, doomed = threading.Event(), threading.Event()
                self._lost.append(lost)
                for source, sink in ((client, server), (server, client)):
                    arguments = (source, sink, lost, doomed, source is client)
                    threading.Thread(target=self._pump, args=arguments, daemon=True).start()

    def swallow(self) -> None:
        """From now on nothing passes on the connections that are open, and their ends learn nothing of it."""
        for lost in self._lost:
            lost.set()

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        lost: threading.Event,
        doomed: threading.Event,
        up: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if lost.is_set():
                    self.swallowed += len(data)
                    continue
                if up and b"COMMIT\0" in data:
                    with self._lock:
                        self.commits += 1
                        number = self.commits
                    if self.cut(number):
                        doomed.set()
                if not up and doomed.is_set():
                    # The server has answered, so the commit is done; the client learns nothing but the reset.
                    sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    break
                sink.sendall(data)
        if not lost.is_set():
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RD if doomed.is_set() else socket.SHUT_RDWR)
                end.close()

    def url(self, url: str) -> str:
        """`url` by way of the proxy."""
        parts = psycopg.conninfo.conninfo_to_dict(url)
        return f"postgresql://{parts['user']}@127.0.0.1:{self.port}/{parts['dbname']}"

    def close(self) -> None:
        """Close the listener and every connection."""
        self._listener.close()
        for one in self._sockets:
            one.close()


@contextlib.contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy before the server of `url`, which names the directory of its socket."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    proxy = Proxy(f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}")
    try:
        yield proxy
    finally:
        proxy.close()
