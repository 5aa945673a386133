"""One record per item: a Job, or an index of an Indexed Job, or a pod of a task of a Volcano Job or JobSet.

The Job's status decides the state (the Job controller writes it). Only the pods know exit codes, termination
messages and times of the work; those are missing once the pods are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Final

from expander.base.dataclass import dataclass
from expander.base.errors import InputError
from expander.base.late_module import late_module
from expander.group.attempts import Attempt, container_names, main_container, pod_attempt, pods_by_job
from expander.group.diagnosis import Warnings, diagnose_pod, last_failure
from expander.group.job_status import explained_jobs, job_status
from expander.group.names import ItemNames, NameSelection, job_order, name_hint
from expander.items.keys import item_columns, item_key
from expander.kube.objects import Object, container_status, uid_of
from expander.kube.time import elapsed
from expander.kube.workloads import ACTIVE, COMPLETE, FAILED, PENDING, SUSPENDED, task_of, workload_of
from expander.manifests.edits import KEY_ANNOTATION
from expander.manifests.rerun import (
    attempt_of,
    first_created,
    is_chunk,
    item_at,
    retried_index,
    retried_indexes,
    submitted,
)
from expander.run.item_counts import item_count
from expander.run.outcomes import RETRIED_ELSEWHERE

if TYPE_CHECKING:
    from expander.group.source import Reader
    from expander.kube import index_sets
else:  # for Indexed Jobs
    index_sets = late_module("expander.kube.index_sets")

SKIPPED: Final = "Skipped"
"""The state of an index that did not complete: its Job met the success policy without it, or `retry` created
a Job for it."""

STATES: Final = (COMPLETE, FAILED, ACTIVE, PENDING, SUSPENDED, SKIPPED)

FINISHED: Final = (COMPLETE, FAILED, SKIPPED)

NO_WARNINGS: Final[Warnings] = {}


def part_count(job: Object) -> int | None:
    """How many parts a Job has (indexes, or pods of tasks); None if it has none."""
    row, spec = workload_of(job), job.get("spec") or {}
    if row.tasks(job):
        count = row.pod_count(job)
        return count if count > 1 else None
    return spec.get("completions") if spec.get("completionMode") == "Indexed" else None


def part_number(job: Object) -> Callable[[Object], int]:
    """A function from a pod of ``job`` to the number of its part; -1 for none."""
    return workload_of(job).part_of(job)


def ended_parts(
    job: Object, count: int, pods: Iterable[Object]
) -> tuple[index_sets.Intervals, index_sets.Intervals]:
    """The parts that have completed, and those that have failed for good."""
    row, status = workload_of(job), job.get("status") or {}
    if not row.tasks(job):
        return (
            index_sets.parse(status.get("completedIndexes"), count),
            index_sets.parse(status.get("failedIndexes"), count),
        )
    number, phases = row.part_of(job), {}
    for pod in pods:
        if not pod["metadata"].get("deletionTimestamp"):
            phases[number(pod)] = (pod.get("status") or {}).get("phase")
    over = row.situation(job).has_ended
    done = sorted(one for one, phase in phases.items() if phase == "Succeeded" and one >= 0)
    lost = sorted(one for one, phase in phases.items() if phase == "Failed" and one >= 0 and over)
    return index_sets.of(done), index_sets.of(lost)


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """An item and its outcome; ``index`` is None except for the parts of a Job.

    ``item`` is the item's text and ``key`` its key (see `items.keys`), both empty where there is none.
    ``reason`` and ``message`` explain the state, for an unfinished item what holds it up; ``cause`` is why
    its last failed attempt failed. ``termination`` is the main container's termination message. Times are
    Unix seconds. ``attempts`` are its pods, oldest first.
    """

    namespace: str
    job: str
    uid: str
    index: int | None
    item: str
    key: str
    state: str
    reason: str
    message: str
    cause: str
    created: float | None
    started: float | None
    finished: float | None
    exit_code: int | None
    termination: str
    attempts: Sequence[Attempt]
    is_part: bool = False
    """Whether it shares its item, if there is one, with the other indexes of its Job."""
    retried_index: int | None = None
    """The index of another Job that this Job is to complete."""
    earlier: int = 0
    """How many Jobs were there for the item before this one, whose pods are gone."""
    submitted: str | None = None
    """When its item was read to be submitted (MicroTime), if it was."""

    item_count: int = 1
    """How many items it stands for: those of a chunk, or one."""
    is_chunk: bool = False
    key_columns: str = ""
    """The columns that make the keys of a chunk's items."""
    complete_items: int = 0
    task: str = ""
    """The task of a Volcano Job, or the replicated job of a JobSet, that it is a pod of."""
    failed_items: Sequence[tuple[str, int]] = ()
    """Of a failed chunk whose log was read: how many of its items are complete, and the others that ended,
    with their exit codes."""

    @property
    def seconds(self) -> float | None:
        """Seconds from start to end, None until it has ended."""
        return elapsed(self.started, self.finished)

    @property
    def deciding(self) -> Attempt | None:
        """The attempt whose output is the item's: the last successful one, else the last one."""
        good = [attempt for attempt in self.attempts if attempt.phase == "Succeeded"]
        return next(reversed(good or self.attempts), None)

    @property
    def attempt_count(self) -> int:
        """How often the item was begun: its pods, and one for each earlier Job."""
        return self.earlier + len(self.attempts)

    @property
    def label(self) -> str:
        """Its name for people: the item's key, else the Job's name; with the index where that is shared."""
        name = self.key or self.job
        return f"{name}/{self.index}" if self.is_part else name

    @property
    def job_name(self) -> str:
        """The name of its Job."""
        return self.job

    @property
    def place(self) -> int | None:
        """The number of an item that shares its Job, or the Job before this one, with others."""
        return self.retried_index if self.index is None else self.index

    @property
    def node(self) -> str | None:
        """The node of its last attempt."""
        return (self.attempts[-1].pod.get("spec") or {}).get("nodeName") if self.attempts else None

    @property
    def pod_names(self) -> list[str]:
        """The names of its pods, oldest first."""
        return [attempt.name for attempt in self.attempts]

    @property
    def names(self) -> ItemNames:
        """All that it can be called by."""
        return ItemNames.of(self.key, self.item, self.job, self.index)

    @property
    def columns(self) -> Mapping[str, Any]:
        """The item's columns, if its annotation holds them as a JSON object."""
        return item_columns(self.item)


