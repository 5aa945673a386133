"""The index: which files of a folder this tool wrote, and what it wrote into them.

The file ``.expander-index`` has a settled part and claims after it. A run adds its claims in batches, before
it touches the files, and at its end writes the settled part anew, in one step. A run that dies leaves its
claims; the next one looks which of them came true, by content. So a file is never taken for ours because we
meant to write it, nor for a stranger's because we died early. A torn last claim is dropped: its file was not
touched yet. Any other damage is an error, since guessing could overwrite or remove a user's file.

The index is forced to the disk once, before it replaces the old one, so that a power cut leaves one of the
two. The lock on it is what keeps two runs apart; it ends with the process. Records end in NUL and a newline,
as names may have any other character::

    expander-index 1         the form
    DIGEST NAME              a file that was written, any number of them
    complete N               the end of the settled part, with the count of its files
    DIGEST NAME              a claim: a run is about to write this, any number of them
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator

from expander.base.errors import OutputError
from expander.base.regex import regex
from expander.sinks.folder import Folder, digest_of, key_of, write_all
from expander.sinks.stream import output_error

_FORM = b"expander-index 1"
_COMPLETE = b"complete %d"
_END = b"\0\n"
_BLOCK = 1 << 18
_file = regex(rb"([0-9a-f]{32}) ([^\0]+)", re.DOTALL).fullmatch


class MalformedIndex(ValueError):
    """The index is not in this form."""


def encoded(digests: list[str], names: list[str]) -> bytes:
    """Records of files."""
    return os.fsencode("".join([f"{digest} {name}\0\n" for digest, name in zip(digests, names, strict=True)]))


def parsed(record: bytes) -> tuple[str, str]:
    """The name and the digest in a file's record. Raises MalformedIndex.

    A name that this tool would not write is malformed: nothing in an index leads out of the folder.
    """
    match = _file(record)
    if match is None:
        raise MalformedIndex(f"{record[:60]!r} is not a record")
    name = os.fsdecode(match[2])
    try:
        key_of(name)
    except OutputError as error:
        raise MalformedIndex(str(error)) from None
    return name, match[1].decode()


def records(file: int, start: int, end: int) -> Iterator[bytes]:
    """The records between two places; one that is torn at the end is left out."""
    rest = b""
    while start < end and (block := os.pread(file, min(_BLOCK, end - start), start)):
        start += len(block)
        *whole, rest = (rest + block).split(_END)
        yield from whole


def settled_files(file: int, end: int) -> Iterator[tuple[str, str, int]]:
    """Name, digest and the place after it, for each file of the settled part; last ``("", "", place)``.

    Raises MalformedIndex if that part is not whole, or not in this form.
    """
    found = records(file, 0, end)
    if next(found, b"") != _FORM:
        raise MalformedIndex("it does not begin with its form")
    place = len(_FORM + _END)
    for count, record in enumerate(found):
        place += len(record + _END)
        if record == _COMPLETE % count:
            yield "", "", place
            return
        yield *parsed(record), place
    raise MalformedIndex("its end is missing")


class SettledPart:
    """Writes a settled part into the empty file ``file``. OSError says what was refused."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._pending = [_FORM + _END]
        self._length = len(self._pending[0])
        self._count = 0

    def add(self, name: str, digest: str) -> None:
        """Add the record of a file."""
        self._push(encoded([digest], [name]))
        self._count += 1

    def copy(self, file: int, start: int, end: int) -> None:
        """Add the records of files between two places of another index; the last must be whole."""
        while start < end and (block := os.pread(file, min(_BLOCK, end - start), start)):
            start += len(block)
            self._count += block.count(_END[:1])
            self._push(block)

    def finish(self) -> None:
        """Mark the end and hand all to the system."""
        self._push(_COMPLETE % self._count + _END)
        self._flush()

    def _push(self, data: bytes) -> None:
        self._pending.append(data)
        self._length += len(data)
        if self._length > _BLOCK:
            self._flush()

    def _flush(self) -> None:
        write_all(self._file, b"".join(self._pending))
        self._pending, self._length = [], 0


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
                        f"{self._where} is not a file", hint="the name is reserved for the index; move it"
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
        except MalformedIndex as error:
            raise OutputError(
                f"{self._where} is damaged: {error}",
                hint="move it away: files that already hold what would be written are then adopted, "
                "and others with the same names must be moved",
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
