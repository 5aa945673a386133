"""A webhook on this machine, which keeps what it gets and answers as told."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

SECRET = "/services/T0001/B0002/s3cr3t?key=qu3ry"
"""The path of a webhook, which nobody else may read."""


class Got(NamedTuple):
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Hook:
    """``answers`` are the status codes of the first requests, and headers; then it is 200. ``gate``: requests wait for it."""

    def __init__(self, port: int, scheme: str) -> None:
        self.got: list[Got] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.says = b"ok"
        self.gate: threading.Event | None = None
        self.base = f"{scheme}://127.0.0.1:{port}"
        self.url = self.base + SECRET

    def will_answer(self, *codes: int, **headers: str) -> None:
        """The codes of the next answers, all with these headers (``Retry_After``)."""
        self.answers += [
            (code, {name.replace("_", "-"): text for name, text in headers.items()}) for code in codes
        ]

    @property
    def events(self) -> list[str]:
        return [each.json["event"] for each in self.got]


@contextmanager
def hook(context: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """A webhook that is there within the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.got.append(Got(self.command, self.path, dict(self.headers), body))
            if made.gate is not None:
                made.gate.wait(60)
            code, headers = made.answers.pop(0) if made.answers else (200, {})
            self.send_response(code)
            for name, text in {**headers, "Content-Length": str(len(made.says))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(made.says)

        do_GET = do_POST  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    made = Hook(server.server_address[1], "https" if context else "http")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield made
    finally:
        if made.gate is not None:
            made.gate.set()
        server.shutdown()
        server.server_close()
