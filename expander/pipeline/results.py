"""What a local run left: the outcome of every Job, and the logs of its containers.

Reads the state of a group without disturbing a run that is at work in it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from expander.base.errors import InputError
from expander.base.positions import Position
from expander.local.kubelet.folders import Folders
from expander.local.store.objects import Store
from expander.pipeline.outcomes import JobOutcome, outcome_of

Object = Mapping[str, Any]


class Log(NamedTuple):
    """The output of one start of a container, as a file. ``pod`` is the pod's name."""

    pod: str
    container: str
    restart: int
    path: Path


class Result(NamedTuple):
    """A Job, what became of it, and its logs in the order of pods, containers and restarts."""

    outcome: JobOutcome
    logs: list[Log]


def results(folder: Path) -> Iterator[Result]:
    """The Jobs of a group by namespace and name; ``folder`` is the group's state folder.

    Raises InputError when there is no state in it.
    """
    path = folder / "state.db"
    if not path.exists():
        known = sorted(name for name in _groups(folder.parent))
        hint = (
            f"groups with a state are {', '.join(known)}"
            if known
            else "nothing was run with this state folder"
        )
        raise InputError("there is no state of such a group", where=Position(str(folder)), hint=hint)
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    try:
        store = Store(database)
        folders = Folders(folder)
        for job in store.of_kind("Job"):
            pods = store.owned(job["metadata"]["uid"])
            yield Result(outcome_of(job, pods), list(logs_of(folders, pods)))
    finally:
        database.close()


def logs_of(folders: Folders, pods: Sequence[Object]) -> Iterator[Log]:
    """The logs of ``pods``, those of init containers first."""
    for pod in pods:
        folder = folders.of(pod)
        for container in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]:
            name = container["name"]
            restart = 0
            while os.path.exists(path := folder.log(name, restart)):
                yield Log(pod["metadata"]["name"], name, restart, Path(path))
                restart += 1


def _groups(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        for entry in folder.iterdir():
            if (entry / "state.db").exists():
                yield entry.name
