"""The form of the index: records that end in NUL and a newline, as names may have any other character.

expander-index 1         the form
DIGEST NAME              a file that was written, any number of them
complete N               the end of the settled part, with the count of its files
DIGEST NAME              a claim: a run is about to write this, any number of them
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from expander.base.errors import OutputError
from expander.sinks.filename import key_of
from expander.sinks.folder import write_all

_FORM = b"expander-index 1"
_COMPLETE = b"complete %d"
_END = b"\0\n"
_BLOCK = 1 << 18
_file = re.compile(rb"([0-9a-f]{32}) ([^\0]+)", re.DOTALL).fullmatch


class Malformed(ValueError):
    """The index is not in this form."""


def encoded(digests: list[str], names: list[str]) -> bytes:
    """Records of files."""
    return os.fsencode("".join([f"{digest} {name}\0\n" for digest, name in zip(digests, names, strict=True)]))


def parsed(record: bytes) -> tuple[str, str]:
    """The name and the digest in a file's record. Raises Malformed.

    A name that this tool would not write is malformed: nothing in an index leads out of the folder.
    """
    match = _file(record)
    if match is None:
        raise Malformed(f"{record[:60]!r} is not a record")
    name = os.fsdecode(match[2])
    try:
        key_of(name)
    except OutputError as error:
        raise Malformed(str(error)) from None
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

    Raises Malformed if that part is not whole, or not in this form.
    """
    found = records(file, 0, end)
    if next(found, b"") != _FORM:
        raise Malformed("it does not begin with its form")
    place = len(_FORM + _END)
    for count, record in enumerate(found):
        place += len(record + _END)
        if record == _COMPLETE % count:
            yield "", "", place
            return
        yield *parsed(record), place
    raise Malformed("its end is missing")


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
