"""Where the state of groups is kept between commands, and how its folders are made."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def state_folder(group: str, chosen: str | None = None) -> Path:
    """The folder of a group's state: below ``chosen``, ``$EXPANDER_STATE``, or the user's state folder."""
    if chosen is None:
        chosen = os.environ.get("EXPANDER_STATE")
    if chosen is None:
        home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
        chosen = os.path.join(home, "expander")
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


def make_readable(folder: str | Path) -> None:
    """Make a folder that everybody who gets to it may read, whatever the umask is."""
    with suppress(FileExistsError):
        os.mkdir(folder)
        os.chmod(folder, 0o755)
