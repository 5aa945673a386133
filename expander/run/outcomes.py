"""The outcome of a Job from its status and pods, and the log files of its pods."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expander.base.named_tuple import NamedTuple
from expander.items.keys import item_columns, item_key
from expander.kube.objects import Object, first_start, pod_has_ended, start_count, statuses_of
from expander.kube.time import elapsed, unix
from expander.kube.wellknown import FINALIZER
from expander.kube.workloads import (
    ACTIVE,
    COMPLETE,
    FAILED,
    JOB,
    PENDING,
    Situation,
    Workload,
    workload_of,
)
from expander.manifests.edits import ITEM_ANNOTATION, KEY_ANNOTATION
from expander.manifests.rerun import attempt_of, is_chunk, remaining_indexes

if TYPE_CHECKING:
    from expander.local.kubelet.pod_files import PodFolders

RETRIED_ELSEWHERE = {"reason": "IndexesRetried", "message": "the missing indexes have Jobs of their own"}
"""The reason of a failed Indexed Job whose missing indexes `retry` gave Jobs of their own; those decide."""


ITEMS_FAILED = {"reason": "FailedItems", "message": "items of the Job have failed"}
"""The reason of a failed chunk whose container says by its exit code that items failed for good."""


class LogFile(NamedTuple):
    """The output of one run of a container. ``pod`` is the pod's name.

    The file at ``path`` has a record for each line, in the CRI log format; `read` and `chunks` give the
    output alone.
    """

    pod: str
    container: str
    restart: int
    path: Path

    def read(self) -> bytes:
        """The whole output as the container wrote it."""
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """The output in parts, for one that may be larger than the memory."""
        from expander.local.logs import LogReader  # SQLite, which a cluster does not need

        with LogReader(self.path) as log:
            yield from iter(log.read, b"")
            yield log.finish()


def log_files(folders: PodFolders, pods: Sequence[Object]) -> Iterator[LogFile]:
    """The log files of ``pods``, init containers first; one without output need not be there."""
    for pod in pods:
        folder = folders.of(pod)
        starts = {status["name"]: start_count(status) for status in statuses_of(pod)}
        for container in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]:
            name = container["name"]
            restart = 0
            while os.path.exists(path := folder.log(name, restart)) or restart < starts.get(name, 0):
                yield LogFile(pod["metadata"]["name"], name, restart, Path(path))
                restart += 1


class JobOutcome(NamedTuple):
    """The state of one Job, from its status and pods.

    ``item`` is the text of its item, ``key`` the key of that (see `items.keys`), both empty without an item.
    ``state`` is Complete, Failed, Active (one of its pods runs), Pending (none does) or Suspended; ``reason``
    and ``message`` come from the Failed or FailureTarget condition. ``started`` (of its first container; of
    the Job where no pod tells) and ``finished`` are Unix seconds (None: not yet). ``exit_code`` is that of
    the last container that ended with another code than 0, else 0; ``attempts`` counts the pods
    created, and one for each earlier Job of the same item that `retry` or a policy replaced.
    """

    namespace: str
    name: str
    item: str
    key: str
    state: str
    reason: str
    message: str
    started: float | None
    finished: float | None
    succeeded: int
    failed: int
    attempts: int
    exit_code: int | None

    @property
    def value(self) -> str | Mapping[str, Any]:
        """The item as a value: its columns by name if it has any, else its text."""
        return item_columns(self.item) or self.item

    @property
    def seconds(self) -> float | None:
        """How long the Job took in seconds, None until it has ended."""
        return elapsed(self.started, self.finished)


def outcome_of(job: Object, pods: Sequence[Object]) -> JobOutcome:
    """The outcome of ``job``, a workload or a pod without one; ``pods`` are its own."""
    if job["kind"] == "Pod":
        return _outcome_of_pod(job)
    row, metadata, status = workload_of(job), job["metadata"], job.get("status") or {}
    now = _situation(row, job, status, pods)
    ends = _ends(pods)
    finished = _seconds(now.since) if now.has_ended else None
    has_begun = now.has_ended or now.state == ACTIVE or status.get("succeeded") or status.get("failed")
    started = row.started(job) if has_begun else None
    if row.times_from_pods and finished is not None:
        finished = max([at for _, at in ends], default=finished)
    return JobOutcome(
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        **_item(metadata),
        state=now.state,
        reason=now.reason,
        message=now.message,
        started=_started(pods, started) if row.times_from_pods else _seconds(started),
        finished=finished,
        succeeded=row.succeeded(job),
        failed=status.get("failed") or 0,
        attempts=attempt_of(job) - 1 + _runs(row, job, pods),
        exit_code=_exit_code(ends, now.state),
    )


def _runs(row: Workload, job: Object, pods: Sequence[Object]) -> int:
    """How often a workload was begun: its pods, or where these are made anew its restarts."""
    if row.restarts is not None:
        return 1 + row.restarts(job) if row.has_begun(job) or pods else 0
    status = job.get("status") or {}
    return len(pods) or sum(status.get(each) or 0 for each in ("active", "succeeded", "failed"))


def state_of(job: Object, pods: Sequence[Object] = ()) -> str:
    """The state in the outcome of ``job``; without its ``pods``, as far as its own status tells it."""
    if job.get("kind") == "Pod":
        return outcome_of(job, ()).state
    return _situation(workload_of(job), job, job.get("status") or {}, pods).state


def _situation(row: Workload, job: Object, status: Object, pods: Sequence[Object]) -> Situation:
    """The situation of a workload, as far as its pods tell it too."""
    now = row.situation(job)
    if now.state == PENDING and row.times_from_pods:
        if row is JOB:
            runs = _is_running(status, pods) or _has_uncounted(status, pods)
        else:
            runs = any(map(pod_runs, pods))
        return now._replace(state=ACTIVE) if runs else now
    if now.state != FAILED or row is not JOB:
        return now
    if remaining_indexes(job) == []:
        return now._replace(state=COMPLETE, **RETRIED_ELSEWHERE)
    if now.reason == "PodFailurePolicy" and is_chunk(job):
        return now._replace(**ITEMS_FAILED)  # by a rule that the user did not write
    return now


def _item(metadata: Object) -> dict[str, str]:
    annotations = metadata.get("annotations") or {}
    item = annotations.get(ITEM_ANNOTATION, "")
    return {"item": item, "key": item_key(item, annotations.get(KEY_ANNOTATION, ""))}


def _outcome_of_pod(pod: Object) -> JobOutcome:
    """The outcome of a pod without a Job."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    ends = _ends([pod])
    state = {"Succeeded": COMPLETE, "Failed": FAILED}.get(status.get("phase") or "")
    finished = max((at for _, at in ends), default=None) if state else None
    return JobOutcome(
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        **_item(metadata),
        state=state or (ACTIVE if pod_runs(pod) else PENDING),
        reason=status.get("reason") or ("PodFailed" if state == FAILED else ""),
        message=status.get("message") or "",
        started=_started([pod], status.get("startTime")),
        finished=finished,
        succeeded=int(state == COMPLETE),
        failed=int(state == FAILED),
        attempts=1,
        exit_code=_exit_code(ends, state or ""),
    )


