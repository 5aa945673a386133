"""How CSV and TSV are read: what separates columns, and whether the first row names them."""

from __future__ import annotations

from collections.abc import Callable

from expander.base.dataclass import dataclass
from expander.base.errors import Problem, SourceLocation, UsageError


@dataclass(slots=True)
class Table:
    """How tables are read: ``delimiter`` is one character, None for the format's own; ``\\t`` is a tab.

    Without ``header`` the first row is an item: ``columns`` are the names then, or 1, 2, ..., and one column
    is a plain value.

    ``on_header`` gets the source and the names of a header. ``used`` is whether there was a table.
    """

    delimiter: str | None = None
    header: bool = True
    columns: tuple[str, ...] = ()
    on_header: Callable[[str, list[str]], None] | None = None
    used: bool = False

    def __post_init__(self) -> None:
        if self.delimiter == r"\t":
            self.delimiter = "\t"
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise UsageError(f"found the delimiter {self.delimiter!r}, expected one character, such as ';'")
        if problem := next(iter(header_problems([*self.columns], SourceLocation("columns"))), None):
            raise UsageError(problem.message)

    @property
    def asked(self) -> bool:
        """Whether anything is to be read in another way than by default."""
        return self.delimiter is not None or not self.header or bool(self.columns)


def header_problems(header: list[str], where: SourceLocation) -> list[Problem]:
    """What is wrong with the names of a header: one is empty, or there twice."""
    problems = []
    for place, name in enumerate(header, 1):
        if not name.strip():
            problems.append(Problem(f"column {place} of the header has no name", where))
        elif (first := header.index(name) + 1) != place:
            problems.append(
                Problem(f"columns {first} and {place} of the header are both named {name!r}", where)
            )
    return problems
