"""Why a Job waits or its attempts failed, beyond what its own status says.

The kubelet writes waiting and terminated reasons (ImagePullBackOff, OOMKilled), the scheduler the condition
PodScheduled, and the Job controller the event FailedCreate when quota or admission rejects its pods. From
1.38 on (KEP-5547, not published yet) it sets the condition SchedulingBlocked when it cannot tell which group
the pods belong to.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from expander.base.named_tuple import NamedTuple
from expander.kube.objects import Object, pod_has_ended, statuses_of, uid_of
from expander.kube.time import unix
from expander.kube.workloads import NOT_SEEN, workload_of

TRANSIENT_REASONS: Final = frozenset(["ContainerCreating", "PodInitializing"])
"""Waiting reasons that pass by themselves, unless an event says otherwise."""

KUEUE_QUEUE: Final = "kueue.x-k8s.io/queue-name"
"""The label that names a Job's Kueue queue; Kueue keeps the Job suspended until it is admitted."""

WAITS_FOR_ROOM: Final = "WaitsForRoom"
"""The reason of pods for which others leave too little room: they start by themselves."""

_ROOM: Final = re.compile(r"\d+ (Insufficient [^\s,]*[^\s,.]|Too many pods)")
"""What the scheduler counts nodes under that have too little room (NodeResourcesFit)."""

_NO_VICTIMS: Final = "No preemption victims found for incoming pod"
"""How it says that a node could take the pod if others were gone.

Of a node too small for the pod it says so as well before Kubernetes 1.34.
"""

_NO_CLAIMS: Final = "no new claims to deallocate"
"""What the plugin for dynamic resources adds, which is on since 1.34; older schedulers do not say it."""

AGGREGATED_PREFIX: Final = "(combined from similar events): "
"""What client-go's event recorder puts before the message of aggregated events."""

BLOCKED: Final = "SchedulingBlocked"
"""The condition of a Job for which no pods are made until its Workload and PodGroup are in order."""

Warnings = Mapping[str, Sequence[Object]]
"""Events of type Warning by the uid of their involvedObject, oldest first."""


class Diagnosis(NamedTuple):
    """A cause: ``reason`` is one of Kubernetes' reasons, ``message`` says more."""

    reason: str
    message: str = ""


def events_by_uid(events: Iterable[Object]) -> Warnings:
    """Events by the uid of their involvedObject."""
    found: dict[str, list[Object]] = {}
    for event in events:
        found.setdefault(str(event["involvedObject"].get("uid", "")), []).append(event)
    return found


def needs_events(job: Object, pods: Sequence[Object]) -> bool:
    """Whether events may explain why an unfinished Job makes no progress."""
    return lacks_pods(job, pods) or any(_is_starting(pod) for pod in pods)


def diagnose(job: Object, pods: Sequence[Object], warnings: Warnings) -> Diagnosis | None:
    """What holds up an unfinished Job that is not suspended: the most common diagnosis of its pods."""
    blocked = _blocked(job)
    if blocked is not None:
        return blocked
    found: Counter[str] = Counter()
    first: dict[str, Diagnosis] = {}
    for pod in pods:
        diagnosis = diagnose_pod(pod, warnings.get(uid_of(pod), ()))
        if diagnosis is not None:
            found[diagnosis.reason] += 1
            first.setdefault(diagnosis.reason, diagnosis)
    if lacks_pods(job, pods):
        known = workload_of(job).warnings
        refused = [each for each in warnings.get(uid_of(job), ()) if each.get("reason") in known]
        if refused and _last_seen(refused[-1]) >= max((_created(pod) for pod in pods), default=""):
            message = str(refused[-1].get("message") or "")
            return Diagnosis(refused[-1]["reason"], message.removeprefix(AGGREGATED_PREFIX))
    if not found:
        row = workload_of(job)
        return None if row.seen(job) else Diagnosis(NOT_SEEN, row.unseen)
    reason, count = found.most_common(1)[0]
    message = first[reason].message
    return Diagnosis(reason, f"{count} pods: {message}" if count > 1 else message)


def _blocked(job: Object) -> Diagnosis | None:
    """Why the Job controller makes no pods although it could: the objects for scheduling do not fit."""
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition.get("type") == BLOCKED and condition.get("status") == "True":
            words = (condition.get("reason"), condition.get("message"))
            return Diagnosis(BLOCKED, ": ".join(word for word in words if word))
    return None


