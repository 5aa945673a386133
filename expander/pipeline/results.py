"""The files in which the output of a local run's pods is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from expander.local.kubelet.pod_files import Folders

Object = Mapping[str, Any]


class Log(NamedTuple):
    """The output of one start of a container, as a file. ``pod`` is the pod's name."""

    pod: str
    container: str
    restart: int
    path: Path


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
