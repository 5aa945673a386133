"""What calls give: an immutable sequence of records that shows itself as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

from expander.base.html import html_table
from expander.base.text import counted

T = TypeVar("T")


class Records(tuple[T, ...]):
    """Records in their order: a tuple with a short ``repr`` and, in notebooks, a table."""

    __slots__ = ()
    noun: ClassVar[str] = "Job"
    heads: ClassVar[Sequence[str]] = ()

    def cells(self, record: T) -> Sequence[object]:
        """The cells of a record below `heads`."""
        raise NotImplementedError

    def state(self, record: T) -> str:
        """The word under which a record is counted."""
        raise NotImplementedError

    @property
    def counts(self) -> Mapping[str, int]:
        """How many records there are in each state."""
        return Counter(map(self.state, self))

    @property
    def summary(self) -> str:
        """The counts as text: ``3 Jobs: 2 Complete, 1 Failed``."""
        parts = ", ".join(f"{count:,} {state}" for state, count in sorted(self.counts.items()))
        return f"{counted(len(self), self.noun)}: {parts}" if parts else counted(0, self.noun)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.summary}>"

    def _repr_html_(self) -> str:
        return html_table(self.summary, self.heads, map(self.cells, self))