def diagnose_pod(pod: Object, warnings: Sequence[Object] = ()) -> Diagnosis | None:
    """What holds up a pod that has not ended."""
    if pod_has_ended(pod):
        return None
    status = pod.get("status") or {}
    for container in statuses_of(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") and waiting["reason"] not in TRANSIENT_REASONS:
            return Diagnosis(waiting["reason"], waiting.get("message") or "")
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _unscheduled(condition.get("reason") or "Unschedulable", condition.get("message") or "")
    if warnings and _is_starting(pod):
        return Diagnosis(warnings[-1].get("reason") or "", warnings[-1].get("message") or "")
    return None


def _unscheduled(reason: str, message: str) -> Diagnosis:
    """Why a pod has no node, by its condition PodScheduled."""
    lacks, _, rest = message.partition("preemption:")
    found = dict.fromkeys(_ROOM.findall(lacks))
    if reason == "Unschedulable" and found and _NO_CLAIMS in lacks and _NO_VICTIMS in rest:
        return Diagnosis(WAITS_FOR_ROOM, ", ".join(found))
    return Diagnosis(reason, message)


def last_failure(pods: Iterable[Object]) -> Diagnosis | None:
    """Why the last failed attempt failed: ``OOMKilled``, ``Evicted``, ``exit code 3``; None without one."""
    found = [(when, diagnosis) for pod in pods for when, diagnosis in _pod_failures(pod)]
    return max(found, key=lambda one: one[0])[1] if found else None


def lacks_pods(job: Object, pods: Sequence[Object]) -> bool:
    """Whether an unfinished Job has fewer pods than it should have."""
    spec, status = job.get("spec") or {}, job.get("status") or {}
    if spec.get("suspend"):
        return False
    row = workload_of(job)
    wanted = row.pod_count(job) - row.succeeded(job) if row.restarts else spec.get("parallelism", 1)
    if spec.get("completions") is not None:
        wanted = min(wanted, spec["completions"] - (status.get("succeeded") or 0))
    elif status.get("succeeded"):
        wanted = 0  # a work queue: no pod follows the first that succeeds
    return bool(sum(not pod_has_ended(pod) for pod in pods) < wanted)


def _pod_failures(pod: Object) -> Iterable[tuple[str, Diagnosis]]:
    """When and why a pod or one of its containers failed."""
    status = pod.get("status") or {}
    ends = []
    for container in statuses_of(pod):
        for step in ("lastState", "state"):
            end = (container.get(step) or {}).get("terminated")
            if end and end.get("exitCode") and not _was_killed(pod, end):
                ends.append((str(end.get("finishedAt") or ""), _termination_diagnosis(end)))
    if status.get("phase") == "Failed":
        when = max((when for when, _ in ends), default=_created(pod))
        if why := _disruption(status):
            return [(when, Diagnosis(why, status.get("message") or ""))]
    return ends


def _was_killed(pod: Object, end: Object) -> bool:
    """Whether a container ended because its pod was deleted, which is no failure of its own."""
    metadata = pod["metadata"]
    stamp, ended = metadata.get("deletionTimestamp"), end.get("finishedAt")
    if not stamp or not ended:
        return False
    return unix(ended) >= unix(stamp) - (metadata.get("deletionGracePeriodSeconds") or 0)


def _disruption(status: Object) -> str:
    """Why a pod was ended as a whole, according to the kubelet, the scheduler or the eviction API."""
    if status.get("reason"):
        return str(status["reason"])
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return str(condition.get("reason") or "")
    return ""


def _termination_diagnosis(end: Object) -> Diagnosis:
    reason = str(end.get("reason") or "Error")
    words = f"exit code {end['exitCode']}" if reason in ("Error", "Completed") else reason
    return Diagnosis(words, str(end.get("message") or "").strip())


def _is_starting(pod: Object) -> bool:
    """Whether a pod has a node but no started container."""
    status = pod.get("status") or {}
    if status.get("phase") != "Pending" or not (pod.get("spec") or {}).get("nodeName"):
        return False
    return not any("running" in (each.get("state") or {}) for each in statuses_of(pod))


def _last_seen(event: Object) -> str:
    series = event.get("series") or {}
    times = (event.get("lastTimestamp"), series.get("lastObservedTime"), event.get("eventTime"))
    return max((str(each) for each in times if each), default="")


def _created(pod: Object) -> str:
    return str(pod["metadata"].get("creationTimestamp") or "")
