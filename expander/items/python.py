"""Items from Python values, for the programming interface."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping

from expander.base.errors import InputError, UsageError
from expander.items.item import Item, Scalar, Value
from expander.items.values import unfit

PYTHON = "<python>"


def from_python(values: Iterable[Scalar | Mapping[str, Value] | Item]) -> Iterator[Item]:
    """Items from plain values (str, int, float, bool, None), mappings with str keys, and Items.

    Lazily, numbered from 1; an Item keeps its source and line. Raises UsageError at once if
    ``values`` is itself a value (a str, a mapping), and while iterating InputError that names the
    item for any other type, for NaN and infinity, and for text that is not Unicode.
    """
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise UsageError(
            f"found one {type(values).__name__}, expected an iterable of items",
            hint="put a single item into a list",
        )
    return _items(values)


def _items(values: Iterable[object]) -> Generator[Item, None, None]:
    for number, value in enumerate(values, 1):
        if isinstance(value, Item):
            item = Item(value.value, number, value.source, value.line)
        else:
            item = Item(value, number, PYTHON)  # type: ignore[arg-type]
        wrong = "a list" if isinstance(item.value, list) else unfit(item.value)
        if wrong:
            raise InputError(
                f"found {wrong}; expected str, int, float, bool, None, or a mapping with str keys",
                item=f"item {number} ({item.where})",
            )
        yield item
