"""The runtime that isolates nothing: a container is a process of this machine, as this user.

Its image is this machine. Absolute mounts cannot be made without touching the user's files, so none is:
each is announced in an environment variable instead, and a working directory below a mount is the folder
behind it.

What a container will find in its file tree, looked up before it is made.

Bubblewrap does not tell its own failures from those of the command; what can be known before is said in the
words of a container runtime instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from expander.local.runtime.filetree import PRIVATE, Tree, innermost, inside, resolve
from expander.local.runtime.identity import completed_env, take_identity
from expander.local.runtime.runtime import CannotStart, Command, Launch, Mount


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


def check_command(
    launch: Launch, env: Mapping[str, str], tree: Tree, mounts: Mapping[str, tuple[str, bool]]
) -> None:
    """Look the command up as the container will, since bubblewrap does not tell why it failed."""
    if not launch.argv or not launch.argv[0]:
        raise CannotStart("unable to start container process: no command specified")
    name = launch.argv[0]
    if "/" in name:
        path = name if name.startswith("/") else f"{launch.cwd or '/'}/{name}"
        reason = _why_not_executable(path, launch, tree, mounts)
        if reason is not None:
            raise CannotStart(f'unable to start container process: exec: "{name}": {reason}')
        return
    folders = env["PATH"].split(":")
    if not any(
        _why_not_executable(f"{folder}/{name}", launch, tree, mounts) is None for folder in folders if folder
    ):
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


class ProcessRuntime:
    """Plain processes, in their own session, with the environment of the container alone."""

    name = "process"
    isolates = False

    def command(self, launch: Launch) -> Command:
        """The command itself. Raises `CannotStart` if it is to run as somebody this user may not become."""
        env = completed_env(launch)
        cwd = launch.cwd
        if launch.mounts:
            for mount in launch.mounts:
                env.setdefault(mount_variable(mount.target), mount.source)
            cwd = host_path(launch.cwd, launch.mounts)
        user, group, groups = take_identity(launch)
        return Command(list(launch.argv), env, cwd, user, group, groups, launch.memory, launch.cpus)

    def caveat(self, launch: Launch) -> str | None:
        """The mounts that are not where the container looks for them."""
        missing = [mount for mount in launch.mounts if not _is_there(mount)]
        if not missing:
            return None
        places = ", ".join(f"{mount.target} (in ${mount_variable(mount.target)})" for mount in missing)
        return f"the process runtime mounts nothing; the container does not see {places}"


def mount_variable(target: str) -> str:
    """The variable that says where a mount is really: EXPANDER_MOUNT_INPUT for /input."""
    return "EXPANDER_MOUNT_" + re.sub(r"[^A-Z0-9]+", "_", target.strip("/").upper())


def host_path(path: str | None, mounts: object) -> str | None:
    """``path`` as this machine knows it: below the source of the innermost mount that holds it."""
    best: Mount | None = None
    if path is None:
        return None
    for mount in mounts:  # type: ignore[attr-defined]
        holds = path == mount.target or path.startswith(mount.target.rstrip("/") + "/")
        if holds and (best is None or len(mount.target) > len(best.target)):
            best = mount
    return path if best is None else best.source + path[len(best.target.rstrip("/")) :]


def _is_there(mount: Mount) -> bool:
    try:
        return os.path.samefile(mount.source, mount.target)
    except OSError:
        return False
