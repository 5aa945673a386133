"""SARIF 2.1.0, for code scanning: a result per finding and warning."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from expander.version import __version__

if TYPE_CHECKING:
    from expander.batch.validation import Validation, Verdict

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class Report:
    """One run with all results, written at the end."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self._put = put
        self._results: list[dict[str, Any]] = []

    def add(self, verdict: Verdict) -> None:
        who = f"{verdict.kind}/{verdict.name}: " if verdict.kind else ""
        if verdict.status == "error":
            self._add("Unreadable", "error", verdict.message, verdict.source, verdict.line)
        for finding, line in verdict.findings:
            self._add(finding.reason.value, "error", f"{who}{finding}", verdict.source, line)
        for warning, line in verdict.warnings:
            self._add(warning.rule, "warning", f"{who}{warning}", verdict.source, line)

    def _add(self, rule: str, level: str, message: str, source: str, line: int) -> None:
        place: dict[str, Any] = {"artifactLocation": {"uri": source}}
        if line:
            place["region"] = {"startLine": line}
        self._results.append(
            {
                "ruleId": rule,
                "level": level,
                "message": {"text": message},
                "locations": [{"physicalLocation": place}],
            }
        )

    def finish(self, validation: Validation) -> None:
        for advice in validation.batch_warnings:
            self._results.append(
                {"ruleId": advice.rule, "level": "warning", "message": {"text": str(advice)}}
            )
        rules = sorted({result["ruleId"] for result in self._results})
        driver = {"name": "expander", "version": __version__, "rules": [{"id": rule} for rule in rules]}
        run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": self._results}
        self._put(json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n")
