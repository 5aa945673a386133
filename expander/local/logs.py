"""Reads the logs of containers: a record per line, with time and stream, in the CRI log format.

``2026-11-29T10:47:40.123456789Z stdout F text``; a record with ``P`` goes on in the next one of its stream.
`runtime.log_writer` writes them. What is not in that format, as logs of earlier versions, is taken as output.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from expander.local.runtime.log_writer import ROTATED_SUFFIX
from expander.local.store.packed_logs import LogRow

READ_BYTES: Final = 64 * 1024
"""Bytes that are read at a time."""

_TIME: Final = 30
"""Bytes of a record's time."""

_HEAD: Final = 40
"""Bytes before a record's text."""

_behind_head: Final = itemgetter(slice(_HEAD, None))
"""The text of a record."""

_MARKS: Final = frozenset((b" stdout F ", b" stdout P ", b" stderr F ", b" stderr P "))


MAX_BURSTS: Final = 16
"""Times in one piece of a log after which its lines are decoded one by one."""


def _open(path: str) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY), "rb")


def _file_of(row: LogRow) -> BinaryIO:
    """A file in memory as the log's was."""
    file = os.fdopen(os.memfd_create(row.name), "w+b")
    file.write(row.data)
    file.flush()
    os.utime(file.fileno(), (row.modified, row.modified))
    return file


def _is_record(line: bytes) -> bool:
    return line[_TIME:_HEAD] in _MARKS and line[_TIME - 1 : _TIME] == b"Z"


def _is_full(line: bytes) -> bool:
    """Whether a line of output ends with this line of the file."""
    return not _is_record(line) or line[_HEAD - 2 : _HEAD - 1] == b"F"


