"""Debian's Chromium, as a phone or a desk has it; and a web server that counts what it is asked."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, sync_playwright

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Headless, with an empty profile, asking nobody for anything of its own accord."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("chromium is not installed: run script/setup")
    quiet = "no-first-run disable-gpu disable-quic disable-background-networking disable-component-update disable-sync"
    with sync_playwright() as playwright:
        # The tests' user may be root, for whom Chromium has no sandbox; it opens nothing but our own pages.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", *(f"--{word}" for word in quiet.split())]
        )
        yield browser
        browser.close()


@contextmanager
def served(html: str) -> Iterator[tuple[str, list[str]]]:
    """A web server for one page; yields its address, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path == "/status.html" else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            if self.path == "/status.html":
                self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
