"""Why a Job waits or its attempts failed, beyond what its own status says.

The kubelet writes waiting and terminated reasons (ImagePullBackOff, OOMKilled), the scheduler the condition
PodScheduled, and the Job controller the event FailedCreate when quota or admission rejects its pods.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from expander.kube.objects import Object, statuses_of, uid_of
from expander.kube.time import unix

TRANSIENT_REASONS: Final = frozenset(["ContainerCreating", "PodInitializing"])
"""Reasons to wait that pass by themselves, unless an event says otherwise."""

KUEUE_QUEUE: Final = "kueue.x-k8s.io/queue-name"
"""The label by which Kueue finds the queue of a Job, which it suspends until there is room."""

ENDED_PHASES: Final = ("Succeeded", "Failed")

AGGREGATED_PREFIX: Final = "(combined from similar events): "
"""What client-go's recorder puts before the message of many events that it made one of."""

Warnings = Mapping[str, Sequence[Object]]
"""Events of type Warning by the uid of what they are about, oldest first."""


class Diagnosis(NamedTuple):
    """``reason`` is one word of Kubernetes, ``message`` says more."""

    reason: str
    message: str = ""


def events_by_uid(events: Iterable[Object]) -> Warnings:
    """Events by the uid of what they are about."""
    found: dict[str, list[Object]] = {}
    for event in events:
        found.setdefault(str(event["involvedObject"].get("uid", "")), []).append(event)
    return found


def needs_events(job: Object, pods: Sequence[Object]) -> bool:
    """Whether events may tell why an unfinished Job does not go on."""
    return lacks_pods(job, pods) or any(_is_starting(pod) for pod in pods)


def diagnose(job: Object, pods: Sequence[Object], warnings: Warnings) -> Diagnosis | None:
    """What an unfinished Job that is not suspended suffers from; the commonest trouble of its pods."""
    found: Counter[str] = Counter()
    first: dict[str, Diagnosis] = {}
    for pod in pods:
        trouble = diagnose_pod(pod, warnings.get(uid_of(pod), ()))
        if trouble is not None:
            found[trouble.reason] += 1
            first.setdefault(trouble.reason, trouble)
    if lacks_pods(job, pods):
        refused = [each for each in warnings.get(uid_of(job), ()) if each.get("reason") == "FailedCreate"]
        if refused and _last_seen(refused[-1]) >= max((_created(pod) for pod in pods), default=""):
            message = str(refused[-1].get("message") or "")
            return Diagnosis("FailedCreate", message.removeprefix(AGGREGATED_PREFIX))
    if not found:
        return None
    reason, count = found.most_common(1)[0]
    message = first[reason].message
    return Diagnosis(reason, f"{count} pods: {message}" if count > 1 else message)


def diagnose_pod(pod: Object, warnings: Sequence[Object] = ()) -> Diagnosis | None:
    """What keeps a pod that has not ended."""
    status = pod.get("status") or {}
    if status.get("phase") in ENDED_PHASES:
        return None
    for container in statuses_of(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") and waiting["reason"] not in TRANSIENT_REASONS:
            return Diagnosis(waiting["reason"], waiting.get("message") or "")
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return Diagnosis(condition.get("reason") or "Unschedulable", condition.get("message") or "")
    if warnings and _is_starting(pod):
        return Diagnosis(warnings[-1].get("reason") or "", warnings[-1].get("message") or "")
    return None


def last_failure(pods: Iterable[Object]) -> Diagnosis | None:
    """Why the last attempt that failed did: ``OOMKilled``, ``Evicted``, ``exit code 3``; None if none did."""
    found = [(when, trouble) for pod in pods for when, trouble in _pod_failures(pod)]
    return max(found, key=lambda one: one[0])[1] if found else None


def lacks_pods(job: Object, pods: Sequence[Object]) -> bool:
    """Whether an unfinished Job has fewer pods at work than it may have."""
    spec, status = job.get("spec") or {}, job.get("status") or {}
    if spec.get("suspend"):
        return False
    wanted = spec.get("parallelism", 1)
    if spec.get("completions") is not None:
        wanted = min(wanted, spec["completions"] - (status.get("succeeded") or 0))
    elif status.get("succeeded"):
        wanted = 0  # a work queue: no pod follows the first that succeeds
    return bool(sum((pod.get("status") or {}).get("phase") not in ENDED_PHASES for pod in pods) < wanted)


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
    """Whether a container ended because its pod was deleted: no failure of its own."""
    metadata = pod["metadata"]
    stamp, ended = metadata.get("deletionTimestamp"), end.get("finishedAt")
    if not stamp or not ended:
        return False
    return unix(ended) >= unix(stamp) - (metadata.get("deletionGracePeriodSeconds") or 0)


def _disruption(status: Object) -> str:
    """Why a pod as a whole was ended, as the kubelet, the scheduler or the eviction API said."""
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
    """Whether a pod has a node, but no container that has begun."""
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
