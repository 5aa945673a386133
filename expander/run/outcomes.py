"""The outcome of a Job from its status and pods, and the log files of its pods."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from expander.items.keys import item_columns, item_key
from expander.kube.objects import Object, first_start, statuses_of
from expander.kube.time import elapsed, unix
from expander.kube.volcano import ENDS, is_volcano
from expander.kube.wellknown import FINALIZER
from expander.local.kubelet.pod_files import PodFolders
from expander.local.logs import LogReader
from expander.manifests.edits import ITEM_ANNOTATION, KEY_ANNOTATION
from expander.manifests.rerun import attempt_of, is_chunk, remaining_indexes

COMPLETE, FAILED, ACTIVE, PENDING, SUSPENDED = "Complete", "Failed", "Active", "Pending", "Suspended"

RETRIED_ELSEWHERE = {"reason": "IndexesRetried", "message": "the missing indexes have Jobs of their own"}
"""The reason of a failed Indexed Job whose missing indexes `retry` gave Jobs of their own; those decide."""


ITEMS_FAILED = {"reason": "FailedItems", "message": "items of the Job have failed"}
"""The reason of a failed chunk whose container says by its exit code that items failed for good."""


class LogFile(NamedTuple):
    """The output of one run of a container. ``pod`` is the pod's name.

    The file at ``path`` has a record for each line, in the CRI log format; `read` gives the output alone.
    """

    pod: str
    container: str
    restart: int
    path: Path

    def read(self) -> bytes:
        """The whole output as the container wrote it."""
        with LogReader(self.path) as log:
            return b"".join(iter(log.read, b"")) + log.finish()


def log_files(folders: PodFolders, pods: Sequence[Object]) -> Iterator[LogFile]:
    """The log files of ``pods``, init containers first."""
    for pod in pods:
        folder = folders.of(pod)
        for container in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]:
            name = container["name"]
            restart = 0
            while os.path.exists(path := folder.log(name, restart)):
                yield LogFile(pod["metadata"]["name"], name, restart, Path(path))
                restart += 1


class JobOutcome(NamedTuple):
    """The state of one Job, from its status and pods.

    ``item`` is the text of its item, ``key`` the key of that (see `items.keys`), both empty without an item.
    ``state`` is Complete, Failed, Active (one of its pods runs), Pending (none does) or Suspended; ``reason``
    and ``message`` come from the Failed or FailureTarget condition. ``started`` (of its first container; of
    the Job until one has started) and ``finished`` are Unix seconds (None: not yet). ``exit_code`` is that of
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
    """The outcome of ``job``, a batch/v1 or Volcano Job or a pod without one; ``pods`` are its own."""
    if job["kind"] == "Pod":
        return _outcome_of_pod(job)
    if is_volcano(job):
        return _outcome_of_volcano(job, pods)
    metadata, status = job["metadata"], job.get("status") or {}
    state, condition = _state_of_job(job, status, pods)
    ends = _ends(pods)
    ended = state in (COMPLETE, FAILED)
    finished = (status.get("completionTime") or condition.get("lastTransitionTime")) if ended else None
    return JobOutcome(
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        **_item(metadata),
        state=state,
        reason=condition.get("reason", ""),
        message=condition.get("message", ""),
        started=_started(pods, status),
        finished=max([at for _, at in ends], default=_seconds(finished)) if finished else None,
        succeeded=status.get("succeeded") or 0,
        failed=status.get("failed") or 0,
        attempts=attempt_of(job)
        - 1
        + (len(pods) or sum(status.get(each) or 0 for each in ("active", "succeeded", "failed"))),
        exit_code=_exit_code(ends, state),
    )


def state_of(job: Object) -> str:
    """The state in the outcome of ``job``, as far as its own status tells it."""
    if job["kind"] == "Pod" or is_volcano(job):
        return outcome_of(job, ()).state
    return _state_of_job(job, job.get("status") or {}, ())[0]


