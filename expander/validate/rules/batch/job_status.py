"""The status of a Job that is written to (``ValidateJobStatusUpdate`` of pkg/apis/batch/validation).

Which combinations count depends on what changes (``getStatusValidationOptions`` of the registry's strategy):
what was there before is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.kube import index_sets
from expander.validate.finding import Finding, Reason
from expander.validate.rules.batch.job_policies import count_indexes
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    invalid,
    not_negative,
    required,
    texts,
)

Status = Mapping[str, Any]

CONDITIONS: Final = "status.conditions"
_COUNTS: Final = ("active", "succeeded", "failed", "ready", "terminating")
_ENDS: Final = ("Complete", "Failed")


def check_job_status(new: Mapping[str, Any], old: Mapping[str, Any]) -> Findings:
    """What the API server would refuse in the status of ``new``, a Job with the spec of ``old``."""
    change = _Change(new, old)
    yield from _check_counts(change.status)
    yield from _check_conditions(change)
    yield from _check_times(change)
    yield from _check_pods(change)
    yield from _check_indexes(change)
    yield from _check_success(change)
    yield from _check_progress(change)


class _Change:
    """A status, the one before it, and what is true of them."""

    def __init__(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        self.spec: Mapping[str, Any] = new.get("spec") or EMPTY
        self.status: Status = new.get("status") or EMPTY
        self.before: Status = old.get("status") or EMPTY
        self.true, self.was_true = _true(self.status), _true(self.before)
        self.finished = bool(self.true.intersection(_ENDS))

    @property
    def is_indexed(self) -> bool:
        return self.spec.get("completionMode") == "Indexed"

    def turns(self, *conditions: str) -> bool:
        """Whether one of these conditions has become true, or is so no more."""
        return any((each in self.true) is not (each in self.was_true) for each in conditions)

    def ends(self) -> bool:
        """Whether a Job that was not finished is, or the other way round."""
        return self.finished is not bool(self.was_true.intersection(_ENDS))

    def differs(self, *fields: str) -> bool:
        """Whether one of these fields is another; absent and zero are one."""
        return any((self.status.get(each) or None) != (self.before.get(each) or None) for each in fields)


def _true(status: Status) -> set[str]:
    return {each["type"] for each in status.get("conditions") or () if each.get("status") == "True"}


def _wrong(detail: str, where: str = CONDITIONS) -> Finding:
    """An `invalid` that does not show the value."""
    return Finding(where, Reason.INVALID, f"Invalid value: {detail}")


def _check_counts(status: Status) -> Findings:
    for field in _COUNTS:
        yield from not_negative(status.get(field), f"status.{field}")
    uncounted, seen = status.get("uncountedTerminatedPods") or EMPTY, set()
    for field in ("succeeded", "failed"):
        for at, uid in texts(uncounted.get(field), f"status.uncountedTerminatedPods.{field}"):
            if not uid:
                yield invalid(at, uid, "must not be empty")
            elif uid in seen:
                yield duplicate(at, uid)
            seen.add(uid)


def _check_conditions(change: _Change) -> Findings:
    complete, failed = (each in change.true for each in _ENDS)
    target, met = "FailureTarget" in change.true, "SuccessCriteriaMet" in change.true
    if change.turns(*_ENDS) and complete and failed:
        yield _wrong("cannot set Complete=True and Failed=true conditions")
    if change.turns("Complete", "FailureTarget") and complete and target:
        yield _wrong("cannot set Complete=True and FailureTarget=true conditions")
    if change.turns("Failed", "FailureTarget") and failed and not target:
        yield _wrong("cannot set Failed=True condition without the FailureTarget=true condition")
    if change.turns("Complete", "SuccessCriteriaMet") and complete and not met:
        yield _wrong("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")


def _check_times(change: _Change) -> Findings:
    start, end = change.status.get("startTime"), change.status.get("completionTime")
    where, complete = "status.completionTime", "Complete" in change.true
    if change.turns("Complete") or change.differs("completionTime"):
        if end and not complete:
            yield invalid(where, end, "cannot set completionTime when there is no Complete=True condition")
        if complete and not end:
            yield required(where, "completionTime is required for Complete jobs")
    if change.differs("startTime", "completionTime") and start and end and end < start:
        yield invalid(where, end, "completionTime cannot be set before startTime")
    if (change.ends() or change.differs("startTime")) and change.finished and not start:
        yield required("status.startTime", "startTime is required for finished job")


def _check_pods(change: _Change) -> Findings:
    status = change.status
    active, ready = status.get("active") or 0, status.get("ready")
    for field in ("active", "terminating"):
        count = status.get(field) or 0
        if (change.ends() or change.differs(field)) and change.finished and count > 0:
            yield invalid(f"status.{field}", count, f"{field}>0 is invalid for finished job")
    uncounted = status.get("uncountedTerminatedPods") or EMPTY
    if change.ends() or change.differs("uncountedTerminatedPods"):
        pods = {field.capitalize(): uncounted.get(field) or None for field in ("succeeded", "failed")}
        if change.finished and any(pods.values()):
            detail = "uncountedTerminatedPods needs to be empty for finished job"
            yield invalid("status.uncountedTerminatedPods", pods, detail)
    if change.differs("ready", "active") and ready is not None and ready > active:
        yield invalid("status.ready", ready, "cannot set more ready pods than active")


def _check_indexes(change: _Change) -> Findings:
    status, completions = change.status, change.spec.get("completions")
    completed, failed = status.get("completedIndexes") or "", status.get("failedIndexes")
    per_index = change.spec.get("backoffLimitPerIndex") is not None
    fields = [("completedIndexes", completed)]
    fields += [("failedIndexes", failed)] if failed is not None and per_index else []
    for field, text in fields:
        if change.differs(field) and completions is not None:
            yield from _check_format(field, text, completions)
    if change.differs("completedIndexes") and completed and not change.is_indexed:
        detail = "cannot set non-empty completedIndexes when non-indexed completion mode"
        yield invalid("status.completedIndexes", completed, detail)
    if change.differs("failedIndexes") and failed is not None and not per_index:
        detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        yield invalid("status.failedIndexes", failed, detail)
    if change.differs("failedIndexes", "completedIndexes") and completions is not None and failed:
        one, other = (index_sets.parse(each, completions) for each in (completed, failed))
        if (index := _first_common(one, other)) is not None:
            detail = f"failedIndexes and completedIndexes overlap at index: {index}"
            yield invalid("status.failedIndexes", failed, detail)


def _check_format(field: str, text: str, completions: int) -> Iterator[Finding]:
    try:
        count_indexes(text, completions)
    except ValueError as error:
        yield invalid(f"status.{field}", text, f"error parsing {field}: {error}")


def _first_common(one: index_sets.Intervals, other: index_sets.Intervals) -> int | None:
    """The lowest index that is in both, or None."""
    left = right = 0
    while left < len(one) and right < len(other):
        first, last = max(one[left][0], other[right][0]), min(one[left][1], other[right][1])
        if first <= last:
            return first
        if one[left][1] == last:
            left += 1
        else:
            right += 1
    return None


def _check_success(change: _Change) -> Findings:
    if "SuccessCriteriaMet" in change.true:
        for other in ("Failed", "FailureTarget"):
            if other in change.true:
                yield _wrong(f"cannot set SuccessCriteriaMet=True and {other}=true conditions")
    elif change.spec.get("successPolicy") and "Complete" in change.true:
        words = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"
        yield _wrong(words)


def _check_progress(change: _Change) -> Findings:
    """What is never taken back."""
    status, before, spec = change.status, change.before, change.spec
    for each in ("Failed", "Complete", "FailureTarget"):
        if each in change.was_true - change.true:
            yield _wrong(f"cannot disable the terminal {each}=True condition")
    scales = change.is_indexed and spec.get("completions") == spec.get("parallelism")
    for field in ("failed",) if scales else ("failed", "succeeded"):
        if (count := status.get(field) or 0) < (before.get(field) or 0):
            yield invalid(f"status.{field}", count, f"cannot decrease the {field} counter")
    end, was = status.get("completionTime"), before.get("completionTime")
    if end and was and end != was:
        yield invalid("status.completionTime", end, "completionTime cannot be mutated")
    if before.get("startTime") and change.differs("startTime") and not spec.get("suspend"):
        yield required("status.startTime", "startTime cannot be removed for unsuspended job")
    met, was_met = ("SuccessCriteriaMet" in each for each in (change.true, change.was_true))
    if was_met and not met:
        yield _wrong("cannot disable the SuccessCriteriaMet=True condition")
    if met and not was_met and "Complete" in change.was_true:
        yield _wrong("cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions")
