"""Where the files of a pod are: the only module that knows their names.

``<folder>/logs/<namespace>_<name>_<uid>_<container>_<restart>.log`` is the output of one start of a
container, until `local.log_packing` has packed it. Logs lie side by side because folders are dear: on ext4 a
folder for each pod, and a file in it, can cost fifty times what one more file in a folder does.

``<folder>/pods/<namespace>_<name>_<uid>/<volume>`` holds a volume; those in memory are elsewhere, by the
pod's uid. Folders are private to this user. ``<folder>/messages`` holds what containers give
as termination messages: as many files as containers run at a time, each used again once its message is in
the status, for a new file costs more than all else that a container needs of the kubelet. So are the folders
in ``<folder>/work``, in which containers start that have no file system of their own.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from expander.base.digests import sha256
from expander.base.state_dir import make_private, remove_tree
from expander.kube.objects import container_status, start_count, statuses_of

LOGS = "logs"
"""The folder of the logs."""

MESSAGES = "messages"
"""The folder of the termination messages."""

WORK = "work"
"""The folder of the working directories of containers without files of their own."""

SHARED_MEMORY = Path("/dev/shm")
MAX_NAME_CHARS = 72
"""Of a pod's name this much is in names of files, so that the rest has its place in 255 characters."""


class PodFolders:
    """The files of all pods under ``folder``.

    ``keep``: the volumes of a pod stay when it is over, all but those in memory.
    """

    def __init__(self, folder: Path, keep: bool = False) -> None:
        self.keep = keep
        root = Path(folder).absolute()
        self._logs = str(root / LOGS)
        self._volumes = str(root / "pods")
        mark = sha256(str(root).encode()).hexdigest()[:12]
        self.memory = f"{SHARED_MEMORY}/expander-{mark}-{os.getuid()}"
        """The folder of the volumes in memory."""

    def make(self) -> None:
        """Make the folder of the logs."""
        make_private(self._logs)

    def of(self, pod: Mapping[str, Any]) -> PodFiles:
        """The files of one pod."""
        metadata = pod["metadata"]
        uid = metadata["uid"]
        name = f"{metadata['namespace']}_{metadata['name'][:MAX_NAME_CHARS]}_{uid}"
        return PodFiles(f"{self._logs}/{name}_", f"{self._volumes}/{name}", f"{self.memory}/{uid}")

    def sweep(self, known: Container[str]) -> None:
        """Remove the volumes of pods whose uid is not ``known``."""
        for folder in (self.memory,) if self.keep else (self._volumes, self.memory):
            with suppress(FileNotFoundError):
                for name in os.listdir(folder):
                    if name.rpartition("_")[2] not in known:
                        remove_tree(f"{folder}/{name}")

    def remove_memory(self) -> None:
        """Remove the volumes in memory of all pods: nothing runs, as after a restart of the machine."""
        remove_tree(self.memory)

    def log_of(self, pod: str | Mapping[str, Any], container: str, previous: bool) -> str:
        """The log of the latest start, or of the one before, of a container of a pod that is over.

        Of a pod of which only the uid is known the names of all logs are read. KeyError when there is no such
        container, start or log.
        """
        if not isinstance(pod, str):
            path = self.of(pod).log(container, restart_number(restart_counts(pod)[container], previous))
            if not (os.path.exists(path) or start_count(container_status(pod, container))):
                raise KeyError(container)
            return path
        found = {}
        for name in os.listdir(self._logs):
            start, _, restart = name.removesuffix(".log").rpartition("_")
            if start.endswith(f"_{pod}_{container}") and restart.isdigit():
                found[int(restart)] = name
        return f"{self._logs}/{found[max(found, default=0) - previous]}"


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

    def exec_output(self, container: str, what: str) -> str:
        """The output of a command run in the container beside its own process (a hook, a probe)."""
        return f"{self._logs}{container}.{what}.output"

    def volume(self, name: str, in_memory: bool = False) -> str:
        """The folder of a volume, in one that is private. ``in_memory``: where the machine has memory that
        looks like a folder. Raises OSError where that belongs to somebody else.
        """
        folder = self._memory if in_memory and SHARED_MEMORY.is_dir() else self._volumes
        for each in (os.path.dirname(folder), folder):
            if not os.path.isdir(each):
                make_private(each)
            elif os.lstat(each).st_uid != os.geteuid():
                raise PermissionError(errno.EPERM, f"{each} belongs to another user")
        return f"{folder}/{name}"

    def let_others_pass(self) -> None:
        """Let a container that runs as another user, without mounts of its own, get to its files."""
        volumes = os.path.dirname(self._volumes)
        root = os.path.dirname(volumes)
        above = (root, f"{root}/{MESSAGES}", f"{root}/{WORK}", volumes, os.path.dirname(self._memory))
        for folder in (*above, self._volumes, self._memory):
            if os.path.isdir(folder):
                os.chmod(folder, 0o711)

    def remove_volumes(self, keep: bool = False) -> None:
        """Remove what the volumes held (``keep``: in memory). Links are removed, never followed."""
        for path in (self._memory,) if keep else (self._volumes, self._memory):
            remove_tree(path)


def pod_of_file(name: str) -> str:
    """The uid of the pod to which a file in the folder of the logs belongs; empty for none."""
    parts = name.split("_", 3)
    return parts[2] if len(parts) == 4 else ""


