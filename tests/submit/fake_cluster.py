"""A cluster of Jobs in memory that answers as an API server does, for `tests.client.stubs.stub`."""

from __future__ import annotations

import json
import threading
import uuid
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.client.stubs import Response

JOBS = "/apis/batch/v1/namespaces/default/jobs"


def encoded(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def status(code: int, reason: str, message: str = "") -> Response:
    return code, encoded({"kind": "Status", "reason": reason, "message": message or reason, "code": code})


def kubeconfig(folder: Path, port: int) -> str:
    """The file of a kubeconfig for a server on this machine."""
    tree = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c"}}],
        "current-context": "x",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(tree))
    return str(path)


class FakeCluster:
    """Jobs of the namespace ``default``; ``created`` counts how often each name was created."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.created: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self._version = 0
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        path, _, query = path.partition("?")
        with self._lock:
            self.requests[f"{method} {path.removesuffix(path.rpartition('/')[2])}"] += 1
            if path == "/version":
                return 200, b"{}"
            if path == "/apis/batch/v1":
                return 200, encoded({"resources": [{"kind": "Job", "name": "jobs", "namespaced": True}]})
            if path == "/apis":
                return 200, encoded({"kind": "APIGroupList", "groups": [{"name": "batch"}]})
            if method == "POST" and path == JOBS:
                return self._create(json.loads(body))
            if path == JOBS:
                return self._list({name: each[0] for name, each in parse_qs(query).items()})
            if path.startswith(JOBS):
                return self._one(method, unquote(path.removeprefix(f"{JOBS}/")), body)
            if path == "/api/v1/namespaces/default":
                return 200, encoded({"kind": "Namespace", "metadata": {"name": "default"}})
            return 200, encoded({"metadata": {"resourceVersion": "1"}, "items": []})

    def _create(self, job: dict[str, Any]) -> Response:
        name = job["metadata"]["name"]
        if name in self.jobs:
            return status(409, "AlreadyExists", f'jobs.batch "{name}" already exists')
        job["metadata"]["uid"] = str(uuid.uuid4())
        self.created[name] += 1
        return 201, self._kept(job)

    def _kept(self, job: dict[str, Any]) -> bytes:
        self._version += 1
        job["metadata"] |= {"namespace": "default", "resourceVersion": str(self._version)}
        self.jobs[job["metadata"]["name"]] = job
        return encoded(job)

    def _list(self, query: Mapping[str, str]) -> Response:
        key, _, value = query.get("labelSelector", "").partition("=")
        found = [
            job
            for job in self.jobs.values()
            if not key or job["metadata"].get("labels", {}).get(key) == value
        ]
        start, limit = int(query.get("continue", "0")), int(query.get("limit", "500"))
        metadata = {"resourceVersion": str(self._version)}
        if start + limit < len(found):
            metadata["continue"] = str(start + limit)
        return 200, encoded({"metadata": metadata, "items": found[start : start + limit]})

    def _one(self, method: str, name: str, body: bytes) -> Response:
        job = self.jobs.get(name)
        if job is None:
            return status(404, "NotFound", f'jobs.batch "{name}" not found')
        if method == "PUT":
            sent = json.loads(body)
            if sent["metadata"]["resourceVersion"] != job["metadata"]["resourceVersion"]:
                return status(409, "Conflict", "the object has been modified")
            sent["metadata"]["uid"] = job["metadata"]["uid"]
            return 200, self._kept(sent)
        if method == "DELETE":
            del self.jobs[name]
        return 200, encoded(job)
