"""``expander status`` for machines: an API List as JSON or YAML, a CSV table, names."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from expander.group.job_status import Standing, group_of
from expander.kube.objects import Object
from expander.kube.time import api_time

COLUMNS: Final = (
    "group",
    "namespace",
    "name",
    "item",
    "state",
    "reason",
    "cause",
    "message",
    "started",
    "finished",
    "seconds",
    "completed",
    "completions",
    "failedIndexes",
    "retries",
    "attempts",
    "exitCode",
    "node",
)


def as_list(jobs: Sequence[Object]) -> Iterator[str]:
    """A v1 List of Jobs, as kubectl prints one; ``managedFields`` are left out as there."""
    yield '{\n    "apiVersion": "v1",\n    "items": ['
    for number, job in enumerate(jobs):
        text = json.dumps(shown(job), ensure_ascii=False, indent=4).replace("\n", "\n        ")
        yield f"{',' if number else ''}\n        {text}"
    end = "\n    " if jobs else ""
    yield f'{end}],\n    "kind": "List",\n    "metadata": {{\n        "resourceVersion": ""\n    }}\n}}\n'


def as_yaml(jobs: Sequence[Object]) -> Iterator[str]:
    """The same List as YAML."""
    from expander.base.yaml import dump

    items = [shown(job) for job in jobs]
    yield dump({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})


def as_csv(found: Sequence[Standing], label: str, named: str | None) -> Iterator[str]:
    """A header and a row for each Job; times as the API writes them, durations in seconds."""
    yield csv_line(COLUMNS)
    for one in found:
        yield csv_row(one, label, named)


def csv_row(one: Standing, label: str, named: str | None) -> str:
    """The row of a Job."""
    outcome = one.outcome
    return csv_line(
        [
            group_of(one.job, label, named),
            outcome.namespace,
            outcome.name,
            outcome.item,
            one.state,
            one.reason,
            one.cause,
            one.message,
            _time(outcome.started),
            _time(outcome.finished),
            outcome.seconds,
            one.done,
            one.wanted,
            one.failed_indexes,
            one.retries,
            outcome.attempts,
            outcome.exit_code,
            one.nodes[0] if one.nodes else None,
        ]
    )


def name_of(job: Object) -> str:
    """A Job as kubectl names it."""
    group = str(job.get("apiVersion") or "batch/v1").partition("/")[0]
    return f"job.{group}/{job['metadata']['name']}"


def shown(job: Object) -> Mapping[str, Any]:
    """A Job without what no reader wants."""
    metadata = {key: value for key, value in job["metadata"].items() if key != "managedFields"}
    return {**job, "metadata": metadata}


def csv_line(cells: Sequence[object]) -> str:
    """A line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else api_time(seconds)
