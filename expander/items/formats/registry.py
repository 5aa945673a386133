"""The formats that items come in, and the files and streams they are read from.

An installed package adds a format by an entry point in the group ``expander.item_formats``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, SourceLocation
from expander.base.waiting import awaited, waiting_opener
from expander.items.block import ItemBlocks, ItemStream
from expander.items.item import Item
from expander.items.source import Source

if TYPE_CHECKING:
    from expander.items.formats.table import Table
    from expander.items.remote import RemoteFile

Reader: TypeAlias = Callable[[BinaryIO, str], Iterator[Item]]
"""From a binary stream, and what messages call it, to items; raises InputError for what is malformed."""


@dataclass(frozen=True, slots=True)
class ItemFormat:
    """One format: the ``module:function`` of its `Reader`, loaded when it is used.

    ``extensions`` are those of files in it, with their dot; ``uniform`` says that all items of a source have
    the same columns (or none).
    """

    reader: str
    extensions: tuple[str, ...] = ()
    uniform: bool = False
    delimiter: str | None = None
    """What is between the columns of a table; None for what is none."""
    in_blocks: bool = False
    """Whether the reader gives `ItemBlocks`."""

    def load(self) -> Reader:
        """The function that reads the format."""
        module, _, name = self.reader.partition(":")
        reader: Reader = getattr(import_module(module), name)
        return reader


_HERE = "expander.items.formats"
FORMATS: Mapping[str, ItemFormat] = {
    "lines": ItemFormat(f"{_HERE}.text:read_lines", (".txt", ".list"), uniform=True, in_blocks=True),
    "nul": ItemFormat(f"{_HERE}.text:read_nul", (".nul", ".0"), uniform=True, in_blocks=True),
    "csv": ItemFormat(f"{_HERE}.csv:read_csv", (".csv",), uniform=True, delimiter=","),
    "tsv": ItemFormat(f"{_HERE}.csv:read_tsv", (".tsv",), uniform=True, delimiter="\t"),
    "json": ItemFormat(f"{_HERE}.json:read_json", (".json",)),
    "jsonl": ItemFormat(f"{_HERE}.json:read_json_lines", (".jsonl", ".ndjson")),
    "yaml": ItemFormat(f"{_HERE}.yaml:read_yaml", (".yaml", ".yml")),
    "parquet": ItemFormat(f"{_HERE}.arrow:read_parquet", (".parquet", ".pq"), uniform=True),
    "arrow": ItemFormat(f"{_HERE}.arrow:read_arrow", (".arrow", ".arrows", ".feather"), uniform=True),
}
"""The formats that come with expander."""

ENTRY_POINTS = "expander.item_formats"
"""The group of entry points that add formats: NAME is the format and the extension of its files."""

STDIN = "<stdin>"


def find_format(name: str) -> ItemFormat | None:
    """The format called ``name``: one of `FORMATS`, else an installed one; None when there is none."""
    if name in FORMATS:
        return FORMATS[name]
    from importlib.metadata import entry_points

    installed = next(iter(entry_points(group=ENTRY_POINTS, name=name)), None)
    return None if installed is None else ItemFormat(installed.value, (f".{name}",))


def format_of(path: str) -> ItemFormat:
    """The format a file's extension stands for, ``.gz`` aside; lines when it says nothing."""
    extension = os.path.splitext(path.lower().removesuffix(".gz"))[1]
    for form in FORMATS.values():
        if extension in form.extensions:
            return form
    return (find_format(extension[1:]) if extension else None) or FORMATS["lines"]


def file_source(path: str, form: ItemFormat, table: Table | None = None) -> Source:
    """The items of an existing file. It is opened when read and closed when the reading ends.

    A FIFO, a socket or a device (``/dev/fd/63``) can be read once; a regular file again and again.
    """
    read = _reading(form, table, partial(_open, path), path)
    return Source(path, read, rereadable=os.path.isfile(path), uniform=form.uniform)


def remote_source(file: RemoteFile, form: ItemFormat, table: Table | None = None) -> Source:
    """The items of a file at a URL. It is opened when read; what is combined with others is fetched once."""
    read = _reading(form, table, file.open, file.label)
    return Source(file.label, read, rereadable=False, uniform=form.uniform)


def stdin_source(form: ItemFormat, stdin: BinaryIO | None, table: Table | None = None) -> Source:
    """The items of standard input: ``stdin``, or the process's own when None. It is left open."""
    read = _reading(form, table, partial(_standard_input, stdin), STDIN)
    return Source(STDIN, read, rereadable=False, uniform=form.uniform)


def _reading(
    form: ItemFormat,
    table: Table | None,
    opened: Callable[[], AbstractContextManager[BinaryIO]],
    source: str,
) -> Callable[[], ItemStream]:
    """What reads ``form``: tables as ``table`` says; lines are a table when it says anything."""
    blocks = form.in_blocks
    if table is not None and (form.delimiter or (table.asked and form is FORMATS["lines"])):
        from expander.items.formats.csv import read_table

        table.used = True
        reader: Reader = partial(read_table, table=table, delimiter=form.delimiter or ",")
        blocks = False
    else:
        reader = form.load()

    def items() -> Generator[Any, None, None]:
        with opened() as stream:
            size = _size(stream)
            found = reader(stream, source)
            yield from found.blocks if blocks and isinstance(found, ItemBlocks) else found
            if (now := _size(stream, size)) < size:
                raise InputError(
                    f"has shrunk from {size:,} to {now:,} bytes while it was read",
                    where=SourceLocation(source),
                    hint="items are missing: run the command again when the file is written",
                )

    return lambda: ItemBlocks(items()) if blocks else items()


def _size(stream: BinaryIO, unknown: int = 0) -> int:
    """The bytes of the file behind a stream; ``unknown`` for what is no file."""
    try:
        return os.fstat(stream.fileno()).st_size
    except (OSError, ValueError, AttributeError):
        return unknown


def _standard_input(stdin: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    if stdin is None:
        import sys

        if sys.stdin is None:
            raise InputError("standard input is closed", where=SourceLocation(STDIN))
        stdin = sys.stdin.buffer
    awaited(stdin, "standard input")
    return nullcontext(stdin)


def _open(path: str) -> BinaryIO:
    try:
        if path.lower().endswith(".gz"):
            from gzip import GzipFile

            unpacked = GzipFile(fileobj=open(path, "rb", opener=waiting_opener))  # noqa: SIM115
            unpacked.myfileobj = unpacked.fileobj  # type: ignore[assignment]  # closed with it
            return unpacked  # type: ignore[return-value]
        return open(path, "rb", opener=waiting_opener)
    except OSError as error:
        from expander.items.formats.text import reason  # with what decompresses and decodes

        raise InputError(f"cannot be opened: {reason(error)}", where=SourceLocation(path)) from error
