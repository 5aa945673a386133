"""Words for people: singular and plural, what is long cut, and names in the order of the numbers in them."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from expander.base.regex import regex

Natural = tuple[tuple[str, int], ...]

MAX_ERRORS: Final = 20
"""What is alike, as failed items are, is told so often; of the others only the number."""

MAX_NAMED: Final = 5
"""So many items a summary names."""

_DIGITS: Final = regex(r"([0-9]+)")


def plural(noun: str, count: int) -> str:
    """``Job`` for one, else ``Jobs``; ``policy`` becomes ``policies``, ``index`` ``indexes``."""
    if count == 1:
        return noun
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith("x") else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """``1 Job``, ``1,200 Jobs``."""
    return f"{count:,} {plural(noun, count)}"


def cut(text: str, most: int) -> str:
    """The text, ended by ``...`` at ``most`` characters where it is longer."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


class FirstFew:
    """Counts what is alike, of which the first `MAX_ERRORS` are to be told one by one."""

    def __init__(self) -> None:
        self.count = 0

    def take(self) -> bool:
        """There is one more; whether it is to be told."""
        self.count += 1
        return self.count <= MAX_ERRORS

    @property
    def more(self) -> int:
        """How many were not to be told."""
        return max(0, self.count - MAX_ERRORS)


class ItemNumbers:
    """The numbers of items, which come in their order and may repeat; ``count`` is how many there are."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[int] = []
        self._last = 0

    def add(self, number: int) -> None:
        """That of one more; 0 for what is of no item."""
        if number and number != self._last:
            self.count += 1
            self._first += [number] if len(self._first) < MAX_NAMED else []
            self._last = number

    def __str__(self) -> str:
        """``items 1, 4 and 9``; of many the first. Empty when there are none."""
        more = self.count - len(self._first)
        *first, last = [*map(str, self._first), *([f"{more:,} more"] if more else [])] or [""]
        words = " and ".join(filter(None, [", ".join(first), last]))
        return words and f"{plural('item', self.count)} {words}"


class NaturalOrder:
    """A name that sorts by its `natural` key, which is only worked out when two are compared."""

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def key(self) -> Natural:
        """The key."""
        return natural(self._name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NaturalOrder) and self._name == other._name

    def __lt__(self, other: NaturalOrder) -> bool:
        return self.key < other.key


def natural(name: str) -> Natural:
    """A key that sorts ``item-9`` before ``item-10``."""
    parts = _DIGITS.split(name)
    return tuple(zip(parts[::2], map(int, (*parts[1::2], "0")), strict=True))
