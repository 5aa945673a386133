"""The runtime that isolates nothing: a container is a process of this machine, as this user.

Its image is this machine. Absolute mounts cannot be made without touching the user's files, so none is:
each is announced in an environment variable instead, and a working directory below a mount is the folder
behind it.
"""

from __future__ import annotations

import os
import re

from expander.kube.wellknown import ITEMS_MOUNT_PATH, TOKEN_MOUNT_PATH
from expander.local.runtime.identity import completed_env, take_identity
from expander.local.runtime.runtime import Command, Launch, Mount, check_has_command


class ProcessRuntime:
    """Plain processes, in their own session, with the environment of the container alone.

    ``hint`` is how to get what it lacks, empty where that is known or not to be had.
    """

    name = "process"
    isolates = False

    def __init__(self, hint: str = "") -> None:
        self._hint = hint

    def command(self, launch: Launch) -> Command:
        """The command itself. Raises `CannotStart` if it is to run as somebody this user may not become."""
        check_has_command(launch)
        env = completed_env(launch)
        cwd = launch.cwd
        if launch.mounts:
            for mount in launch.mounts:
                env.setdefault(mount_variable(mount.target), mount.source)
            cwd = host_path(launch.cwd, launch.mounts)
        user, group, groups = take_identity(launch)
        return Command(
            list(launch.argv), env, cwd, user, group, groups, launch.memory, launch.cpus, stdio_owner=user
        )

    def caveat(self, launch: Launch) -> str | None:
        """The mounts that are not where the container looks for them, and the names it will not find."""
        told = {TOKEN_MOUNT_PATH, ITEMS_MOUNT_PATH}
        expected = (each for each in launch.mounts if each.target not in told)
        missing = [mount for mount in expected if not _is_there(mount)]
        lacks = []
        if missing:
            places = ", ".join(f"{mount.target} (in ${mount_variable(mount.target)})" for mount in missing)
            lacks.append(f"the process runtime mounts nothing; the container does not see {places}")
        if launch.hosts:
            names = ", ".join(launch.hosts)
            lacks.append(f"the process runtime has no names: those of Services ({names}) do not resolve")
        if lacks and self._hint:
            lacks[-1] += f"\n  hint: {self._hint}"
        return "; ".join(lacks) or None


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
