"""The parts of a Job that has several: the indexes of an Indexed Job, the pods of a Volcano Job's tasks.

Each has a number, from 0; pods are numbered task by task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from expander.kube import index_sets
from expander.kube.objects import Object
from expander.kube.volcano import end_of, is_volcano
from expander.local.controllers.volcano.pods import pod_name
from expander.pipeline.group.attempts import index_of


def count_of(job: Object) -> int | None:
    """How many parts a Job has; None when it is one by itself."""
    spec = job.get("spec") or {}
    if is_volcano(job):
        count = len(_names(job))
        return count if count > 1 else None
    return spec.get("completions") if spec.get("completionMode") == "Indexed" else None


def number_in(job: Object) -> Callable[[Object], int]:
    """Which part of ``job`` one of its pods works on; -1 for none."""
    if not is_volcano(job):
        return index_of
    numbers = {name: number for number, name in enumerate(_names(job))}
    return lambda pod: numbers.get(pod["metadata"]["name"], -1)


def ended(
    job: Object, count: int, pods: Iterable[Object]
) -> tuple[index_sets.Intervals, index_sets.Intervals]:
    """The parts that have completed, and those that have failed for good."""
    status = job.get("status") or {}
    if not is_volcano(job):
        return (
            index_sets.parse(status.get("completedIndexes"), count),
            index_sets.parse(status.get("failedIndexes"), count),
        )
    number, phases = number_in(job), {}
    for pod in pods:
        if not pod["metadata"].get("deletionTimestamp"):
            phases[number(pod)] = (pod.get("status") or {}).get("phase")
    over = end_of(job) is not None
    done = sorted(one for one, phase in phases.items() if phase == "Succeeded" and one >= 0)
    lost = sorted(one for one, phase in phases.items() if phase == "Failed" and one >= 0 and over)
    return index_sets.of(done), index_sets.of(lost)


def _names(job: Object) -> list[str]:
    """The names of the pods of a Volcano Job, task by task."""
    job_name = job["metadata"]["name"]
    return [
        pod_name(job_name, task.get("name") or "", index)
        for task in (job.get("spec") or {}).get("tasks") or ()
        for index in range(task.get("replicas") or 0)
    ]