def restart_number(restart: int, previous: bool) -> int:
    """The number of a start, or of the one before; KeyError when there was none before."""
    if previous and not restart:
        raise KeyError("previous")
    return restart - previous


def restart_counts(pod: Mapping[str, Any]) -> dict[str, int]:
    """How often each container of a pod was restarted, by its status."""
    return {part["name"]: int(part.get("restartCount") or 0) for part in statuses_of(pod)}


PARTIAL: Final = "..partial"
"""No path of a volume's item starts with two dots: the API server refuses it."""


def write_whole(path: str, data: bytes, mode: int, group: int | None = None) -> None:
    """Write a file whole or not at all; root gives it to ``group`` too. Links are not followed."""
    partial = f"{os.path.dirname(path)}/{PARTIAL}"
    with suppress(FileNotFoundError):
        os.unlink(partial)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(partial, flags, 0o600)
    with open(descriptor, "wb") as target:
        target.write(data)
        os.fchmod(descriptor, mode)
        if group is not None and os.geteuid() == 0:
            os.fchown(descriptor, -1, group)
    os.replace(partial, path)


DEFAULT_MESSAGE_PATH = "/dev/termination-log"
"""Where a container writes unless its author chose another path."""


class MessageFiles:
    """The files, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(Path(folder).absolute())
        self._free: list[str] = []
        self._count = 0

    def acquire(self, user: int | None, isolates: bool) -> str:
        """An empty file that nobody uses; ``user`` is who writes to it, where it is not this one.

        ``isolates``: it is shown to that user alone, as a mount.
        """
        if self._free:
            path = self._free.pop()
        else:
            make_private(self._folder)
            path = f"{self._folder}/{self._count}"
            self._count += 1
            self._empty(path)
        if user is not None and isolates:
            os.chmod(path, 0o666)
        elif os.geteuid() == 0:
            os.chown(path, os.geteuid() if user is None else user, -1)
        return path

    def release(self, path: str) -> None:
        """The container of this file has ended, and its message was read."""
        try:
            found = os.lstat(path)
            if found.st_size or not os.path.isfile(path):
                self._empty(path)
        except OSError:
            with suppress(OSError):
                os.unlink(path)
            return
        self._free.append(path)

    def _empty(self, path: str) -> None:
        """Empty the file, or make it; a link in its place is not followed."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK
        os.close(os.open(path, flags, 0o600))


class WorkFolders:
    """Empty folders in which containers start, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(Path(folder).absolute())
        self._free: list[tuple[str, int]] = []
        self._used: dict[str, int] = {}
        """When (st_ctime_ns) each was last changed, if a change since then shows; else 0."""
        self._count = 0

    def acquire(self, user: int | None) -> str:
        """A folder that nobody uses; ``user`` is whose it is, where that is not this one."""
        if self._free:
            path, changed = self._free.pop()
        else:
            path, changed = f"{self._folder}/{self._count}", 0
            self._count += 1
            remove_tree(path)  # an earlier run may have left it
            make_private(path)
        if changed and (user is None or user == os.geteuid()):
            self._used[path] = changed if time.time_ns() - changed > TICK_NANOSECONDS else 0
            return path
        self._used[path] = 0
        return _given(path, user)

    def release(self, path: str) -> None:
        """The container that started in it has ended; what it left is removed."""
        changed = _untouched_since(path, self._used.pop(path))
        if changed is None:
            remove_tree(path)
            make_private(path)
        self._free.append((path, changed or 0))


TICK_NANOSECONDS = 50_000_000
"""Two changes of a folder at so much distance have two times in every file system."""


def _untouched_since(folder: str, changed: int) -> int | None:
    """When a private folder was last changed (st_ctime_ns), 0 where another user has it; None when it is not
    empty and private. It is if that was at the time ``changed``.
    """
    try:
        found = os.lstat(folder)
        if found.st_ctime_ns != changed and (
            found.st_mode != stat.S_IFDIR | stat.S_IRWXU or os.listdir(folder)
        ):
            return None
    except OSError:
        return None
    return found.st_ctime_ns if found.st_uid == os.geteuid() else 0


def _given(folder: str, user: int | None) -> str:
    if os.geteuid() == 0:
        os.chown(folder, os.geteuid() if user is None else user, -1)
    return folder


def needs_message_file(spec: Mapping[str, Any], isolates: bool) -> bool:
    """Whether a container is given a file for its message.

    Without mounts of its own it can only write there when it is told where: it is, if its author chose the
    path or speaks of it.
    """
    path = spec.get("terminationMessagePath")
    if not path:
        return False
    if isolates or path != DEFAULT_MESSAGE_PATH:
        return True
    words = (*(spec.get("command") or ()), *(spec.get("args") or ()))
    return any("termination-log" in word for word in words)


def last_bytes(path: str, count: int) -> bytes:
    """The last ``count`` bytes of a file; none when there is no such file. Only a regular file is read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not found.st_size:
            return b""
        file.seek(max(0, found.st_size - count))
        return file.read(count)


MESSAGE_LOG_LINES = 80


def last_lines(data: bytes) -> bytes:
    """The last 80 lines of ``data``."""
    lines = data.splitlines(keepends=True)
    return b"".join(lines[-MESSAGE_LOG_LINES:])
