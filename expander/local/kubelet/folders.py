"""Where the files of a pod are: the only module that knows their names.

``<folder>/pods/<namespace>_<name>_<uid>/`` holds ``<container>/<restart>.log`` (the output of each start),
``<container>/<restart>.message`` (what it wrote to its termination message path) and ``volumes/<name>``.
Volumes in memory are in the folder that ``memory`` says, which is cleaned by the pod's uid.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

SHARED_MEMORY = Path("/dev/shm")


class Folders:
    """The files of all pods under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.pods = str(folder.absolute() / "pods")
        mark = sha256(self.pods.encode()).hexdigest()[:12]
        self._memory = f"{SHARED_MEMORY}/expander-{mark}-{os.getuid()}"

    def of(self, pod: Mapping[str, Any]) -> PodFolder:
        """The files of one pod."""
        metadata = pod["metadata"]
        name = f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"
        return PodFolder(f"{self.pods}/{name}", f"{self._memory}/{metadata['uid']}")

    def find(self, uid: str) -> PodFolder | None:
        """The files of a pod of which only the uid is known; this looks through the names of all pods."""
        with suppress(FileNotFoundError):
            for name in os.listdir(self.pods):
                if name.endswith("_" + uid):
                    return PodFolder(f"{self.pods}/{name}", f"{self._memory}/{uid}")
        return None


class PodFolder:
    """The files of one pod."""

    __slots__ = ("_memory", "path")

    def __init__(self, path: str, memory: str) -> None:
        self.path = path
        self._memory = memory

    def make_for(self, container: str) -> None:
        """Make the folder that the container's log and message go to."""
        try:
            os.makedirs(f"{self.path}/{container}", exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(f"{self.path}/{container}") from error

    def log(self, container: str, restart: int) -> str:
        """The output of one start of a container."""
        return f"{self.path}/{container}/{restart}.log"

    def message(self, container: str, restart: int) -> str:
        """What one start of a container leaves as its termination message."""
        return f"{self.path}/{container}/{restart}.message"

    def scratch(self, container: str, what: str) -> str:
        """The output of a command run in the container beside its own process (a hook, a probe)."""
        return f"{self.path}/{container}/{what}.output"

    def hosts(self) -> str:
        """The pod's /etc/hosts."""
        return f"{self.path}/etc-hosts"

    def volume(self, name: str, in_memory: bool = False) -> str:
        """The folder of a volume. ``in_memory``: where the machine has memory that looks like a folder."""
        if in_memory and SHARED_MEMORY.is_dir():
            return f"{self._memory}/{name}"
        return f"{self.path}/volumes/{name}"

    def last_log(self, container: str, previous: bool) -> str:
        """The log of the latest start of a container, or of the one before; that of restart 0 if there is
        none.
        """
        numbers = []
        with suppress(FileNotFoundError):
            names = os.listdir(f"{self.path}/{container}")
            numbers = sorted(
                int(name[:-4]) for name in names if name.endswith(".log") and name[:-4].isdigit()
            )
        latest = numbers[-1] if numbers else 0
        return self.log(container, max(0, latest - 1) if previous else latest)

    def remove_volumes(self) -> None:
        """Remove what the volumes held. Links are removed, never followed."""
        for path in (f"{self.path}/volumes", self._memory):
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