def _text_of(seconds: float) -> bytes:
    """A Unix time as records have it."""
    when = datetime.fromtimestamp(seconds, UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f").encode() + b"000Z"


class LogReader:
    """The output in the log at ``path``, in pieces; OSError when there is none.

    ``timestamps`` puts the time before every line. ``since`` (Unix seconds) leaves out what was written
    before, ``tail`` all but so many last lines. Follows the log when it is rotated. ``packed`` is what there
    is of a log that is no file any more.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        timestamps: bool = False,
        since: float | None = None,
        tail: int | None = None,
        packed: LogRow | None = None,
    ) -> None:
        self._path = str(path)
        self._timestamps = timestamps
        self._files: deque[BinaryIO] = deque()
        with suppress(FileNotFoundError):
            self._files.append(_open(self._path + ROTATED_SUFFIX))
        try:
            self._files.append(_open(self._path) if packed is None else _file_of(packed))
        except OSError:
            self.close()
            raise
        self._rest = b""
        self._begins_line = True
        for file, start in zip(self._files, _starts([*self._files], since, tail), strict=True):
            file.seek(start)

    def read(self) -> bytes:
        """The next piece of output; empty when there is no more for now."""
        while True:
            file = self._files[0]
            data = file.read(READ_BYTES)
            if not data and len(self._files) == 1:
                if not self._is_rotated(file):
                    return b""
                data = file.read(READ_BYTES)
                if not data:
                    self._files.append(_open(self._path))
            if not data:
                file.close()
                self._files.popleft()
                continue
            if (output := self._decoded(self._rest + data)) != b"":
                return output

    def finish(self) -> bytes:
        """What is left when nothing more will be written: a line that was not completed."""
        rest, self._rest = self._rest, b""
        return self._decoded(rest + b"\n").removesuffix(b"\n") if rest else b""

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_rotated(self, file: BinaryIO) -> bool:
        with suppress(FileNotFoundError):
            return os.stat(self._path).st_ino != os.fstat(file.fileno()).st_ino
        return False

    def _decoded(self, data: bytes) -> bytes:
        output = bytearray()
        if self._begins_line:
            data = self._decode_bursts(data, output)
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            is_record = _is_record(line)
            if self._timestamps and self._begins_line:
                output += line[: _TIME + 1] if is_record else _text_of(self._changed()) + b" "
            output += line[_HEAD:] if is_record else line
            self._begins_line = _is_full(line)
            if self._begins_line:
                output += b"\n"
        return bytes(output)

    def _decode_bursts(self, data: bytes, output: bytearray) -> bytes:
        """Decode lines that were written at one time and so have equal heads; gives what is left.

        It costs a tenth of going line by line.
        """
        for _ in range(MAX_BURSTS):
            head = data[:_HEAD]
            if not (_is_record(head) and _is_full(head)):
                break
            last = data.rfind(b"\n" + head)
            end = data.find(b"\n", last + 1 + _HEAD)
            if end < 0:  # the last line is not complete
                end = last
            burst = data[: end + 1]
            if not burst or burst.count(b"\n") != burst.count(b"\n" + head) + 1:  # others are in between
                break
            time = head[: _TIME + 1] if self._timestamps else b""
            output += time + (b"\n" + time).join(map(_behind_head, burst[:-1].split(b"\n"))) + b"\n"
            data = data[end + 1 :]
        return data

    def _changed(self) -> float:
        return os.fstat(self._files[0].fileno()).st_mtime


def last_output(path: str | Path, count: int) -> bytes:
    """The last ``count`` bytes of the output in a log; none when there is no log."""
    pieces: list[bytes] = []
    size = 0
    with suppress(FileNotFoundError), open(path, "rb") as file:
        for _, line, is_whole in _lines_backwards(file):
            if size >= count:
                break
            text = line[_HEAD:] if _is_record(line) else line
            pieces.append(text + b"\n" if is_whole and _is_full(line) else text)
            size += len(pieces[-1])
    return b"".join(reversed(pieces))[-count:]


def _starts(files: list[BinaryIO], since: float | None, tail: int | None) -> list[int]:
    """Where to begin in each of ``files``, which follow each other."""
    starts = [0 if since is None else _since_start(file, since) for file in files]
    left = tail
    for number in reversed(range(len(files))):
        if left is not None:
            start, left = tail_start(files[number], left)
            starts[number] = max(starts[number], start)
    return starts


def tail_start(file: BinaryIO, lines: int) -> tuple[int, int]:
    """Where the last ``lines`` lines of output begin in a log, and how many of them it lacks."""
    end = file.seek(0, os.SEEK_END)
    found = 0
    for start, line, is_whole in _lines_backwards(file):
        stop = start + len(line) + is_whole
        if stop == end or _is_full(line):
            if found >= lines:
                return stop, 0
            found += 1
    return 0, lines - found


def _since_start(file: BinaryIO, since: float) -> int:
    """Where the first line begins that was written at ``since`` or later."""
    wanted = _text_of(since)
    changed = _text_of(os.fstat(file.fileno()).st_mtime)
    low, high = 0, file.seek(0, os.SEEK_END)
    while low < high:
        middle = (low + high) // 2
        file.seek(middle - 1 if middle else 0)
        if middle:
            file.readline()
        start = file.tell()
        line = file.read(_HEAD) if start < high else b""
        if not line or (line[:_TIME] if _is_record(line) else changed) >= wanted:
            high = middle
        else:
            file.seek(start)
            file.readline()
            low = file.tell()
    return low


def _lines_backwards(file: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """The lines of a file from its last to its first: where each begins, its bytes, whether it is ended."""
    size = at = file.seek(0, os.SEEK_END)
    rest = b""
    while at > 0:
        step = min(READ_BYTES, at)
        at -= step
        file.seek(at)
        data = file.read(step) + rest
        rest, *lines = data.split(b"\n")
        stop = at + len(data)
        for line in reversed(lines):
            start = stop - len(line)
            if start < size:
                yield start, line, stop < size
            stop = start - 1
    if size:
        yield 0, rest, len(rest) < size
