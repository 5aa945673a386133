"""A small HTTP server and a small proxy, in threads of the test."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Response = tuple[int, bytes] | tuple[int, bytes, Mapping[str, str]]
"""A status, a body, and headers if there are any."""

Respond = Callable[[str, str, Mapping[str, str], bytes], Response]
"""Gets the method, the path, the headers (names in lower case) and the body of a request."""


@dataclass
class Stub:
    """Where a server is, and what it was asked: method, path, headers."""

    port: int
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)


@contextmanager
def stub(respond: Respond, context: ssl.SSLContext | None = None) -> Iterator[Stub]:
    """A server that answers every request with what ``respond`` says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            sent = self.rfile.read(int(headers.get("content-length", 0)))
            found.asked.append((self.command, self.path, headers))
            status, body, *more = respond(self.command, self.path, headers, sent)
            self.send_response(status)
            for name, value in (more[0] if more else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # clients that go away are part of the tests

    server = Quiet(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found = Stub(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Proxy:
    """Where a proxy is, and the first lines and heads of what it was asked."""

    port: int
    asked: list[str] = field(default_factory=list)


@contextmanager
def proxy(goal: int, refuse: bool = False) -> Iterator[Proxy]:
    """An HTTP proxy that leads everything to the port ``goal`` of this machine, whatever it was asked for."""
    listener = socket.create_server(("127.0.0.1", 0))
    found = Proxy(listener.getsockname()[1])

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=lead, args=(client,), daemon=True).start()

    def lead(client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(1 << 16)
                if not piece:
                    return
                head += piece
            text, _, rest = head.partition(b"\r\n\r\n")
            found.asked.append(text.decode())
            first = text.decode().split("\r\n")[0]
            if refuse:
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", goal)) as server:
                if first.startswith("CONNECT "):
                    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    server.sendall(rest)
                else:
                    method, url, version = first.split(" ")
                    parts = urlsplit(url)
                    path = parts.path + (f"?{parts.query}" if parts.query else "")
                    server.sendall(head.replace(first.encode(), f"{method} {path} {version}".encode(), 1))
                other = threading.Thread(target=copy, args=(server, client), daemon=True)
                other.start()
                copy(client, server)
                other.join()

    def copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(1 << 16):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def certificate(folder: Path, name: str, issuer: tuple[Path, Path] | None = None) -> tuple[Path, Path]:
    """The files of a certificate for ``name`` (and this machine) and its key, signed by ``issuer`` or itself."""
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    signer = ["-CA", str(issuer[0]), "-CAkey", str(issuer[1])] if issuer else []
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-keyout", str(key), "-out", str(cert), "-days", "30", "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"),
            *signer,
        ],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    return cert, key


def plugin(folder: Path, script: str) -> dict[str, Any]:
    """A user whose credentials a script makes."""
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path)}}