def records(reader: Reader) -> Iterator[ItemRecord]:
    """The records of a group, Job by Job. Events are requested only if they may explain something."""
    for job, pods, warnings in explained_jobs(reader):
        yield from job_records(job, pods, warnings)


def all_records(jobs: Iterable[Object], pods: Iterable[Object]) -> Iterator[ItemRecord]:
    """The records of some Jobs and all their pods, without what only events tell."""
    owned = pods_by_job(pods)
    for job in jobs:
        yield from job_records(job, owned.get(uid_of(job), []))


def names_of(jobs: Iterable[Object]) -> Iterator[ItemNames]:
    """The names of all items of ``jobs``."""
    return (record.names for record in all_records(jobs, ()))


def unknown_hint(name: str, reader: Reader) -> str | None:
    """What to say of a ``name`` that nothing of the group has; see `name_hint`."""
    jobs = list(reader.jobs())
    return name_hint(name, jobs, names_of(jobs))


def job_records(
    job: Object, pods: Sequence[Object], warnings: Warnings = NO_WARNINGS
) -> Iterator[ItemRecord]:
    """The record of a Job, or those of its parts in order; ``warnings`` are the known events."""
    attempts = _attempts(pods)
    whole = _job_record(job, pods, attempts, warnings)
    count = part_count(job)
    if count is None:
        yield whole
        return
    done, lost = ended_parts(job, count, pods)
    number, given = part_number(job), retried_indexes(job)
    parts: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        parts.setdefault(number(attempt.pod), []).append(attempt)
    for index in range(count):
        ends = index_sets.has(done, index), index_sets.has(lost, index)
        yield _part_record(job, whole, index, parts.get(index, []), *ends, given)


def index_record(job: Object, pods: Sequence[Object], index: int) -> ItemRecord:
    """The record of one index of an Indexed Job, or (index -1) of a whole Job; ``pods`` are its own."""
    attempts = _attempts(pods)
    whole = _job_record(job, pods, attempts, NO_WARNINGS)
    count = part_count(job)
    if count is None or index < 0:
        return whole
    done, lost = ended_parts(job, count, pods)
    ends = index_sets.has(done, index), index_sets.has(lost, index)
    return _part_record(job, whole, index, attempts, *ends, retried_indexes(job))


def _attempts(pods: Sequence[Object]) -> list[Attempt]:
    """Pods as attempts, oldest first."""
    return sorted(map(pod_attempt, pods), key=lambda one: (one.created or 0.0, one.name))


def _job_record(
    job: Object, pods: Sequence[Object], attempts: Sequence[Attempt], warnings: Warnings
) -> ItemRecord:
    status = job_status(job, pods, warnings)
    outcome = status.outcome
    return ItemRecord(
        namespace=outcome.namespace,
        job=outcome.name,
        uid=uid_of(job),
        index=None,
        item=outcome.item,
        key=outcome.key,
        state=outcome.state,
        reason=status.reason,
        message=status.message,
        cause=status.cause,
        created=first_created(job) or None,
        started=outcome.started,
        finished=outcome.finished,
        exit_code=outcome.exit_code,
        termination=_termination(attempts),
        attempts=attempts,
        retried_index=retried_index(job),
        earlier=attempt_of(job) - 1,
        submitted=submitted(job),
        item_count=item_count(job) if is_chunk(job) else 1,
        is_chunk=is_chunk(job),
        key_columns=(job["metadata"].get("annotations") or {}).get(KEY_ANNOTATION, ""),
    )


