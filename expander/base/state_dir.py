"""Where the state of groups is kept between commands, how its folders are made, and removed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from expander.base.xdg import user_folder


def state_folder(group: str, chosen: str | None = None) -> Path:
    """The folder of a group's state: below ``chosen``, ``$EXPANDER_STATE``, or the user's state folder."""
    if chosen is None:
        chosen = os.environ.get("EXPANDER_STATE") or user_folder("XDG_STATE_HOME")
    return Path(chosen).absolute() / group


def make_private(folder: str | Path) -> None:
    """Make a folder and those missing above it for this user only, whatever the umask is.

    A folder that is there is closed to others as well. Raises OSError when it cannot be made, or is somebody
    else's.
    """
    path = Path(folder)
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        each.chmod(0o700)
    if not missing:
        Path(folder).chmod(0o700)


def make_own(folder: Path, mark: str) -> None:
    """Make a state folder, or close one that is there to others, whatever the umask is.

    One without ``mark`` in it that holds other things keeps its mode. Raises PermissionError when it is
    somebody else's, or keeps a mode by which others may write to it: they could put files of theirs in place
    of those in it.
    """
    if not folder.is_dir():
        make_private(folder)
        return
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it belongs to another user")
    if found.st_mode & 0o066 and ((folder / mark).exists() or not any(folder.iterdir())):
        folder.chmod(0o700)
    elif found.st_mode & 0o022:
        raise PermissionError(errno.EPERM, "others may write to it")


def open_private(path: str | Path, flags: int) -> int:
    """Open a log to write to, made for this user only, whatever the umask is; a link is not followed.

    ``flags`` beyond those: O_TRUNC or O_APPEND.
    """
    descriptor = os.open(path, flags | os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def replace_file(path: Path, data: bytes) -> None:
    """Write a file for this user only, whole or not at all. Raises OSError; then nothing is left of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(open_private(part, os.O_TRUNC), "wb") as file:
            file.write(data)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def make_readable(folder: str | Path) -> None:
    """Make a folder that everybody who gets to it may read, whatever the umask is."""
    with suppress(FileExistsError):
        os.mkdir(folder)
        os.chmod(folder, 0o755)


def remove_tree(path: str) -> None:
    """Remove a folder with all that is in it, also where a container took away the right to."""
    if os.path.lexists(path):
        import shutil  # only who removes pays for it

        shutil.rmtree(path, onerror=_try_harder)


def _try_harder(function: Callable[..., Any], path: str, _: object) -> None:
    """Give this user the right to change the folder, and try again; what stays is left where it is."""
    with suppress(OSError):
        parent = os.path.dirname(path)
        os.chmod(parent, stat.S_IRWXU)
        if os.path.isdir(path) and not os.path.islink(path):
            import shutil

            os.chmod(path, stat.S_IRWXU)
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
