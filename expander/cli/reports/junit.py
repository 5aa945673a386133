"""JUnit XML, for CI systems: a suite per source, a test case per document."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from expander.batch.validation import Validation, Verdict

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", text))


class Report:
    """The cases of one source are written when the next source begins."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self._put = put
        self._source: str | None = None
        self._cases: list[str] = []
        self._counts = {"failures": 0, "errors": 0, "skipped": 0}
        self._put('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="expander validate">\n')

    def add(self, verdict: Verdict) -> None:
        if verdict.source != self._source:
            self._end_suite()
            self._source = verdict.source
        kind = verdict.kind or "document"
        name = _attribute(f"{kind}/{verdict.name or verdict.index}")
        inner = self._inner(verdict)
        self._cases.append(
            f"    <testcase name={name} classname={_attribute(verdict.source)} "
            f'file={_attribute(verdict.source)} line="{verdict.line}">{inner}</testcase>\n'
        )

    def _inner(self, verdict: Verdict) -> str:
        if verdict.status == "error":
            self._counts["errors"] += 1
            return f"<error message={_attribute(verdict.message)}/>"
        if verdict.status == "skipped":
            self._counts["skipped"] += 1
            return f"<skipped message={_attribute(f'no schema for {verdict.api_version} {verdict.kind}')}/>"
        if not verdict.findings:
            return ""
        self._counts["failures"] += 1
        lines = "\n".join(f"{verdict.source}:{line}: {finding}" for finding, line in verdict.findings)
        text = escape(_NOT_XML.sub("\ufffd", lines))
        return f"<failure message={_attribute(str(verdict.findings[0].finding))}>{text}</failure>"

    def _end_suite(self) -> None:
        if self._source is not None:
            counts = " ".join(f'{name}="{count}"' for name, count in self._counts.items())
            self._put(f'  <testsuite name={_attribute(self._source)} tests="{len(self._cases)}" {counts}>\n')
            self._put("".join(self._cases) + "  </testsuite>\n")
        self._cases = []
        self._counts = dict.fromkeys(self._counts, 0)

    def finish(self, validation: Validation) -> None:
        self._end_suite()
        self._put("</testsuites>\n")
