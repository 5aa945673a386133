"""The results of a group as rows, and in a folder: those that are asked for, and Jobs that were removed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError, InputError
from expander.base.named_tuple import NamedTuple
from expander.base.option_names import option
from expander.base.text import counted
from expander.group.attempts import main_container
from expander.group.known.attempts import attempt_rows, in_place_of_items, logs_folder
from expander.group.known.chunk_items import with_items
from expander.group.known.removed import JobName, removed_jobs, removed_row
from expander.group.names import ItemNames, NameSelection
from expander.group.open import GroupSelector, nothing_found, submitted_jobs
from expander.group.records import ItemRecord, names_of, records, unknown_hint
from expander.group.results import CollectedCounts, add_outputs, collect_all, read_results, write_tables
from expander.group.source import Reader
from expander.group.table import Row, numbered, record_row, sorted_by, summarized_rows, text_outputs
from expander.group.wait import ended_jobs
from expander.kube.objects import Object, namespaced_name, uid_of
from expander.kube.workloads import FAILED

if TYPE_CHECKING:
    from expander.group.open import AnySource

OUTPUT_LIMIT: Final = 65536
"""Bytes of an output that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """Which results: of the items that ``names`` mean (keys, Jobs, globs; none: all), ``failed`` ones only.

    ``attempts``: a row for each attempt. ``columns`` are "output" and "message", of which the first is cut to
    ``output_limit`` bytes. ``sort`` is input, name or a column, ``-COLUMN`` descending.
    """

    names: Sequence[str] = ()
    failed: bool = False
    attempts: bool = False
    columns: Collection[str] = ()
    output_limit: int = OUTPUT_LIMIT
    sort: str = "input"


class ResultRows(NamedTuple):
    """Rows; how many of them are of Jobs that were removed, and whether there is none that is not."""

    rows: list[Row]
    removed: int
    unknown: bool


def result_rows(
    source: AnySource,
    wanted: GroupSelector,
    options: ResultOptions,
    on_error: Callable[[ExpanderError], None],
    say: Callable[[str], None],
) -> ResultRows:
    """The rows of the group as it is now that are asked for, with the columns asked for.

    ``on_error`` gets the error of each output that cannot be read. Raises InputError when there is no Job, or
    none of a name.
    """
    everything, rows, found = [], [], []
    attempts: dict[int, list[Row]] = {}
    logs = logs_folder(source, wanted) if options.attempts else None
    submitted = submitted_jobs(source, wanted)
    names = selection_of(source, options)
    needs_pods = logs is not None or "output" in options.columns
    whole = ((record_row(one), one) for one in (with_items(source, each) for each in records(source)))
    for row, one in whole if needs_pods else summarized_rows(source):
        everything.append(row)
        if (options.failed and one.state != FAILED) or (names and not names.matches(one.names)):
            continue
        rows.append(row)
        if "message" in options.columns:
            row["terminationMessage"] = one.termination
        if isinstance(one, ItemRecord):
            if logs is not None:
                attempts[id(row)] = attempt_rows(one, row, logs)
            elif needs_pods:  # else no record, with its pods, is kept in memory
                found.append(one)
    known = {(row["namespace"], row["name"]) for row in everything}
    removed = _removed(source, submitted - known, names)
    if not everything and not removed:
        raise nothing_found(wanted, source)
    _check(names, source, wanted)
    if "output" in options.columns:
        add_outputs(source, found, rows, options.output_limit, on_error)
    chosen = {id(row) for row in rows}
    shown = [row for row in numbered(everything) if id(row) in chosen]
    if logs is not None:
        shown = in_place_of_items(shown, attempts)
    gone = [] if options.failed else [removed_row(job) for job in removed]
    unknown = bool(removed and not rows)
    return ResultRows(sorted_rows(shown, options.sort, say) + gone, len(removed), unknown)


