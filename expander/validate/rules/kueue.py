"""The objects of Kueue that users write (pkg/webhooks and the schemas of its CustomResourceDefinitions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.kube.quantity import quantity
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
    not_supported,
    required,
    too_many,
)
from expander.validate.rules.metadata import check_metadata

Object = Mapping[str, Any]

MAX_GROUPS: Final = 16
"""Resource groups of a ClusterQueue, and flavors and resources of each."""
STOPS: Final = ("None", "Hold", "HoldAndDrain")
STRATEGIES: Final = ("StrictFIFO", "BestEffortFIFO")
EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def check_local_queue(queue: Object, release: Release) -> list[Finding]:
    """A LocalQueue names the ClusterQueue it belongs to."""
    spec = queue.get("spec") or EMPTY
    found = check_metadata(queue.get("metadata") or EMPTY)
    name = spec.get("clusterQueue") or ""
    if name:
        found += invalid_each("spec.clusterQueue", name, formats.dns_subdomain(name))
    else:
        found.append(required("spec.clusterQueue"))
    found += _one_of(spec.get("stopPolicy"), STOPS, "spec.stopPolicy")
    return found


def check_cluster_queue(queue: Object, release: Release) -> list[Finding]:
    """A ClusterQueue has quotas: for each group of resources, for each flavor, for each resource."""
    spec = queue.get("spec") or EMPTY
    found = check_metadata(queue.get("metadata") or EMPTY, namespaced=False)
    found += _one_of(spec.get("stopPolicy"), STOPS, "spec.stopPolicy")
    found += _one_of(spec.get("queueingStrategy"), STRATEGIES, "spec.queueingStrategy")
    groups = spec.get("resourceGroups") or ()
    if len(groups) > MAX_GROUPS:
        found.append(too_many("spec.resourceGroups", len(groups), MAX_GROUPS))
    covered: set[str] = set()
    flavors: set[str] = set()
    cohort = spec.get("cohort") or spec.get("cohortName") or ""
    for at, group in each(groups, "spec.resourceGroups"):
        found += _check_group(group, at, covered, flavors, bool(cohort))
    return found


def check_flavor(flavor: Object, release: Release) -> list[Finding]:
    """A ResourceFlavor stands for nodes with certain labels and taints."""
    spec = flavor.get("spec") or EMPTY
    found = check_metadata(flavor.get("metadata") or EMPTY, namespaced=False)
    for at, taint in each(spec.get("nodeTaints"), "spec.nodeTaints"):
        if not taint.get("key"):
            found.append(required(f"{at}.key"))
        if (taint.get("effect") or "") not in EFFECTS:
            found.append(not_supported(f"{at}.effect", taint.get("effect") or "", EFFECTS))
    for name, value in (spec.get("nodeLabels") or EMPTY).items():
        found += invalid_each("spec.nodeLabels", name, formats.qualified_name(name))
        found += invalid_each(f"spec.nodeLabels[{name}]", value, formats.label_value(value or ""))
    return found


def _check_group(group: Object, where: str, covered: set[str], flavors: set[str], cohort: bool) -> Findings:
    """One group; ``covered`` and ``flavors`` are what other groups have, and each belongs to one only."""
    resources: Sequence[str] = group.get("coveredResources") or ()
    if not resources:
        yield required(f"{where}.coveredResources")
    for number, name in enumerate(resources):
        if name in covered:
            yield duplicate(f"{where}.coveredResources[{number}]", name)
        covered.add(name)
    if not group.get("flavors"):
        yield required(f"{where}.flavors")
    for at, flavor in each(group.get("flavors"), f"{where}.flavors"):
        name = flavor.get("name") or ""
        if not name:
            yield required(f"{at}.name")
        elif name in flavors:
            yield duplicate(f"{at}.name", name)
        flavors.add(name)
        yield from _check_quotas(flavor, resources, at, cohort)


def _check_quotas(flavor: Object, resources: Sequence[str], where: str, cohort: bool) -> Findings:
    quotas = flavor.get("resources") or ()
    if len(quotas) != len(resources):
        detail = "must have the same number of resources as the coveredResources"
        yield invalid(f"{where}.resources", [(each or EMPTY).get("name") for each in quotas], detail)
    for number, (at, quota) in enumerate(each(quotas, f"{where}.resources")):
        name = quota.get("name") or ""
        if number < len(resources) and name != resources[number]:
            yield invalid(f"{at}.name", name, "must match the name in coveredResources")
        if quota.get("nominalQuota") is None:
            yield required(f"{at}.nominalQuota")
        for field in ("nominalQuota", "borrowingLimit", "lendingLimit"):
            amount = quota.get(field)
            if amount is None:
                continue
            if quantity(str(amount)).value < 0:
                yield invalid(f"{at}.{field}", str(amount), "must be greater than or equal to 0")
            if field != "nominalQuota" and not cohort:
                yield invalid(f"{at}.{field}", str(amount), "must be nil when cohort is empty")


def _one_of(value: str | None, allowed: Sequence[str], where: str) -> Findings:
    if value and value not in allowed:
        yield not_supported(where, value, allowed)
