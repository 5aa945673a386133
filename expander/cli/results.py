"""``expander results``: the results of a group, as a table and as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from expander.base.errors import ExpanderError, InputError, UsageError
from expander.base.text import counted
from expander.cli.help import Page
from expander.cli.options.group import group_options, source_of, wanted_of
from expander.cli.options.params import Amount
from expander.cli.output.streams import Output, say, show_error
from expander.cli.output.table import table as print_table
from expander.cli.output.table import terminal_width

if TYPE_CHECKING:
    from expander.group.known.removed import JobName
    from expander.group.names import ItemNames, NameSelection
    from expander.group.open import AnySource
    from expander.group.source import Reader
    from expander.group.table import Row
    from expander.kube.objects import Object

EXAMPLES = """
\b
Examples:
  expander results --group thumbnails
  expander results --group night -o results
  expander results --group night --failed -o jsonl
  expander results --group night 'frame-1*' --columns scene,camera
  expander results --group night -o csv --column output > outputs.csv
  expander results --group night --attempts
  expander results --group search --columns lr,batch --sort-by -output
  expander results --group night --local -o joblog > joblog.tsv

\b
-o DIR writes a folder for each finished item: its output (stdout), the logs of every attempt
(CONTAINER.N.log), its termination message (message) and its row (result.json); a folder for each index of an
Indexed Job. results.csv and results.jsonl have all rows. Running it again fetches only what is new.

