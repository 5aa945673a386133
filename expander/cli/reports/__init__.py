"""Verdicts in the formats of people and machines.

Each module has a ``Report``: ``add(verdict)`` for one document after the other, then ``finish(validation)``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from expander.batch.validation import Validation, Verdict

FORMATS = ("text", "json", "junit", "sarif")


class Report(Protocol):
    """What every format offers."""

    def add(self, verdict: Verdict) -> None:
        """One more document."""

    def finish(self, validation: Validation) -> None:
        """There are no more; ``validation`` has the counts."""


def report_of(name: str, put: Callable[[str], None], **options: Any) -> Report:
    """The report of a format, which writes with ``put``."""
    made: Report = import_module(f"expander.cli.reports.{name}").Report(put, **options)
    return made
