"""The log of a container in a state folder, read from its file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from expander.kube.objects import Object, container_status, uid_of
from expander.local.group_folders import StateReader, opened
from expander.local.kubelet.pod_files import Folders, PodFiles, restart_counts
from expander.local.logs import CHUNK, LogTimes, Stamper
from expander.local.state import holder

POLL: Final = 0.1
"""Seconds between two looks at a log that is followed."""


def log(
    folder: Path,
    pod: Object,
    container: str,
    *,
    previous: bool,
    follow: bool,
    tail: int | None,
    since: float | None,
    timestamps: bool,
) -> Iterator[bytes]:
    """What `Reader.log` says; ``folder`` is the state folder in which the pod is."""
    reader = opened(folder)
    if reader is None:
        return
    with reader as state:
        current: Object = state.by_uid(uid_of(pod)) or pod
        files = Folders(folder).of(current)
        start = _latest(files, current, container) - previous
        if start < 0 or not os.path.exists(path := files.log(container, start)):
            return
        with open(path, "rb") as file:
            times = LogTimes(file, path)
            stamp = Stamper(times.of if timestamps else None)
            at = file.seek(times.start(None if since is None else time.time() - since, tail))
            while True:
                over = previous or not follow or os.path.exists(files.log(container, start + 1))
                over = over or _is_over(state, uid_of(pod), container)
                while data := file.read(CHUNK):
                    yield stamp(data, at)
                    at += len(data)
                if over:
                    return
                time.sleep(POLL)


def _latest(files: PodFiles, pod: Object, container: str) -> int:
    """The number of the last start of a container that has a log; -1 when there is none.

    The log of a start may be there before the status in the state file counts it.
    """
    number = restart_counts(pod).get(container, 0)
    while number >= 0 and not os.path.exists(files.log(container, number)):
        number -= 1
    while number >= 0 and os.path.exists(files.log(container, number + 1)):
        number += 1
    return number


def _is_over(state: StateReader, uid: str, container: str) -> bool:
    """Whether a container has ended, or nobody is there who runs it."""
    pod = state.by_uid(uid)
    if pod is None or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return True
    return (
        "terminated" in (container_status(pod, container).get("state") or {}) or holder(state.folder) is None
    )
