"""One line per finding, for people, and a summary."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from expander.cli.messages import printable

if TYPE_CHECKING:
    from expander.batch.validation import Validation, Verdict

ALIKE = 3
"""So many warnings of one rule are shown; a batch has as many as items."""


class Report:
    """``file:line: Kind/name: field: what is wrong`` for each finding."""

    def __init__(self, put: Callable[[str], None], verbose: bool = False) -> None:
        self._put = put
        self._verbose = verbose
        self._told: dict[str, int] = {}

    def add(self, verdict: Verdict) -> None:
        lines = []
        who = f"{verdict.kind}/{verdict.name}" if verdict.kind else "document"
        if verdict.status == "error":
            lines.append(f"{verdict.source}:{verdict.line}: error: {verdict.message}")
        for finding, line in verdict.findings:
            lines.append(f"{verdict.source}:{line}: {who}: {finding}")
        for warning, line in verdict.warnings:
            self._told[warning.rule] = told = self._told.get(warning.rule, 0) + 1
            if told <= ALIKE or self._verbose:
                lines.append(f"{verdict.source}:{line}: {who}: warning: {warning}")
        if self._verbose and verdict.status in ("valid", "skipped"):
            why = f", no schema for {verdict.api_version}" if verdict.status == "skipped" else ""
            lines.append(f"{verdict.source}:{verdict.line}: {who}: {verdict.status}{why}")
        if lines:
            self._put("".join(f"{printable(line)}\n" for line in lines))

    def finish(self, validation: Validation) -> None:
        for rule, told in self._told.items():
            if told > ALIKE and not self._verbose:
                self._put(f"... and {told - ALIKE:,} more warnings {rule!r} (-v shows them)\n")
        for advice in validation.batch_warnings:
            self._put(f"batch: warning: {printable(str(advice))}\n")
        counts = validation.counts
        parts = [f"{counts['valid']:,} valid", f"{counts['invalid']:,} invalid"]
        if counts["error"]:
            parts.append(f"{counts['error']:,} unreadable")
        if counts["skipped"]:
            parts.append(f"{counts['skipped']:,} skipped (no schema for the kind)")
        if validation.warned:
            parts.append(f"{validation.warned:,} warnings")
        self._put(f"{sum(counts.values()):,} manifests: {', '.join(parts)}\n")
