"""The folder of an item in a folder of results: its name, whose it is, and files that appear whole.

``.job`` in it says which Job it belongs to, and is locked while somebody writes into it. Two Jobs with one
item get two folders. What a dead run left half written is removed by the next one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from expander.batch.write import FILE_NAME
from expander.manifests.names import digest, valid_name
from expander.sinks.stream import output_error

OWNER: Final = ".job"
PART: Final = ".part-"
"""How the names of files begin that are not whole yet."""

RESERVED: Final = frozenset({"results.csv", "results.jsonl"})
"""Names in a folder of results that no item gets."""


def file_name(text: str) -> str:
    """``text`` as the name of a file or folder: itself when it is a plain one, else cleaned, with a hash."""
    return valid_name(text, FILE_NAME)


@contextmanager
def item_folder(folder: Path, item: str, job: str) -> Iterator[Path]:
    """The folder for ``item`` of the Job ``job`` (``namespace/name``), made if need be, locked meanwhile.

    Raises OutputError when it cannot be made or written.
    """
    wanted = file_name(item)
    again = file_name(f"{wanted[:150]}-{digest(job)}")
    names = [again] if wanted in RESERVED else [wanted, again]
    path = folder / names[0]
    try:
        for name in names:
            path = folder / name
            if (lock := _claim(path, job)) is not None:
                break
        else:
            raise FileExistsError(17, "another Job's results are there")
    except OSError as error:
        raise output_error("write results into", str(path), error) from error
    try:
        yield path
    finally:
        os.close(lock)


def owner_of(path: Path) -> str | None:
    """The Job that a folder belongs to, as ``namespace/name``; None when it is no item's folder."""
    try:
        return (path / OWNER).read_text()
    except (OSError, UnicodeDecodeError):
        return None


def sweep(path: Path) -> None:
    """Remove what a dead run left half written in a folder that is locked."""
    for entry in os.listdir(path):
        if entry.startswith(PART):
            with suppress(OSError):
                os.unlink(path / entry)


def write_whole(path: Path, pieces: Iterable[bytes]) -> int:
    """Make or replace the file ``path``; it is there whole or not at all. Gives its size.

    Raises OutputError when the system refuses; what ``pieces`` raises goes through, and no file is left.
    """
    part = path.with_name(f"{PART}{path.name}")
    size = 0
    try:
        try:
            with open(part, "wb") as file:
                for piece in pieces:
                    file.write(piece)
                    size += len(piece)
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(part)
            raise
    except OSError as error:
        raise output_error("write", str(path), error) from error
    return size


def _claim(path: Path, job: str) -> int | None:
    """A locked descriptor of the folder's ``.job``; None when the folder is another Job's."""
    os.makedirs(path, exist_ok=True)
    file = os.open(path / OWNER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        owner = os.pread(file, 1000, 0).decode(errors="replace")
        if owner not in ("", job):
            os.close(file)
            return None
        if not owner:
            os.pwrite(file, job.encode(), 0)
    except BaseException:
        with suppress(OSError):
            os.close(file)
        raise
    return file