def _is_running(status: Object, pods: Sequence[Object]) -> bool:
    """Whether a pod runs; ``active`` also counts pods that wait for a node, an image or their next start."""
    if not status.get("active"):
        return False
    return bool(status.get("ready")) or any(map(pod_runs, pods))


def pod_runs(pod: Object) -> bool:
    """Whether a container of the pod runs; in the phase Running all may wait to be started again."""
    if (pod.get("status") or {}).get("phase") != "Running":
        return False
    states = [each.get("state") or {} for each in statuses_of(pod)]
    return not any("waiting" in state for state in states) or any("running" in state for state in states)


def _has_uncounted(status: Object, pods: Sequence[Object]) -> bool:
    """Whether a pod has ended that the Job controller has not counted yet: it still holds its finalizer."""
    if any((status.get("uncountedTerminatedPods") or {}).values()):
        return True
    return any(pod_has_ended(pod) and FINALIZER in (pod["metadata"].get("finalizers") or ()) for pod in pods)


def _ends(pods: Sequence[Object]) -> list[tuple[int, float]]:
    """Exit code and time of each container that has ended."""
    ends = []
    for pod in pods:
        for container in statuses_of(pod):
            end = (container.get("state") or {}).get("terminated")
            if end:
                ends.append((end.get("exitCode", 0), _seconds(end.get("finishedAt")) or 0.0))
    return ends


def _exit_code(ends: Sequence[tuple[int, float]], state: str) -> int | None:
    if state == COMPLETE:
        return 0
    bad = [end for end in ends if end[0]]
    return max(bad, key=lambda end: end[1])[0] if bad else None


def _started(pods: Sequence[Object], started: str | None) -> float | None:
    """When the work began: with the first container; where no pod tells, ``started``."""
    starts = [start for pod in pods if (start := first_start(pod)) is not None]
    return min(starts, default=_seconds(started))


def _seconds(text: str | None) -> float | None:
    return unix(text) if text else None
