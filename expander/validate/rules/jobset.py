"""A JobSet (pkg/webhooks/jobset_webhook.go of JobSet), and the Jobs in it by the API server's rules.

What its CustomResourceDefinition demands is in ``schemas/custom/jobset.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from expander.base.regex import regex
from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.batch.job import check_job_spec, check_managed_by, check_restart_policy
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    each,
    invalid,
    invalid_each,
    not_found,
    not_supported,
    texts,
)
from expander.validate.rules.metadata import check_metadata, object_name
from expander.validate.rules.pod.pod_spec import check_pod_template

FAILURES: Final = (
    "BackoffLimitExceeded",
    "DeadlineExceeded",
    "FailedIndexes",
    "MaxFailedIndexesExceeded",
    "PodFailurePolicy",
)
MAX_INT32: Final = 2**31 - 1
MAX_RULE_NAME: Final = 128
MAX_REPLICAS: Final = 1024
"""Replicas of each replicated Job where a rule restarts single Jobs."""
RESTARTS: Final = ("RestartJob", "RestartJobAndIgnoreMaxRestarts")
RULE_NAME: Final = regex(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
SUFFIX: Final = "-xxxxx"
"""Stands for the random end of the names of pods."""


def check_jobset(jobset: Mapping[str, Any], release: Release) -> list[Finding]:
    """What JobSet and the API server would refuse in a new JobSet with its defaults."""
    metadata, spec = jobset.get("metadata") or EMPTY, jobset.get("spec") or EMPTY
    parts: Sequence[Mapping[str, Any]] = [part or EMPTY for part in spec.get("replicatedJobs") or ()]
    names = [part.get("name") or "" for part in parts]
    claims = [*_claims(spec)]
    found = check_metadata(metadata)
    subdomain = (spec.get("network") or EMPTY).get("subdomain") or ""
    if subdomain:
        found += invalid_each("spec.network.subdomain", subdomain, formats.dns_1035_label(subdomain))
    if spec.get("managedBy") is not None:
        found += check_managed_by(spec["managedBy"], "spec.managedBy")
    for number, (at, part) in enumerate(each(parts, "spec.replicatedJobs")):
        found += _check_part(part, at, object_name(metadata), names[:number], claims, release)
    found += _check_policies(spec, names)
    found += _check_claims(claims, parts)
    found += _check_coordinator(spec, parts)
    return found


def _check_part(
    part: Mapping[str, Any],
    where: str,
    jobset: str,
    earlier: Sequence[str],
    claims: Sequence[tuple[str, str]],
    release: Release,
) -> list[Finding]:
    """One replicated Job; it may depend on ``earlier`` ones, and its pods get volumes for ``claims``."""
    name, replicas = part.get("name") or "", part.get("replicas") or 0
    spec = (part.get("template") or EMPTY).get("spec") or EMPTY
    found: list[Finding] = []
    if jobset:
        found += _check_names(jobset, name, max(replicas - 1, 0), spec)
    group = part.get("groupName") or ""
    if group:
        found += invalid_each(f"{where}.groupName", group, formats.dns_1035_label(group))
    if replicas * spec.get("parallelism", 1) > MAX_INT32:
        detail = f"the product of replicas and parallelism must not exceed {MAX_INT32}"
        found.append(invalid(f"{where}.replicas", replicas, detail))
    for at, wanted in each(part.get("dependsOn"), f"{where}.dependsOn"):
        if (wanted.get("name") or "") not in earlier:
            detail = "a replicated Job depends on those that stand before it"
            found.append(not_found(f"{at}.name", wanted.get("name") or "", detail))
    at = f"{where}.template.spec"
    found += check_job_spec(spec, at)
    template = _with_claims(spec.get("template") or EMPTY, claims)
    found += check_pod_template(template, f"{at}.template", release)
    found += check_restart_policy(spec, at)
    return found


def _check_names(jobset: str, name: str, last: int, spec: Mapping[str, Any]) -> Findings:
    """Jobs are named JOBSET-NAME-NUMBER, their pods after them with an index and a random end."""
    job = f"{jobset}-{name}-{last}"
    wrong = formats.dns_1035_label(job)
    if wrong:
        detail = f"will not be able to create Jobs named {job}: {'; '.join(wrong)}"
        yield invalid("metadata.name", jobset, detail)
    elif spec.get("completionMode") == "Indexed":
        pod = f"{job}-{max((spec.get('completions') or spec.get('parallelism') or 1) - 1, 0)}{SUFFIX}"
        if formats.dns_1035_label(pod):
            detail = f"will not be able to create pods named {pod}: {'; '.join(formats.dns_1035_label(pod))}"
            yield invalid("metadata.name", jobset, detail)


def _check_policies(spec: Mapping[str, Any], names: Sequence[str]) -> Findings:
    yield from _check_targets(spec.get("successPolicy") or EMPTY, names, "spec.successPolicy")
    rules = (spec.get("failurePolicy") or EMPTY).get("rules")
    seen: set[str] = set()
    for at, rule in each(rules, "spec.failurePolicy.rules"):
        name = rule.get("name") or ""
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)
        if len(name) > MAX_RULE_NAME or not RULE_NAME.fullmatch(name):
            detail = (
                f"must have at most {MAX_RULE_NAME} characters, start with a letter, end with a letter, a "
                "digit or '_', and have only these, ',' and ':' between"
            )
            yield invalid(f"{at}.name", name, detail)
        for place, reason in texts(rule.get("onJobFailureReasons"), f"{at}.onJobFailureReasons"):
            if reason not in FAILURES:
                yield not_supported(place, reason, FAILURES)
        yield from _check_targets(rule, names, at)
    if any((rule or EMPTY).get("action") in RESTARTS for rule in rules or ()):
        for at, part in each(spec.get("replicatedJobs"), "spec.replicatedJobs"):
            if (part.get("replicas") or 0) > MAX_REPLICAS:
                detail = f"must be at most {MAX_REPLICAS} where a rule restarts single Jobs"
                yield invalid(f"{at}.replicas", part["replicas"], detail)


def _check_targets(policy: Mapping[str, Any], names: Sequence[str], where: str) -> Findings:
    for at, name in texts(policy.get("targetReplicatedJobs"), f"{where}.targetReplicatedJobs"):
        if name not in names:
            yield not_found(at, name, "no replicated Job has this name")


def _claims(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names of the claims that JobSet makes, with their places."""
    for at, policy in each(spec.get("volumeClaimPolicies"), "spec.volumeClaimPolicies"):
        for place, template in each(policy.get("templates"), f"{at}.templates"):
            yield f"{place}.metadata.name", (template.get("metadata") or EMPTY).get("name") or ""


