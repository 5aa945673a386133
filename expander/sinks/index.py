"""The index of a folder: which files this tool wrote, and what it wrote into them.

The file ``.expander-index`` has a settled part and a log after it. A run logs what it is about to write, in
batches, and after each batch what it has written; at its end it writes the settled part anew, in one step.
A run that dies leaves its log; the next one looks by content which of the files that were only about to be
written are there. So a file is never taken for ours because we meant to write it, nor for a stranger's
because we died early. A torn last record is dropped: its file was not touched yet, or is found by content.
Any other damage is an error, since guessing could overwrite or remove a user's file.

As in Git's index, the state of a file (`Folder.state`) proves later that its content is still what was
written. A state is kept only of a file whose time was over when the index was settled: a later change has
another time then, on file systems with coarse clocks too.

The index is forced to the disk once, before it replaces the old one, so that a power cut leaves one of the
two. The lock on it is what keeps two runs apart; it ends with the process. Records end in NUL and a newline,
as names may have any other character::

    expander-index 2         the form
    DIGEST STATE NAME        a file that was written, any number of them; state 0 where it proves nothing
    complete N               the end of the settled part, with the count of its files
    DIGEST - NAME            a run is about to write this, any number of them
    DIGEST STATE NAME        it has written this, any number of them

Form 1 had no states.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from expander.base.errors import OutputError
from expander.base.regex import regex
from expander.sinks.folder import NO_STATE, Folder, changed_at, digest_of, key_of, write_all
from expander.sinks.stream import output_error

_FORM = b"expander-index 2\0\n"
_FORM_1 = b"expander-index 1\0\n"
_COMPLETE = b"complete "
_END = b"\0\n"
_BLOCK = 1 << 18
_INTENT = "-"
_STATE = r"(-|0|[0-9a-f]++(?:\.-?[0-9a-f]++){4})"
_file = regex(rf"([0-9a-f]{{32}}) {_STATE} ([^\0]+)", re.DOTALL).fullmatch
_plain_files = regex(rf"([0-9a-f]{{32}}) {_STATE} ([A-Za-z0-9_-][A-Za-z0-9._-]{{0,254}}+)\0\n").findall
_between = len("  \0\n")
_complete = regex(rb"complete ([0-9]+)\0\n").match
_digests = regex(rb"(\0\n[0-9a-f]{32} )")

Record: TypeAlias = "tuple[str, str, str]"
"""The digest, the state and the name of a file."""


class MalformedIndex(ValueError):
    """The index is not in this form."""


def encoded(records: Sequence[Record]) -> bytes:
    """Records of files."""
    return os.fsencode("".join([f"{digest} {state} {name}\0\n" for digest, state, name in records]))


def parsed(block: bytes) -> list[Record]:
    """The records of files in a block of whole records. Raises MalformedIndex.

    A name that this tool would not write is malformed: nothing in an index leads out of the folder.
    """
    text = os.fsdecode(block)
    found: list[Record] = _plain_files(text)
    if sum(map(len, chain.from_iterable(found))) + _between * len(found) == len(text):
        return found
    return [_parsed(each) for each in text.split("\0\n")[:-1]]


def _parsed(record: str) -> Record:
    match = _file(record)
    if match is None:
        raise MalformedIndex(f"{record[:60]!r} is not a record")
    try:
        key_of(match[3])
    except OutputError as error:
        raise MalformedIndex(str(error)) from None
    return match[1], match[2], match[3]


def blocks(file: int, start: int, end: int) -> Iterator[bytes]:
    """The whole records between two places, many at once; one that is torn at the end is left out."""
    rest = b""
    while start < end and (block := os.pread(file, min(_BLOCK, end - start), start)):
        start += len(block)
        whole, mark, rest = (rest + block).rpartition(_END)
        if mark:
            yield whole + mark


def settled_blocks(file: int, end: int) -> Iterator[tuple[list[Record], int]]:
    """The files of the settled part and the place after them, many at once; then none and its end.

    Raises MalformedIndex if that part is not whole, or not in this form.
    """
    if os.pread(file, len(_FORM), 0) != _FORM:
        raise MalformedIndex("it does not begin with its form")
    count, place = 0, len(_FORM)
    for block in blocks(file, place, end):
        at = 0 if block.startswith(_COMPLETE) else block.find(_END + _COMPLETE) + len(_END)
        last = _complete(block, at)
        files = parsed(block[:at] if last else block)
        count += len(files)
        if last is None:
            place += len(block)
            yield files, place
            continue
        if int(last[1]) != count:
            raise MalformedIndex(f"it has {count} files instead of {int(last[1])}")
        yield files, place + at
        yield [], place + last.end()
        return
    raise MalformedIndex("its end is missing")


class SettledPart:
    """Writes a settled part into the empty file ``file``. OSError says what was refused."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._count = 0
        write_all(file, _FORM)

    def add(self, records: Sequence[Record]) -> None:
        """Add records of files."""
        write_all(self._file, encoded(records))
        self._count += len(records)

    def finish(self) -> None:
        """Mark the end."""
        write_all(self._file, _COMPLETE + b"%d" % self._count + _END)


def _next_tick(file: int, last: int) -> int:
    """The time by the clock of the file system, after ``last`` if that takes no more than some ticks."""
    for _ in range(4):
        if (now := os.fstat(file).st_mtime_ns) > last:
            break
        time.sleep(0.004)
        os.utime(file)
    return now


INDEX = ".expander-index"
_NEXT = ".expander-index-next"
_OPEN = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_NEAR = 1 << 16

Judge = Callable[[str, str], bool]
"""A question about a file's name and the digest in its record."""