\b
Exit codes: 0 everything was read, 1 some logs could not be read, or all Jobs were removed from the cluster
(ttlSecondsAfterFinished) before that, 2 wrong usage or no such group, 130 interrupted.
"""

TABLES: Final = ("table", "wide")
FORMAT_NAMES: Final = (*TABLES, "csv", "json", "jsonl", "joblog")
"""`group.table.FORMATS`, which is not imported for the help, and the tables for people."""

LINES_AT_ONCE: Final = 500
"""Lines of a table that are written together."""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("names", metavar="[KEY]...", nargs=-1)
@group_options
@click.option("--failed", is_flag=True, help="Only failed items.")
@click.option("--attempts", is_flag=True, help="A line for each attempt at an item, earlier ones too.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="|".join((*FORMAT_NAMES, "DIR")),
    help="Table format (joblog: GNU parallel's), or a folder; both may be given.",
)
@click.option(
    "--columns",
    "shown",
    metavar="A,B|all",
    help="Columns of the items to show in the table.  [default: none; all with -o wide]",
)
@click.option(
    "--sort-by",
    "sort",
    default="input",
    show_default=True,
    metavar="COLUMN",
    help="Order of items: as they were given (input), by name, or by a column, also of the items, or output "
    "(which is then shown); -COLUMN is descending.",
)
@click.option("--out", metavar="DIR", help="Folder to write to, also when named like a format.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    type=click.Choice(["output", "message"]),
    help="Add a column: the output of items, or their termination messages.",
)
@click.option(
    "--output-limit",
    type=Amount(),
    default="64Ki",
    show_default=True,
    help="Maximum size of an output in the table; longer ones are cut at the start.",
)
@click.option("-f", "--follow", is_flag=True, help="With DIR: continue until all Jobs have finished.")
def command(outputs: tuple[str, ...], out: str | None, **flags: Any) -> int:
    """Show the result of each item of a group, and fetch its output and logs.

    Prints a line for each Job, or for each index of an Indexed Job; with KEY (an item's key, a Job's name, or
    a glob of these) only for those.
    """
    kinds = [each for each in outputs if each in FORMAT_NAMES]
    folders = [each for each in outputs if each not in FORMAT_NAMES] + ([out] if out else [])
    if len(kinds) > 1 or len(folders) > 1:
        raise UsageError("-o takes at most one format and one folder")
    if flags["follow"] and not folders:
        raise UsageError("--follow requires -o DIR")
    if flags["attempts"] and (folders or flags["columns"]):
        raise UsageError(f"--attempts cannot be used with {'a folder' if folders else '--column'}")
    kind = kinds[0] if kinds else "table"
    if flags["shown"] is not None and kind not in TABLES:
        raise UsageError(f"--columns is for tables; -o {kind} has all columns")
    if _is_by_output(flags["sort"]):
        flags["columns"] = dict.fromkeys([*flags["columns"], "output"])
    source = source_of(flags)
    failures = [0]
    flags["removed"], flags["unknown"] = 0, False

    def failed(error: ExpanderError) -> None:
        failures[0] += 1
        show_error(error)

    collected: set[str] = set()
    if folders:
        collected = _collect(source, Path(folders[0]), flags, failed)
    if kinds or not folders:
        if flags["follow"]:
            rows = _rows_in(Path(folders[0]), collected, flags)
        else:
            rows = _rows(source, flags, failed)
        put, texts = Output(), _formatted(rows, kind, flags["shown"])
        while text := "".join(islice(texts, LINES_AT_ONCE)):
            put.put(text)
        put.finish()
    if flags["removed"]:
        from expander.cli.output.status import removed_note

        say(removed_note(flags["removed"]))
    return 1 if failures[0] or flags["unknown"] else 0


def _formatted(rows: Sequence[Row], kind: str, shown: str | None) -> Iterator[str]:
    from expander.group.table import FORMATS, as_text, column_names

    if kind not in TABLES:
        yield from FORMATS[kind](rows)
        return
    columns: list[str] = []
    if shown == "all" or (shown is None and kind == "wide"):
        columns = column_names(rows)
    elif shown:
        columns = _known_columns(shown.split(","), column_names(rows))
    wide = kind == "wide"
    yield from print_table(as_text(rows, columns, wide=wide), None if wide else terminal_width())


def _known_columns(wanted: list[str], known: list[str]) -> list[str]:
    for name in wanted:
        if known and name not in known:
            raise UsageError(f"--columns: no column {name!r}; columns are {', '.join(known)}")
    return wanted


def _jobs(source: Any, flags: dict[str, Any]) -> list[Object]:
    from expander.group.open import nothing_found

    jobs = list(source.jobs())
    if not jobs:
        raise nothing_found(wanted_of(flags), source)
    return jobs


def _rows(source: Any, flags: dict[str, Any], failed: Callable[[ExpanderError], None]) -> list[Row]:
    """The rows of the group as it is now that are asked for, with the columns asked for."""
    from expander.group.known.attempts import attempt_rows, in_place_of_items, logs_folder
    from expander.group.known.chunk_items import with_items
    from expander.group.known.removed import removed_row
    from expander.group.open import submitted_jobs
    from expander.group.records import ItemRecord, records
    from expander.group.results import add_outputs
    from expander.group.table import numbered, record_row, summarized_rows
    from expander.kube.workloads import FAILED

    everything, rows, found = [], [], []
    attempts: dict[int, list[Row]] = {}
    logs = logs_folder(source, wanted_of(flags)) if flags["attempts"] else None
    submitted = submitted_jobs(source, wanted_of(flags))
    names = _selection(source, flags)
    needs_pods = logs is not None or "output" in flags["columns"]
    whole = ((record_row(one), one) for one in (with_items(source, each) for each in records(source)))
    for row, one in whole if needs_pods else summarized_rows(source):
        everything.append(row)
        if (flags["failed"] and one.state != FAILED) or (names and not names.matches(one.names)):
            continue
        rows.append(row)
        if "message" in flags["columns"]:
            row["terminationMessage"] = one.termination
        if isinstance(one, ItemRecord):
            if logs is not None:
                attempts[id(row)] = attempt_rows(one, row, logs)
            elif needs_pods:  # else no record, with its pods, is kept in memory
                found.append(one)
    known = {(row["namespace"], row["name"]) for row in everything}
    removed = _removed(source, submitted - known, names)
    if not everything and not removed:
        _jobs(source, flags)
    _check(names, source, flags)
    flags["removed"], flags["unknown"] = len(removed), bool(removed and not rows)
    if "output" in flags["columns"]:
        add_outputs(source, found, rows, flags["output_limit"], failed)
    wanted = {id(row) for row in rows}
    shown = [row for row in numbered(everything) if id(row) in wanted]
    if logs is not None:
        shown = in_place_of_items(shown, attempts)
    return _sorted(shown, flags["sort"]) + [removed_row(job) for job in removed if not flags["failed"]]


def _selection(source: Reader, flags: dict[str, Any]) -> NameSelection:
    """The items that the command names, decided by what the group has now."""
    from expander.group.names import NameSelection
    from expander.group.records import names_of

    names = NameSelection(flags["names"])
    if names:
        names.decide(names_of(source.jobs()))
    return names


def _removed(source: Reader, unknown: Set[JobName], names: NameSelection) -> list[Object]:
    """Those ``unknown`` Jobs that are not in the cluster, and that ``names`` mean unless it is empty."""
    if not unknown:
        return []
    from expander.group.known.removed import removed_jobs
    from expander.group.names import ItemNames
    from expander.kube.objects import namespaced_name

    removed = removed_jobs(unknown, {*map(namespaced_name, source.jobs())})
    return [
        job for job in removed if not names or names.matches(ItemNames.of("", "", job["metadata"]["name"]))
    ]


def _check(names: NameSelection, source: Reader, flags: dict[str, Any]) -> None:
    from expander.group.names import chunk_hint

    if names.unknown:
        raise InputError(
            f"no item or Job {', '.join(names.unknown)} in {wanted_of(flags)}",
            hint=chunk_hint(names.unknown[0], source.jobs()),
        )


def _rows_in(folder: Path, jobs: set[str], flags: dict[str, Any]) -> list[Row]:
    """The rows of what was collected of ``jobs``, which need not be there any more."""
    from expander.group.names import NameSelection
    from expander.group.results import read_results, tail_bytes
    from expander.group.table import numbered
    from expander.kube.workloads import FAILED

    names = NameSelection(flags["names"])
    rows = [row for row in read_results(folder) if row["uid"] in jobs]
    names.decide(map(_names, rows))
    rows = [row for row in rows if not flags["failed"] or row["state"] == FAILED]
    rows = [row for row in rows if not names or names.matches(_names(row))]
    for row in rows:
        file = folder / str(row.pop("folder")) / "stdout"
        row.pop("files", None)
        row.pop("bytes", None)
        if "message" not in flags["columns"]:
            row.pop("terminationMessage", None)
        if "output" in flags["columns"]:
            row["output"] = None
            if file.exists():
                with open(file, "rb") as pieces:
                    row["output"] = tail_bytes(pieces, flags["output_limit"]).decode("utf-8", "replace")
    return _sorted(numbered(rows), flags["sort"])


def _is_by_output(sort: str) -> bool:
    return sort.removeprefix("-").casefold() == "output"


def _sorted(rows: Sequence[Row], sort: str) -> list[Row]:
    """``rows`` in the order asked for; outputs that are no numbers are told of."""
    from expander.group.table import sorted_by, text_outputs

    if _is_by_output(sort) and (texts := text_outputs(rows)):
        say(f"--sort-by {sort}: {counted(texts, 'output')} sorted as text, not by number")
    return sorted_by(rows, sort)


def _names(row: Row) -> ItemNames:
    from expander.group.names import ItemNames

    return ItemNames.of(row.get("key") or "", row["item"] or "", row["name"], row.get("index"))


def _collect(
    source: AnySource, folder: Path, flags: dict[str, Any], failed: Callable[[ExpanderError], None]
) -> set[str]:
    """Fetch what is new into ``folder``, and write the tables there; the uids of the Jobs there were."""
    from expander.group.open import submitted_jobs
    from expander.group.results import collect_all, read_results, write_tables
    from expander.group.wait import ended_jobs

    submitted = submitted_jobs(source, wanted_of(flags))
    names = _selection(source, flags)
    batches = (
        ended_jobs(source)
        if flags["follow"]
        else [list(source.jobs()) if submitted else _jobs(source, flags)]
    )
    try:
        counts = collect_all(source, batches, folder, failed, failed_only=flags["failed"], names=names)
    except BaseException:  # also Ctrl-C: what was collected has a table
        if folder.is_dir():
            write_tables(folder)
        raise
    known = {(row["namespace"], row["name"]) for row in read_results(folder)} if submitted else set()
    removed = _removed(source, submitted - known, names)
    if not counts.jobs and not removed:
        _jobs(source, flags)
    _check(names, source, flags)
    flags["removed"], flags["unknown"] = len(removed), bool(removed and (names or not counts.jobs))
    total = write_tables(folder)
    left = f"; {counts.unfinished:,} unfinished" if counts.unfinished else ""
    say(f"{counted(counts.new, 'new result')}, {total:,} in total, in {folder}{left}")
    if counts.podless:
        say(f"warning: {counted(counts.podless, 'result')} without output: the pods were already deleted")
    return counts.jobs
