"""The folder in which a case runs its Jobs. It is locked, so that what a killed test left can be told."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Final

from expander.base.errors import ExpanderError
from expander.local.state import remove_state

PREFIX: Final = "expander-test-"

MIN_AGE_SECONDS: Final = 60.0
"""A folder that is younger may be one that is just being locked."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is gone afterwards; those that killed tests of this user left go first."""
    with suppress(OSError), os.scandir(gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False):
                _remove_left(entry)
    with TemporaryDirectory(prefix=PREFIX) as folder, _locked(folder):
        yield Path(folder)


def _remove_left(entry: os.DirEntry[str]) -> None:
    """Remove the folder unless it is another user's, or a test is at work in it."""
    with suppress(OSError, ExpanderError):
        found = entry.stat(follow_symlinks=False)
        if found.st_uid == os.getuid() and found.st_mtime < time.time() - MIN_AGE_SECONDS:
            with _locked(entry.path):
                remove_state(Path(entry.path))


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Meanwhile the folder is this process's. Raises OSError when it is another's."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(number)
