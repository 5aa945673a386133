"""Items from a JSON document: an array read element by element, or one object."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import BinaryIO

from expander.items.item import Item
from expander.items.json_window import JsonWindow


def read_json(stream: BinaryIO, source: str) -> Iterator[Item]:
    """The elements of a JSON array as items, or a single object as one item; types are kept.

    ``line`` of an item is where its element starts. Raises InputError for text that is not JSON
    (items before the mistake have been yielded by then), for an element that is a list, for a key
    that appears twice in an object, and for NaN and Infinity.
    """
    window = JsonWindow(stream, source)
    start = window.peek()
    if start == "{":
        yield Item(window.value(1), 1, source, window.line)
    elif start == "[":
        window.skip()
        for number in count(1) if window.peek() != "]" else ():
            yield Item(window.value(number), number, source, window.line)
            if window.peek() == "]":
                break
            window.expect(",", "']'")
        window.skip()
    else:
        window.fail("expected an array [...] or an object {...}", "for one value per line use jsonl:PATH")
    if window.peek():
        window.fail("more text after the end of the JSON document", "for one value per line use jsonl:PATH")
