"""A server of what clients ask first, for a real kubectl: discovery, OpenAPI and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from expander.kube.served_kinds import BUILT_IN
from expander.local.apiserver.discovery import discovery, openapi

PLAIN = "application/json"


class Handler(BaseHTTPRequestHandler):
    """Answers GET; ``server.plain`` keeps the aggregated form back, as old servers do."""

    server: Views

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        media, body = self.server.answer(path, self.headers.get("Accept", ""))
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(404 if body == b"" else 200)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Views(ThreadingHTTPServer):
    """The views by their paths."""

    daemon_threads = True

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plain = plain
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.bodies: dict[str, Any] = {
            "/api": discovery.api_versions(f"127.0.0.1:{self.server_port}"),
            "/apis": discovery.api_group_list(),
            "/version": discovery.version(),
            "/openapi/v3": openapi.index(),
        }
        for group, version in BUILT_IN.group_versions:
            path = f"/apis/{group}/{version}" if group else f"/api/{version}"
            self.bodies[path] = discovery.api_resource_list(group, version)
            self.bodies[f"/openapi/v3{path}"] = openapi.document(BUILT_IN.of_group(group, version))

    def answer(self, path: str, accept: str) -> tuple[str, Any]:
        """The media type and the body for a path; no bytes when there is nothing."""
        aggregated = discovery.AGGREGATED_TYPES["v2"]
        if path in ("/api", "/apis") and accept.startswith(aggregated) and not self.plain:
            return aggregated, discovery.aggregated(path == "/api")
        return PLAIN, self.bodies.get(path, b"")


@contextmanager
def serving(*, plain: bool = False) -> Iterator[Views]:
    """A server on a free port of this machine."""
    with Views(plain=plain) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
