"""Items given one by one on the command line."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from expander.base.errors import InputError
from expander.items.item import Item
from expander.items.source import Source
from expander.items.values import is_text

ARGUMENTS = "<arguments>"


def arguments(values: Sequence[str], label: str = ARGUMENTS) -> Source:
    """Literal values: ``1-3`` and ``*.png`` stand for themselves here.

    Reading raises InputError for a value whose bytes are not UTF-8 (a lone surrogate in Python).
    """

    def read() -> Generator[Item, None, None]:
        for number, value in enumerate(values, 1):
            yield checked_text(Item(value, number, label), value)

    return Source(label, read, uniform=True, count=len(values))


def checked_text(item: Item, text: str) -> Item:
    """``item``, unless its ``text`` came from bytes that are not UTF-8: InputError that names it."""
    if not is_text(text):
        raise InputError(
            "found bytes that are not UTF-8, expected text",
            item=str(item),
            hint="a manifest holds text only; pass other bytes encoded, for example in base64",
        )
    return item
