"""``expander results``: the results of a group, as a table and as files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from expander.base.errors import ExpanderError, UsageError, shown_columns
from expander.base.extras import library
from expander.base.text import counted
from expander.cli.options.group import group_options, say_refused, source_of, wanted_of
from expander.cli.options.once import Once
from expander.cli.options.params import Amount, check_folder
from expander.cli.output.streams import Output, say, show_error
from expander.cli.output.table import table as print_table
from expander.cli.output.table import terminal_width
from expander.cli.pages.page import Page

if TYPE_CHECKING:
    from expander.group.known.result_rows import CollectedResults, ResultOptions
    from expander.group.names import ItemNames
    from expander.group.open import AnySource
    from expander.group.table import Row

EXAMPLES = """
\b
Examples:
  expander results --group thumbnails
  expander results --group night -o results
  expander results --group night --failed -o jsonl
  expander results --group night 'frame-1*' --columns scene,camera
  expander results --group night -o csv --column output > outputs.csv
  expander results --group night -o csv --columns scene,state,output
  expander results --group night --attempts
  expander results --group search --columns lr,batch --sort-by -output
  expander results --group night --local -o joblog > joblog.tsv
  expander results --group search -o parquet > results.parquet

\b
-o DIR writes a folder for each finished item: its output (stdout), the logs of every attempt
(CONTAINER.N.log), its termination message (message) and its row (result.json); a folder for each index of an
Indexed Job. results.csv and results.jsonl have all rows. Running it again fetches only what is new.

