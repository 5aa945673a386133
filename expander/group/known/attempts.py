"""Every attempt at the items of a group: pods that are there, and those of Jobs that were replaced, as they
were saved with their logs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from expander.group.attempts import Attempt, main_container, pod_attempt
from expander.group.records import ItemRecord
from expander.group.saved_logs import JOB_FILE, PODS_FILE, attempt_path
from expander.group.table import Row, api_time_or_none
from expander.kube.objects import Object, completion_index
from expander.run.outcomes import ACTIVE, COMPLETE, FAILED, PENDING, outcome_of

_STATES: Final = {"Succeeded": COMPLETE, "Failed": FAILED, "Running": ACTIVE}


class SavedAttempt(NamedTuple):
    """A Job that was replaced, its pods, and the folder of their logs; ``number`` counts from 1."""

    number: int
    job: Object
    pods: Sequence[Object]
    folder: Path


def saved_attempts(logs: Path, namespace: str, name: str, before: int) -> Iterator[SavedAttempt]:
    """The attempts of a Job below the folder ``logs`` before the one with a number; not damaged ones."""
    for number in range(1, before):
        folder = attempt_path(logs, namespace, name, number)
        job = _read(folder / JOB_FILE)
        if job is not None:
            yield SavedAttempt(number, job, _read(folder / PODS_FILE) or (), folder)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def attempt_rows(record: ItemRecord, row: Row, logs: Path) -> list[Row]:
    """A row for each attempt at an item, the first one first; ``row`` is the item's, ``logs`` what was saved.

    Beside its keys they have ``attempt`` (from 1), ``pod``, ``memory`` (the limit of the main container), and
    ``logs``, the folder of what was saved, None for a pod that is there.
    """
    rows: list[Row] = []
    number = record.earlier + 1
    for saved in saved_attempts(logs, record.namespace, record.job, record.earlier + 1):
        number = saved.number if not rows else number
        pods = [pod for pod in saved.pods if record.index in (None, completion_index(pod))]
        found = sorted(map(pod_attempt, pods), key=lambda one: (one.created or 0.0, one.name))
        more = [_row(row, each, str(saved.folder)) for each in found] or [_podless(row, saved)]
        rows += [{**each, "attempt": number + place} for place, each in enumerate(more)]
        number += len(more)
    rows += [
        {**_row(row, each, None), "attempt": number + place} for place, each in enumerate(record.attempts)
    ]
    return rows


def _row(row: Row, attempt: Attempt, folder: str | None) -> Row:
    started, finished = attempt.started, attempt.finished
    seconds = None if started is None or finished is None else round(max(finished - started, 0.0), 3)
    return {
        **row,
        "state": _STATES.get(attempt.phase, PENDING),
        "reason": attempt.reason,
        "message": attempt.message,
        "cause": "",
        "exitCode": attempt.exit_code,
        "started": api_time_or_none(started),
        "finished": api_time_or_none(finished),
        "seconds": seconds,
        "node": attempt.pod["spec"].get("nodeName"),
        "pods": [attempt.name],
        "pod": attempt.name,
        "memory": _memory(attempt.pod),
        "logs": folder,
    }


def _podless(row: Row, saved: SavedAttempt) -> Row:
    """The row of an earlier Job whose pods were gone before it was replaced."""
    told = outcome_of(saved.job, ())
    ends = {"reason": told.reason, "message": told.message, "cause": "", "exitCode": told.exit_code}
    times = {"started": api_time_or_none(told.started), "finished": api_time_or_none(told.finished)}
    rest: Row = {"seconds": told.seconds, "node": None, "pods": [], "pod": None, "memory": None}
    return {**row, "state": told.state, **ends, **times, **rest, "logs": str(saved.folder)}


def _memory(pod: Object) -> str | None:
    main = next(each for each in pod["spec"]["containers"] if each["name"] == main_container(pod))
    resources: Mapping[str, Any] = main.get("resources") or {}
    limit = (resources.get("limits") or {}).get("memory", (resources.get("requests") or {}).get("memory"))
    return None if limit is None else str(limit)