@dataclass(frozen=True, slots=True)
class CollectedResults:
    """What was fetched: ``total`` results are in the folder; see `ResultRows` for the others."""

    counts: CollectedCounts
    total: int
    removed: int
    unknown: bool


def collect_results(
    source: AnySource,
    wanted: GroupSelector,
    folder: Path,
    options: ResultOptions,
    on_error: Callable[[ExpanderError], None],
    *,
    follow: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> CollectedResults:
    """Fetch what is new into ``folder``, and write the tables there; with ``follow`` until all have ended.

    Raises InputError when there is no Job, or none of a name, and OutputError when a file cannot be written.
    """
    submitted = submitted_jobs(source, wanted)
    names = selection_of(source, options)
    jobs = [] if follow else list(source.jobs())
    if not (follow or jobs or submitted):
        raise nothing_found(wanted, source)
    batches = ended_jobs(source, stopped) if follow else iter([jobs])
    try:
        counts = collect_all(source, batches, folder, on_error, failed_only=options.failed, names=names)
    except BaseException:  # also Ctrl-C: what was collected has a table
        if folder.is_dir():
            write_tables(folder)
        raise
    known = {(row["namespace"], row["name"]) for row in read_results(folder)} if submitted else set()
    removed = _removed(source, submitted - known, names)
    if not counts.jobs and not removed:
        raise nothing_found(wanted, source)
    _check(names, source, wanted)
    unknown = bool(removed and (names or not counts.jobs))
    return CollectedResults(counts, write_tables(folder), len(removed), unknown)


def add_commands(source: Reader, rows: Sequence[Row]) -> None:
    """Give each row its command line, where that has the item in it and tells the rows apart."""
    lines = {uid_of(job): _command_line(job) for job in source.jobs()}
    found = [lines.get(row["uid"], "") for row in rows]
    if len({*found}) < len(found):
        return
    for row, line in zip(rows, found, strict=True):
        values = (row["item"], *(row.get("columns") or {}).values())
        if any(str(value) in line for value in values if value not in (None, "")):
            row["command"] = line


def _command_line(job: Object) -> str:
    """What the main container of a Job runs, as a shell takes it; "" if the image decides, or others do."""
    template = job["spec"].get("template")
    if template is None or not template.get("spec"):
        return ""
    pod = {"metadata": {}, **template}
    main = next(each for each in pod["spec"]["containers"] if each["name"] == main_container(pod))
    command = main.get("command")
    return shlex.join([*command, *(main.get("args") or ())]) if command else ""


def selection_of(source: Reader, options: ResultOptions) -> NameSelection:
    """The items that are named, decided by what the group has now."""
    names = NameSelection(options.names)
    if names:
        names.decide(names_of(source.jobs()))
    return names


def is_by_output(sort: str) -> bool:
    """Whether the order is by output, which has to be read then."""
    return sort.removeprefix("-").casefold() == "output"


def sorted_rows(rows: Sequence[Row], sort: str, say: Callable[[str], None]) -> list[Row]:
    """``rows`` in the order asked for; outputs that are no numbers are told of."""
    if is_by_output(sort) and (texts := text_outputs(rows)):
        say(f"{option(f'--sort-by {sort}')}: {counted(texts, 'output')} sorted as text, not by number")
    return sorted_by(rows, sort)


def _removed(source: Reader, unknown: Set[JobName], names: NameSelection) -> list[Object]:
    """Those ``unknown`` Jobs that are not in the cluster, and that ``names`` mean unless it is empty."""
    if not unknown:
        return []
    removed = removed_jobs(unknown, {*map(namespaced_name, source.jobs())})
    return [
        job for job in removed if not names or names.matches(ItemNames.of("", "", job["metadata"]["name"]))
    ]


def _check(names: NameSelection, source: Reader, wanted: GroupSelector) -> None:
    if names.unknown:
        raise InputError(
            f"no item or Job {', '.join(names.unknown)} in {wanted}",
            hint=unknown_hint(names.unknown[0], source),
        )
