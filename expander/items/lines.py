"""Plain values from text: one per line, or one per NUL-terminated record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from expander.items.blocks import texts
from expander.items.item import Item


def read_lines(stream: BinaryIO, source: str) -> Iterator[Item]:
    r"""One item per line, as it stands between the line ends (``\n`` or ``\r\n``).

    The last line needs no line end. Empty lines are skipped, and so is a line of only blanks and
    tabs: it looks empty, and is never meant as a value. (NUL-separated, JSON and CSV sources can
    carry blank values.) Nothing else is trimmed or interpreted: ``#`` starts no comment.
    """
    number = 0
    for text, line in texts(stream, source):
        if "\r" in text:
            text = text.replace("\r\n", "\n").removesuffix("\r")
        for at, value in enumerate(text.split("\n"), line):
            if value and value.strip(" \t"):
                number += 1
                yield Item(value, number, source, at)


def read_nul(stream: BinaryIO, source: str) -> Iterator[Item]:
    """One item per NUL-terminated record, unchanged: line ends and blanks belong to the value.

    This is what ``find -print0`` writes. The NUL after the last record may be missing; an empty record
    is an item, as for ``xargs -0``. ``line`` of an item counts line ends in the data.
    """
    number = 0
    for text, line in texts(stream, source, b"\0"):
        for value in text.removesuffix("\0").split("\0"):
            number += 1
            yield Item(value, number, source, line)
            line += value.count("\n")
