"""The output formats of ``validate``: text, JSON Lines, JUnit XML, SARIF 2.1.0 and annotations of GitHub."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from expander.base.text import counted
from expander.cli.output.junit import JUnitCase, JUnitSuites, Outcome, xml_text
from expander.cli.output.sarif import SarifReport
from expander.cli.output.streams import printable, say
from expander.validate.finding import ANNOTATION_RULE

if TYPE_CHECKING:
    from expander.batch.validation import Validation
    from expander.batch.verdict import Verdict


class Report(Protocol):
    """What every format offers."""

    def add(self, verdict: Verdict) -> None:
        """One more document."""

    def finish(self, validation: Validation) -> None:
        """There are no more; ``validation`` has the counts."""


class JsonReport:
    """JSON Lines; the summary goes to standard error with the other messages."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self._put = put

    def add(self, verdict: Verdict) -> None:
        self._put(json.dumps(verdict.as_json()) + "\n")

    def finish(self, validation: Validation) -> None:
        _say_of_batch(validation)


def _say_of_batch(validation: Validation) -> None:
    """What concerns the batch as a whole, where the format has no place for it."""
    for advice in validation.batch_warnings:
        say(f"batch: warning: {advice}")


def _said(verdict: Verdict) -> str:
    """The warnings about a document, as what its case printed."""
    lines = "\n".join(f"{verdict.source}:{line}: warning: {warning}" for warning, line in verdict.warnings)
    return f"<system-out>{xml_text(lines)}</system-out>" if lines else ""


class JUnitReport:
    """A case for each document."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self._suites = JUnitSuites("expander validate", put)

    def add(self, verdict: Verdict) -> None:
        kind = verdict.kind or "document"
        name = f"{kind}/{verdict.name or verdict.index}"
        outcome, message, text = self._outcome(verdict)
        self._suites.add(
            JUnitCase(verdict.source, verdict.line, name, outcome, message, text, _said(verdict))
        )

    def _outcome(self, verdict: Verdict) -> tuple[Outcome, str, str]:
        if verdict.status == "error":
            return "error", verdict.message, ""
        if verdict.status == "skipped":
            return "skipped", f"no schema for {verdict.api_version} {verdict.kind}", ""
        if not verdict.findings:
            return "passed", "", ""
        lines = "\n".join(f"{verdict.source}:{line}: {finding}" for finding, line in verdict.findings)
        return "failure", str(verdict.findings[0].finding), lines

    def finish(self, validation: Validation) -> None:
        self._suites.finish()
        _say_of_batch(validation)


MAX_SAME_WARNINGS = 3
"""Warnings of one rule that are shown; a batch has as many as items."""


def template_hint(path: str) -> str:
    """What is to say of the file ``path`` if it is a template."""
    name = shlex.quote(path) if path != "<stdin>" else "TEMPLATE"
    return f"a template: `expander expand {name} ITEM... --dry-run` validates it"


class TextReport:
    """``file:line: Kind/name: field: what is wrong`` for each finding; one line for a template's."""

    def __init__(self, put: Callable[[str], None], verbose: bool = False) -> None:
        self._put = put
        self._verbose = verbose
        self._told: dict[str, int] = {}
        self._templates: set[str] = set()

    def add(self, verdict: Verdict) -> None:
        if verdict.is_template and not self._verbose:
            if verdict.source not in self._templates:
                self._templates.add(verdict.source)
                words = f"{verdict.source}:{verdict.line}: {verdict.title}: {template_hint(verdict.source)}"
                self._put(printable(words) + "\n")
            return
        lines = []
        who = verdict.title
        if verdict.status == "error":
            lines.append(f"{verdict.source}:{verdict.line}: error: {verdict.message}")
        for finding, line in verdict.findings:
            lines.append(f"{verdict.source}:{line}: {who}: {finding}")
        for warning, line in verdict.warnings:
            self._told[warning.rule] = told = self._told.get(warning.rule, 0) + 1
            if told <= MAX_SAME_WARNINGS or self._verbose:
                lines.append(f"{verdict.source}:{line}: {who}: warning: {warning}")
        if self._verbose and verdict.status in ("valid", "skipped"):
            why = f", no schema for {verdict.api_version}" if verdict.status == "skipped" else ""
            lines.append(f"{verdict.source}:{verdict.line}: {who}: {verdict.status}{why}")
        if lines:
            self._put("".join(f"{printable(line)}\n" for line in lines))

    def finish(self, validation: Validation) -> None:
        for rule, told in self._told.items():
            if told > MAX_SAME_WARNINGS and not self._verbose:
                more = counted(told - MAX_SAME_WARNINGS, "more warning")
                self._put(f"... and {more} {rule!r} (-v shows them)\n")
        for advice in validation.batch_warnings:
            self._put(f"batch: warning: {printable(str(advice))}\n")
        counts = validation.counts
        parts = [f"{counts['valid']:,} valid", f"{counts['invalid']:,} invalid"]
        if counts["error"]:
            parts.append(f"{counts['error']:,} unreadable")
        if counts["skipped"]:
            parts.append(f"{counts['skipped']:,} skipped (no schema for the kind)")
        if validation.warned:
            parts.append(counted(validation.warned, "warning"))
        self._put(f"{counted(sum(counts.values()), 'manifest')}: {', '.join(parts)}\n")


class GitHubReport:
    """Workflow commands, which GitHub Actions shows beside the lines that they are about; one for a template.

    It shows ten errors of a step.
    """

    def __init__(self, put: Callable[[str], None]) -> None:
        self._put = put
        self._templates: set[str] = set()

    def add(self, verdict: Verdict) -> None:
        title = verdict.title
        if verdict.is_template:
            if verdict.source not in self._templates:
                self._templates.add(verdict.source)
                self._command("error", verdict.source, verdict.line, title, template_hint(verdict.source))
            return
        if verdict.status == "error":
            self._command("error", verdict.source, verdict.line, title, verdict.message)
        for finding, line in verdict.findings:
            self._command("error", verdict.source, line, title, str(finding))
        for warning, line in verdict.warnings:
            level = "notice" if warning.rule == ANNOTATION_RULE else "warning"
            self._command(level, verdict.source, line, title, str(warning))

    def _command(self, level: str, source: str, line: int, title: str, words: str) -> None:
        place = f",line={line}" if line else ""
        values = f"file={_property(source)}{place},title={_property(title)}"
        self._put(f"::{level} {values}::{_data(words)}\n")

    def finish(self, validation: Validation) -> None:
        for advice in validation.batch_warnings:
            self._put(f"::warning title=batch::{_data(str(advice))}\n")


def _data(text: str) -> str:
    """Text as the value of a workflow command; logs are shown in terminals too."""
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_REPORTS: Mapping[str, Callable[..., Report]] = {
    "text": TextReport,
    "json": JsonReport,
    "junit": JUnitReport,
    "sarif": SarifReport,
    "github": GitHubReport,
}
FORMATS = tuple(_REPORTS)


def report_of(name: str, put: Callable[[str], None], **options: Any) -> Report:
    """The report of a format, which writes with ``put``."""
    return _REPORTS[name](put, **options)