def _with_claims(template: Mapping[str, Any], claims: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """A pod template with the volumes that JobSet adds for its claims."""
    if not claims:
        return template
    spec = template.get("spec") or EMPTY
    given = {(volume or EMPTY).get("name") for volume in spec.get("volumes") or ()}
    added = [
        {"name": name, "persistentVolumeClaim": {"claimName": name}}
        for name in dict.fromkeys(name for _, name in claims)
        if name and name not in given
    ]
    return {**template, "spec": {**spec, "volumes": [*(spec.get("volumes") or ()), *added]}}


def _check_claims(claims: Sequence[tuple[str, str]], parts: Sequence[Mapping[str, Any]]) -> Findings:
    """Names of claims are unique, name no other volume, and are mounted somewhere."""
    pods = [_pod_of(part) for part in parts]
    mounted = {
        (mount or EMPTY).get("name")
        for pod in pods
        for kind in ("initContainers", "containers")
        for container in pod.get(kind) or ()
        for mount in (container or EMPTY).get("volumeMounts") or ()
    }
    seen: set[str] = set()
    for at, name in claims:
        if name in seen:
            yield invalid(at, name, "names must be unique for VolumeClaimPolicies template")
        seen.add(name)
        yield from invalid_each(at, name, formats.dns_subdomain(name))
        for number, pod in enumerate(pods):
            where = f"spec.replicatedJobs[{number}].template.spec.template.spec.volumes"
            for place, volume in each(pod.get("volumes"), where):
                if volume.get("name") == name:
                    detail = f"volume name conflicts with VolumeClaimPolicy template name: {name}"
                    yield invalid(f"{place}.name", name, detail)
        if name not in mounted:
            yield invalid(at, name, "no container of a replicated Job has a volumeMount of this name")


def _pod_of(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod spec of a replicated Job."""
    job = (part.get("template") or EMPTY).get("spec") or EMPTY
    pod: Mapping[str, Any] = (job.get("template") or EMPTY).get("spec") or EMPTY
    return pod


def _check_coordinator(spec: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> Findings:
    """The coordinator is one pod of one Job, so that it can have a stable name."""
    coordinator = spec.get("coordinator")
    if coordinator is None:
        return
    name, at = coordinator.get("replicatedJob") or "", "spec.coordinator"
    part = next((part for part in parts if part.get("name") == name), None)
    if part is None:
        yield not_found(f"{at}.replicatedJob", name)
        return
    job = (part.get("template") or EMPTY).get("spec") or EMPTY
    number, index = coordinator.get("jobIndex") or 0, coordinator.get("podIndex") or 0
    if not 0 <= number < (part.get("replicas") or 0):
        yield invalid(f"{at}.jobIndex", number, f"must be the number of a Job of {name}")
    elif job.get("completionMode") != "Indexed" or job.get("completions") is None:
        yield invalid(f"{at}.replicatedJob", name, "must be Indexed and have a number of completions")
    elif not 0 <= index < job["completions"]:
        yield invalid(f"{at}.podIndex", index, f"must be the number of a pod of {name}")
