"""The objects of Kueue that users write, by its webhooks (pkg/webhooks).

What its CustomResourceDefinitions demand is in ``schemas/custom/kueue.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.kube.quantity import quantity
from expander.kube.versions import Release
from expander.validate.finding import Finding, Reason
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    NOT_NEGATIVE,
    Findings,
    duplicate,
    each,
    invalid,
    invalid_each,
    texts,
)
from expander.validate.rules.metadata import check_metadata

Object = Mapping[str, Any]

AMOUNTS: Final = ("nominalQuota", "borrowingLimit", "lendingLimit")


def check_cluster_queue(queue: Object, release: Release) -> list[Finding]:
    """A ClusterQueue has quotas: for each group of resources, for each flavor, for each resource."""
    spec = queue.get("spec") or EMPTY
    found = check_metadata(queue.get("metadata") or EMPTY, namespaced=False)
    covered: set[str] = set()
    flavors: set[str] = set()
    cohort = spec.get("cohort") or spec.get("cohortName") or ""
    for at, group in each(spec.get("resourceGroups"), "spec.resourceGroups"):
        found += _check_group(group, at, covered, flavors, bool(cohort))
    return found


def check_flavor(flavor: Object, release: Release) -> list[Finding]:
    """A ResourceFlavor stands for nodes with certain labels and taints."""
    spec = flavor.get("spec") or EMPTY
    found = check_metadata(flavor.get("metadata") or EMPTY, namespaced=False)
    seen: set[tuple[str, str]] = set()
    for at, taint in each(spec.get("nodeTaints"), "spec.nodeTaints"):
        name, value = taint.get("key") or "", taint.get("value") or ""
        found += invalid_each(f"{at}.key", name, formats.qualified_name(name))
        found += invalid_each(f"{at}.value", value, formats.label_value(value))
        if (name, taint.get("effect") or "") in seen:
            detail = f"{duplicate(at, taint).message}: taints must be unique by key and effect pair"
            found.append(Finding(at, Reason.DUPLICATE, detail))
        seen.add((name, taint.get("effect") or ""))
    for name, value in (spec.get("nodeLabels") or EMPTY).items():
        found += invalid_each("spec.nodeLabels", name, formats.qualified_name(name))
        found += invalid_each(f"spec.nodeLabels[{name}]", value, formats.label_value(value or ""))
    return found


def _check_group(group: Object, where: str, covered: set[str], flavors: set[str], cohort: bool) -> Findings:
    """One group; ``covered`` and ``flavors`` are what other groups have, and each belongs to one only."""
    resources: Sequence[str] = group.get("coveredResources") or ()
    for at, name in texts(resources, f"{where}.coveredResources"):
        yield from invalid_each(at, name, formats.qualified_name(name))
        if name in covered:
            yield duplicate(at, name)
        covered.add(name)
    for at, flavor in each(group.get("flavors"), f"{where}.flavors"):
        name = flavor.get("name") or ""
        if name in flavors:
            yield duplicate(f"{at}.name", name)
        flavors.add(name)
        yield from _check_quotas(flavor, resources, at, cohort)


def _check_quotas(flavor: Object, resources: Sequence[str], where: str, cohort: bool) -> Findings:
    """The quotas of a flavor: of the covered resources, in their order."""
    quotas = each(flavor.get("resources"), f"{where}.resources")
    for (at, quota), covered in zip(quotas, resources, strict=True):
        name = quota.get("name") or ""
        if name != covered:
            yield invalid(f"{at}.name", name, "must match the name in coveredResources")
        amounts = {field: quantity(str(quota[field])) for field in AMOUNTS if quota.get(field) is not None}
        for field, amount in amounts.items():
            if amount.value < 0:
                yield invalid(f"{at}.{field}", str(quota[field]), NOT_NEGATIVE)
            if field != "nominalQuota" and not cohort:
                yield invalid(f"{at}.{field}", str(quota[field]), "must be nil when cohort is empty")
        if "lendingLimit" in amounts and amounts["lendingLimit"].value > amounts["nominalQuota"].value:
            detail = "must be less than or equal to the nominalQuota"
            yield invalid(f"{at}.lendingLimit", str(quota["lendingLimit"]), detail)
