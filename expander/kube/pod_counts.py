"""How many pods an object leads to, by the templates that they are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from expander.base.named_tuple import NamedTuple
from expander.kube.objects import Object, job_spec_of
from expander.kube.volcano import is_volcano

Read: TypeAlias = Callable[[Any], Any]
"""Gives the value of a field that stands for it."""


class PodCount(NamedTuple):
    """Pods that are alike: at a time, and in all when none fails. ``path`` is that of their template."""

    template: Object
    at_once: int
    in_all: int
    path: str = ""


def _plain(value: Any) -> Any:
    return value


def pod_counts(tree: Mapping[str, Any], read: Read = _plain) -> Iterator[PodCount]:
    """The pods of a Pod, a Job, a CronJob (in one run), a Volcano Job or a JobSet; none of other kinds.

    A template without containers has none. ``tree`` needs no defaults.
    """
    if tree.get("kind") == "Pod":
        found = [PodCount(tree, 1, 1)]
    elif is_volcano(tree) or tree.get("kind") == "JobSet":
        found = list(_of_tasks(tree, read))
    else:
        job = job_spec_of(tree)
        found = [] if job is None else [_of_job(*job, read)]
    return (each for each in found if (each.template.get("spec") or {}).get("containers"))


def _of_job(where: str, spec: Object, read: Read, jobs: int = 1) -> PodCount:
    at_once, in_all = pods_of(spec, read)
    return PodCount(spec.get("template") or {}, jobs * at_once, jobs * in_all, f"{where}.template")


def _of_tasks(tree: Object, read: Read) -> Iterator[PodCount]:
    spec = tree.get("spec") or {}
    for number, task in enumerate(spec.get("tasks") or ()):
        pods = int(read(task.get("replicas")) or 0)
        yield PodCount(task.get("template") or {}, pods, pods, f"spec.tasks[{number}].template")
    for number, part in enumerate(spec.get("replicatedJobs") or ()):
        inner = (part.get("template") or {}).get("spec") or {}
        yield _of_job(f"spec.replicatedJobs[{number}].template.spec", inner, read, jobs_of(part, read))


def jobs_of(part: Object, read: Read = _plain) -> int:
    """How many Jobs a replicated job of a JobSet has."""
    return 1 if (count := read(part.get("replicas"))) is None else int(count)


def pods_of(spec: Mapping[str, Any], read: Read = _plain) -> tuple[int, int]:
    """Pods of a Job at a time, and in all when none fails (the Job controller decides).

    Without completions a Job is a work queue: as many pods as run at a time, each until the work is done.
    """
    parallelism, completions = read(spec.get("parallelism")), read(spec.get("completions"))
    parallelism = 1 if parallelism is None else int(parallelism)
    if completions is None:
        return parallelism, parallelism
    return min(parallelism, int(completions)), int(completions)
