"""Lifecycle policies: what Volcano does when something happens to a Job or one of its tasks.

The tasks of a Volcano Job, each by itself and as they depend on each other.

A Volcano Job as a whole, by Volcano's webhooks. What its CustomResourceDefinition demands is in
``schemas/custom/volcano.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from expander.base.errors import suggest
from expander.kube.time import parse_duration
from expander.kube.versions import Release
from expander.validate.finding import Finding, Reason
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    each,
    invalid,
    invalid_each,
    not_found,
    required,
)
from expander.validate.rules.metadata import check_metadata, object_name
from expander.validate.rules.pod.pod_spec import check_pod_template

ANY_EVENT: Final = "*"
EVENTS: Final = (
    ANY_EVENT,
    "PodFailed",
    "PodEvicted",
    "PodPending",
    "Unknown",
    "TaskCompleted",
    "TaskFailed",
    "JobUpdated",
)
"""The events a policy may name; Volcano keeps OutOfSync, CommandIssued and PodRunning to itself."""

ACTIONS: Final = (
    "AbortJob",
    "RestartJob",
    "RestartTask",
    "RestartPod",
    "RestartPartition",
    "TerminateJob",
    "CompleteJob",
    "ResumeJob",
)
"""The actions a policy may name; those on queues, EnqueueJob and SyncJob are Volcano's own."""


def check_policies(policies: Sequence[Mapping[str, Any] | None] | None, where: str) -> Findings:
    """The policies of a Job or of a task. An action nobody knows is refused with exit codes too, where the
    webhook lets it pass and the controller does nothing."""
    events: dict[str, str] = {}
    codes: set[int] = set()
    for at, policy in each(policies, where):
        yield from _check_policy(policy, at)
        for place, event in events_of(policy, at):
            if event in events:
                yield duplicate(place, event)
            events.setdefault(event, place)
        code = policy.get("exitCode")
        if code is not None and code in codes:
            yield duplicate(f"{at}.exitCode", code)
        codes.add(code)
    if ANY_EVENT in events and len(events) > 1:
        yield invalid(events[ANY_EVENT], ANY_EVENT, "if there's * here, no other policy should be here")


