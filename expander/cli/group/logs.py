"""``expander logs``: print or save the logs of a group."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from expander.base.errors import InputError, OutputError, UsageError
from expander.base.text import counted
from expander.cli.options.group import group_options, source_of, wanted_of
from expander.cli.options.params import Duration, filled
from expander.cli.output.streams import Output, say, show_error
from expander.cli.output.terminal import harmless
from expander.cli.output.titles import has_color, prefix
from expander.cli.pages.page import Page

if TYPE_CHECKING:
    from expander.group.logs import ContainerRun, LogSelection
    from expander.group.parallel_read import ParallelReader
    from expander.group.source import Reader
    from expander.kube.objects import Object

EXAMPLES = """
\b
Examples:
  expander logs --group night
  expander logs --group night -f
  expander logs --group night --failed --tail 20
  expander logs --group night apple banana --previous
  expander logs -l jobgroup=night --out logs
  expander logs --group night --local

\b
When the connection is lost while following, the log resumes where it was. Lines may be repeated with --tail
or --since, or when the node rotated the log meanwhile.

\b
Exit codes: 0 all logs were read, 1 some could not be read, 2 wrong usage, no such group or a file
that cannot be written, 130 interrupted.
"""


class LogOutput:
    """Standard output for logs. ``failures`` counts the logs that could not be read."""

    def __init__(self, *, raw: bool = False) -> None:
        self._out = Output()
        self._colored = has_color()
        self.safe = sys.stdout.isatty() and not raw
        self.failures = 0
        self.has_begun = False
        """Whether there was anything to print."""

    def prefix(self, title: str) -> bytes:
        """What stands before the lines of a log."""
        return prefix(title, self._colored)

    def put(self, said: object) -> None:
        """Print a block; an error goes to standard error."""
        self.has_begun = True
        if isinstance(said, bytes):
            self._out.write(harmless(said) if self.safe else said)
        else:
            self.flush()
            self.failures += 1
            show_error(said)  # type: ignore[arg-type]

    def flush(self) -> None:
        """Let the reader see what there is."""
        self._out.finish()


MAX_QUIET_POLLS: Final = 15
"""Polls without a line, while logs wait for their turn, before the user is told."""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("names", metavar="[KEY|JOB|POD]...", nargs=-1)
@group_options
@click.option(
    "-f", "--follow", is_flag=True, help="Follow the logs, also of new pods, until all Jobs are finished."
)
@click.option("--failed", is_flag=True, help="Only failed items.")
@click.option("-c", "--container", "containers", multiple=True, metavar="NAME", help="Only this container.")
@click.option("-p", "--previous", is_flag=True, help="Logs of the previous instance of restarted containers.")
@click.option("--since", type=Duration(), help="Only lines newer than this duration, such as 10m.")
@click.option("--tail", type=click.IntRange(-1), metavar="N", help="Only the last N lines of each log.")
@click.option("--timestamps", is_flag=True, help="Prefix each line with its time.")
@click.option("--raw", is_flag=True, help="Do not escape control sequences when printing to a terminal.")
@click.option(
    "--prefix/--no-prefix",
    default=None,
    help="Prefix each line with its item.  [default: with several logs, or --failed]",
)
@click.option("--out", metavar="DIR", help="Write a file for each item to DIR instead.")
@click.option(
    "--max-log-requests",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    metavar="N",
    help="Maximum logs read concurrently; others wait their turn.",
)
def command(names: tuple[str, ...], **flags: Any) -> int:
    """Print the logs of a group, or of some of its items: every pod, every container.

    Items are named by key, Job or pod; a glob such as 'frame-1*' names several.
    """
    from expander.group.logs import LogSelection
    from expander.group.open import nothing_found
    from expander.group.parallel_read import ParallelReader
    from expander.group.records import unknown_hint
    from expander.group.source import LogOptions

    if flags["out"] and flags["prefix"]:
        raise UsageError("--out cannot be used with --prefix")
    source = source_of(flags, awaited=flags["follow"])
    wanted = LogSelection(
        names=names,
        failed=flags["failed"],
        containers=flags["containers"],
        options=filled(LogOptions, {**flags, "tail": None if flags["tail"] == -1 else flags["tail"]}),
    )
    output = LogOutput(raw=flags["raw"])
    readers: ParallelReader[Any] = ParallelReader(flags["max_log_requests"])
    with readers:
        if flags["out"]:
            found = _save(source, wanted, readers, output, Path(flags["out"]), flags["follow"])
        elif flags["follow"]:
            found = _follow(source, wanted, readers, output, flags["prefix"] is not False)
        else:
            found = _print(source, wanted, readers, output, flags["prefix"])
    output.flush()
    if not found:
        raise nothing_found(wanted_of(flags), source)
    if wanted.unknown_containers:
        raise InputError(
            f"no container {', '.join(wanted.unknown_containers)} in {wanted_of(flags)}",
            hint=f"containers: {', '.join(wanted.known_containers)}",
        )
    if not (flags["out"] or output.has_begun or wanted.unknown):
        if wanted.failed:
            say("no failed item has written a log (expander status --failed says why each failed)")
        elif wanted.options == LogOptions():
            say("no output: nothing has been written")
    if wanted.unknown:
        raise InputError(
            f"no item, Job or pod {', '.join(wanted.unknown)} in {wanted_of(flags)}",
            hint=unknown_hint(wanted.unknown[0], source),
        )
    return 1 if output.failures else 0


def _print(
    source: Reader,
    wanted: LogSelection,
    readers: ParallelReader[bytes],
    output: LogOutput,
    prefixed: bool | None,
) -> bool:
    """Log after log, in the order of items. Gives whether there was a Job."""
    from expander.group.logs import logs_in_order

    is_told = wanted.failed and not wanted.names  # nobody has named the items

    def read(start: ContainerRun, several: bool) -> Iterator[bytes]:
        return _blocks(source, wanted, output, start, several or is_told if prefixed is None else prefixed)

    said = logs_in_order(source, wanted, readers, read)
    while True:
        try:
            output.put(next(said))
        except StopIteration as end:
            return bool(end.value)


def _blocks(
    source: Reader,
    wanted: LogSelection,
    output: LogOutput,
    start: ContainerRun,
    marked: bool,
    follow: bool = False,
) -> Iterator[bytes]:
    from expander.group.logs import line_blocks

    prefix = output.prefix(start.title) if marked else b""
    return line_blocks(wanted.read(source, start, follow=follow), prefix, terminal=output.safe)


def _follow(
    source: Reader, wanted: LogSelection, readers: ParallelReader[bytes], output: LogOutput, marked: bool
) -> bool:
    """All logs at a time, as their lines come. Gives whether there was a Job."""
    from expander.group.logs import followed_logs

    pieces = followed_logs(
        source, wanted, readers, lambda start: _blocks(source, wanted, output, start, marked, True)
    )
    waits, told, quiet = 0, False, True
    while True:
        try:
            said = next(pieces)
        except StopIteration as end:
            return bool(end.value)
        if said is not None:
            output.put(said)
            quiet = False
            continue
        output.flush()
        waits = waits + 1 if quiet and readers.waiting else 0
        quiet = True
        if waits >= MAX_QUIET_POLLS and not told:
            told = True
            say(f"following {counted(readers.limit, 'log')}, others wait: see --max-log-requests")


def _save(
    source: Reader,
    wanted: LogSelection,
    readers: ParallelReader[int],
    output: LogOutput,
    folder: Path,
    follow: bool,
) -> bool:
    """A file for each item; when following, once its Job has ended. Gives whether there was a Job.

    Raises OutputError when one cannot be written.
    """
    from expander.group.logs import LogFiles
    from expander.group.records import all_records
    from expander.group.wait import ended_jobs

    def writes(files: LogFiles, jobs: list[Object]) -> Iterator[Any]:
        for record in all_records(jobs, source.pods(jobs)):
            path, starts = files.path_of(record), list(wanted.starts(record))
            if starts:
                yield lambda path=path, starts=starts: [files.write(path, starts, wanted, source)]

    written = size = 0
    found = False
    if wanted.names:
        wanted.decide(source.jobs())
    with LogFiles(folder) as files:
        for jobs in ended_jobs(source) if follow else [list(source.jobs())]:
            found = found or bool(jobs)
            for said in readers.in_order(writes(files, jobs)):
                if isinstance(said, OutputError):
                    raise said  # the next log would meet the same
                if isinstance(said, int):
                    written, size = written + 1, size + said
                else:
                    output.put(said)
    if found:
        say(f"{counted(written, 'log')} ({size:,} bytes) in {folder}")
    return found
