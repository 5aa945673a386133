"""Every attempt at the items of a group: pods that are there, and those of Jobs that were replaced, as they
were saved with their logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expander.base.named_tuple import NamedTuple
from expander.group.attempts import Attempt, memory_of, pod_attempt, seconds_of
from expander.group.bookkeeping import retry_folder
from expander.group.records import ItemRecord, part_number
from expander.group.saved_logs import JOB_FILE, LOGS_FOLDER, PODS_FILE, attempt_path, read_saved
from expander.group.table import Row, api_time_or_none
from expander.kube.objects import Object, statuses_of
from expander.kube.time import elapsed
from expander.kube.workloads import ACTIVE, COMPLETE, FAILED, PENDING
from expander.run.outcomes import outcome_of

if TYPE_CHECKING:
    from expander.group.open import AnySource, GroupSelector

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
        job = read_saved(folder / JOB_FILE)
        if job is not None:
            yield SavedAttempt(number, job, read_saved(folder / PODS_FILE) or (), folder)


def logs_folder(source: AnySource, wanted: GroupSelector) -> Path:
    """The folder of what was saved of the earlier attempts of a group."""
    return retry_folder(source, wanted) / LOGS_FOLDER


def with_earlier(record: ItemRecord, logs: Path) -> ItemRecord:
    """``record`` with the pods of the Jobs before it that were saved below ``logs``, the first ones first."""
    found: list[Attempt] = []
    unknown = record.earlier
    for saved in saved_attempts(logs, record.namespace, record.job, record.earlier + 1):
        pods = _saved_pods(record, saved)
        found += pods
        unknown -= bool(pods)
    return replace(record, attempts=[*found, *record.attempts], earlier=unknown) if found else record


def _saved_pods(record: ItemRecord, saved: SavedAttempt) -> list[Attempt]:
    """The pods of an earlier Job that did the item of a record, oldest first."""
    number = part_number(saved.job)
    pods = [pod for pod in saved.pods if record.index in (None, number(pod))]
    found = (_ended(pod_attempt(pod), saved.job) for pod in pods)
    return sorted(found, key=lambda one: (one.created or 0.0, one.name))


def _ended(attempt: Attempt, job: Object) -> Attempt:
    """An attempt by a pod that still ran, or was to be started again, when its Job was replaced."""
    if attempt.finished is not None:
        return attempt
    states = [each.get(state) or {} for each in statuses_of(attempt.pod) for state in ("state", "lastState")]
    ends = [end for state in states if (end := state.get("terminated")) and end.get("finishedAt")]
    last: Object = max(ends, key=lambda end: end["finishedAt"], default={})
    finished = seconds_of(last.get("finishedAt")) or outcome_of(job, ()).finished or attempt.started
    code = last.get("exitCode") if attempt.exit_code is None else attempt.exit_code
    reason = attempt.reason or str(last.get("reason") or "")
    return attempt._replace(phase="Failed", finished=finished, exit_code=code, reason=reason)


def attempt_rows(record: ItemRecord, row: Row, logs: Path) -> list[Row]:
    """A row for each attempt at an item, the first one first; ``row`` is the item's, ``logs`` what was saved.

    Beside its keys they have ``attempt`` (from 1), ``pod``, ``memory`` (the limit of the main container), and
    ``logs``, the folder of what was saved, None for a pod that is there.
    """
    rows: list[Row] = []
    number = record.earlier + 1
    for saved in saved_attempts(logs, record.namespace, record.job, record.earlier + 1):
        number = saved.number if not rows else number
        found = _saved_pods(record, saved)
        more = [_row(row, each, str(saved.folder)) for each in found] or [_podless(row, saved)]
        rows += [{**each, "attempt": number + place} for place, each in enumerate(more)]
        number += len(more)
    rows += [
        {**_row(row, each, None), "attempt": number + place} for place, each in enumerate(record.attempts)
    ]
    return rows


def in_place_of_items(rows: Sequence[Row], attempts: Mapping[int, Sequence[Row]]) -> list[Row]:
    """The rows of attempts, with the numbers and in the order of the items' ``rows``, by the ids of these."""
    return [{**each, "index": row["index"]} for row in rows for each in attempts.get(id(row), ())]


def _row(row: Row, attempt: Attempt, folder: str | None) -> Row:
    seconds = elapsed(attempt.started, attempt.finished)
    return {
        **row,
        "state": _STATES.get(attempt.phase, PENDING),
        "reason": attempt.reason,
        "message": attempt.message,
        "cause": "",
        "exitCode": attempt.exit_code,
        "started": api_time_or_none(attempt.started),
        "finished": api_time_or_none(attempt.finished),
        "seconds": None if seconds is None else round(seconds, 3),
        "node": attempt.pod["spec"].get("nodeName"),
        "pods": [attempt.name],
        "pod": attempt.name,
        "memory": memory_of(attempt.pod),
        "logs": folder,
    }


def _podless(row: Row, saved: SavedAttempt) -> Row:
    """The row of an earlier Job whose pods were gone before it was replaced."""
    told = outcome_of(saved.job, ())
    ends = {"reason": told.reason, "message": told.message, "cause": "", "exitCode": told.exit_code}
    times = {"started": api_time_or_none(told.started), "finished": api_time_or_none(told.finished)}
    rest: Row = {"seconds": told.seconds, "node": None, "pods": [], "pod": None, "memory": None}
    return {**row, "state": told.state, **ends, **times, **rest, "logs": str(saved.folder)}
