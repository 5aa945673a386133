"""JUnit XML: suites of cases, as CI systems show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex

Outcome: TypeAlias = Literal["passed", "failure", "error", "skipped"]

_NOT_XML = regex("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JUnitCase(NamedTuple):
    """One case of the suite ``file``; ``message`` and ``text`` say why it has not passed.

    ``printed`` is XML that follows.
    """

    file: str
    line: int
    name: str
    outcome: Outcome
    message: str = ""
    text: str = ""
    printed: str = ""


class JUnitSuites:
    """The cases of one file are written when those of the next begin, and nothing before the first case."""

    def __init__(self, name: str, put: Callable[[str], None]) -> None:
        self._put = put
        self._file: str | None = None
        self._cases: list[JUnitCase] = []
        self._head = f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name={_attribute(name)}>\n'

    def add(self, case: JUnitCase) -> None:
        """One more case."""
        if case.file != self._file:
            self._end_suite()
            self._file = case.file
        self._cases.append(case)

    def finish(self) -> None:
        """There are no more."""
        self._end_suite()
        self._put(f"{self._head}</testsuites>\n")

    def _end_suite(self) -> None:
        if self._file is not None:
            count = Counter(case.outcome for case in self._cases)
            counts = f'failures="{count["failure"]}" errors="{count["error"]}" skipped="{count["skipped"]}"'
            self._put(self._head)
            self._put(f'  <testsuite name={_attribute(self._file)} tests="{len(self._cases)}" {counts}>\n')
            self._put("".join(map(_element, self._cases)) + "  </testsuite>\n")
            self._head = ""
        self._cases = []


def xml_text(text: str) -> str:
    """Text as XML has it; what XML cannot say is replaced."""
    return escape(_NOT_XML.sub("\ufffd", text))


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", text))


def _element(case: JUnitCase) -> str:
    file = _attribute(case.file)
    inner = ""
    if case.outcome != "passed":
        start = f"<{case.outcome} message={_attribute(case.message)}"
        inner = f"{start}>{xml_text(case.text)}</{case.outcome}>" if case.text else f"{start}/>"
    return (
        f"    <testcase name={_attribute(case.name)} classname={file} file={file} "
        f'line="{case.line}">{inner}{case.printed}</testcase>\n'
    )
