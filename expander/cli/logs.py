"""``expander logs``: what the containers of a group wrote."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import ExpanderError, InputError, UsageError
from expander.cli.group_options import group_options, source_of, wanted_of
from expander.cli.help import Page
from expander.cli.output import say
from expander.cli.params import Duration, filled

if TYPE_CHECKING:
    from expander.cli.output import LogOutput
    from expander.group.logs import ContainerRun, LogSelection
    from expander.group.parallel_read import Chunk, ParallelReader
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
While a log is followed and the connection is lost, the log goes on where it was. Lines may come twice when
--tail or --since was given, or when the node has begun a new file for the log in the meantime.

\b
Exit codes: 0 all logs were read, 1 some could not be, 2 wrong usage or no such group, 130 interrupted.
"""

SILENT = 15
"""So many looks in a row without a line, while logs wait for their turn, are worth a word."""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("names", metavar="[ITEM|JOB|POD]...", nargs=-1)
@group_options
@click.option("-f", "--follow", is_flag=True, help="Go on, with new pods too, until all Jobs have ended.")
@click.option("--failed", is_flag=True, help="Only items that have failed.")
@click.option("-c", "--container", "containers", multiple=True, metavar="NAME", help="Only this container.")
@click.option("-p", "--previous", is_flag=True, help="The start before the last one, of what was restarted.")
@click.option("--since", type=Duration(), help="Only what was written in this last time: 10m.")
@click.option("--tail", type=click.IntRange(-1), metavar="N", help="Only the last N lines of each log.")
@click.option("--timestamps", is_flag=True, help="The time in front of each line.")
@click.option(
    "--prefix/--no-prefix", default=None, help="The item in front of each line.  [default: if several]"
)
@click.option("--out", metavar="DIR", help="Write a file for each item into DIR, and print nothing.")
@click.option(
    "--max-log-requests",
    "limit",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    metavar="N",
    help="Logs that are read at a time; others wait for their turn.",
)
def command(names: tuple[str, ...], **flags: Any) -> int:
    """Print what the containers of a group wrote, or of some of its items: every pod, every container."""
    from expander.cli.output import LogOutput
    from expander.group.logs import LogSelection
    from expander.group.open import nothing_found
    from expander.group.parallel_read import ParallelReader
    from expander.group.source import LogOptions

    if flags["out"] and flags["prefix"]:
        raise UsageError("--out writes a file for each item, without --prefix")
    source = source_of(flags, awaited=flags["follow"])
    wanted = LogSelection(
        names=names,
        failed=flags["failed"],
        containers=flags["containers"],
        options=filled(LogOptions, {**flags, "tail": None if flags["tail"] == -1 else flags["tail"]}),
    )
    output = LogOutput()
    readers: ParallelReader[Any] = ParallelReader(flags["limit"])
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
    if wanted.unknown:
        raise InputError(f"there is no item, Job or pod {', '.join(wanted.unknown)} in {wanted_of(flags)}")
    return 1 if output.failures else 0


def _print(
    source: Reader,
    wanted: LogSelection,
    readers: ParallelReader[bytes],
    output: LogOutput,
    prefixed: bool | None,
) -> bool:
    """Log after log, in the order of items. Gives whether there was a Job."""
    from expander.group.records import all_records

    jobs = list(source.jobs())
    starts = (start for record in all_records(jobs, source.pods(jobs)) for start in wanted.starts(record))
    first = list(islice(starts, 2))
    marked = len(first) > 1 if prefixed is None else prefixed
    places = (partial(_blocks, source, wanted, output, start, marked) for start in chain(first, starts))
    for said in readers.in_order(places):
        output.put(said)
    return bool(jobs)


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
    return line_blocks(wanted.read(source, start, follow=follow), prefix)


def _follow(
    source: Reader, wanted: LogSelection, readers: ParallelReader[bytes], output: LogOutput, marked: bool
) -> bool:
    """All logs at a time, as their lines come. Gives whether there was a Job."""
    from expander.group.logs import IDLE_SECONDS, LogFollower
    from expander.group.parallel_read import next_chunk

    queue: Queue[Chunk[bytes]] = Queue(256)
    following = LogFollower(
        source,
        wanted,
        lambda start: readers.begin(partial(_blocks, source, wanted, output, start, marked, True), queue),
    )
    following.start()
    waits, told = 0, False
    while not (following.over.is_set() and readers.idle and queue.empty()):
        said = next_chunk(queue, IDLE_SECONDS)
        if said is not None:
            output.put(said)
        if queue.empty():
            output.flush()
        waits = waits + 1 if said is None and readers.waiting else 0
        if waits >= SILENT and not told:
            told = True
            say(f"{readers.limit} logs are followed at a time, others wait: --max-log-requests")
    if isinstance(following.error, ExpanderError):
        output.put(following.error)
    elif following.error is not None:
        raise following.error
    return not following.empty


def _save(
    source: Reader,
    wanted: LogSelection,
    readers: ParallelReader[int],
    output: LogOutput,
    folder: Path,
    follow: bool,
) -> bool:
    """A file for each item; when following, once its Job has ended. Gives whether there was a Job."""
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
    with LogFiles(folder) as files:
        for jobs in ended_jobs(source) if follow else [list(source.jobs())]:
            found = found or bool(jobs)
            for said in readers.in_order(writes(files, jobs)):
                if isinstance(said, int):
                    written, size = written + 1, size + said
                else:
                    output.put(said)
    if found:
        say(f"{written:,} logs ({size:,} bytes) in {folder}")
    return found
