"""The index: which files of a folder this tool wrote, and what it wrote into them.

The file ``.expander-index`` has a settled part and claims after it. A run adds its claims in batches,
before it touches the files, and at its end writes the settled part anew, in one step. A run that dies
leaves its claims; the next one looks which of them came true, by content. So a file is never taken for
ours because we meant to write it, nor for a stranger's because we died early. A torn last claim is
dropped: its file was not touched yet. Any other damage is an error, since guessing could overwrite or
remove a user's file.

The index is forced to the disk once, before it replaces the old one, so that a power cut leaves one of
the two. The lock on it is what keeps two runs apart; it ends with the process.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator

from expander.base.errors import OutputError
from expander.sinks.faults import output_error
from expander.sinks.folder import Folder, digest_of, write_all
from expander.sinks.records import Malformed, SettledPart, encoded, parsed, records, settled_files

INDEX = ".expander-index"
_NEXT = ".expander-index-next"
_OPEN = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Judge = Callable[[str, str], bool]
"""A question about a file's name and the digest in its record."""


class Index:
    """The locked index of ``folder``; claims of a dead run are settled when it is opened.

    ``owned`` has the hash of each name that was settled before, a million in some 70 MB; the caller may
    drop what it needs no longer. Raises OutputError when another run has the folder, or the index is damaged.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._where = folder.show(INDEX)
        self.owned: set[int] = set()
        try:
            self._fd = self._lock()
        except OSError as error:
            raise output_error("use", self._where, error) from error
        try:
            self._load()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the index and of its lock. Claims stay for the next run to settle."""
        os.close(self._fd)

    def claim(self, digests: list[str], names: list[str]) -> None:
        """Note what is about to be written. Raises OutputError; then nothing is noted."""
        data = encoded(digests, names)
        try:
            write_all(self._fd, data)
        except BaseException as error:
            os.ftruncate(self._fd, self._size)
            if isinstance(error, OSError):
                raise output_error("write", self._where, error) from error
            raise
        self._size += len(data)

    def claims(self) -> Iterator[tuple[str, str]]:
        """Names and digests noted since the index was settled."""
        return map(parsed, records(self._fd, self._settled, self._size))

    def settle(self, *, came_true: Judge | None = None, stays: Judge | None = None) -> None:
        """Write the index anew: claims that came true (None: all) replace the records of their names.

        ``stays`` tells which of the other records are kept (None: all); it is asked once for each. Raises
        OutputError; then the old index is still there with its claims. ``owned`` is empty afterwards.
        """
        try:
            file = os.open(_NEXT, _OPEN | os.O_EXCL, 0o666, dir_fd=self._folder.fd)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._write(SettledPart(file), came_true, stays)
                size = os.fstat(file).st_size
                os.fsync(file)
                os.rename(_NEXT, INDEX, src_dir_fd=self._folder.fd, dst_dir_fd=self._folder.fd)
            except BaseException:
                os.close(file)
                self._folder.remove(_NEXT)
                raise
        except OSError as error:
            raise output_error("write", self._where, error) from error
        os.close(self._fd)
        self._fd, self._settled, self._size = file, size, size

    def _write(self, part: SettledPart, came_true: Judge | None, stays: Judge | None) -> None:
        self.owned.clear()
        replaced: set[int] = set()
        if came_true is not None:
            replaced = {hash(name) for name, digest in self.claims() if came_true(name, digest)}
        elif self._has_files:
            replaced = {hash(name) for name, _ in self.claims()}
        if self._has_files:
            for name, digest, _ in settled_files(self._fd, self._settled):
                if name and hash(name) not in replaced and (stays is None or stays(name, digest)):
                    part.add(name, digest)
        if came_true is None:
            part.copy(self._fd, self._settled, self._size)
        else:
            for name, digest in self.claims():
                if hash(name) in replaced:
                    part.add(name, digest)
        part.finish()

    def _lock(self) -> int:
        """The open index. One that was replaced between opening and locking is not the index any more."""
        while True:
            fd = os.open(INDEX, _OPEN, 0o666, dir_fd=self._folder.fd)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found = os.fstat(fd)
                if not stat.S_ISREG(found.st_mode):
                    raise OutputError(
                        f"{self._where} is not a file", hint="it is the name of the index; move it"
                    )
                now = self._folder.kind(INDEX)
                if now is not None and os.path.samestat(found, now):
                    return fd
            except BlockingIOError:
                os.close(fd)
                raise OutputError(
                    f"another run is writing to {self._folder.path}",
                    hint="wait for it, or use another folder",
                ) from None
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)

    def _load(self) -> None:
        self._folder.remove(_NEXT)
        self._has_files = False
        self._settled, self._size = 0, os.fstat(self._fd).st_size
        try:
            if self._size:
                self._read()
            if self._settled < self._size or not self._size:
                self.settle(came_true=self._came_true)
                self._read()
        except Malformed as error:
            raise OutputError(
                f"{self._where} is damaged: {error}",
                hint="move it away: files that already hold what is to be written are then taken over, "
                "and for others with the same names you are asked to move them",
            ) from None

    def _read(self) -> None:
        for name, _, place in settled_files(self._fd, self._size):
            self._settled = place
            if name:
                self._has_files = True
                self.owned.add(hash(name))

    def _came_true(self, name: str, digest: str) -> bool:
        data = self._folder.read(name)
        return data is not None and digest_of(data) == digest