def _state_of_job(job: Object, status: Object, pods: Sequence[Object]) -> tuple[str, Object]:
    """The state of a batch/v1 Job, and the condition that tells of its failure."""
    conditions = {c["type"]: c for c in status.get("conditions") or () if c.get("status") == "True"}
    condition = conditions.get("Failed") or conditions.get("FailureTarget") or {}
    if "Complete" in conditions:
        return COMPLETE, condition
    if "Failed" in conditions:
        if remaining_indexes(job) == []:
            return COMPLETE, {**condition, **RETRIED_ELSEWHERE}
        if condition.get("reason") == "PodFailurePolicy" and is_chunk(job):
            return FAILED, {**condition, **ITEMS_FAILED}  # by a rule that the user did not write
        return FAILED, condition
    if (job.get("spec") or {}).get("suspend"):
        return SUSPENDED, condition
    return ACTIVE if _is_running(status, pods) or _has_uncounted(status, pods) else PENDING, condition


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
        state=state or (ACTIVE if _runs(pod) else PENDING),
        reason=status.get("reason") or ("PodFailed" if state == FAILED else ""),
        message=status.get("message") or "",
        started=_started([pod], status),
        finished=finished,
        succeeded=int(state == COMPLETE),
        failed=int(state == FAILED),
        attempts=1,
        exit_code=_exit_code(ends, state or ""),
    )


def _outcome_of_volcano(job: Object, pods: Sequence[Object]) -> JobOutcome:
    """The outcome of a Volcano Job, by its phase; ``attempts`` are its runs, including restarts
    and those of earlier Jobs of the item."""
    metadata, status = job["metadata"], job.get("status") or {}
    now = status.get("state") or {}
    phase = now.get("phase") or ""
    passed = status.get("conditions") or ()
    ran = any(each.get("status") == "Running" for each in passed)
    state = {"Completed": COMPLETE, "": PENDING, "Pending": PENDING}.get(phase, ACTIVE)
    if phase in ENDS and phase != "Completed":
        state = FAILED
    elif state == PENDING and status.get("running"):
        state = ACTIVE
    ends = _ends(pods)
    last = _seconds(now.get("lastTransitionTime")) if phase in ENDS else None
    return JobOutcome(
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        **_item(metadata),
        state=state,
        reason=now.get("reason", phase if state == FAILED else ""),
        message=now.get("message", ""),
        started=_seconds(passed[0].get("lastTransitionTime")) if passed else None,
        finished=last,
        succeeded=status.get("succeeded") or 0,
        failed=status.get("failed") or 0,
        attempts=attempt_of(job) + (status.get("retryCount") or 0) if ran or pods else attempt_of(job) - 1,
        exit_code=_exit_code(ends, state),
    )


def _is_running(status: Object, pods: Sequence[Object]) -> bool:
    """Whether a pod runs; ``active`` also counts pods that wait for a node, an image or their next start."""
    if not status.get("active"):
        return False
    return bool(status.get("ready")) or any(map(_runs, pods))


def _runs(pod: Object) -> bool:
    """Whether a container of the pod runs; in the phase Running all may wait to be started again."""
    if (pod.get("status") or {}).get("phase") != "Running":
        return False
    states = [each.get("state") or {} for each in statuses_of(pod)]
    return not any("waiting" in state for state in states) or any("running" in state for state in states)


def _has_uncounted(status: Object, pods: Sequence[Object]) -> bool:
    """Whether a pod has ended that the Job controller has not counted yet: it still holds its finalizer."""
    if any((status.get("uncountedTerminatedPods") or {}).values()):
        return True
    return any(
        (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        and FINALIZER in (pod["metadata"].get("finalizers") or ())
        for pod in pods
    )


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


def _started(pods: Sequence[Object], status: Object) -> float | None:
    """When the work began: with the first container, or as long as none has started with the Job."""
    starts = [start for pod in pods if (start := first_start(pod)) is not None]
    return min(starts, default=_seconds(status.get("startTime")))


def _seconds(text: str | None) -> float | None:
    return unix(text) if text else None
