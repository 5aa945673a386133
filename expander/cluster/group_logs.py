"""The log of a container, by way of the API server: its kubelet keeps it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from expander.client.client import Asking, Refused
from expander.client.retry import status_of
from expander.client.transport import Lost, NotGiven, Transport
from expander.kube.objects import Object, container_status, uid_of
from expander.submit.delivery import TRANSIENT

SILENCE: Final = 600.0
"""Seconds without output after which a log that is followed is asked for again."""

PAUSE: Final = 1.0
"""Seconds before a log is asked for again."""

MAX_LOG_ATTEMPTS: Final = 5
"""So often a log is asked for again when it does not come."""


def log(
    transport: Transport,
    asking: Asking,
    pod: Object,
    container: str,
    *,
    previous: bool,
    follow: bool,
    tail: int | None,
    since: float | None,
    timestamps: bool,
) -> Iterator[bytes]:
    """What `Reader.log` says.

    A connection that is lost is made again: a whole log goes on where it was, of another one the lines of
    the last second may come twice. A container that was started anew meanwhile is told apart: as a restart,
    which has a log of its own, or in its place, when its log is given from the first byte.
    Raises Refused when the server says no.
    """
    metadata = pod["metadata"]
    path = (
        f"/api/v1/namespaces/{quote(metadata['namespace'], safe='')}/pods/{quote(metadata['name'], safe='')}"
    )
    whole = tail is None and since is None
    seen, heard, failures = 0, time.monotonic(), 0
    begun = _begun(pod, container)
    while True:
        switches = {"previous": previous, "follow": follow, "timestamps": timestamps}
        query = {"container": container} | {name: "true" for name, on in switches.items() if on}
        if seen and not whole:
            query["sinceSeconds"] = str(int(time.monotonic() - heard) + 1)
        else:
            query.update({} if tail is None else {"tailLines": str(tail)})
            query.update({} if since is None else {"sinceSeconds": str(max(1, round(since)))})
        skip = seen if whole else 0
        try:
            for piece in transport.stream(f"{path}/log?{urlencode(query)}", SILENCE if follow else 60.0):
                failures = 0
                heard = time.monotonic()
                if skip >= len(piece):
                    skip -= len(piece)
                    continue
                yield piece[skip:]
                seen += len(piece) - skip
                skip = 0
            return
        except NotGiven as answer:
            words = _message(answer)
            if answer.status in (400, 404):
                return
            if answer.status == 401 and not failures:
                transport.refresh()
            elif answer.status not in TRANSIENT or failures >= MAX_LOG_ATTEMPTS:
                raise Refused(answer.status, f"{transport.server}: {words}") from None
        except Lost as lost:
            if failures >= MAX_LOG_ATTEMPTS and not follow:
                raise Refused(0, f"{transport.server} does not answer: {lost}") from None
        failures += 1
        time.sleep(PAUSE)
        if previous:
            continue
        now = _now(asking, path, pod, container)
        while follow and now and not now.since:
            time.sleep(PAUSE)
            now = _now(asking, path, pod, container)
        if not now or not now.since:
            return
        if now.restarts == begun.restarts:
            if now != begun:
                begun, whole, seen, tail, since = now, True, 0, None, None
        elif now.restarts == begun.restarts + 1:
            previous, follow = True, False
        else:
            return


def _message(answer: NotGiven) -> str:
    return str(status_of(answer.body).get("message") or f"HTTP {answer.status}")


class _Begun(NamedTuple):
    """A start of a container, as its pod tells it; one in its place has another ``id`` or ``since``."""

    restarts: int
    id: str
    since: str
    """Empty while nothing of it has begun."""


def _now(asking: Asking, path: str, pod: Object, container: str) -> _Begun | None:
    """The last start of a container, None when its pod is gone."""
    try:
        now = asking.get(path)
    except Refused as answer:
        if answer.code == 404:
            return None
        raise
    return _begun(now, container) if uid_of(now) == uid_of(pod) else None


def _begun(pod: Object, container: str) -> _Begun:
    """The start whose log the API server gives: while a container waits to be started again, the last one."""
    status = container_status(pod, container)
    state, last = status.get("state") or {}, status.get("lastState") or {}
    of = state.get("running") or state.get("terminated") or last.get("terminated") or {}
    id_ = of.get("containerID") or status.get("containerID")
    return _Begun(int(status.get("restartCount") or 0), id_ or "", of.get("startedAt") or "")
