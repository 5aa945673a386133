"""The tasks of a Volcano Job, each by itself and as they depend on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.checks import (
    NOT_NEGATIVE,
    Findings,
    duplicate,
    each,
    invalid,
    invalid_each,
    not_found,
    not_supported,
)
from expander.validate.rules.pod.template import check_pod_template
from expander.validate.rules.volcano.policies import check_policies

Task = Mapping[str, Any]

TOPOLOGY_POLICIES: Final = ("none", "best-effort", "restricted", "single-numa-node")


def check_tasks(tasks: Sequence[Task | None], job: str, plugins: Mapping[str, Any]) -> list[Finding]:
    """What the webhook would refuse in the tasks of the Job called ``job``."""
    found: list[Finding] = []
    names: set[str] = set()
    for index, (at, task) in enumerate(each(tasks, "spec.tasks")):
        name = task.get("name") or ""
        found += _check_counts(task, at)
        found += invalid_each(f"{at}.name", name, formats.dns_label(name))
        if name in names:
            found.append(duplicate(f"{at}.name", name))
        names.add(name)
        found += check_policies(task.get("policies"), f"{at}.policies")
        found += _check_pod_names(job, task, index, hosts="svc" in plugins)
        found += check_pod_template(task.get("template") or {}, f"{at}.template")
        policy = task.get("topologyPolicy") or ""
        if policy and policy not in TOPOLOGY_POLICIES:
            found.append(not_supported(f"{at}.topologyPolicy", policy, TOPOLOGY_POLICIES))
    found += _check_dependencies(tasks, names)
    return found


def _check_counts(task: Task, where: str) -> Findings:
    replicas, least = task.get("replicas") or 0, task.get("minAvailable")
    if replicas < 0:
        yield invalid(f"{where}.replicas", replicas, NOT_NEGATIVE)
    if least is not None and least < 0:
        if "minAvailable" in task and least != replicas:  # by default it is the number of replicas
            yield invalid(f"{where}.minAvailable", least, NOT_NEGATIVE)
    elif least is not None and least > replicas:
        yield invalid(
            f"{where}.minAvailable", least, f"'minAvailable' is greater than 'replicas' ({replicas}) in task"
        )


def _check_pod_names(job: str, task: Task, index: int, *, hosts: bool) -> Findings:
    """Names of pods as the webhook makes them up, with the number of the task; and, where the svc plugin
    makes hosts of them, as they will be."""
    name = f"{job}-{task.get('name') or ''}-{index}"
    wrong = [*formats.qualified_name(name)]
    if not wrong and hosts and not (task.get("template") or {}).get("spec", {}).get("hostname"):
        name = f"{job}-{task.get('name') or ''}-{max((task.get('replicas') or 0) - 1, 0)}"
        wrong = [*formats.dns_label(name)]
    if job and wrong:
        detail = f"create pod with name {name} validate failed: {'; '.join(wrong)}"
        yield invalid("metadata.name", job, detail)


def _check_dependencies(tasks: Sequence[Task | None], names: set[str]) -> Findings:
    graph: dict[str, list[str]] = {}
    for at, task in each(tasks, "spec.tasks"):
        wanted = (task.get("dependsOn") or {}).get("name") or []
        graph[task.get("name") or ""] = wanted
        for number, name in enumerate(wanted):
            if name not in names:
                yield not_found(f"{at}.dependsOn.name[{number}]", name, "no task has this name")
    cycle = sorted(_entangled(graph))
    for at, task in each(tasks, "spec.tasks"):
        if task.get("name") in cycle:
            detail = "job has dependencies between tasks, but doesn't form a directed acyclic graph(DAG)"
            yield invalid(f"{at}.dependsOn.name", graph[task["name"]], detail)
            return


def _entangled(graph: Mapping[str, Sequence[str]]) -> set[str]:
    """The tasks that can never begin because each waits for another of them."""
    left = {name: {each for each in wanted if each in graph} for name, wanted in graph.items()}
    while free := {name for name, wanted in left.items() if not wanted & left.keys()}:
        left = {name: wanted for name, wanted in left.items() if name not in free}
    return set(left)