def _part_record(
    job: Object,
    whole: ItemRecord,
    index: int,
    attempts: Sequence[Attempt],
    done: bool,
    lost: bool,
    given: Set[int],
) -> ItemRecord:
    """The record of one part; ``given`` are the indexes that have Jobs of their own."""
    last = attempts[-1] if attempts else None
    state, reason, message = _part_state(whole, last, done, lost, index in given)
    if reason == "FailedIndex" and workload_of(job).tasks(job):
        reason = "PodFailed"
    failure = None if done else last_failure(attempt.pod for attempt in attempts)
    finished = max((one.finished for one in attempts if one.finished is not None), default=whole.finished)
    begins = (one.started or (one.created if state in (*FINISHED, ACTIVE) else None) for one in attempts)
    started = next(begins, None)
    notes = job["metadata"].get("annotations") or {}
    own = item_at(notes, index)
    return ItemRecord(
        namespace=whole.namespace,
        job=whole.job,
        uid=whole.uid,
        index=index,
        item=whole.item if own is None else own,
        key=whole.key if own is None else item_key(own, notes.get(KEY_ANNOTATION, "")),
        state=state,
        reason=reason,
        message=message,
        cause=failure.reason if failure else "",
        created=whole.created,
        started=started,
        finished=finished if state in FINISHED and started is not None else None,
        exit_code=0 if done else None if last is None else last.exit_code,
        termination=_termination(attempts),
        attempts=attempts,
        is_part=not own,
        earlier=whole.earlier,
        submitted=whole.submitted,
        task=task_of(job, index),
    )


def _part_state(
    whole: ItemRecord, last: Attempt | None, done: bool, lost: bool, given: bool
) -> tuple[str, str, str]:
    if done:
        return COMPLETE, "", ""
    if given:
        return SKIPPED, RETRIED_ELSEWHERE["reason"], "it has a Job of its own"
    if whole.state == COMPLETE and whole.reason:
        return SKIPPED, whole.reason, whole.message
    if lost:
        return FAILED, "FailedIndex", last.message if last is not None else ""
    if whole.state == COMPLETE:
        return SKIPPED, "SuccessPolicy", "the Job was complete without this index"
    if whole.state == FAILED:
        return FAILED, whole.reason, whole.message
    if last is not None and last.phase in ("Running", "Succeeded"):  # the latter is not counted yet
        return ACTIVE, "", ""
    diagnosis = diagnose_pod(last.pod) if last is not None else None
    reason, message = diagnosis or (whole.reason, whole.message)
    return (SUSPENDED if whole.state == SUSPENDED else PENDING), reason, message


def _termination(attempts: Sequence[Attempt]) -> str:
    return next((one.termination for one in reversed(attempts) if one.termination), "")


def running_container(
    source: Reader, name: str, container: str | None, *, group: object
) -> tuple[Object, str]:
    """The pod that ``name`` means (a key, Job or pod) and its container: the first that runs.

    ``container`` None is the main one. ``group`` is what messages call the group. Raises InputError.
    """
    jobs, selection = sorted(source.jobs(), key=job_order), NameSelection((name,))
    pods = list(_pods(source, jobs, selection))
    if selection.unknown:
        raise InputError(f"no item, Job or pod {name} in {group}", hint=name_hint(name, jobs, names_of(jobs)))
    for pod in pods:
        wanted = container or main_container(pod)
        names = container_names(pod)
        if wanted not in names:
            pod_name = pod["metadata"]["name"]
            raise InputError(
                f"container {wanted} is not valid for pod {pod_name}", hint=f"containers: {', '.join(names)}"
            )
        if "running" in (container_status(pod, wanted).get("state") or {}):
            return pod, wanted
    raise InputError(f"no container of {name} is running", hint="expander status shows what runs")


def _pods(source: Reader, jobs: Sequence[Object], selection: NameSelection) -> Iterator[Object]:
    """The pods of the selected items of ``jobs``, the latest attempts first."""
    selection.decide(names_of(jobs))
    for record in all_records(jobs, source.pods(jobs)):
        whole = selection.matches(record.names)
        for attempt in reversed(record.attempts):
            if whole or selection.matches(ItemNames((), (), (attempt.name,))):
                yield attempt.pod
