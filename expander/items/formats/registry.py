"""Opening the files and streams that items are read from, and the formats they come in."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from functools import partial
from importlib import import_module
from typing import BinaryIO, TypeAlias

from expander.base.errors import InputError, SourceLocation
from expander.items.formats.text import reason
from expander.items.item import Item
from expander.items.source import Source

Reader: TypeAlias = Callable[[BinaryIO, str], Iterator[Item]]

FORMATS = {
    "lines": ("text", "read_lines"),
    "nul": ("text", "read_nul"),
    "csv": ("csv", "read_csv"),
    "tsv": ("csv", "read_tsv"),
    "json": ("json", "read_json"),
    "jsonl": ("json", "read_json_lines"),
    "yaml": ("yaml", "read_yaml"),
}
"""Formats, and the module and function that reads each; loaded when it is used."""

EXTENSIONS = {
    ".txt": "lines",
    ".list": "lines",
    ".nul": "nul",
    ".0": "nul",
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".yaml": "yaml",
    ".yml": "yaml",
}
STDIN = "<stdin>"


def format_of(path: str) -> str:
    """The format a file's extension stands for, ``.gz`` aside; lines when it says nothing."""
    name = path.lower().removesuffix(".gz")
    return EXTENSIONS.get(os.path.splitext(name)[1], "lines")


def file_source(path: str, format_name: str) -> Source:
    """The items of an existing file. It is opened when read and closed when the reading ends.

    A FIFO, a socket or a device (``/dev/fd/63``) can be read once; a regular file again and again.
    """
    reader = _reader(format_name)

    def read() -> Generator[Item, None, None]:
        with _open(path) as stream:
            yield from reader(stream, path)

    return Source(path, read, rereadable=os.path.isfile(path), uniform=_is_uniform(format_name))


def stdin_source(format_name: str, stdin: BinaryIO | None) -> Source:
    """The items of standard input: ``stdin``, or the process's own when None. It is left open."""
    return Source(
        STDIN,
        partial(_read_stdin, _reader(format_name), stdin),
        rereadable=False,
        uniform=_is_uniform(format_name),
    )


def _reader(format_name: str) -> Reader:
    module, name = FORMATS[format_name]
    reader: Reader = getattr(import_module(f"expander.items.formats.{module}"), name)
    return reader


def _is_uniform(format_name: str) -> bool:
    return format_name in ("lines", "nul", "csv", "tsv")


def _read_stdin(reader: Reader, stdin: BinaryIO | None) -> Generator[Item, None, None]:
    if stdin is None:
        import sys

        if sys.stdin is None:
            raise InputError("standard input is closed", where=SourceLocation(STDIN))
        stdin = sys.stdin.buffer
    yield from reader(stdin, STDIN)


def _open(path: str) -> BinaryIO:
    try:
        if path.lower().endswith(".gz"):
            import gzip

            return gzip.open(path)  # type: ignore[return-value]
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"cannot be opened: {reason(error)}", where=SourceLocation(path)) from error
