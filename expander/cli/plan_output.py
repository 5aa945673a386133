"""What ``plan`` prints: a report, JSON, or names. Several plans, one for each shape, are compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from expander.cli.messages import Output, printable

if TYPE_CHECKING:
    from expander.plan.plan import Plan

SHOWN = 10
"""So many names are shown in a report."""


class Report(Protocol):
    """What every format offers."""

    def add(self, name: str) -> None:
        """One more object that would be sent."""

    def finish(self, plans: Sequence[Plan]) -> None:
        """There are no more: the plan, or one for each shape with the asked one first."""


def report_of(output: str, out: Output, on_quota: str = "wait") -> Report:
    """The report of a format; ``on_quota`` is the option of that name."""
    if output == "json":
        return JsonReport(out)
    return NameReport(out) if output == "name" else TextReport(out, on_quota)


class NameReport:
    """Names as ``kubectl -o name`` prints them, nothing else."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def add(self, name: str) -> None:
        """Print it."""
        self._out.put(printable(name) + "\n")

    def finish(self, plans: Sequence[Plan]) -> None:
        """All names are printed."""
        self._out.finish()


class JsonReport:
    """One JSON object: all names, written as they come, then the plan; with several all in ``plans``."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._begun = False

    def add(self, name: str) -> None:
        """Write it into the list."""
        self._out.put(("," if self._begun else '{"names":[') + json.dumps(name, ensure_ascii=False))
        self._begun = True

    def finish(self, plans: Sequence[Plan]) -> None:
        """Write the rest."""
        rest = plans[0].as_json()
        if len(plans) > 1:
            rest["plans"] = [plan.as_json() for plan in plans]
        text = json.dumps(rest, ensure_ascii=False)
        self._out.put(("" if self._begun else '{"names":[') + "]," + text[1:] + "\n")
        self._out.finish()


class TextReport:
    """For people: the first names, the figures, what to look out for, then a line for each shape."""

    def __init__(self, out: Output, on_quota: str) -> None:
        self._out = out
        self._on_quota = on_quota
        self._count = 0

    def add(self, name: str) -> None:
        """Print it if it is among the first."""
        self._count += 1
        if self._count <= SHOWN:
            self._out.put(printable(name) + "\n")

    def finish(self, plans: Sequence[Plan]) -> None:
        """Print the plans."""
        from expander.cli.plan_table import notes_of, rows_of, table

        if self._count > SHOWN:
            self._out.put(f"... and {self._count - SHOWN:,} more\n")
        self._out.put("\n" if self._count else "")
        self._out.put("".join(f"{line}\n" for line in table(rows_of(plans[0]))))
        for line in notes_of(plans[0], self._on_quota):
            self._out.put(printable(line) + "\n")
        if len(plans) > 1:
            from expander.cli.compare_table import comparison

            self._out.put("\n")
            for line in comparison(plans):
                self._out.put(printable(line) + "\n")
        self._out.finish()
