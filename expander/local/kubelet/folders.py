"""Where the files of a pod are: the only module that knows their names.

``<folder>/logs/<namespace>_<name>_<uid>_<container>_<restart>.log`` is the output of one start of a
container, the same with ``.message`` what it wrote to its termination message path. They lie side by side
because folders are dear: on ext4 a folder for each pod, and a file in it, costs fifty times what one more
file in a folder does.

``<folder>/pods/<namespace>_<name>_<uid>/<volume>`` holds a volume. Those in memory are elsewhere, by the
pod's uid.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

SHARED_MEMORY = Path("/dev/shm")
LONGEST_NAME = 72
"""Of a pod's name this much is in names of files, so that the rest has its place in 255 characters."""


class Folders:
    """The files of all pods under ``folder``."""

    def __init__(self, folder: Path) -> None:
        root = Path(folder).absolute()
        self._logs = str(root / "logs")
        self._volumes = str(root / "pods")
        mark = sha256(str(root).encode()).hexdigest()[:12]
        self._memory = f"{SHARED_MEMORY}/expander-{mark}-{os.getuid()}"
        os.makedirs(self._logs, exist_ok=True)

    def of(self, pod: Mapping[str, Any]) -> PodFiles:
        """The files of one pod."""
        metadata = pod["metadata"]
        uid = metadata["uid"]
        name = f"{metadata['namespace']}_{metadata['name'][:LONGEST_NAME]}_{uid}"
        return PodFiles(f"{self._logs}/{name}_", f"{self._volumes}/{name}", f"{self._memory}/{uid}")

    def sweep(self, known: Container[str]) -> None:
        """Remove the volumes of pods whose uid is not ``known``."""
        for folder in (self._volumes, self._memory):
            with suppress(FileNotFoundError):
                for name in os.listdir(folder):
                    if name.rpartition("_")[2] not in known:
                        remove_tree(f"{folder}/{name}")

    def last_log(self, uid: str, container: str, previous: bool) -> str | None:
        """The log of the latest start, or of the one before, of a container of which only this is known.

        None when there is none. This reads the names of all logs.
        """
        found = {}
        for name in os.listdir(self._logs):
            start, _, restart = name.removesuffix(".log").rpartition("_")
            if start.endswith(f"_{uid}_{container}") and restart.isdigit():
                found[int(restart)] = name
        wanted = max(found, default=0) - previous
        return f"{self._logs}/{found[wanted]}" if wanted in found else None


class PodFiles:
    """The files of one pod."""

    __slots__ = ("_logs", "_memory", "_volumes")

    def __init__(self, logs: str, volumes: str, memory: str) -> None:
        self._logs = logs
        self._volumes = volumes
        self._memory = memory

    def log(self, container: str, restart: int) -> str:
        """The output of one start of a container."""
        return f"{self._logs}{container}_{restart}.log"

    def message(self, container: str, restart: int) -> str:
        """What one start of a container leaves as its termination message."""
        return f"{self._logs}{container}_{restart}.message"

    def beside(self, container: str, what: str) -> str:
        """The output of a command run in the container beside its own process (a hook, a probe)."""
        return f"{self._logs}{container}.{what}.output"

    def volume(self, name: str, in_memory: bool = False) -> str:
        """The folder of a volume. ``in_memory``: where the machine has memory that looks like a folder."""
        if in_memory and SHARED_MEMORY.is_dir():
            return f"{self._memory}/{name}"
        return f"{self._volumes}/{name}"

    def remove_volumes(self) -> None:
        """Remove what the volumes held. Links are removed, never followed."""
        for path in (self._volumes, self._memory):
            remove_tree(path)


def remove_tree(path: str) -> None:
    """Remove a folder with all that is in it, also where a container took away the right to."""
    if os.path.lexists(path):
        shutil.rmtree(path, onerror=_try_harder)


def _try_harder(function: Callable[..., Any], path: str, _: object) -> None:
    """Give this user the right to change the folder, and try again; what stays is left where it is."""
    with suppress(OSError):
        parent = os.path.dirname(path)
        os.chmod(parent, stat.S_IRWXU)
        if os.path.isdir(path) and not os.path.islink(path):
            os.chmod(path, stat.S_IRWXU)
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
