"""Roles and the bindings of roles (pkg/apis/rbac/validation)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expander.kube.versions import Release
from expander.kube.wellknown import RBAC
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    each,
    invalid,
    invalid_each,
    not_supported,
    required,
)
from expander.validate.rules.metadata import check_label_selector, check_metadata
from expander.validate.updates import same_at

Object = Mapping[str, Any]


def fill_role(obj: dict[str, Any]) -> None:
    """A role without rules says so: Go writes a list that is not there as null."""
    obj["rules"] = obj.get("rules") or None


def fill_binding(obj: dict[str, Any]) -> None:
    """The defaults of a RoleBinding or ClusterRoleBinding: the groups of what it names."""
    role = obj.setdefault("roleRef", {})
    if not role.get("apiGroup"):
        role["apiGroup"] = RBAC
    for subject in obj.get("subjects", ()):
        if not subject.get("apiGroup") and subject.get("kind") in ("User", "Group"):
            subject["apiGroup"] = RBAC


def check_role(obj: Object, release: Release) -> list[Finding]:
    """A new Role."""
    found = check_metadata(obj.get("metadata") or EMPTY, formats.path_segment)
    return [*found, *_check_rules(obj, namespaced=True)]


def check_cluster_role(obj: Object, release: Release) -> list[Finding]:
    """A new ClusterRole."""
    found = check_metadata(obj.get("metadata") or EMPTY, formats.path_segment, namespaced=False)
    return [*found, *_check_rules(obj, namespaced=False), *_check_aggregation(obj.get("aggregationRule"))]


def check_role_binding(obj: Object, release: Release) -> list[Finding]:
    """A new RoleBinding with its defaults."""
    found = check_metadata(obj.get("metadata") or EMPTY, formats.path_segment)
    return [*found, *_check_binding(obj, ("Role", "ClusterRole"))]


def check_cluster_role_binding(obj: Object, release: Release) -> list[Finding]:
    """A new ClusterRoleBinding with its defaults."""
    found = check_metadata(obj.get("metadata") or EMPTY, formats.path_segment, namespaced=False)
    return [*found, *_check_binding(obj, ("ClusterRole",))]


def check_binding_changes(new: Object, old: Object, release: Release) -> Findings:
    """A binding keeps its role."""
    if not same_at(new, old, "roleRef"):
        role = new.get("roleRef") or EMPTY
        shown = {field: role.get(field[0].lower() + field[1:]) or "" for field in ("Kind", "Name")}
        yield invalid("roleRef", {"APIGroup": role.get("apiGroup") or "", **shown}, "cannot change roleRef")


def _check_rules(obj: Object, *, namespaced: bool) -> Findings:
    for at, rule in each(obj.get("rules"), "rules"):
        urls, names, resources = (rule.get(f) for f in ("nonResourceURLs", "resourceNames", "resources"))
        if not rule.get("verbs"):
            yield required(f"{at}.verbs", "verbs must contain at least one value")
        if urls:
            if namespaced:
                detail = "namespaced rules cannot apply to non-resource URLs"
                yield invalid(f"{at}.nonResourceURLs", urls, detail)
            if rule.get("apiGroups") or resources or names:
                detail = "rules cannot apply to both regular resources and non-resource URLs"
                yield invalid(f"{at}.nonResourceURLs", urls, detail)
            continue
        if not rule.get("apiGroups"):
            yield required(f"{at}.apiGroups", "resource rules must supply at least one api group")
        if not resources:
            yield required(f"{at}.resources", "resource rules must supply at least one resource")
        if names and len(resources or ()) > 1:
            yield required(f"{at}.resourceNames", "resource names cannot apply to multiple resources")


def _check_aggregation(rule: Object | None) -> Findings:
    where = "aggregationRule.clusterRoleSelectors"
    if rule is None:
        return
    if not rule.get("clusterRoleSelectors"):
        yield required(where, "at least one clusterRoleSelector required if aggregationRule is non-nil")
    for at, selector in each(rule.get("clusterRoleSelectors"), where):
        yield from check_label_selector(selector, at)


def _check_binding(obj: Object, kinds: Sequence[str]) -> Findings:
    role = obj.get("roleRef") or EMPTY
    group, kind, name = (role.get(field) or "" for field in ("apiGroup", "kind", "name"))
    if group != RBAC:
        yield not_supported("roleRef.apiGroup", group, [RBAC])
    if kind not in kinds:
        yield not_supported("roleRef.kind", kind, kinds)
    if name:
        yield from invalid_each("roleRef.name", name, formats.path_segment(name))
    else:
        yield required("roleRef.name")
    for at, subject in each(obj.get("subjects"), "subjects"):
        yield from _check_subject(subject, at, namespaced="Role" in kinds)


def _check_subject(subject: Object, where: str, *, namespaced: bool) -> Findings:
    group, kind, name = (subject.get(field) or "" for field in ("apiGroup", "kind", "name"))
    if not name:
        yield required(f"{where}.name")
    if kind == "ServiceAccount":
        if name:
            yield from invalid_each(f"{where}.name", name, formats.dns_subdomain(name))
        if group:
            yield not_supported(f"{where}.apiGroup", group, [""])
        if not namespaced and not subject.get("namespace"):
            yield required(f"{where}.namespace")
    elif kind in ("User", "Group"):
        if not name:
            yield invalid(f"{where}.name", name, f"{kind.lower()} name cannot be empty")
        if group != RBAC:
            yield not_supported(f"{where}.apiGroup", group, [RBAC])
    else:
        yield not_supported(f"{where}.kind", kind, ["ServiceAccount", "User", "Group"])
