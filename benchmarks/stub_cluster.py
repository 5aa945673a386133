"""An API server that keeps Jobs as the bytes it got, so that it costs next to nothing beside its clients.

    python -m benchmarks.stub_cluster KUBECONFIG [--seconds S] [--job-seconds S] [--seats N [--queue N]]

Each answer takes so many ``--seconds``, and each Job is complete after so many ``--job-seconds``, else never.
With ``--seats`` so many requests are served at a time; as many as ``--queue`` wait for a seat, and others are
answered 429, as a priority level of API Priority and Fairness does. It validates nothing, and knows what
`expander submit` and kubectl ask for. ``/created`` tells how many Jobs it has made and how many requests it
has had, ``/attempts`` when attempts to create a Job were admitted or refused since all were deleted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from array import array
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Final

JOBS: Final = b"/apis/batch/v1/namespaces/default/jobs"

NAME: Final = re.compile(rb'"metadata":\{(?:[^{}]*,)?"name":"([^"]*)"')

SPECIFICATION: Final = {
    "openapi": "3.0.0",
    "paths": {
        "/apis/batch/v1/namespaces/{namespace}/jobs/{name}": {
            "patch": {
                "parameters": [{"name": "fieldValidation", "in": "query"}],
                "x-kubernetes-group-version-kind": {"group": "batch", "version": "v1", "kind": "Job"},
            }
        }
    },
}
"""What kubectl looks for: that the server validates fields."""

CONSTANT: Final = {
    path.encode(): json.dumps(found).encode()
    for path, found in {
        "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/api/v1": {
            "kind": "APIResourceList",
            "groupVersion": "v1",
            "resources": [{"kind": "Event", "name": "events", "namespaced": True, "verbs": ["list"]}],
        },
        "/apis": {
            "kind": "APIGroupList",
            "groups": [{"name": "batch", "versions": [{"groupVersion": "batch/v1", "version": "v1"}]}],
        },
        "/apis/batch/v1": {
            "kind": "APIResourceList",
            "groupVersion": "batch/v1",
            "resources": [{"kind": "Job", "name": "jobs", "namespaced": True, "verbs": ["create", "get"]}],
        },
        "/api/v1/namespaces/default": {"kind": "Namespace", "metadata": {"name": "default", "uid": "1"}},
        "/openapi/v3": {"paths": {"apis/batch/v1": {"serverRelativeURL": "/openapi/v3/apis/batch/v1"}}},
        "/openapi/v3/apis/batch/v1": SPECIFICATION,
    }.items()
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
        self._admitted, self._refused = array("d"), array("d")
        self.watching: set[asyncio.Transport] = set()
        """The connections that are told of Jobs."""

    def answer(self, method: bytes, url: bytes, body: bytes) -> bytes:
        """A response."""
        path, _, query = url.partition(b"?")
        self._requests += 1
        if path in CONSTANT:
            return response(200, CONSTANT[path])
        if path == b"/created":
            counts = (self._created, len(self._jobs), self._requests)
            return response(200, b'{"created":%d,"names":%d,"requests":%d}' % counts)
        if path == b"/attempts":
            times = {"admitted": list(self._admitted), "refused": list(self._refused)}
            return response(200, json.dumps(times).encode())
        if path == JOBS and method == b"POST":
            self._admitted.append(time.monotonic())
            return self._create(body)
        if path == JOBS and method == b"DELETE":
            self._jobs.clear()
            del self._admitted[:], self._refused[:]
            return response(200, b'{"kind":"Status","status":"Success"}')
        if path.startswith(JOBS + b"/"):
            found = self._jobs.get(path.removeprefix(JOBS + b"/"))
            return response(200, found) if found else response(404, STATUS % (b"NotFound", b"not found", 404))
        return self._list(query, list(self._jobs.values()) if path == JOBS else [])

    def refuse(self, method: bytes) -> bytes:
        """The answer to a request for which there is no seat."""
        self._requests += 1
        if method == b"POST":
            self._refused.append(time.monotonic())
        return response(429, STATUS % (b"TooManyRequests", b"too many requests", 429), b"Retry-After: 1\r\n")

    def _create(self, body: bytes) -> bytes:
        found = NAME.search(body)  # kubectl writes nested objects before the name
        name = found[1] if found else json.loads(body)["metadata"]["name"].encode()
        if name in self._jobs:
            return response(409, STATUS % (b"AlreadyExists", b"already exists", 409))
        at, number = body.index(b'"metadata":{') + 12, next(self._versions)
        more = b'"uid":"00000000-0000-4000-8000-%012d","resourceVersion":"%d",' % (number, number)
        if b'"namespace":"default"' not in body:
            more += b'"namespace":"default",'
        self._jobs[name] = kept = body[:at] + more + body[at:]
        self._created += 1
        if self._job_seconds is not None:
            asyncio.get_running_loop().call_later(self._job_seconds, self._complete, name)
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


class Seats:
    """Has ``most`` requests served at a time, each in ``seconds``; up to ``queue`` others wait."""

    def __init__(self, seconds: float, most: int | None = None, queue: int = 0) -> None:
        self._seconds = seconds
        self._free = most
        self._queue = queue
        self._waiting: deque[Callable[[], None]] = deque()

    def take(self, served: Callable[[], None]) -> bool:
        """Call ``served`` once the request was served; False when there is no room for it."""
        if self._free is None:
            self._after(served)
        elif self._free:
            self._free -= 1
            self._after(partial(self._leave, served))
        elif len(self._waiting) < self._queue:
            self._waiting.append(served)
        else:
            return False
        return True

    def _after(self, done: Callable[[], None]) -> None:
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, done)
        else:
            done()

    def _leave(self, served: Callable[[], None]) -> None:
        served()
        if self._waiting:
            self._after(partial(self._leave, self._waiting.popleft()))
        else:
            assert self._free is not None
            self._free += 1


def response(code: int, body: bytes, more: bytes = b"") -> bytes:
    """A response of JSON, with about as many headers as an API server sends, and some ``more``."""
    head = (
        b"HTTP/1.1 %d Code\r\nAudit-Id: 6d1c6ad6-6a67-4a3d-a9d5-2f8d7fe7a7de\r\n"
        b"Cache-Control: no-cache, private\r\nContent-Type: application/json\r\n"
        b"X-Kubernetes-Pf-Flowschema-Uid: 0f1a8b1b-4c29-4e51-9d3b-1cb4b9cf0a3e\r\n"
        b"X-Kubernetes-Pf-Prioritylevel-Uid: 6e7b8f1e-2f4e-4b11-9a1c-ff0b3f0aa7e9\r\n"
        b"Date: Mon, 30 Nov 2026 04:00:00 GMT\r\n%bContent-Length: %d\r\n\r\n"
    )
    return head % (code, more, len(body)) + body


class Connection(asyncio.Protocol):
    """Answers the requests of one connection."""

    def __init__(self, cluster: Cluster, seats: Seats) -> None:
        self._cluster = cluster
        self._seats = seats
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
            if b"watch=" in url:  # which holds no seat
                if url.startswith(JOBS):
                    self._cluster.watching.add(self._transport)
                self._transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            elif not self._seats.take(partial(self._answer, method, url, rest[:size])):
                self._transport.write(self._cluster.refuse(method))

    def _answer(self, method: bytes, url: bytes, body: bytes) -> None:
        self._transport.write(self._cluster.answer(method, url, body))


async def serve(kubeconfig: Path, cluster: Cluster, seats: Seats) -> None:
    """Serve until the process is ended; ``kubeconfig`` is written."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(cluster, seats), "127.0.0.1")
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "contexts": [{"name": "x", "context": {"cluster": "c"}}],
        "current-context": "x",
    }
    kubeconfig.write_text(json.dumps(tree))
    print("ready", url, flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--job-seconds", type=float)
    parser.add_argument("--seats", type=int)
    parser.add_argument("--queue", type=int, default=0)
    given = parser.parse_args()
    seats = Seats(given.seconds, given.seats, given.queue)
    asyncio.run(serve(given.kubeconfig, Cluster(given.job_seconds), seats))


if __name__ == "__main__":
    main()
