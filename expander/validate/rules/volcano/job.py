"""A Volcano Job as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.base.errors import nearest
from expander.kube.time import parse_duration
from expander.validate.finding import Finding, Reason
from expander.validate.rules import formats
from expander.validate.rules.checks import (
    EMPTY,
    NOT_NEGATIVE,
    Findings,
    each,
    invalid,
    invalid_each,
    not_found,
    not_negative,
    not_supported,
    required,
)
from expander.validate.rules.metadata import check_metadata, object_name
from expander.validate.rules.volcano.policies import check_policies
from expander.validate.rules.volcano.tasks import check_tasks

PLUGINS: Final = ("env", "svc", "ssh", "tensorflow", "pytorch", "mpi", "ray", "hcclrank")
MODES: Final = ("hard", "soft")


def check_volcano_job(job: Mapping[str, Any]) -> list[Finding]:
    """What Volcano would refuse in a new Job with its defaults."""
    metadata, spec = job.get("metadata") or EMPTY, job.get("spec") or EMPTY
    tasks: Sequence[Mapping[str, Any] | None] = spec.get("tasks") or ()
    plugins: Mapping[str, Any] = spec.get("plugins") or EMPTY
    name = object_name(metadata)
    found = check_metadata(metadata)
    if not found:
        found += invalid_each("metadata.name", name, formats.qualified_name(name))
    found += _check_numbers(spec)
    if not tasks:
        found.append(required("spec.tasks", "No task specified in job spec"))
    found += check_tasks(tasks, name, plugins)
    found += _check_least(spec, tasks)
    found += check_policies(spec.get("policies"), "spec.policies")
    found += _check_plugins(plugins, tasks)
    found += _check_volumes(spec.get("volumes"))
    queue = spec.get("queue") or ""
    if queue:
        found += invalid_each("spec.queue", queue, formats.dns_subdomain(queue))
    return found


def _check_numbers(spec: Mapping[str, Any]) -> Findings:
    yield from not_negative(spec.get("maxRetry"), "spec.maxRetry")
    yield from not_negative(spec.get("ttlSecondsAfterFinished"), "spec.ttlSecondsAfterFinished")
    least = spec.get("minSuccess")
    if least is not None and least < 1:
        yield invalid("spec.minSuccess", least, "must be greater than or equal to 1")
    mode = (spec.get("networkTopology") or EMPTY).get("mode")
    if mode and mode not in MODES:
        yield not_supported("spec.networkTopology.mode", mode, MODES)
    if (estimate := spec.get("runningEstimate")) is not None:
        try:
            parse_duration(estimate)
        except ValueError as error:
            yield invalid("spec.runningEstimate", estimate, str(error))


def _check_least(spec: Mapping[str, Any], tasks: Sequence[Mapping[str, Any] | None]) -> Findings:
    least: int = spec.get("minAvailable") or 0
    replicas = sum((task or EMPTY).get("replicas") or 0 for task in tasks)
    if least < 0:
        if replicas >= 0:  # otherwise it is the sum of replicas that were refused already
            yield invalid("spec.minAvailable", least, NOT_NEGATIVE)
    elif least > replicas:
        detail = f"job 'minAvailable' should not be greater than total replicas in tasks ({replicas})"
        yield invalid("spec.minAvailable", least, detail)


def _check_plugins(plugins: Mapping[str, Any], tasks: Sequence[Mapping[str, Any] | None]) -> Findings:
    for name in plugins:
        if name not in PLUGINS:
            meant = nearest(name, PLUGINS)
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
        if not path:
            yield required(f"{at}.mountPath", "mountPath is required")
        elif path in paths:
            yield invalid(f"{at}.mountPath", path, "duplicated mountPath")
        paths.add(path)
        if claim and volume.get("volumeClaim") is not None:
            detail = "an existing PVC is named by volumeClaimName alone, a new one described by volumeClaim"
            yield invalid(f"{at}.volumeClaimName", claim, detail)
        elif claim:
            yield from invalid_each(f"{at}.volumeClaimName", claim, formats.dns_subdomain(claim))
        elif volume.get("volumeClaim") is None:
            yield required(at, "either VolumeClaim or VolumeClaimName must be specified")
