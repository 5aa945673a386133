"""A very small API server that has Jobs of Volcano and nothing else, in a thread of the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

GROUP = "/apis/batch.volcano.sh/v1alpha1"
RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": "batch.volcano.sh/v1alpha1",
    "resources": [
        {
            "name": "jobs",
            "singularName": "job",
            "namespaced": True,
            "kind": "Job",
            "verbs": ["create", "get"],
        },
        {"name": "jobs/status", "singularName": "", "namespaced": True, "kind": "Job", "verbs": ["get"]},
    ],
}
EMPTY = {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}


@dataclass
class CustomCluster:
    """``objects`` by path; ``config`` is a kubeconfig for it."""

    config: Path
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path in (GROUP, "/version"):
            return 200, RESOURCES if path == GROUP else {"major": "1", "minor": "36", "gitVersion": "v1.36.2"}
        if method == "POST":
            place = f"{path}/{body['metadata']['name']}"
            if place in self.objects:
                return 409, _status(409, "AlreadyExists")
            self.objects[place] = body
            body["metadata"] |= {"uid": f"uid-{len(self.objects)}", "resourceVersion": "1"}
            return 201, body
        if path in self.objects:
            return 200, self.objects[path]
        if path.endswith(("/jobs", "/resourcequotas", "/limitranges")):
            found = [obj for place, obj in self.objects.items() if place.startswith(f"{path}/")]
            return 200, EMPTY | {"items": found}
        return 404, _status(404, "NotFound")


def _status(code: int, reason: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}


@contextmanager
def custom_cluster(folder: Path) -> Iterator[CustomCluster]:
    """The server, and its kubeconfig in ``folder``."""
    found = CustomCluster(folder / "kubeconfig")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            code, body = found.answer(self.command, urlsplit(self.path).path, json.loads(sent or b"{}"))
            text = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.config.write_text(
        json.dumps(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [
                    {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}
                ],
                "users": [{"name": "u", "user": {}}],
            }
        )
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
