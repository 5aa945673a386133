"""The file tree of a container: paths as it sees them, and the bubblewrap arguments that make it.

A mount point that the tree does not have cannot simply be made: the tree is somebody's files, read-only. Its
nearest existing folder is laid over with an empty one in memory instead, which gets the entries of the
covered folder back, one by one, and the new folder beside them. Bubblewrap does not tell its own failures
from those of the command; what can be known before is said in the words of a container runtime instead.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping

from expander.local.runtime.runtime import CannotStart, Launch, check_has_command

_LINKS = 40
PRIVATE = ("/proc", "/dev", "/tmp")
"""Folders that every container has of its own, whatever the tree has there."""


def clean(path: str) -> str:
    """``path`` absolute, without `.`, `..` and repeated slashes."""
    return os.path.normpath("/" + path.lstrip("/"))


def inside(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or below it."""
    return folder == "/" or path == folder or path.startswith(folder + "/")


def innermost(path: str, folders: Iterable[str]) -> str | None:
    """The deepest of ``folders`` that holds ``path``."""
    best: str | None = None
    for folder in folders:
        if inside(path, folder) and (best is None or len(folder) > len(best)):
            best = folder
    return best


def resolve(root: str, path: str) -> str:
    """``path`` without symbolic links, as somebody sees it whose root folder is ``root``."""
    done, todo = "/", clean(path).split("/")[1:]
    links = 0
    while todo:
        name, *todo = todo
        if name in ("", "."):
            continue
        if name == "..":
            done = os.path.dirname(done)
            continue
        here = done.rstrip("/") + "/" + name
        try:
            target = os.readlink(root.rstrip("/") + here)
        except OSError:
            done = here
            continue
        links += 1
        if links > _LINKS:
            return clean(path)
        if target.startswith("/"):
            done = "/"
        todo = target.split("/") + todo
    return done


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except PermissionError:  # what this user may not see is not there
        return []


class Tree:
    """The files of one container: those of ``root``, with mount points added."""

    def __init__(self, root: str, points: Iterable[str], writable: bool = False) -> None:
        """``points`` are the mount points, resolved. ``writable``: what is written is laid over ``root``, in
        memory, and ends with the container; mount points are made there.
        """
        self.root = root.rstrip("/") or "/"
        self.points = sorted({*points, *PRIVATE})
        self._holders = {
            point: innermost(point, [other for other in self.points if other != point])
            for point in self.points
        }
        self._writable = writable
        missing = () if writable else self.points
        self.covered = sorted({folder for point in missing if (folder := self._to_cover(point))})

    def real(self, path: str) -> str:
        """Where ``path``, resolved, is on this machine, mounts aside."""
        return self.root.rstrip("/") + path

    def holder(self, point: str) -> str | None:
        """The mount point that ``point`` is below, if there is one."""
        return self._holders[point]

    def _to_cover(self, point: str) -> str | None:
        """The folder that must be covered for ``point`` to be made; None if that is not needed."""
        if self.holder(point) is not None or os.path.lexists(self.real(point)):
            return None
        folder = os.path.dirname(point)
        while not os.path.isdir(self.real(folder)):
            folder = os.path.dirname(folder)
        return folder

    def base(self) -> list[str]:
        """The arguments that lay out the tree, before the mounts."""
        arguments = [] if "/" in self.covered else ["--ro-bind", self.root, "/"]
        if self._writable:
            arguments = ["--overlay-src", self.root, "--tmp-overlay", "/"]
        for folder in self.covered:
            arguments += ["--tmpfs", folder]
            for name in _names(self.real(folder)):
                path = folder.rstrip("/") + "/" + name
                if path not in PRIVATE:
                    arguments += self._entry(path)
        for point in self.points:
            if self.holder(point) is None:
                for folder in self._missing_above(point):
                    arguments += ["--perms", "0755", "--dir", folder]
        return arguments

    def _missing_above(self, point: str) -> list[str]:
        """The folders to be made on the way to ``point``, outermost first."""
        missing: list[str] = []
        folder = os.path.dirname(point)
        while not os.path.isdir(self.real(folder)):
            missing.insert(0, folder)
            folder = os.path.dirname(folder)
        return missing

    def _entry(self, path: str) -> list[str]:
        real = self.real(path)
        try:
            mode = os.lstat(real).st_mode
        except OSError:
            return []
        if stat.S_ISLNK(mode):
            return ["--symlink", os.readlink(real), path]
        return ["--ro-bind-try", real, path]

    def seal(self) -> list[str]:
        """The arguments that make the covers read-only, after the mounts."""
        return [word for folder in reversed(self.covered) for word in ("--remount-ro", folder)]


def check_mount_types(tree: Tree, mounts: Mapping[str, tuple[str, bool]]) -> None:
    """A folder cannot be mounted on a file, nor a file on a folder. Raises `CannotStart`."""
    for point, (source, _) in mounts.items():
        real = tree.real(point)
        if not source or point in PRIVATE or tree.holder(point) is not None or not os.path.exists(real):
            continue
        if os.path.isdir(source) != os.path.isdir(real):
            raise CannotStart(
                f'unable to start container process: error mounting "{source}" to rootfs at "{point}": '
                "not a directory: Are you trying to mount a directory onto a file (or vice-versa)?"
            )


_last_found: dict[tuple[str, str], str] = {}
"""The folder in which a command was found last, by root and name: the next container has it there too."""


def check_command(
    launch: Launch, env: Mapping[str, str], tree: Tree, mounts: Mapping[str, tuple[str, bool]]
) -> str:
    """The file of the command as the container will find it, since bubblewrap does not tell why it failed.

    Raises `CannotStart`.
    """
    check_has_command(launch)
    name = launch.argv[0]
    if "/" in name:
        path = name if name.startswith("/") else f"{launch.cwd or '/'}/{name}"
        reason = _why_not_executable(path, launch, tree, mounts)
        if reason is not None:
            raise CannotStart(f'unable to start container process: exec: "{name}": {reason}')
        return path
    folders = env["PATH"].split(":")
    if (last := _last_found.get((tree.root, name))) in folders:
        folders.insert(0, last)
    for folder in folders:
        if folder and _why_not_executable(f"{folder}/{name}", launch, tree, mounts) is None:
            _last_found[tree.root, name] = folder
            return f"{folder}/{name}"
    raise CannotStart(
        f'unable to start container process: exec: "{name}": executable file not found in $PATH'
    )


def _why_not_executable(
    path: str, launch: Launch, tree: Tree, mounts: Mapping[str, tuple[str, bool]]
) -> str | None:
    """Why the container cannot run ``path``; None if nothing seems to be against it."""
    seen = resolve(tree.root, path)
    point = innermost(seen, mounts)
    if point is not None:
        source = mounts[point][0]
        real = resolve("/", source + seen[len(point.rstrip("/")) :]) if source else ""
    elif launch.tmp and inside(seen, "/tmp"):
        real = launch.tmp + seen[4:]
    elif any(inside(seen, folder) for folder in PRIVATE):
        return None if not inside(seen, "/tmp") else f"stat {path}: no such file or directory"
    else:
        real = tree.real(seen)
    if not os.path.exists(real):
        return f"stat {path}: no such file or directory"
    if os.path.isdir(real):
        return "is a directory"
    return None if os.access(real, os.X_OK) else "permission denied"
