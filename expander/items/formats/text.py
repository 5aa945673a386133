"""Blocks of whole records from a byte stream, their text, and plain values from lines or NUL records.

A block holds as many records as one read gave, so work per record is small; a read returns what is there, so
a slow writer at the other end of a pipe is not waited for. One block and one unfinished record are held.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator, Sequence
from itertools import accumulate
from typing import BinaryIO, NoReturn

from expander.base.errors import InputError, SourceLocation
from expander.items.block import ItemBlock, ItemBlocks

BLOCK_BYTES = 1 << 16
MAX_RECORD_BYTES = 1 << 24
"""Bytes of one record. An API server takes 3 MiB in a request at most, so what is longer than this
is not a list of items, and a stream without separators must not fill the memory."""

BOM = b"\xef\xbb\xbf"


def read_some(stream: BinaryIO, source: str, size: int = BLOCK_BYTES) -> bytes:
    """At most ``size`` bytes, as soon as there are any; none at the end.

    Raises InputError with the system's reason when reading fails.
    """
    try:
        chunk: bytes | None = getattr(stream, "read1", stream.read)(size)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(f"cannot be read: {reason(error)}", where=SourceLocation(source)) from error
    if chunk is None:
        raise InputError("cannot be read: it is open in non-blocking mode", where=SourceLocation(source))
    return chunk


def reason(error: Exception) -> str:
    """The system's reason for a failed operation, without the path it repeats."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def chunks(stream: BinaryIO, source: str, mark: bytes = BOM) -> Iterator[bytes]:
    """The bytes of ``stream`` as they come, without a byte order ``mark`` at the start.

    Raises InputError as `read_some`.
    """
    chunk = start = read_some(stream, source)
    while chunk and len(start) < len(mark) and mark.startswith(start):
        chunk = read_some(stream, source)
        start += chunk
    if start := start.removeprefix(mark):
        yield start
    while chunk:
        if chunk := read_some(stream, source):
            yield chunk


def blocks(stream: BinaryIO, source: str, separator: bytes = b"\n") -> Iterator[bytes]:
    """The bytes of ``stream``, cut only after a ``separator`` (one byte).

    Raises InputError when reading fails or a record is longer than `MAX_RECORD_BYTES`. NUL records
    are no text of an editor: they have no byte order mark.
    """
    rest: list[bytes] = []
    held = 0
    line = 1
    for chunk in chunks(stream, source, b"" if separator == b"\0" else BOM):
        cut = chunk.rfind(separator) + 1
        if cut:
            block = b"".join((*rest, chunk[:cut]))
            line += block.count(b"\n")
            yield block
            rest.clear()
            chunk, held = chunk[cut:], 0
        rest.append(chunk)
        held += len(chunk)
        if held > MAX_RECORD_BYTES:
            raise too_long(source, line)
    if held:
        yield b"".join(rest)


def texts(stream: BinaryIO, source: str, separator: bytes = b"\n") -> Iterator[tuple[str, int]]:
    """Like `blocks`, decoded from UTF-8, each with the number of its first line.

    Raises InputError that names the line and the byte where the text is not UTF-8.
    """
    line = 1
    for block in blocks(stream, source, separator):
        try:
            text = block.decode()
        except UnicodeDecodeError as error:
            not_utf8(error, source, line)
        yield text, line
        line += block.count(b"\n")


def not_utf8(error: UnicodeDecodeError, source: str, line: int) -> NoReturn:
    """Raise the InputError for bytes that are not text; ``line`` is the line where they start."""
    data, at = error.object, error.start
    start_of_line = data.rfind(b"\n", 0, at) + 1
    place = SourceLocation(source, line + data.count(b"\n", 0, at))
    hint = "convert the file to UTF-8, for example with: iconv -f LATIN1 -t UTF-8"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        hint = "this looks like UTF-16; convert it with: iconv -f UTF-16 -t UTF-8"
    elif data[:2] == b"\x1f\x8b":
        hint = "this looks like gzip; a file whose name ends in .gz is decompressed"
    elif data.startswith(b"PAR1"):
        hint = "this looks like Parquet; parquet:FILE reads a file in it"
    elif b"\0" in data:
        hint = "this looks like a binary file, not a list of items"
    raise InputError(
        f"byte 0x{data[at]:02x} (byte {at - start_of_line + 1} of the line) is not UTF-8 text",
        where=place,
        hint=hint,
    ) from error


def too_long(source: str, line: int) -> InputError:
    """The error for a record over `MAX_RECORD_BYTES` that starts in or after ``line``."""
    return InputError(
        f"an item is longer than {MAX_RECORD_BYTES >> 20} MiB",
        where=SourceLocation(source, line),
        hint="is this the right format? FORMAT:PATH names one of lines, nul, csv, tsv, json, jsonl, yaml",
    )


def read_lines(stream: BinaryIO, source: str) -> ItemBlocks:
    r"""One item per line, as it stands between the line ends (``\n`` or ``\r\n``).

    The last line needs no line end. Empty lines are skipped, and so is a line of only blanks and
    tabs: it looks empty, and is never meant as a value. (NUL-separated, JSON and CSV sources can
    carry blank values.) Nothing else is trimmed or interpreted: ``#`` starts no comment.
    """

    def read() -> Generator[ItemBlock, None, None]:
        number = 1
        for text, line in texts(stream, source):
            if "\r" in text:
                text = text.replace("\r\n", "\n").removesuffix("\r")
            values = text.removesuffix("\n").split("\n")
            lines: Sequence[int] = range(line, line + len(values))
            if not all(values) or any(map(str.isspace, values)):
                lines = [at for at, value in zip(lines, values, strict=True) if value.strip(" \t")]
                values = [value for value in values if value.strip(" \t")]
            if values:
                yield ItemBlock(values, number, source, lines)
                number += len(values)

    return ItemBlocks(read())


def read_nul(stream: BinaryIO, source: str) -> ItemBlocks:
    """One item per NUL-terminated record, unchanged: line ends and blanks belong to the value.

    This is what ``find -print0`` writes. The NUL after the last record may be missing; an empty record
    is an item, as for ``xargs -0``. ``line`` of an item counts line ends in the data.
    """

    def read() -> Generator[ItemBlock, None, None]:
        number = 1
        for text, line in texts(stream, source, b"\0"):
            values = text.removesuffix("\0").split("\0")
            ends = accumulate((value.count("\n") for value in values), initial=line)
            yield ItemBlock(values, number, source, list(ends)[:-1])
            number += len(values)

    return ItemBlocks(read())
