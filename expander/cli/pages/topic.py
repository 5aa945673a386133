"""Topics of ``expander help``: short pages of the documentation, as a terminal shows them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Final

from expander.base.data_files import folder
from expander.base.regex import regex
from expander.cli.output.table import GAP

LINK: Final = regex(r"\[([^\]]*)\]\([^)\s]*\)")
CODE: Final = regex(r"`([^`]*)`")
CELL: Final = regex(r"(?<!\\)\|")
ITEM: Final = regex(r"- |[0-9]+\. ")

MAX_WIDTH: Final = 100
"""Columns of a line, however wide the terminal is."""

MIN_CELL_WIDTH: Final = 10
"""Columns that the widest cell of a row keeps on a narrow terminal."""


def topics() -> dict[str, Path]:
    """The files of the topics by name."""
    return {path.stem: path for path in sorted(folder("topics").glob("*.md"))}


def title_of(path: Path) -> str:
    """The title of a topic: its first line."""
    with path.open(encoding="utf-8") as file:
        return file.readline().strip("# \n")


def plain_text(markdown: str, width: int) -> str:
    """A page for a terminal: paragraphs in ``width`` columns, tables with aligned columns, code indented."""
    return "\n\n".join("\n".join(lines) for lines in _blocks(markdown, min(width, MAX_WIDTH))) + "\n"


def _blocks(markdown: str, width: int) -> Iterator[list[str]]:
    """The lines of each block: a heading, a paragraph, a list, a table or code."""
    is_code = False
    for part in markdown.split("```"):
        if is_code:
            yield [f"    {line}".rstrip() for line in part.splitlines()[1:]]
        else:
            for block in filter(None, part.strip().split("\n\n")):
                yield [*_block(block.strip("\n").splitlines(), width)]
        is_code = not is_code


def _block(lines: list[str], width: int) -> Iterator[str]:
    if lines[0].startswith("#"):
        yield _words(lines[0].lstrip("# ")).upper()
    elif lines[0].startswith("|"):
        yield from _table([[_words(cell) for cell in _cells(line)] for line in lines], width)
    elif ITEM.match(lines[0]):
        for item in _items(lines):
            first, *rest = _wrap(_words(item), width - 2)
            yield first
            yield from (f"  {line}" for line in rest)
    else:
        yield from _wrap(_words(" ".join(lines)), width)


def _items(lines: list[str]) -> list[str]:
    """The items of a list, each on one line."""
    items: list[str] = []
    for line in lines:
        if ITEM.match(line):
            items.append(line)
        else:
            items[-1] += f" {line.strip()}"
    return items


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in CELL.split(line.strip())[1:-1]]


def _table(rows: list[list[str]], width: int) -> Iterator[str]:
    """The rows in ``width`` columns; the second one is Markdown's line between header and body."""
    head, _, *body = rows
    cells = [[each.upper() for each in head], *body]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width and max(widths) > MIN_CELL_WIDTH:
        widths[widths.index(max(widths))] -= 1
    for row in cells:
        wrapped = [_wrap(cell, size) for cell, size in zip(row, widths, strict=True)]
        for line in zip_longest(*wrapped, fillvalue=""):
            yield GAP.join(text.ljust(size) for text, size in zip(line, widths, strict=True)).rstrip()


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _words(text: str) -> str:
    """Text without the marks of Markdown: of links their words, of code the code."""
    return CODE.sub(r"\1", LINK.sub(r"\1", text)).replace("**", "")
