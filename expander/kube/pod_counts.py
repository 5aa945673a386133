"""How many pods an object leads to, by the templates that they are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from expander.kube.objects import Object, job_spec_of
from expander.kube.volcano import is_volcano


class PodCount(NamedTuple):
    """Pods that are alike: at a time, and in all when none fails."""

    template: Object
    at_once: int
    in_all: int


def pod_counts(tree: Mapping[str, Any]) -> Iterator[PodCount]:
    """The pods of a Pod, a Job, a CronJob (in one run), a Volcano Job or a JobSet; none of other kinds.

    A template without containers has none. ``tree`` needs no defaults.
    """
    if tree.get("kind") == "Pod":
        found = [PodCount(tree, 1, 1)]
    elif is_volcano(tree) or tree.get("kind") == "JobSet":
        found = list(_of_tasks(tree))
    else:
        job = job_spec_of(tree)
        found = [] if job is None else [PodCount(job[1].get("template") or {}, *pods_of(job[1]))]
    return (each for each in found if (each.template.get("spec") or {}).get("containers"))


def _of_tasks(tree: Object) -> Iterator[PodCount]:
    spec = tree.get("spec") or {}
    for task in spec.get("tasks") or ():
        pods = task.get("replicas") or 0
        yield PodCount(task.get("template") or {}, pods, pods)
    for part in spec.get("replicatedJobs") or ():
        jobs = 1 if part.get("replicas") is None else part["replicas"]
        inner = (part.get("template") or {}).get("spec") or {}
        at_once, in_all = pods_of(inner)
        yield PodCount(inner.get("template") or {}, jobs * at_once, jobs * in_all)


def pods_of(spec: Mapping[str, Any]) -> tuple[int, int]:
    """Pods of a Job at a time, and in all when none fails (the Job controller decides).

    Without completions a Job is a work queue: as many pods as run at a time, each until the work is done.
    """
    parallelism, completions = spec.get("parallelism"), spec.get("completions")
    parallelism = 1 if parallelism is None else int(parallelism)
    if completions is None:
        return parallelism, parallelism
    return min(parallelism, int(completions)), int(completions)
