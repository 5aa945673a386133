"""A very small API server that has Jobs of Volcano and nothing else, in a thread of the test."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.client.stubs import Response, stub
from tests.submit.fake_cluster import kubeconfig

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

    def respond(method: str, path: str, _: Mapping[str, str], body: bytes) -> Response:
        code, answer = found.answer(method, urlsplit(path).path, json.loads(body or b"{}"))
        return code, json.dumps(answer).encode(), {"Content-Type": "application/json"}

    with stub(respond) as server:
        kubeconfig(folder, server.port)
        yield found
