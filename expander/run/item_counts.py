"""How many items the Jobs of a run stand for, and what became of them.

A Job is one item unless it has indexes, or its annotation says how many items were put into it. An index that
has a Job of its own counts there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from expander.base.late_module import late_module
from expander.kube.objects import Object
from expander.kube.wellknown import number
from expander.kube.workloads import COMPLETE
from expander.manifests.edits import ITEM_ANNOTATION
from expander.manifests.rerun import (
    COUNT_ANNOTATION,
    RETRY_OF_ANNOTATION,
    is_chunk,
    own_indexes,
    retried_indexes,
)
from expander.run.outcomes import LogFile

if TYPE_CHECKING:
    from expander.run import chunk_log
else:  # for chunks that have failed
    chunk_log = late_module("expander.run.chunk_log")

_COUNT: Final = COUNT_ANNOTATION.encode()


def may_be_several(data: bytes) -> bool:
    """Whether a Job, as JSON, may stand for more than one item: for most this is known without reading it."""
    return _COUNT in data or b'"Indexed"' in data


def item_count(job: Object) -> int:
    """How many items a Job, as sent or as stored, stands for."""
    count, retried = _given(job), retried_indexes(job)
    return max(count - len(retried), 0) if retried else count


def _given(job: Object) -> int:
    spec, notes = job.get("spec") or {}, job["metadata"].get("annotations") or {}
    if COUNT_ANNOTATION in notes and (count := number(notes, COUNT_ANNOTATION, -1)) >= 0:
        return max(count, 1)
    if spec.get("completionMode") != "Indexed":
        return 1
    completions = spec.get("completions")
    return max(completions, 1) if isinstance(completions, int) else 1


def has_item(job: Object) -> bool:
    """Whether a Job was made of items."""
    return ITEM_ANNOTATION in (job["metadata"].get("annotations") or {})


def has_indexes(job: Object) -> bool:
    """Whether the indexes of a Job are those of its template, and no items."""
    return (
        job["spec"].get("completionMode") == "Indexed"
        and job["spec"].get("completions", 1) != 1
        and COUNT_ANNOTATION not in (job["metadata"].get("annotations") or {})
    )


def completed_items(job: Object, state: str, log: Callable[[], bytes]) -> int | None:
    """How many items of a Job that has ended are complete, None if that is not known.

    ``log`` gives the end of its log, which only tells of a chunk that has failed.
    """
    count, spec, status = item_count(job), job.get("spec") or {}, job.get("status") or {}
    if state == COMPLETE and not retried_indexes(job):
        return count
    if spec.get("completionMode") == "Indexed":
        return own_indexes(job, "completedIndexes", _given(job))
    if count > 1 and spec.get("completions") == count:
        return min(int(status.get("succeeded") or 0), count)
    ends = chunk_log.item_ends(log()) if is_chunk(job) else []
    return sum(not end.exit_code for end in ends) if ends else None


def end_of_last(logs: Sequence[LogFile]) -> bytes:
    """The end of the latest of a Job's ``logs``."""
    from expander.local.logs import last_output

    return last_output(logs[-1].path, chunk_log.CHUNK_LOG_BYTES) if logs else b""


class ItemCounts:
    """Turns counts of Jobs by state into counts of items."""

    def __init__(self) -> None:
        self.of_items = False
        """Whether Jobs were made of items, and what became of those is known: else people speak of Jobs."""
        self._has_indexes = False
        self.given = 0
        """Items of the Jobs of the batch."""
        self._open: dict[tuple[str, str], int] = {}
        self._more = dict.fromkeys(("pending", "succeeded", "failed"), 0)
        self._more_before = 0
        self._done: dict[tuple[str, str], int] = {}
        """Pods that have succeeded, of open Jobs each of whose pods does one item."""

    def noun(self, *, several: bool = False) -> str:
        """What people call what is counted; ``several``: it is not as many as the Jobs."""
        return "index" if self._has_indexes else "item" if self.of_items or several else "Job"

    def _see(self, job: Object) -> None:
        self.of_items = self.of_items or has_item(job)
        self._has_indexes = self._has_indexes or has_indexes(job)

    def add(self, key: tuple[str, str], job: Object) -> None:
        """A Job of the batch, not ended yet."""
        self._see(job)
        count = item_count(job)
        retried = (job["metadata"].get("annotations") or {}).get(RETRY_OF_ANNOTATION)
        if retried is None:
            self.given += count
        elif (parent := (key[0], retried)) in self._open:
            self._open[parent] -= 1
            self._more["pending"] -= 1
        if count > 1:
            self._open[key] = count
            self._more["pending"] += count - 1
            if (job.get("spec") or {}).get("completions") == count:
                self._done[key] = 0

    def add_complete(self, job: Object) -> None:
        """A Job of the batch, as sent, that was complete before this run."""
        self._see(job)
        count = item_count(job)
        self.given += count
        self._more_before += count - 1
        self._more["succeeded"] += count - 1

    def pod_succeeded(self, key: tuple[str, str]) -> None:
        """A pod of a Job has succeeded; told once for each pod."""
        if key in self._done:
            self._done[key] += 1

    def end(
        self, key: tuple[str, str], job: Object, state: str, logs: Sequence[LogFile], *, before: bool = False
    ) -> None:
        """A Job has ended, in this run or ``before``."""
        self._see(job)
        count = item_count(job)
        self._done.pop(key, None)
        self._more["pending"] -= self._open.pop(key, 1) - 1
        if count == 1 and not retried_indexes(job):
            return
        if (complete := completed_items(job, state, partial(end_of_last, logs))) is None:
            self.of_items = False
            return
        self._more_before += (count - 1) * before
        self._more["succeeded"] += complete - (state == COMPLETE)
        self._more["failed"] += count - complete - (state != COMPLETE)

    def before(self, jobs: int) -> int:
        """The items that had ended before this run; ``jobs`` are the Jobs."""
        return jobs + self._more_before

    def counts(self, jobs: Mapping[str, int]) -> dict[str, int]:
        """The items by state; ``jobs`` are the Jobs."""
        found = {state: count + self._more.get(state, 0) for state, count in jobs.items()}
        done = sum(self._done.values())
        found["succeeded"] += done
        found["pending"] = max(found["pending"] - done, 0)
        return found
