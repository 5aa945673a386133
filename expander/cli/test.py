"""``expander test``: cases beside templates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import InputError, UsageError
from expander.base.text import counted
from expander.cli.options.batch import request_of, template_options
from expander.cli.options.group import NewFile
from expander.cli.options.items import item_options, reads_standard_input
from expander.cli.options.once import Once
from expander.cli.options.params import output_option
from expander.cli.output.changes import one_line, shown_value, shown_values, who_of
from expander.cli.output.interrupts import Interrupts, end_now
from expander.cli.output.streams import Output, say_on_terminal
from expander.cli.output.usage_errors import usage_error
from expander.cli.pages.page import SECTIONS, Page

if TYPE_CHECKING:
    from expander.batch.request import BatchRequest
    from expander.cli.output.junit import Outcome
    from expander.test.case import Case
    from expander.test.check import CaseResult, Failure

EXAMPLES = """
\b
Examples:
  expander test job.yaml
  expander test
  expander test templates/ -k gpu --junit report.xml
  expander test job.yaml --update && git diff golden/

\b
A file of cases, job.test.yaml beside job.yaml:
  cases:
  - name: two samples
    items: [liver, kidney]                  # or a source as -i: samples.csv
    options: {set: {threads: 4}}            # of expander expand
    count: 2
    manifests: golden/two-samples.yaml      # --update writes it
    fields: {spec.backoffLimit: 2}          # of every Job
    fieldsOf: {liver: {metadata.name: align-liver}}
    refused: {"a;b": could change what the shell script does}
    run: {output: {liver: done}, exitCodes: {kidney: 3}}

