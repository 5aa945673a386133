"""What no server refuses and users regret: warnings about single manifests.

Each function takes the tree of a manifest and gives `Advice`; the words say what will happen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from expander.base.yaml.scalars import resolve
from expander.kube.volcano import is_volcano


@dataclass(frozen=True, slots=True)
class Advice:
    """A warning: the field it is about, a short stable ``rule`` name, and what will happen."""

    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


_TAG = re.compile(r"[^@]*/?[^/:@]+:([^/:@]+)\Z")


def advice(tree: Mapping[str, Any]) -> list[Advice]:
    """All warnings about one manifest, in the order of its fields."""
    spec = tree.get("spec")
    if is_volcano(tree):
        return list(_of_tasks(spec))
    if tree.get("kind") not in ("Job", "CronJob") or not isinstance(spec, Mapping):
        return []
    path = "spec"
    if tree["kind"] == "CronJob":
        inner = spec.get("jobTemplate")
        spec = inner.get("spec") if isinstance(inner, Mapping) else None
        path = "spec.jobTemplate.spec"
        if not isinstance(spec, Mapping):
            return []
    found: list[Advice] = []
    template = spec.get("template")
    pod = template.get("spec") if isinstance(template, Mapping) else None
    if isinstance(pod, Mapping):
        for rule in _POD_RULES:
            found += rule(pod, f"{path}.template.spec")
    return found


def _of_tasks(spec: Any) -> Iterator[Advice]:
    """The warnings about the tasks of a Volcano Job."""
    tasks = spec.get("tasks") if isinstance(spec, Mapping) else None
    for number, task in enumerate(tasks if isinstance(tasks, list) else ()):
        template = task.get("template") if isinstance(task, Mapping) else None
        pod = template.get("spec") if isinstance(template, Mapping) else None
        if isinstance(pod, Mapping):
            where = f"spec.tasks[{number}].template.spec"
            yield from _endless(pod, where)
            yield from _numeric_tags(pod, where)


def _endless(pod: Mapping[str, Any], path: str) -> Iterator[Advice]:
    if pod.get("restartPolicy") in (None, "", "Always"):
        yield Advice(
            f"{path}.restartPolicy",
            "endless",
            "Always, which is the default here, starts containers again that have succeeded: the pod never "
            "ends, and the task is never completed",
        )


def _lost_logs(pod: Mapping[str, Any], path: str) -> Iterator[Advice]:
    if pod.get("restartPolicy") == "OnFailure":
        yield Advice(
            f"{path}.restartPolicy",
            "lost-logs",
            "with OnFailure the pod is deleted at the Job's back-off limit, and its logs with it; "
            "Never keeps failed pods",
        )


def _numeric_tags(pod: Mapping[str, Any], path: str) -> Iterator[Advice]:
    for kind in ("initContainers", "containers"):
        containers = pod.get(kind)
        for number, container in enumerate(containers if isinstance(containers, list) else ()):
            image = container.get("image") if isinstance(container, Mapping) else None
            match = _TAG.match(image) if isinstance(image, str) else None
            if match is None:
                continue
            value = resolve(match[1])
            if isinstance(value, (int, float)) and str(value) != match[1]:
                yield Advice(
                    f"{path}.{kind}[{number}].image",
                    "numeric-tag",
                    f"the tag {match[1]} is the number {value} wherever YAML reads it without quotes",
                )


_POD_RULES: tuple[Callable[[Mapping[str, Any], str], Iterator[Advice]], ...] = (_lost_logs, _numeric_tags)
