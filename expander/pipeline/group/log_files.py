"""The logs of a group as files: one for each item, or in a folder for each index of its Job."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from expander.base.errors import OutputError
from expander.manifests.names import digest
from expander.pipeline.group.item_folder import file_name, sweep, write_whole
from expander.pipeline.group.logs import Start, Wanted
from expander.pipeline.group.records import Record
from expander.pipeline.group.source import Reader
from expander.sinks.stream import output_error

LOCK: Final = ".expander-logs"


class LogFiles:
    """Writes the logs of items into ``folder``: each file is there whole or not at all.

    A context manager; entering raises OutputError when the folder cannot be made or another program writes
    logs into it. What an earlier one wrote is replaced. With several pods or containers of an item each log
    has a line ``==> POD CONTAINER <==`` before it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: dict[str, str] = {}
        self._made: set[Path] = set()

    def __enter__(self) -> LogFiles:
        self._is_new = not self.folder.exists()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise output_error("write logs into", str(self.folder), error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise OutputError(f"another program writes logs into {self.folder} just now") from None
        sweep(self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_new and os.listdir(self.folder) == [LOCK]:  # there was nothing to write
            os.unlink(self.folder / LOCK)
            self.folder.rmdir()
        os.close(self._lock)

    def path_of(self, record: Record) -> Path:
        """Where the logs of an item go; of two Jobs with one item the second gets a hash.

        Raises OutputError when the folder for the indexes of a Job cannot be made. For one thread.
        """
        job = f"{record.namespace}/{record.job}"
        name = file_name(record.item or record.job)
        if self._names.setdefault(name, job) != job:
            name = file_name(f"{name[:150]}-{digest(job)}")
        if record.index is None:
            return self.folder / f"{name}.log"
        folder = self.folder / name
        if folder not in self._made:
            self._made.add(folder)
            try:
                folder.mkdir(exist_ok=True)
                sweep(folder)
            except OSError as error:
                raise output_error("write logs into", str(folder), error) from error
        return folder / f"{record.index}.log"

    def write(self, path: Path, starts: list[Start], wanted: Wanted, reader: Reader) -> int:
        """Write the logs of one item; how many bytes."""
        return write_whole(path, _pieces(starts, wanted, reader))


def _pieces(starts: list[Start], wanted: Wanted, reader: Reader) -> Iterator[bytes]:
    if len(starts) == 1:
        yield from wanted.read(reader, starts[0])
        return
    end = b"\n"
    for start in starts:
        head = f"==> {start.pod['metadata']['name']} {start.container} <==\n".encode()
        yield head if end == b"\n" else b"\n" + head
        end = b"\n"
        for piece in _filled(wanted.read(reader, start)):
            yield piece
            end = piece[-1:]


def _filled(pieces: Iterable[bytes]) -> Iterator[bytes]:
    return (piece for piece in pieces if piece)
