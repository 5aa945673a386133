"""Jobs and pods as the store has them, made in a line."""

from __future__ import annotations

import copy
from typing import Any

from expander.kube.time import api_time
from expander.kube.wellknown import FINALIZER, INDEX, INDEX_FAILURES, INDEX_IGNORED_FAILURES
from expander.local.controllers.job.conditions import new
from expander.local.controllers.job.context import Decision
from expander.local.controllers.job.sync import sync_job
from expander.local.registry import prepare_job_for_create

Object = dict[str, Any]
NOW = 1_800_000_000.0


def make_job(status: Object | None = None, /, *, restart: str = "Never", **spec: Any) -> Object:
    """A Job called ``work``, defaulted, with these fields in its spec."""
    template = {"spec": {"restartPolicy": restart, "containers": [{"name": "main", "image": "busybox"}]}}
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"}}
    job = prepare_job_for_create({**manifest, "spec": {"template": template, **spec}}, "job-uid")
    job["metadata"] |= {"uid": "job-uid", "creationTimestamp": api_time(NOW)}
    job["status"] = {"startTime": api_time(NOW), **status} if status is not None else {}
    return job


def indexed(status: Object | None = None, /, **spec: Any) -> Object:
    """An Indexed Job."""
    return make_job(status, completionMode="Indexed", **spec)


def condition(kind: str, reason: str = "", message: str = "", *, status: str = "True") -> Object:
    """A condition of a Job."""
    return new(kind, status, reason, message, NOW)


def make_pod(
    name: str,
    phase: str = "Running",
    *,
    index: int | None = None,
    at: float = NOW,
    code: int | None = None,
    deleted: bool = False,
    tracked: bool = True,
    ready: bool | None = None,
    restarts: int = 0,
    failures: tuple[int, int] = (0, 0),
    conditions: tuple[str, ...] = (),
    node: str = "here",
) -> Object:
    """A pod of the Job, its uid being its name.

    ``at``: when it was created, became ready and ended; ``code``: exit code of its container, by default
    that of its phase; ``failures``: those in its annotations, counted and ignored.
    """
    code = {"Succeeded": 0, "Failed": 1}.get(phase) if code is None else code
    state = (
        {"running": {}} if code is None else {"terminated": {"exitCode": code, "finishedAt": api_time(at)}}
    )
    metadata: Object = {"name": name, "uid": name, "namespace": "default", "creationTimestamp": api_time(at)}
    metadata["finalizers"] = [FINALIZER] if tracked else []
    if index is not None:
        counts = {INDEX_FAILURES: str(failures[0]), INDEX_IGNORED_FAILURES: str(failures[1])}
        metadata["annotations"] = {INDEX: str(index), **counts}
    if deleted:
        metadata |= {"deletionTimestamp": api_time(at + 30), "deletionGracePeriodSeconds": 30}
    held = [{"type": kind, "status": "True"} for kind in conditions]
    if ready is not None:
        held.append({"type": "Ready", "status": str(ready), "lastTransitionTime": api_time(at)})
    status = {
        "phase": phase,
        "conditions": held,
        "containerStatuses": [{"name": "main", "restartCount": restarts, "state": state}],
    }
    return {"metadata": metadata, "spec": {"nodeName": node}, "status": status}


def ask(
    job: Object, *pods: Object, now: float = NOW, memory: Object | None = None, **options: Any
) -> Decision:
    """One turn that acts at once, and leaves what it was given as it was."""
    before = copy.deepcopy((job, pods))
    decision = sync_job(job, pods, now, memory=memory or {}, **{"batch": 0.0, **options})
    assert (job, pods) == before
    return decision


def types(decision: Decision) -> list[str]:
    """The types of the conditions that hold, in order."""
    return [each["type"] for each in decision.status.get("conditions", []) if each["status"] == "True"]


def reason(decision: Decision) -> str:
    """The reason of the last condition."""
    found: str = decision.status["conditions"][-1]["reason"]
    return found
