"""PodGroups and Workloads, and how a Job asks for them (``spec.scheduling``).

Most rules are declared in the types (``k8s.io/api/scheduling/v1beta1/types.go``), the others stand in
pkg/apis/scheduling/validation. The building blocks of a Job are the same, but that its gang may leave
``minCount`` out. Fields whose feature is off are dropped before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.kube.versions import Release
from expander.kube.wellknown import PREEMPTION_POLICIES
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    each,
    forbidden,
    immutable,
    invalid,
    invalid_each,
    not_supported,
    required,
    too_many,
)
from expander.validate.rules.metadata import check_metadata
from expander.validate.rules.priority_class import MAX_USER_PRIORITY

Object = Mapping[str, Any]

MAX_TEMPLATES: Final = 8
MAX_CLAIMS: Final = 4
MAX_TOPOLOGIES: Final = 1
FIXED: Final = (
    "schedulingConstraints",
    "resourceClaims",
    "disruptionMode",
    "priorityClassName",
    "priority",
    "preemptionPolicy",
)
"""Fields of a group that never change."""


def fill(group: dict[str, Any]) -> None:
    """Fill in the defaults of a PodGroup."""
    if group["spec"].get("disruptionMode") is None:
        group["spec"]["disruptionMode"] = {"single": {}}


def check_pod_group(group: Object, release: Release) -> list[Finding]:
    """What the API server would refuse in a new PodGroup with its defaults."""
    spec = group.get("spec") or EMPTY
    found = check_metadata(group.get("metadata") or EMPTY)
    reference = spec.get("workloadRef")
    if reference is not None:
        found += _check_name(reference.get("workloadName"), "spec.workloadRef.workloadName", subdomain=True)
        found += _check_name(reference.get("templateName"), "spec.workloadRef.templateName")
    found += _check_group(spec, "spec")
    return found


def check_workload(workload: Object, release: Release) -> list[Finding]:
    """What the API server would refuse in a new Workload."""
    spec = workload.get("spec") or EMPTY
    found = check_metadata(workload.get("metadata") or EMPTY)
    found += _check_controller(spec.get("controllerRef"))
    templates = spec.get("podGroupTemplates") or ()
    where = "spec.podGroupTemplates"
    if not templates:
        found.append(invalid("spec", "", "must specify one of: `podGroupTemplates`"))
    if len(templates) > MAX_TEMPLATES:
        found.append(too_many(where, len(templates), MAX_TEMPLATES))
        return found
    found += _unique(templates, where)
    for at, template in each(templates, where):
        found += _check_name(template.get("name"), f"{at}.name")
        found += _check_group(template, at)
    ranks = {
        ((each or EMPTY).get("priorityClassName"), (each or EMPTY).get("priority")) for each in templates
    }
    if len(ranks) > 1:
        found.append(invalid("spec", None, "detected multiple priority configurations"))
    return found


def check_pod_group_changes(new: Object, old: Object, release: Release) -> Findings:
    """Of a PodGroup only the size of its gang changes."""
    spec, before = new.get("spec") or EMPTY, old.get("spec") or EMPTY
    for field in ("parentCompositePodGroupName", "workloadRef"):
        yield from _fixed(spec, before, field, "spec")
    yield from _check_group_changes(spec, before, "spec")


def check_workload_changes(new: Object, old: Object, release: Release) -> Findings:
    """Templates neither come nor go; of each only the size of its gang changes."""
    spec, before = new.get("spec") or EMPTY, old.get("spec") or EMPTY
    yield from _fixed(spec, before, "controllerRef", "spec")
    where = "spec.podGroupTemplates"
    held = {(each or EMPTY).get("name"): each or EMPTY for each in before.get("podGroupTemplates") or ()}
    for at, template in each(spec.get("podGroupTemplates"), where):
        was = held.pop(template.get("name"), None)
        if was is None:
            yield forbidden(at, "item may not be added")
        else:
            yield from _check_group_changes(template, was, at)
    for _ in held:
        yield forbidden(where, "item may not be removed")


def check_job_scheduling(spec: Object, where: str) -> Findings:
    """How the Job asks for its pods to be scheduled; servers without the feature drop it.

    What a gang of more pods than the Job has at a time is called is worded here: that code is not published.
    """
    scheduling, at = spec["scheduling"], f"{where}.scheduling"
    policy, mode = scheduling.get("schedulingPolicy"), scheduling.get("disruptionMode")
    if policy is not None:
        yield from _check_policy(policy, f"{at}.schedulingPolicy", optional=True)
    if scheduling.get("schedulingConstraints") is not None:
        yield from _check_constraints(scheduling["schedulingConstraints"], f"{at}.schedulingConstraints")
    if mode is not None:
        yield from _check_union(mode, f"{at}.disruptionMode", ("single", "all"))
    yield from _check_claims(scheduling.get("resourceClaims"), f"{at}.resourceClaims")
    gang = (policy or EMPTY).get("gang")
    least, pods = (gang or EMPTY).get("minCount"), spec.get("parallelism", 1)
    if least is not None and least > pods:
        detail = f"must be less than or equal to spec.parallelism ({pods})"
        yield invalid(f"{at}.schedulingPolicy.gang.minCount", least, detail)
    if gang is None and "all" in (mode or EMPTY):
        detail = "pods that are scheduled one by one cannot only be disrupted together"
        yield invalid(f"{at}.disruptionMode", "all", detail)
    pod = (spec.get("template") or EMPTY).get("spec") or EMPTY
    if pod.get("schedulingGroup") is not None:
        yield forbidden(at, "may not be set when spec.template.spec.schedulingGroup is set")


def check_job_scheduling_changes(new: Object, old: Object, where: str, *, is_job: bool) -> Findings:
    """Only the size of a gang changes; of a CronJob also the policy of its next Jobs."""
    at, one, other = f"{where}.scheduling", new.get("scheduling"), old.get("scheduling")
    yield from _not_set_later(one, other, at)
    if one is None or other is None:
        return
    policy, before = one.get("schedulingPolicy"), other.get("schedulingPolicy")
    yield from _not_set_later(policy, before, f"{at}.schedulingPolicy")
    if is_job and policy is not None and before is not None and set(policy) != set(before):
        yield immutable(f"{at}.schedulingPolicy", policy)
    for field in ("schedulingConstraints", "disruptionMode", "resourceClaims"):
        yield from _fixed(one, other, field, at)


def _check_group(group: Object, where: str) -> Findings:
    """What PodGroups and the templates of them have in common."""
    yield from _check_policy(group.get("schedulingPolicy") or EMPTY, f"{where}.schedulingPolicy")
    if group.get("schedulingConstraints") is not None:
        yield from _check_constraints(group["schedulingConstraints"], f"{where}.schedulingConstraints")
    yield from _check_claims(group.get("resourceClaims"), f"{where}.resourceClaims")
    if group.get("disruptionMode") is not None:
        yield from _check_union(group["disruptionMode"], f"{where}.disruptionMode", ("single", "all"))
    name, priority = group.get("priorityClassName") or "", group.get("priority")
    if name:
        yield from invalid_each(f"{where}.priorityClassName", name, formats.dns_subdomain(name))
    if priority is not None and priority > MAX_USER_PRIORITY:
        yield invalid(f"{where}.priority", priority, f"must be less than or equal to {MAX_USER_PRIORITY}")
    preemption = group.get("preemptionPolicy")
    if preemption is not None and preemption not in PREEMPTION_POLICIES:
        yield not_supported(f"{where}.preemptionPolicy", preemption, sorted(PREEMPTION_POLICIES))


def _check_policy(policy: Object, where: str, *, optional: bool = False) -> Findings:
    """A policy is basic or a gang; ``optional`` says that the size of a gang may be left out."""
    yield from _check_union(policy, where, ("basic", "gang"))
    gang = policy.get("gang")
    least = (gang or EMPTY).get("minCount")
    if gang is None or (optional and least is None):
        return
    if not least and not optional:
        yield required(f"{where}.gang.minCount")
    elif (least or 0) < 1:
        yield invalid(f"{where}.gang.minCount", least, "must be greater than or equal to 1")


def _check_union(value: Object, where: str, members: Sequence[str]) -> Findings:
    """Exactly one of the ``members`` is set."""
    given = [member for member in members if value.get(member) is not None]
    listed = ", ".join(f"`{member}`" for member in members)
    if not given:
        yield invalid(where, "", f"must specify one of: {listed}")
    elif len(given) > 1:
        yield invalid(where, f"{{{', '.join(given)}}}", f"must specify exactly one of: {listed}")


def _check_constraints(constraints: Object, where: str) -> Findings:
    topology = constraints.get("topology") or ()
    if len(topology) > MAX_TOPOLOGIES:
        yield too_many(f"{where}.topology", len(topology), MAX_TOPOLOGIES)
        return
    for at, constraint in each(topology, f"{where}.topology"):
        key = constraint.get("key") or ""
        if key:
            yield from invalid_each(f"{at}.key", key, formats.qualified_name(key))
        else:
            yield required(f"{at}.key")


def _check_claims(claims: Sequence[Object | None] | None, where: str) -> Findings:
    if claims and len(claims) > MAX_CLAIMS:
        yield too_many(where, len(claims), MAX_CLAIMS)
        return
    yield from _unique(claims or (), where)
    for at, claim in each(claims, where):
        yield from _check_name(claim.get("name"), f"{at}.name")
        yield from _check_union(claim, at, ("resourceClaimName", "resourceClaimTemplateName"))
        for field in ("resourceClaimName", "resourceClaimTemplateName"):
            if claim.get(field) is not None:
                yield from invalid_each(f"{at}.{field}", claim[field], formats.dns_subdomain(claim[field]))


def _check_controller(reference: Object | None) -> Findings:
    if reference is None:
        return
    where, group = "spec.controllerRef", reference.get("apiGroup") or ""
    if group:
        yield from invalid_each(f"{where}.apiGroup", group, formats.dns_subdomain(group))
    for field in ("kind", "name"):
        value = reference.get(field) or ""
        if value:
            yield from invalid_each(f"{where}.{field}", value, formats.path_segment(value))
        else:
            yield required(f"{where}.{field}")


def _check_name(name: str | None, where: str, *, subdomain: bool = False) -> Findings:
    if not name:
        yield required(where)
    else:
        wrong = formats.dns_subdomain(name) if subdomain else formats.dns_label(name)
        yield from invalid_each(where, name, wrong)


def _unique(entries: Sequence[Object | None], where: str) -> Findings:
    """The entries of a list that is a map have different names."""
    seen: set[str] = set()
    for at, entry in each(entries, where):
        name = entry.get("name") or ""
        if name in seen:
            yield duplicate(at, {"name": name})
        seen.add(name)


def _check_group_changes(group: Object, before: Object, where: str) -> Findings:
    policy, was = group.get("schedulingPolicy") or EMPTY, before.get("schedulingPolicy") or EMPTY
    yield from _fixed(policy, was, "basic", f"{where}.schedulingPolicy")
    yield from _not_set_later(policy.get("gang"), was.get("gang"), f"{where}.schedulingPolicy.gang")
    for field in FIXED:
        yield from _fixed(group, before, field, where)


def _fixed(new: Object, old: Object, field: str, where: str) -> Findings:
    if new.get(field) != old.get(field):
        yield immutable(f"{where}.{field}", new.get(field))


def _not_set_later(new: Any, old: Any, where: str) -> Findings:
    """What is set stays set, and what is not stays so."""
    if old is None and new is not None:
        yield invalid(where, None, "field cannot be set once created")
    elif old is not None and new is None:
        yield invalid(where, None, "field cannot be cleared once set")
