"""The text of a log: where its last lines begin, and times before its lines."""

from __future__ import annotations

import os
from collections.abc import Callable
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