\b
Exit codes: 0 everything was read, 1 some logs could not be read, or all Jobs were removed from the cluster
(ttlSecondsAfterFinished) before that, 2 wrong usage or no such group, 130 interrupted.
"""

TABLES: Final = ("table", "wide")
FORMAT_NAMES: Final = (*TABLES, "csv", "json", "jsonl", "joblog", "parquet")
"""`group.table.FORMATS`, which is not imported for the help, the tables for people, and Parquet."""

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
    help="Table format (joblog: GNU parallel's; parquet: with types), or a folder; both may be given.",
)
@click.option(
    "--columns",
    "shown",
    cls=Once,
    noun="list of columns",
    joined=True,
    metavar="A,B|all",
    help="Columns of the items to show in the table, or with -o csv the columns of any kind.  "
    "[default: none; all with -o wide or csv]",
)
@click.option(
    "--sort-by",
    "sort",
    cls=Once,
    noun="column",
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
    from expander.group.known.result_rows import add_commands, result_rows

    kinds = [each for each in outputs if each in FORMAT_NAMES]
    folders = [each for each in outputs if each not in FORMAT_NAMES] + ([out] if out else [])
    for each in outputs:
        check_folder(each, FORMAT_NAMES)
    if len(kinds) > 1 or len(folders) > 1:
        raise UsageError("-o takes at most one format and one folder")
    if flags["follow"] and not folders:
        raise UsageError("--follow requires -o DIR")
    if flags["attempts"] and (folders or flags["columns"]):
        raise UsageError(f"--attempts cannot be used with {'a folder' if folders else '--column'}")
    kind = kinds[0] if kinds else "table"
    if flags["shown"] is not None and kind not in (*TABLES, "csv"):
        raise UsageError(f"--columns is for tables and CSV; -o {kind} has all columns")
    if kind == "parquet":
        _check_parquet()
    if kind == "csv" and "output" in (flags["shown"] or "").split(","):
        flags["columns"] = (*flags["columns"], "output")
    source, options = source_of(flags), _options(flags)
    failures = [0]
    removed, unknown = 0, False

    def failed(error: ExpanderError) -> None:
        failures[0] += 1
        show_error(error)

    collected: set[str] = set()
    if folders:
        fetched = _collect(source, Path(folders[0]), options, flags, failed)
        collected, removed, unknown = fetched.counts.jobs, fetched.removed, fetched.unknown
    if kinds or not folders:
        if flags["follow"]:
            rows = _rows_in(Path(folders[0]), collected, options)
        else:
            rows, removed, unknown = result_rows(source, wanted_of(flags), options, failed, say)
        if kind == "joblog":
            add_commands(source, rows)
        _write(rows, kind, flags["shown"])
    say_refused(source)
    if removed:
        from expander.cli.output.status import removed_note

        say(removed_note(removed))
    return 1 if failures[0] or unknown else 0


def _options(flags: dict[str, Any]) -> ResultOptions:
    from expander.group.known.result_rows import ResultOptions, is_by_output

    given = {field.name: flags[field.name] for field in fields(ResultOptions)}
    if is_by_output(flags["sort"]):
        given["columns"] = dict.fromkeys([*flags["columns"], "output"])
    return ResultOptions(**given)


def _check_parquet() -> None:
    """Raise UsageError, before anything is read, where Parquet cannot be written."""
    if sys.stdout is not None and sys.stdout.isatty():
        raise UsageError(
            "-o parquet is for a file, not a terminal", hint="write it to a file: > results.parquet"
        )
    library("pyarrow.parquet", "arrow")


def _write(rows: Sequence[Row], kind: str, shown: str | None) -> None:
    put = Output()
    if kind == "parquet":
        from expander.api.results import as_parquet, results_of

        put.write(as_parquet(results_of(rows)))
    else:
        texts = _formatted(rows, kind, shown)
        while text := "".join(islice(texts, LINES_AT_ONCE)):
            put.put(text)
    put.finish()


def _formatted(rows: Sequence[Row], kind: str, shown: str | None) -> Iterator[str]:
    from expander.group.table import FORMATS, as_csv, as_text, column_names, csv_columns

    if kind == "csv" and shown not in (None, "all"):
        yield from as_csv(
            rows, _known_columns(shown.split(","), [head for head, _ in csv_columns(rows)] if rows else [])
        )
        return
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
            raise UsageError(f"--columns: no column {name!r}; columns are {shown_columns(known)}")
    return wanted


def _rows_in(folder: Path, jobs: set[str], options: ResultOptions) -> list[Row]:
    """The rows of what was collected of ``jobs``, which need not be there any more."""
    from expander.group.known.result_rows import sorted_rows
    from expander.group.names import NameSelection
    from expander.group.results import read_results, tail_bytes
    from expander.group.table import numbered
    from expander.kube.workloads import FAILED

    names = NameSelection(options.names)
    rows = [row for row in read_results(folder) if row["uid"] in jobs]
    names.decide(map(_names, rows))
    rows = [row for row in rows if not options.failed or row["state"] == FAILED]
    rows = [row for row in rows if not names or names.matches(_names(row))]
    for row in rows:
        file = folder / str(row.pop("folder")) / "stdout"
        row.pop("files", None)
        row.pop("bytes", None)
        if "message" not in options.columns:
            row.pop("terminationMessage", None)
        if "output" in options.columns:
            row["output"] = None
            if file.exists():
                with open(file, "rb") as pieces:
                    row["output"] = tail_bytes(pieces, options.output_limit).decode("utf-8", "replace")
    return sorted_rows(numbered(rows), options.sort, say)


def _names(row: Row) -> ItemNames:
    from expander.group.names import ItemNames

    return ItemNames.of(row.get("key") or "", row["item"] or "", row["name"], row.get("index"))


def _collect(
    source: AnySource,
    folder: Path,
    options: ResultOptions,
    flags: dict[str, Any],
    failed: Callable[[ExpanderError], None],
) -> CollectedResults:
    """Fetch what is new into ``folder``, and say what that was."""
    from expander.group.known.result_rows import collect_results

    found = collect_results(source, wanted_of(flags), folder, options, failed, follow=flags["follow"])
    counts = found.counts
    left = f"; {counts.unfinished:,} unfinished" if counts.unfinished else ""
    say(f"{counted(counts.new, 'new result')}, {found.total:,} in total, in {folder}{left}")
    if counts.podless:
        say(f"warning: {counted(counts.podless, 'result')} without output: the pods were already deleted")
    return found
