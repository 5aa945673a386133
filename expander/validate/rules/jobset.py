"""A JobSet (pkg/webhooks/jobset_webhook.go of JobSet), and the Jobs in it by the API server's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    each,
    invalid,
    invalid_each,
    not_found,
    not_negative,
    not_supported,
    required,
    texts,
)
from expander.validate.rules.job import check_job_spec, check_restart_policy
from expander.validate.rules.metadata import check_metadata, object_name
from expander.validate.rules.pod.pod_spec import check_pod_template

OPERATORS: Final = ("All", "Any")
ORDERS: Final = ("AnyOrder", "InOrder")
STATES: Final = ("Ready", "Complete")
STRATEGIES: Final = ("Recreate", "BlockingRecreate", "InPlaceRestart")
ACTIONS: Final = ("FailJobSet", "RestartJobSet", "RestartJobSetAndIgnoreMaxRestarts", "RecreateJob")
FAILURES: Final = (
    "BackoffLimitExceeded",
    "DeadlineExceeded",
    "FailedIndexes",
    "MaxFailedIndexesExceeded",
    "PodFailurePolicy",
)
SUFFIX: Final = "-xxxxx"
"""Stands for the random end of the names of pods."""


def check_jobset(jobset: Mapping[str, Any], release: Release) -> list[Finding]:
    """What JobSet and the API server would refuse in a new JobSet with its defaults."""
    metadata, spec = jobset.get("metadata") or EMPTY, jobset.get("spec") or EMPTY
    parts: Sequence[Mapping[str, Any] | None] = spec.get("replicatedJobs") or ()
    names = [(part or EMPTY).get("name") or "" for part in parts]
    found = check_metadata(metadata)
    found += not_negative(spec.get("ttlSecondsAfterFinished"), "spec.ttlSecondsAfterFinished")
    subdomain = (spec.get("network") or EMPTY).get("subdomain") or ""
    if subdomain:
        found += invalid_each("spec.network.subdomain", subdomain, formats.dns_label(subdomain))
    for number, (at, part) in enumerate(each(parts, "spec.replicatedJobs")):
        found += _check_part(part, at, object_name(metadata), names[:number], release)
    found += _check_policies(spec, names)
    coordinator = spec.get("coordinator")
    if coordinator is not None and (coordinator.get("replicatedJob") or "") not in names:
        found.append(not_found("spec.coordinator.replicatedJob", coordinator.get("replicatedJob") or ""))
    return found


def _check_part(
    part: Mapping[str, Any], where: str, jobset: str, earlier: Sequence[str], release: Release
) -> list[Finding]:
    """One replicated Job; it may depend on ``earlier`` ones."""
    name, replicas = part.get("name") or "", part.get("replicas") or 0
    spec = (part.get("template") or EMPTY).get("spec") or EMPTY
    found = [*not_negative(replicas, f"{where}.replicas")]
    if not name:
        found.append(required(f"{where}.name"))
    elif name in earlier:
        found.append(duplicate(f"{where}.name", name))
    elif jobset:
        found += _check_names(jobset, name, max(replicas - 1, 0), spec)
    for at, wanted in each(part.get("dependsOn"), f"{where}.dependsOn"):
        if (wanted.get("name") or "") not in earlier:
            detail = "a replicated Job depends on those that stand before it"
            found.append(not_found(f"{at}.name", wanted.get("name") or "", detail))
        if (wanted.get("status") or "") not in STATES:
            found.append(not_supported(f"{at}.status", wanted.get("status") or "", STATES))
    at = f"{where}.template.spec"
    found += check_job_spec(spec, at)
    found += check_pod_template(spec.get("template") or EMPTY, f"{at}.template", release)
    found += check_restart_policy(spec, at)
    return found


def _check_names(jobset: str, name: str, last: int, spec: Mapping[str, Any]) -> Findings:
    """Jobs are named JOBSET-NAME-NUMBER, their pods after them with an index and a random end."""
    job = f"{jobset}-{name}-{last}"
    wrong = formats.dns_label(job)
    if wrong:
        detail = f"will not be able to create Jobs named {job}: {'; '.join(wrong)}"
        yield invalid("metadata.name", jobset, detail)
    elif spec.get("completionMode") == "Indexed":
        pod = f"{job}-{max((spec.get('completions') or spec.get('parallelism') or 1) - 1, 0)}{SUFFIX}"
        if formats.dns_label(pod):
            detail = f"will not be able to create pods named {pod}: {'; '.join(formats.dns_label(pod))}"
            yield invalid("metadata.name", jobset, detail)


def _check_policies(spec: Mapping[str, Any], names: Sequence[str]) -> Findings:
    success, startup = spec.get("successPolicy") or EMPTY, spec.get("startupPolicy") or EMPTY
    failure = spec.get("failurePolicy") or EMPTY
    yield from _one_of(success.get("operator"), OPERATORS, "spec.successPolicy.operator")
    yield from _check_targets(success, names, "spec.successPolicy")
    yield from _one_of(startup.get("startupPolicyOrder"), ORDERS, "spec.startupPolicy.startupPolicyOrder")
    if startup.get("startupPolicyOrder") == "InOrder" and any(
        (part or EMPTY).get("dependsOn") for part in spec.get("replicatedJobs") or ()
    ):
        detail = "startupPolicy InOrder and dependsOn cannot be used together"
        yield invalid("spec.startupPolicy.startupPolicyOrder", "InOrder", detail)
    yield from not_negative(failure.get("maxRestarts"), "spec.failurePolicy.maxRestarts")
    yield from _one_of(failure.get("restartStrategy"), STRATEGIES, "spec.failurePolicy.restartStrategy")
    seen: set[str] = set()
    for at, rule in each(failure.get("rules"), "spec.failurePolicy.rules"):
        name = rule.get("name") or ""
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)
        if (rule.get("action") or "") not in ACTIONS:
            yield not_supported(f"{at}.action", rule.get("action") or "", ACTIONS)
        for place, reason in texts(rule.get("onJobFailureReasons"), f"{at}.onJobFailureReasons"):
            yield from _one_of(reason, FAILURES, place)
        yield from _check_targets(rule, names, at)


def _check_targets(policy: Mapping[str, Any], names: Sequence[str], where: str) -> Findings:
    for at, name in texts(policy.get("targetReplicatedJobs"), f"{where}.targetReplicatedJobs"):
        if name not in names:
            yield not_found(at, name, "no replicated Job has this name")


def _one_of(value: str | None, allowed: Sequence[str], where: str) -> Findings:
    if value and value not in allowed:
        yield not_supported(where, value, allowed)
