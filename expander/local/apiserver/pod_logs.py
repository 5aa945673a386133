"""The log subresource of a pod: what a container wrote (GetContainerLogs in pkg/kubelet decides)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from expander.base.dataclass import dataclass
from expander.base.errors import NotFound
from expander.kube.api_resource import Resource
from expander.kube.objects import container_status, pod_has_ended
from expander.kube.time import unix
from expander.local.apiserver import codecs, status
from expander.local.apiserver.read import get_object
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.logs import LogReader
from expander.local.store.database import Object
from expander.validate.rules.field import invalid

LOG_OPTIONS: Final = Resource(kind="PodLogOptions", plural="podlogoptions")

FOLLOW_POLL_SECONDS: Final = 0.05
"""Seconds between two looks at a log that is followed."""


@dataclass(frozen=True, slots=True)
class PodLogOptions:
    """Which part of which log: the query of the request. ``since`` is in Unix seconds, ``limit`` in bytes."""

    container: str
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    limit: int | None = None
    since: float | None = None


async def serve(backend: Backend, request: web.BaseRequest, target: Target) -> web.StreamResponse:
    """Answer a request for the log of a pod."""
    pod = get_object(backend.storage, target)
    wanted = parse(request.query, pod, backend.clock())
    path = _file(backend, pod, wanted)
    response = web.StreamResponse(headers={**codecs.HEADERS, "Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        async for data in _pieces(backend, pod, path, wanted):
            await response.write(data)
        await response.write_eof()
    except (ConnectionError, asyncio.CancelledError):
        pass
    return response


def parse(query: Mapping[str, str], pod: Object, now: float) -> PodLogOptions:
    """What a query asks for; StatusError when it cannot be answered."""
    since: float | None = None
    try:
        if "sinceSeconds" in query:
            since = now - int(query["sinceSeconds"])
        elif "sinceTime" in query:
            since = unix(query["sinceTime"])
        tail = int(query["tailLines"]) if "tailLines" in query else None
        limit = int(query["limitBytes"]) if "limitBytes" in query else None
    except (ValueError, OverflowError) as error:
        raise StatusError(status.bad_request(str(error))) from None
    least = {"tailLines": 0, "sinceSeconds": 1, "limitBytes": 1}
    wrong = [
        invalid(name, int(query[name]), f"must be greater than {'or equal to 0' if not low else 0}")
        for name, low in least.items()
        if name in query and int(query[name]) < low
    ]
    if wrong:
        raise StatusError(status.invalid(LOG_OPTIONS, pod["metadata"]["name"], wrong))
    return PodLogOptions(
        container=container_name(pod, query.get("container", "")),
        follow=is_true(query, "follow"),
        previous=is_true(query, "previous"),
        timestamps=is_true(query, "timestamps"),
        tail=tail,
        limit=limit,
        since=since,
    )


def is_true(query: Mapping[str, str], name: str) -> bool:
    """Whether a query sets a switch."""
    return query.get(name, "").lower() in ("true", "1")


def container_name(pod: Object, asked: str) -> str:
    """The container that is meant; the only one when none is named."""
    name = pod["metadata"]["name"]
    inits = [each["name"] for each in pod["spec"].get("initContainers") or ()]
    names = [each["name"] for each in pod["spec"]["containers"]]
    if asked:
        ephemeral = (each["name"] for each in pod["spec"].get("ephemeralContainers") or ())
        if asked in (*names, *inits, *ephemeral):
            return asked
        raise StatusError(status.bad_request(f"container {asked} is not valid for pod {name}"))
    if len(names) == 1:
        return str(names[0])
    words = f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
    if inits:
        words += f" or one of the init containers: [{' '.join(inits)}]"
    raise StatusError(status.bad_request(words))


def _file(backend: Backend, pod: Object, wanted: PodLogOptions) -> Path:
    """The log's file; StatusError when the container has not started, or not as often."""
    metadata, name = pod["metadata"], wanted.container
    about = f'container "{name}" in pod "{metadata["name"]}"'
    state = container_status(pod, name)
    missing = StatusError(status.bad_request(f"previous terminated {about} not found"))
    if wanted.previous and not state.get("restartCount"):
        raise missing
    if not wanted.previous and (words := _not_started(pod, state)):
        raise StatusError(status.bad_request(f"{about} is {words}"))
    try:
        return backend.storage.logs(metadata["namespace"], metadata["name"], name, wanted.previous)
    except (NotFound, KeyError):
        raise missing from None


_OF_IMAGES: Final = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}
"""What the kubelet says instead of a reason."""


def _not_started(pod: Object, state: Mapping[str, Any]) -> str:
    """Why a container has no log yet, or never will; empty when it has one (validateContainerLogStatus).

    A kubelet does not know of a pod without a node; its scheduler says why there is none.
    """
    now = state.get("state") or {}
    if state.get("lastState") or "running" in now:
        return ""
    if ended := now.get("terminated"):
        failed = ended.get("reason") == "StartError"
        return f"terminated: StartError: {ended.get('message')}" if failed else ""
    reason = (now.get("waiting") or {}).get("reason")
    if not reason:
        unscheduled = (
            each.get("message")
            for each in (pod.get("status") or {}).get("conditions") or ()
            if each.get("type") == "PodScheduled" and each.get("status") == "False"
        )
        reason = next(unscheduled, None) or "ContainerCreating"
    return f"waiting to start: {_OF_IMAGES.get(reason, reason)}"


async def _pieces(backend: Backend, pod: Object, path: Path, wanted: PodLogOptions) -> AsyncIterator[bytes]:
    """The log in pieces, until its end, or while it is followed until its container has ended."""
    left = wanted.limit
    uid, restarts = pod["metadata"]["uid"], container_status(pod, wanted.container).get("restartCount", 0)
    follows = wanted.follow and not wanted.previous
    while follows and not path.exists() and not _ended(backend, uid, wanted.container, restarts):
        await asyncio.sleep(FOLLOW_POLL_SECONDS)
    try:
        log = await asyncio.to_thread(
            LogReader, path, timestamps=wanted.timestamps, since=wanted.since, tail=wanted.tail
        )
    except FileNotFoundError:
        return
    with log:
        while True:
            over = not follows or _ended(backend, uid, wanted.container, restarts)
            while data := log.read() or (log.finish() if over else b""):
                if left is not None:
                    data = data[:left]
                    left -= len(data)
                if data:
                    yield data
                if left == 0:
                    return
            if over:
                return
            await asyncio.sleep(FOLLOW_POLL_SECONDS)


def _ended(backend: Backend, uid: str, container: str, restarts: int) -> bool:
    """Whether the start of the container that is followed has come to its end."""
    pod = backend.storage.by_uid(uid)
    if pod is None or pod_has_ended(pod):
        return True
    status = container_status(pod, container)
    return "terminated" in (status.get("state") or {}) or status.get("restartCount", 0) > restarts
