"""Whom a container runs as, and the variables a container runtime adds to its environment."""

from __future__ import annotations

import functools
import os
import pwd

from expander.local.images.accounts import accounts_of
from expander.local.runtime.runtime import CannotStart, Launch

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The PATH of an image that sets none."""


def completed_env(launch: Launch, root: str | None = None) -> dict[str, str]:
    """The environment of the container, with PATH, HOME and HOSTNAME where it leaves them out.

    ``root`` is the folder of the image; by default this machine is the image: the usual folders of commands
    first, then those this user has besides, and the home folder that this user has.
    """
    env = dict(launch.env)
    if "PATH" not in env:
        env["PATH"] = DEFAULT_PATH if root else machine_path(os.environ.get("PATH", ""))
    if "HOME" not in env:
        user = os.geteuid() if launch.user is None else launch.user
        env["HOME"] = accounts_of(root).home(user) if root else home(user, os.environ.get("HOME", ""))
    if launch.hostname and "HOSTNAME" not in env:
        env["HOSTNAME"] = launch.hostname
    return env


@functools.lru_cache(maxsize=8)
def machine_path(mine: str) -> str:
    """The usual folders of commands, then the absolute ones of ``mine`` that are not among them."""
    folders = DEFAULT_PATH.split(":")
    folders += [folder for folder in mine.split(":") if folder.startswith("/")]
    return ":".join(dict.fromkeys(folders))


@functools.lru_cache(maxsize=64)
def home(user: int, mine: str) -> str:
    """The home folder of ``user``: ``mine`` for who runs this; the root folder for who is not known here."""
    if user == os.geteuid() and mine.startswith("/"):
        return mine
    try:
        return pwd.getpwuid(user).pw_dir
    except KeyError:
        return "/"


def take_identity(launch: Launch) -> tuple[int | None, int | None, tuple[int, ...]]:
    """The user, group and groups the supervisor must change to: None and () where it is them already.

    Raises `CannotStart` if this user may not become them.
    """
    if launch.user is None and launch.group is None and not launch.groups:
        return None, None, ()
    user, group = launch.user, launch.group
    if os.geteuid() == 0:
        if user is not None and group is None:
            group = primary_group(user)
        return user, group, tuple(launch.groups)
    for what, wanted, mine in (("user", user, os.geteuid()), ("group", group, os.getegid())):
        if wanted is not None and wanted != mine:
            raise CannotStart(
                f"unable to start container process: cannot run as {what} {wanted}: expander runs as {what} "
                f"{mine}, and only root may change that (the sandbox runtime can)"
            )
    return None, None, ()


@functools.lru_cache(maxsize=64)
def primary_group(user: int) -> int:
    """The group of ``user`` by this machine's list of users; 0 for one it does not know, as in containers."""
    try:
        return pwd.getpwuid(user).pw_gid
    except KeyError:
        return 0
