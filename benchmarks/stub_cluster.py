"""An API server that keeps Jobs as the bytes it got, so that it costs next to nothing beside its clients.

    python -m benchmarks.stub_cluster KUBECONFIG [SECONDS [JOB_SECONDS]]

Each answer comes after so many SECONDS, and each Job is complete after so many JOB_SECONDS, else never. It
validates nothing, and knows what `expander submit` asks for. ``/created`` tells how many Jobs it has made,
and how many requests it has had.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from itertools import count, islice
from pathlib import Path
from typing import Final

JOBS: Final = b"/apis/batch/v1/namespaces/default/jobs"

NAME: Final = re.compile(rb'"metadata":\{(?:[^{}]*,)?"name":"([^"]*)"')

CONSTANT: Final = {
    b"/version": b'{"major":"1","minor":"36","gitVersion":"v1.36.0"}',
    b"/apis/batch/v1": b'{"resources":[{"kind":"Job","name":"jobs","namespaced":true}]}',
    b"/api/v1/namespaces/default": b'{"kind":"Namespace","metadata":{"name":"default","uid":"1"}}',
}

COMPLETE: Final = b',"status":{"succeeded":1,"conditions":[{"type":"Complete","status":"True"}]}}'

STATUS: Final = b'{"kind":"Status","status":"Failure","reason":"%s","message":"%s","code":%d}'


class Cluster:
    """The Jobs by name, each as a server gives it back; complete after ``job_seconds``, None for never."""

    def __init__(self, job_seconds: float | None = None) -> None:
        self._jobs: dict[bytes, bytes] = {}
        self._versions = count(1)
        self._job_seconds = job_seconds
        self._created = self._requests = 0
        self.watching: set[asyncio.Transport] = set()
        """The connections that are told of Jobs."""

    def answer(self, method: bytes, url: bytes, body: bytes) -> bytes | None:
        """A response; None for a watch, which stays open and tells nothing."""
        path, _, query = url.partition(b"?")
        self._requests += 1
        if path in CONSTANT:
            return response(200, CONSTANT[path])
        if b"watch=" in query:
            return None
        if path == b"/created":
            counts = (self._created, len(self._jobs), self._requests)
            return response(200, b'{"created":%d,"names":%d,"requests":%d}' % counts)
        if path == JOBS and method == b"POST":
            return self._create(body)
        if path == JOBS and method == b"DELETE":
            self._jobs.clear()
            return response(200, b'{"kind":"Status","status":"Success"}')
        if path.startswith(JOBS + b"/"):
            found = self._jobs.get(path.removeprefix(JOBS + b"/"))
            return response(200, found) if found else response(404, STATUS % (b"NotFound", b"not found", 404))
        return self._list(query, list(self._jobs.values()) if path == JOBS else [])

    def _create(self, body: bytes) -> bytes:
        found = NAME.search(body)
        assert found is not None
        if found[1] in self._jobs:
            return response(409, STATUS % (b"AlreadyExists", b"already exists", 409))
        at, number = body.index(b'"metadata":{') + 12, next(self._versions)
        more = b'"uid":"00000000-0000-4000-8000-%012d","resourceVersion":"%d",' % (number, number)
        if b'"namespace":"default"' not in body:
            more += b'"namespace":"default",'
        self._jobs[found[1]] = kept = body[:at] + more + body[at:]
        self._created += 1
        if self._job_seconds is not None:
            asyncio.get_running_loop().call_later(self._job_seconds, self._complete, found[1])
        return response(201, kept)

    def _complete(self, name: bytes) -> None:
        if (job := self._jobs.get(name)) is None:
            return
        self._jobs[name] = job = job[:-1] + COMPLETE
        line = b'{"type":"MODIFIED","object":%b}\n' % job
        for connection in self.watching:
            if connection.is_closing():
                continue
            connection.write(b"%x\r\n%b\r\n" % (len(line), line))

    def _list(self, query: bytes, objects: list[bytes]) -> bytes:
        given = dict(each.split(b"=", 1) for each in query.split(b"&") if each)
        start, limit = int(given.get(b"continue") or 0), int(given.get(b"limit") or 500)
        more = b'"continue":"%d",' % (start + limit) if start + limit < len(objects) else b""
        items = b",".join(islice(objects, start, start + limit))
        return response(200, b'{"metadata":{%b"resourceVersion":"1"},"items":[%b]}' % (more, items))


def response(code: int, body: bytes) -> bytes:
    """A response of JSON, with about as many headers as an API server sends."""
    head = (
        b"HTTP/1.1 %d Code\r\nAudit-Id: 6d1c6ad6-6a67-4a3d-a9d5-2f8d7fe7a7de\r\n"
        b"Cache-Control: no-cache, private\r\nContent-Type: application/json\r\n"
        b"X-Kubernetes-Pf-Flowschema-Uid: 0f1a8b1b-4c29-4e51-9d3b-1cb4b9cf0a3e\r\n"
        b"X-Kubernetes-Pf-Prioritylevel-Uid: 6e7b8f1e-2f4e-4b11-9a1c-ff0b3f0aa7e9\r\n"
        b"Date: Mon, 30 Nov 2026 04:00:00 GMT\r\nContent-Length: %d\r\n\r\n"
    )
    return head % (code, len(body)) + body


class Connection(asyncio.Protocol):
    """Answers the requests of one connection."""

    def __init__(self, cluster: Cluster, seconds: float) -> None:
        self._cluster = cluster
        self._seconds = seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._cluster.watching.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head, is_whole, rest = self._received.partition(b"\r\n\r\n")
            _, has_body, length = head.lower().partition(b"content-length:")
            size = int(length.split(b"\r\n", 1)[0]) if has_body else 0
            if not is_whole or len(rest) < size:
                return
            self._received = rest[size:]
            method, url, _ = head.split(b" ", 2)
            answer = self._cluster.answer(method, url, rest[:size])
            if answer is None:
                if url.startswith(JOBS):
                    self._cluster.watching.add(self._transport)
                answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            if self._seconds:
                asyncio.get_running_loop().call_later(self._seconds, self._transport.write, answer)
            else:
                self._transport.write(answer)


async def serve(kubeconfig: Path, seconds: float = 0.0, job_seconds: float | None = None) -> None:
    """Serve until the process is ended; ``kubeconfig`` is written."""
    cluster = Cluster(job_seconds)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(cluster, seconds), "127.0.0.1")
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    tree = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "contexts": [{"name": "x", "context": {"cluster": "c"}}],
        "current-context": "x",
    }
    kubeconfig.write_text(json.dumps(tree))
    print("ready", url, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), *map(float, sys.argv[2:])))