class Index:
    """The locked index of ``folder``; the log of a dead run is settled when it is opened.

    ``owned`` has the hash of each name that was settled before, a million in some 70 MB; the caller drops
    what it has asked for. Raises OutputError when another run has the folder, or the index is damaged.
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
        """Let go of the index and of its lock. The log stays for the next run to settle."""
        os.close(self._fd)

    def claim(self, digests: Sequence[str], names: Sequence[str]) -> None:
        """Note what is about to be written. Raises OutputError; then nothing is noted."""
        try:
            self._append([(digest, _INTENT, name) for digest, name in zip(digests, names, strict=True)])
        except OSError as error:
            raise output_error("write", self._where, error) from error

    def note(self, written: Sequence[Record]) -> None:
        """Note what was written of what was claimed. What cannot be noted is found by content later."""
        try:
            self._append(written)
        except OSError:
            return

    def recorded(self, name: str) -> tuple[str, str] | None:
        """The digest and the state of a file of ``owned``, if its state proves anything.

        Many files are known only when they are asked for in the order in which they were settled.
        """
        near = self._near
        while name not in near:
            files = next(self._ahead, None)
            if files is None:
                return None
            if len(near) > _MAX_NEAR:
                near.clear()
            self._keep(files)
        return near.pop(name)

    def names(self) -> Iterator[str]:
        """The names that this run has asked for, or claimed."""
        for files in self._settled_files():
            yield from (name for _, _, name in files if hash(name) not in self.owned)
        for _, _, name in self._log():
            yield name

    def left(self) -> Iterator[str]:
        """The names that this run has not asked for, of files that may be gone."""
        for files in self._settled_files() if self.owned else ():
            yield from (name for _, _, name in files if hash(name) in self.owned)

    @property
    def is_settled(self) -> bool:
        """Whether nothing was claimed since it was settled."""
        return self._settled == self._size

    def settle(self, *, stays: Judge | None = None) -> None:
        """Write the index anew: what was written replaces the records of its names.

        ``stays`` tells which of the records in ``owned`` are kept (None: all); it is asked once for each.
        Raises OutputError; then the old index is still there with its log. ``owned`` is empty afterwards.
        """
        self._replace(lambda file: self._write(file, stays))
        self._settled = self._size

    def _write(self, file: int, stays: Judge | None) -> None:
        if stays is None:
            self.owned.clear()
        written: set[int] = set()
        claimed: dict[str, str] = {}
        last = NO_STATE
        for digest, state, name in self._log():
            if state == _INTENT:
                claimed[name] = digest
            else:
                claimed.pop(name, None)
                written.add(hash(name))
                last = state
        found = [(digest, NO_STATE, name) for name, digest in claimed.items() if self._is_there(name, digest)]
        written.update(hash(name) for _, _, name in found)
        part = SettledPart(file)
        for files in self._settled_files():
            part.add(
                [
                    (digest, state, name)
                    for digest, state, name in files
                    if hash(name) not in written
                    and (stays is None or hash(name) not in self.owned or stays(name, digest))
                ]
            )
        now = _next_tick(file, changed_at(last))
        for block in blocks(self._fd, self._settled, self._size):
            part.add(
                [
                    (digest, state if changed_at(state) < now else NO_STATE, name)
                    for digest, state, name in parsed(block)
                    if state != _INTENT
                ]
            )
        part.add(found)
        part.finish()
        self.owned.clear()

    def _replace(self, write: Callable[[int], None]) -> None:
        """Put what ``write`` makes of an empty file in the place of the index, in one step."""
        try:
            file = os.open(_NEXT, _OPEN | os.O_EXCL, 0o666, dir_fd=self._folder.fd)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                write(file)
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
        self._fd, self._size = file, size

    def _append(self, records: Sequence[Record]) -> None:
        data = encoded(records)
        try:
            write_all(self._fd, data)
        except BaseException:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(data)

    def _settled_files(self, start: int = len(_FORM)) -> Iterator[list[Record]]:
        return map(parsed, blocks(self._fd, start, self._files_end))

    def _keep(self, files: Sequence[Record]) -> None:
        self._near.update([(name, (digest, state)) for digest, state, name in files if state != NO_STATE])

    def _log(self) -> Iterator[Record]:
        for block in blocks(self._fd, self._settled, self._size):
            yield from parsed(block)

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
        self._settled = self._files_end = 0
        self._size = os.fstat(self._fd).st_size
        try:
            if os.pread(self._fd, len(_FORM_1), 0) == _FORM_1:
                self._replace(self._convert)
            if self._size:
                self._read()
            if not self.is_settled or not self._size:
                self.settle()
                self._read()
        except MalformedIndex as error:
            raise OutputError(
                f"{self._where} is damaged: {error}",
                hint="move it away: files that already hold what would be written are then adopted, "
                "and others with the same names must be moved",
            ) from None

    def _convert(self, file: int) -> None:
        """Write an index of form 1 in this form."""
        data = os.pread(self._fd, self._size, 0).removeprefix(_FORM_1[:-2])
        write_all(file, _FORM[:-2] + _digests.sub(rb"\1- ", data))

    def _read(self) -> None:
        self._near: dict[str, tuple[str, str]] = {}
        kept = 0
        for files, place in settled_blocks(self._fd, self._size):
            self._settled = place
            if files:
                self._files_end = place
                self.owned.update([hash(name) for _, _, name in files])
                if len(self._near) < _MAX_NEAR:
                    self._keep(files)
                    kept = place
        self._ahead = self._settled_files(kept)

    def _is_there(self, name: str, digest: str) -> bool:
        data = self._folder.read(name)
        return data is not None and digest_of(data) == digest
