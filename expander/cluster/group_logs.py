"""The log of a container, by way of the API server: its kubelet keeps it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, urlencode

from expander.cluster.asking import Asking, Refused
from expander.cluster.delivery import TRANSIENT
from expander.cluster.retry import status_of
from expander.cluster.transport import Lost, NotGiven, Transport
from expander.manifests.selection import Object, uid_of

SILENCE: Final = 600.0
"""Seconds without output after which a log that is followed is asked for again."""

PAUSE: Final = 1.0
"""Seconds before a log is asked for again."""

PATIENCE: Final = 5
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
    the last second may come twice. Raises Refused when the server says no.
    """
    metadata = pod["metadata"]
    path = (
        f"/api/v1/namespaces/{quote(metadata['namespace'], safe='')}/pods/{quote(metadata['name'], safe='')}"
    )
    fixed = {"container": container}
    fixed.update({name: "true" for name, on in _switches(previous, follow, timestamps) if on})
    whole = tail is None and since is None
    seen, heard, failures = 0, time.monotonic(), 0
    restarts = _restarts(pod, container)
    while True:
        query = dict(fixed)
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
            elif answer.status not in TRANSIENT or failures >= PATIENCE:
                raise Refused(answer.status, f"{transport.server}: {words}") from None
        except Lost as lost:
            if failures >= PATIENCE and not follow:
                raise Refused(0, f"{transport.server} does not answer: {lost}") from None
        failures += 1
        time.sleep(PAUSE)
        if follow and not _goes_on(asking, path, pod, container, restarts):
            fixed.pop("follow", None)
            follow = False


def _switches(previous: bool, follow: bool, timestamps: bool) -> list[tuple[str, bool]]:
    return [("previous", previous), ("follow", follow), ("timestamps", timestamps)]


def _message(answer: NotGiven) -> str:
    return str(status_of(answer.body).get("message") or f"HTTP {answer.status}")


def _goes_on(asking: Asking, path: str, pod: Object, container: str, restarts: int) -> bool:
    """Whether the start of the container whose log was followed is still at work."""
    try:
        now = asking.get(path)
    except Refused:
        return False
    if uid_of(now) != uid_of(pod) or (now.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return False
    return _restarts(now, container) == restarts


def _restarts(pod: Object, container: str) -> int:
    status = pod.get("status") or {}
    for each in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        if each["name"] == container:
            return int(each.get("restartCount") or 0)
    return 0