\b
Exit codes: 0 all cases passed, 1 some failed, 2 wrong usage, a wrong case file, or no case.
"""

MAX_FAILURES = 20
"""Failures of a case that are shown; -o json has all."""

Checked = tuple["Case", "BatchRequest"]


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("paths", metavar="[TEMPLATE|FILE|DIR]...", nargs=-1)
@click.option(
    "-k",
    "wanted",
    cls=Once,
    noun="text",
    metavar="TEXT",
    help="Only cases whose name, or that of their file, has TEXT.",
)
@click.option("--update", is_flag=True, help="Write the files of expected manifests that differ.")
@output_option("A line for each expectation that does not hold, or JSON Lines with an object for each case.")
@click.option("--junit", metavar="FILE", type=NewFile(), help="Also write the results as JUnit XML.")
def command(paths: tuple[str, ...], wanted: str | None, update: bool, output: str, junit: Path | None) -> int:
    """Check what templates make against the cases beside them.

    The cases of job.yaml are in job.test.yaml; of a folder (default: the current one) all *.test.yaml below
    it are taken. Each case has items and options of `expander expand`, and what it expects: the number of
    manifests, whole manifests, values of fields, refused items, or what the Jobs print when they run on this
    machine. Differences are told by field, as `expander diff` does. Defaults in expander.toml are not used.
    """
    from expander.test.check import check_case

    cases = _cases(paths or (".",), wanted)
    out, results = Output(), []
    for case, request in cases:
        if case.run is not None:
            say_on_terminal(f"{case.where}: {case.name}: running")
        with chdir(case.folder), Interrupts(lambda number: end_now()):
            result = check_case(case, request, update=update)
        results.append(result)
        out.put(_json(result) if output == "json" else "".join(f"{each}\n" for each in _lines(result)))
        out.finish()
    failed = sum(not each.passed for each in results)
    if output == "text":
        updated = sum(each.written is not None for each in results)
        written = f"; {counted(updated, 'file')} of manifests written" if updated else ""
        passed = len(results) - failed
        out.put(f"{counted(len(results), 'case')}: {passed:,} passed, {failed:,} failed{written}\n")
        out.finish()
    if junit is not None:
        _write_junit(junit, results)
    return 1 if failed else 0


def _cases(paths: Sequence[str], wanted: str | None) -> list[Checked]:
    """The cases that are wanted, with the batch of each. Raises InputError with all wrong files."""
    from expander.test.case import files_of_cases, read_cases

    found, problems = list[Checked](), []
    for path in files_of_cases(paths):
        try:
            cases = read_cases(path, _OPTIONS)
        except InputError as error:
            problems += error.problems
            continue
        for case in cases:
            if wanted is None or any(wanted.lower() in text.lower() for text in (case.name, Path(path).name)):
                try:
                    found.append((case, _request(case)))
                except InputError as error:
                    problems += error.problems
    if problems:
        raise InputError(problems)
    if not found:
        raise UsageError(f"no case has {wanted!r} in its name or file")
    return found


@click.command(add_help_option=False)
@item_options
@template_options
def _expand() -> None:
    """Has the options of ``expander expand`` that a case may set."""


_OPTIONS: Mapping[str, click.Parameter] = {
    option[2:]: parameter
    for parameter in _expand.params
    for option in parameter.opts
    if option.startswith("--") and parameter.name != "text"
}
_OF_SOURCES = frozenset(SECTIONS["Items"]) - {"key", "items_schema"}


def _request(case: Case) -> BatchRequest:
    """The batch of a case. Raises InputError that names the case and its field."""
    from dataclasses import replace

    from expander.items.python import from_python
    from expander.render.template_file import TemplateFile

    words = [word for name, value in case.options.items() for word in _words(case, name, value)]
    if isinstance(case.items, str):
        words.append(f"--items={case.items}")
    field = "template"
    try:
        with chdir(case.folder):
            if case.template == "-":
                raise UsageError("a case cannot read standard input")
            template = TemplateFile(case.template)
            field = "options" if case.options else "items"
            flags = {**_expand.make_context("expand", words).params, "command": ()}
            if reads_standard_input(flags["sources"]):
                raise UsageError("a case cannot read standard input")
            request = request_of((case.template,), flags, lambda queued: None, template=template)
        field = "items"
        if isinstance(case.items, list):
            request = replace(request, items=[*from_python(case.numbered_items)])
    except click.UsageError as error:
        raise case.problem(usage_error(error).problems[0].message, field) from None
    except (UsageError, InputError) as error:
        raise case.problem(str(replace(error.problems[0], hint=None)), field, hint=error.hint) from None
    return request


def _words(case: Case, name: str, value: Any) -> Iterator[str]:
    """An option as the command line has it."""
    parameter = _OPTIONS[name]
    flag = getattr(parameter, "is_flag", False)
    if isinstance(value, bool) != flag:
        expected = "true or false" if flag else "text, a number, a list or a mapping"
        raise case.problem(f"found {shown_value(value)}, expected {expected}", "options", name)
    if isinstance(case.items, list) and parameter.name in _OF_SOURCES:
        raise case.problem("only for items of a source, not for a list", "options", name)
    if name == "kubernetes-version" and isinstance(value, float):
        value = f"{value:.2f}"  # 1.30 is the number 1.3
    if flag:
        yield from [f"--{name}"] * value
    elif isinstance(value, dict):
        yield from (f"--{name}={key}={_word(each)}" for key, each in value.items())
    else:
        yield from (f"--{name}={_word(each)}" for each in (value if isinstance(value, list) else [value]))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _lines(result: CaseResult) -> Iterator[str]:
    """What is to tell of a case, one line each."""
    head = f"{result.case.where}: {result.case.name}: "
    for each in _failures(result):
        yield one_line(head + each.replace("\n  hint: ", "; hint: ").replace("\n", " "))
    if result.written is not None:
        yield one_line(f"{head}{result.written} written")


def _failures(result: CaseResult) -> Iterator[str]:
    if result.error is not None:
        yield f"error: {result.error}"
    for each in result.failures[:MAX_FAILURES]:
        who = f" ({who_of(each.items, result.count)})" if each.items else ""
        printed = f"; printed {shown_value(each.printed)}" if each.printed else ""
        expected, found = shown_values(each.expected, each.found)
        yield f"{each.path}: expected {expected}, found {found}{who}{printed}"
    if len(result.failures) > MAX_FAILURES:
        yield f"and {counted(len(result.failures) - MAX_FAILURES, 'more failure')}"
    if result.hint is not None:
        yield f"hint: {result.hint}"


def _json(result: CaseResult) -> str:
    case = result.case
    record = {
        "file": case.where.file,
        "line": case.where.line,
        "case": case.name,
        "passed": result.passed,
        **({"error": result.error} if result.error is not None else {}),
        "failures": [_failure(each) for each in result.failures],
        **({"hint": result.hint} if result.hint is not None else {}),
        **({"written": result.written} if result.written is not None else {}),
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


def _failure(failure: Failure) -> dict[str, Any]:
    record = failure._asdict()
    return record if failure.printed else {name: each for name, each in record.items() if name != "printed"}


def _write_junit(path: Path, results: Sequence[CaseResult]) -> None:
    from expander.cli.output.junit import JUnitCase, JUnitSuites
    from expander.group.results import write_atomically

    pieces: list[str] = []
    suites = JUnitSuites("expander test", pieces.append)
    for each in results:
        lines = [*_failures(each)]
        where = each.case.where
        outcome: Outcome = "error" if each.error is not None else "failure" if lines else "passed"
        message = lines[0] if lines else ""
        suites.add(JUnitCase(where.file, where.line, each.case.name, outcome, message, "\n".join(lines)))
    suites.finish()
    write_atomically(path, ("".join(pieces).encode(),))
