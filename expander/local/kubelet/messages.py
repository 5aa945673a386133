"""The files that containers write their termination messages to.

There are as many as containers run at a time, and each is used again when its container has ended and what
it said is in the status: on ext4 a new file costs more than all else that a container needs of the kubelet.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

USUAL = "/dev/termination-log"
"""Where a container writes unless its author chose another path."""


class MessageFiles:
    """The files, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(Path(folder).absolute())
        self._free: list[str] = []
        self._count = 0

    def take(self, everyone: bool) -> str:
        """An empty file that nobody uses. ``everyone``: any user may write to it."""
        if self._free:
            path = self._free.pop()
        else:
            os.makedirs(self._folder, exist_ok=True)
            path = f"{self._folder}/{self._count}"
            self._count += 1
            self._empty(path)
        if everyone:
            os.chmod(path, 0o666)
        return path

    def give_back(self, path: str) -> None:
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


def wants_file(spec: Mapping[str, Any], isolates: bool) -> bool:
    """Whether a container is given a file for its message.

    Without mounts of its own it can only write there when it is told where: it is, if its author chose the
    path or speaks of it.
    """
    path = spec.get("terminationMessagePath")
    if not path:
        return False
    if isolates or path != USUAL:
        return True
    words = (*(spec.get("command") or ()), *(spec.get("args") or ()))
    return any("termination-log" in word for word in words)