def events_of(policy: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """(path, event) of the events of one policy, each of them once."""
    seen = set()
    listed = [(f"{where}.events[{number}]", name) for number, name in enumerate(policy.get("events") or ())]
    for place, event in [*listed, (f"{where}.event", policy.get("event"))]:
        if event and event not in seen:
            seen.add(event)
            yield place, event


def _check_policy(policy: Mapping[str, Any], where: str) -> Findings:
    events, code = [*events_of(policy, where)], policy.get("exitCode")
    if events and code is not None:
        yield invalid(f"{where}.exitCode", code, "must not specify event and exitCode simultaneously")
    elif not events and code is None:
        yield required(f"{where}.event", "either event and exitCode should be specified")
    for place, event in events:
        if event not in EVENTS:
            yield invalid(place, event, _choices("event", event, EVENTS))
    if code == 0:
        yield invalid(f"{where}.exitCode", 0, "0 is not a valid error code")
    action = policy.get("action") or ""
    if action not in ACTIONS:
        yield invalid(f"{where}.action", action, _choices("action", action, ACTIONS))
    if (timeout := policy.get("timeout")) is not None:
        try:
            parse_duration(timeout)
        except ValueError as error:
            yield invalid(f"{where}.timeout", timeout, str(error))


def _choices(what: str, value: str, valid: Sequence[str]) -> str:
    meant = suggest(value, valid) if value else None
    hint = f', did you mean "{meant}"?' if meant else ""
    return f"invalid policy {what}; valid {what}s are {', '.join(valid)}{hint}"


Task = Mapping[str, Any]


def check_tasks(
    tasks: Sequence[Task | None], job: str, plugins: Mapping[str, Any], release: Release
) -> list[Finding]:
    """What the webhook would refuse in the tasks of the Job called ``job``."""
    found: list[Finding] = []
    names: set[str] = set()
    for index, (at, task) in enumerate(each(tasks, "spec.tasks")):
        name = task.get("name") or ""
        found += _check_counts(task, at)
        if name in names:
            found.append(duplicate(f"{at}.name", name))
        names.add(name)
        found += check_policies(task.get("policies"), f"{at}.policies")
        found += _check_pod_names(job, task, index, hosts="svc" in plugins)
        found += check_pod_template(task.get("template") or {}, f"{at}.template", release)
    found += _check_dependencies(tasks, names)
    return found


def _check_counts(task: Task, where: str) -> Findings:
    replicas, least = task.get("replicas") or 0, task.get("minAvailable")
    if least is not None and least > replicas:
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


PLUGINS: Final = ("env", "svc", "ssh", "tensorflow", "pytorch", "mpi", "ray", "hcclrank")


def check_volcano_job(job: Mapping[str, Any], release: Release) -> list[Finding]:
    """What Volcano would refuse in a new Job with its defaults."""
    metadata, spec = job.get("metadata") or EMPTY, job.get("spec") or EMPTY
    tasks: Sequence[Mapping[str, Any] | None] = spec.get("tasks") or ()
    plugins: Mapping[str, Any] = spec.get("plugins") or EMPTY
    name = object_name(metadata)
    found = check_metadata(metadata)
    if not found:
        found += invalid_each("metadata.name", name, formats.qualified_name(name))
    found += _check_estimate(spec.get("runningEstimate"))
    if not tasks:
        found.append(required("spec.tasks", "No task specified in job spec"))
    found += check_tasks(tasks, name, plugins, release)
    found += _check_least(spec, tasks)
    found += check_policies(spec.get("policies"), "spec.policies")
    found += _check_plugins(plugins, tasks)
    found += _check_volumes(spec.get("volumes"))
    return found


def _check_estimate(estimate: str | None) -> Findings:
    if estimate is not None:
        try:
            parse_duration(estimate)
        except ValueError as error:
            yield invalid("spec.runningEstimate", estimate, str(error))


def _check_least(spec: Mapping[str, Any], tasks: Sequence[Mapping[str, Any] | None]) -> Findings:
    least: int = spec.get("minAvailable") or 0
    replicas = sum((task or EMPTY).get("replicas") or 0 for task in tasks)
    if least > replicas:
        detail = f"job 'minAvailable' should not be greater than total replicas in tasks ({replicas})"
        yield invalid("spec.minAvailable", least, detail)


def _check_plugins(plugins: Mapping[str, Any], tasks: Sequence[Mapping[str, Any] | None]) -> Findings:
    for name in plugins:
        if name not in PLUGINS:
            meant = suggest(name, PLUGINS)
            hint = f', did you mean "{meant}"?' if meant else f"; known are {', '.join(PLUGINS)}"
            yield Finding("spec.plugins", Reason.NOT_SUPPORTED, f"unable to find job plugin: {name}{hint}")
    if "mpi" in plugins:
        names = {(task or EMPTY).get("name") for task in tasks}
        for role in ("master", "worker"):
            task = _argument(plugins["mpi"] or (), role) or role
            if task not in names:
                yield not_found("spec.plugins[mpi]", task, f"the specified mpi {role} task was not found")


def _argument(arguments: Sequence[str], name: str) -> str | None:
    """The value of ``--name=value`` among the arguments of a plugin."""
    for argument in arguments:
        key, equals, value = (argument or "").lstrip("-").partition("=")
        if equals and key == name:
            return value
    return None


def _check_volumes(volumes: Sequence[Mapping[str, Any] | None] | None) -> Findings:
    paths: set[str] = set()
    for at, volume in each(volumes, "spec.volumes"):
        path, claim = volume.get("mountPath") or "", volume.get("volumeClaimName") or ""
        if path in paths:
            yield invalid(f"{at}.mountPath", path, "duplicated mountPath")
        paths.add(path)
        if claim and volume.get("volumeClaim") is not None:
            detail = "an existing PVC is named by volumeClaimName alone, a new one described by volumeClaim"
            yield invalid(f"{at}.volumeClaimName", claim, detail)
        elif claim:
            yield from invalid_each(f"{at}.volumeClaimName", claim, formats.dns_subdomain(claim))
        elif volume.get("volumeClaim") is None:
            yield required(at, "either VolumeClaim or VolumeClaimName must be specified")
