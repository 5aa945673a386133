"""The text of a log: where its last lines begin, and times before its lines.

When the lines of logs were written: containers write into files, and somebody looks how long these are.

``<log>.times`` holds a pair for each look that found a log longer: its size, and the Unix time.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO, Final

CHUNK: Final = 64 * 1024
"""Bytes that are read at a time."""


def tail_start(file: BinaryIO, lines: int) -> int:
    """Where the last ``lines`` lines of a file begin."""
    size = file.seek(0, os.SEEK_END)
    if lines <= 0:
        return size
    at, left = size, lines + 1
    while at > 0:
        step = min(CHUNK, at)
        at -= step
        file.seek(at)
        data = file.read(step)
        end = len(data)
        if at + step == size and data.endswith(b"\n"):
            end -= 1
            left = lines
        elif at + step == size:
            left = lines
        while left and (found := data.rfind(b"\n", 0, end)) >= 0:
            left -= 1
            end = found
            if left == 0:
                return at + found + 1
    return 0


class Stamper:
    """Puts a time before every line, also when a line comes in pieces.

    ``time_of`` gives the Unix time of what is before a place in the log; None: no times.
    """

    def __init__(self, time_of: Callable[[int], float] | None) -> None:
        self._time_of = time_of
        self._fresh = True

    def __call__(self, data: bytes, at: int) -> bytes:
        """``data``, which is at that place in the log, with a time before every line that begins in it."""
        if self._time_of is None:
            return data
        made = bytearray()
        for line in data.splitlines(keepends=True):
            at += len(line)
            if self._fresh:
                when = datetime.fromtimestamp(self._time_of(at), UTC)
                made += when.strftime("%Y-%m-%dT%H:%M:%S.%f").encode() + b"000Z "
            made += line
            self._fresh = line.endswith(b"\n")
        return bytes(made)


LOOK: Final = 0.5
"""Seconds between two looks; so late may the time of a line be."""

_PAIR: Final = struct.Struct("<qd")


class LogWatch:
    """Looks at logs that are being written."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}

    def look(self, logs: Iterable[str], now: float) -> None:
        """Note which of ``logs``, all that are being written, are longer than the last time."""
        sizes = {}
        for log in logs:
            with suppress(OSError):
                sizes[log] = size = os.stat(log).st_size
                if size and size != self._sizes.get(log):
                    with open(f"{log}.times", "ab") as file:
                        file.write(_PAIR.pack(size, now))
        self._sizes = sizes


class LogTimes:
    """The times of an open log; what nobody has looked at was written when the file was last changed."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._file = file
        self._sizes: list[int] = []
        self._times: list[float] = []
        with suppress(OSError), open(f"{path}.times", "rb") as times:
            data = times.read()
            for size, time in _PAIR.iter_unpack(data[: len(data) - len(data) % _PAIR.size]):
                if self._sizes and size < self._sizes[-1]:  # written anew
                    self._sizes, self._times = [], []
                self._sizes.append(size)
                self._times.append(time)

    def of(self, end: int) -> float:
        """When the byte before ``end`` was there (Unix seconds)."""
        place = bisect_left(self._sizes, end)
        return self._times[place] if place < len(self._times) else self._changed()

    def start(self, since: float | None, tail: int | None) -> int:
        """Where to begin for lines written at ``since`` or later, and at most the last ``tail`` of them."""
        begin = 0 if since is None else self._since(since)
        return begin if tail is None else max(begin, tail_start(self._file, tail))

    def _since(self, since: float) -> int:
        place = bisect_left(self._times, since)
        if place == len(self._times) and self._changed() < since:
            return self._file.seek(0, os.SEEK_END)
        at = self._sizes[place - 1] if place else 0
        while at:
            begin = max(0, at - 4096)
            self._file.seek(begin)
            found = self._file.read(at - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            at = begin
        return 0

    def _changed(self) -> float:
        return os.fstat(self._file.fileno()).st_mtime
