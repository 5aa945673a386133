"""Collects the results of many Jobs at a time, and writes the tables of a folder of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from expander.base.errors import ExpanderError, OutputError
from expander.kube.objects import Object, uid_of
from expander.pipeline.group.attempts import by_job
from expander.pipeline.group.item_folder import write_whole
from expander.pipeline.group.readers import Readers
from expander.pipeline.group.records import FINISHED, records_of
from expander.pipeline.group.results import Collected, collect, results_in
from expander.pipeline.group.source import Reader
from expander.pipeline.group.table import as_csv, as_json_lines
from expander.run.outcomes import FAILED, outcome_of
from expander.sinks.stream import output_error

AT_ONCE = 16
"""Jobs whose results are fetched at a time."""


@dataclass(slots=True)
class Counts:
    """Jobs that were looked at, by uid, items collected just now, those of them whose pods were gone
    already, and items that have not ended."""

    jobs: set[str] = field(default_factory=set)
    new: int = 0
    podless: int = 0
    unfinished: int = 0


def collect_all(
    reader: Reader,
    batches: Iterable[list[Object]],
    folder: Path,
    failed: Callable[[ExpanderError], None],
    *,
    failed_only: bool = False,
) -> Counts:
    """Collect the Jobs of ``batches`` into ``folder``; ``failed`` hears of each whose logs cannot be read.

    ``failed_only`` leaves out Jobs that have not failed. Raises OutputError when a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error("write results into", str(folder), error) from error
    counts = Counts()
    with Readers[Collected](AT_ONCE) as readers:
        for jobs in batches:
            counts.jobs.update(map(uid_of, jobs))
            chosen = [job for job in jobs if not failed_only or outcome_of(job, ()).state == FAILED]
            owned = by_job(reader.pods(chosen)) if chosen else {}
            places = []
            for job in chosen:
                pods = owned.get(uid_of(job), [])
                counts.unfinished += sum(one.state not in FINISHED for one in records_of(job, pods))
                places.append(partial(_collected, job, pods, reader, folder))
            for said in readers.in_order(places):
                if isinstance(said, OutputError):
                    raise said
                if isinstance(said, ExpanderError):
                    failed(said)
                else:
                    counts.new += said.new
                    counts.podless += said.podless
    return counts


def write_tables(folder: Path) -> int:
    """Write ``results.csv`` and ``results.jsonl`` of all that ``folder`` holds; how many items that is."""
    rows = sorted(
        results_in(folder), key=lambda row: (row["namespace"], row["name"], row["index"] or 0, row["folder"])
    )
    for name, lines in (("results.csv", as_csv(rows)), ("results.jsonl", as_json_lines(rows))):
        write_whole(folder / name, (line.encode("utf-8", "surrogatepass") for line in lines))
    return len(rows)


def _collected(job: Object, pods: list[Object], reader: Reader, folder: Path) -> Iterator[Collected]:
    yield collect(job, pods, reader, folder)
