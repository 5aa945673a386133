"""The state folder: what is where in it, and the lock that keeps a second expander out.

``state.db`` holds the objects, ``runs/`` the supervisors' records, ``pods/`` the logs and volumes of pods.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from expander.base.errors import ExpanderError, OutputError
from expander.base.state_dir import make_own, make_private, remove_tree
from expander.local.store.database import open_database, reading

DATABASE: Final = "state.db"

LOCK_FILE: Final = "lock"


class StateFolder:
    """An open state folder. Raises ExpanderError when another program has it or it cannot be made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        try:
            make_own(folder, DATABASE)
            make_private(self.runs)
            self._lock_path = os.fspath(folder / LOCK_FILE)
            self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._own = os.fstat(self._lock)
            os.close(os.open(folder / DATABASE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            os.chmod(folder / DATABASE, 0o600)
        except OSError as error:
            raise ExpanderError(f"the state folder {folder} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._lock, 20, 0).decode(errors="replace") or "unknown"
            os.close(self._lock)
            raise _in_use(folder, holder) from error
        if not self._is_in_place():
            os.close(self._lock)
            raise ExpanderError(f"the state folder {folder} was removed meanwhile", hint="run it again")
        try:
            name = str(os.getpid()).encode()
            os.ftruncate(self._lock, os.pwrite(self._lock, name, 0))  # in place: a full disk has no other
            self.database = open_database(folder / DATABASE)
        except OSError as error:
            os.close(self._lock)
            raise ExpanderError(f"the state folder {folder} cannot be used: {error.strerror}") from error
        except ExpanderError:
            os.close(self._lock)
            raise

    def check_place(self) -> None:
        """Raise OutputError when the folder is no longer where it was, so that nothing more gets there."""
        if not self._is_in_place():
            raise OutputError(
                f"the state folder {self.folder} was moved, removed or replaced while it was in use",
                hint="put it back; the same command resumes a run",
            )

    def _is_in_place(self) -> bool:
        """Whether the lock that is held is the one in the folder."""
        try:
            return os.path.samestat(os.stat(self._lock_path), self._own)
        except OSError:
            return False

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Meanwhile what is in the folder is taken up; the folder is given back when that fails.

        Raises StateUnreadable when it is damaged.
        """
        try:
            with reading(self.folder / DATABASE):
                yield
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the folder back."""
        self.database.close()
        os.close(self._lock)


def _in_use(folder: Path, holder: object) -> ExpanderError:
    return ExpanderError(
        f"another expander (process {holder}) is using the state folder {folder}",
        hint="wait for it to end, or stop it",
    )


def refuse_in_use(folder: Path) -> None:
    """Raise ExpanderError while a process is at work in a state folder."""
    if (holder := lock_holder(folder)) is not None:
        raise _in_use(folder, holder)


def lock_holder(folder: Path) -> int | None:
    """The process that is at work in a state folder, or None."""
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        text = os.pread(lock, 20, 0).decode(errors="replace")
        return int(text) if text.isdigit() else None
    finally:
        os.close(lock)
    return None


def remove_state(folder: Path) -> None:
    """Remove the state of a group, even if it is damaged. Raises ExpanderError while an executor uses it."""
    import shutil

    from expander.local.kubelet.pod_files import PodFolders

    if folder.exists():
        refuse_in_use(folder)
        PodFolders(folder).remove_memory()
        remove_tree(str(folder))
        if folder.exists():
            shutil.rmtree(folder)  # says why it cannot
