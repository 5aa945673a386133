"""Roles and bindings: their defaults and rules.

pkg/apis/rbac/v1/defaults.go and pkg/apis/rbac/validation of the API server decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.versions import Release
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
from expander.validate.rules.metadata import check_metadata

Object = Mapping[str, Any]

GROUP: Final = "rbac.authorization.k8s.io"
SUBJECTS: Final = ("Group", "ServiceAccount", "User")


def path_segment(name: str) -> tuple[str, ...]:
    """A name that can stand in a path (ValidatePathSegmentName), such as ``system:basic-user``."""
    if name in (".", ".."):
        return (f"may not be '{name}'",)
    return tuple(f"may not contain '{each}'" for each in "/%" if each in name)


def fill_binding(obj: dict[str, Any]) -> None:
    """The defaults of a RoleBinding or ClusterRoleBinding."""
    if obj.get("roleRef") is not None:
        obj["roleRef"].setdefault("apiGroup", GROUP)
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
            subject["apiGroup"] = GROUP


def check_role(obj: Object, release: Release) -> list[Finding]:
    """A new Role."""
    return [
        *check_metadata(obj.get("metadata") or EMPTY, path_segment),
        *_check_rules(obj, namespaced=True),
    ]


def check_cluster_role(obj: Object, release: Release) -> list[Finding]:
    """A new ClusterRole."""
    found = check_metadata(obj.get("metadata") or EMPTY, path_segment, namespaced=False)
    found += _check_rules(obj, namespaced=False)
    aggregation = obj.get("aggregationRule")
    if aggregation is not None and not aggregation.get("clusterRoleSelectors"):
        words = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        found.append(required("aggregationRule.clusterRoleSelectors", words))
    return found


def check_role_binding(obj: Object, release: Release) -> list[Finding]:
    """A new RoleBinding."""
    metadata = check_metadata(obj.get("metadata") or EMPTY, path_segment)
    return [*metadata, *_check_binding(obj, ("ClusterRole", "Role"), namespaced=True)]


def check_cluster_role_binding(obj: Object, release: Release) -> list[Finding]:
    """A new ClusterRoleBinding."""
    metadata = check_metadata(obj.get("metadata") or EMPTY, path_segment, namespaced=False)
    return [*metadata, *_check_binding(obj, ("ClusterRole",), namespaced=False)]


def check_binding_changes(new: Object, old: Object, release: Release) -> Findings:
    """What cannot change in a binding: the role that it is of."""
    if new.get("roleRef") != old.get("roleRef"):
        yield invalid("roleRef", new.get("roleRef"), "cannot change roleRef")


def _check_rules(role: Object, *, namespaced: bool) -> Findings:
    for at, rule in each(role.get("rules"), "rules"):
        if not rule.get("verbs"):
            yield required(f"{at}.verbs", "verbs must contain at least one value")
        if urls := rule.get("nonResourceURLs"):
            if namespaced:
                yield invalid(
                    f"{at}.nonResourceURLs", urls, "namespaced rules cannot apply to non-resource URLs"
                )
            if any(rule.get(field) for field in ("apiGroups", "resources", "resourceNames")):
                words = "rules cannot apply to both regular resources and non-resource URLs"
                yield invalid(f"{at}.nonResourceURLs", urls, words)
            continue
        if not rule.get("apiGroups"):
            yield required(f"{at}.apiGroups", "resource rules must supply at least one api group")
        if not rule.get("resources"):
            yield required(f"{at}.resources", "resource rules must supply at least one resource")


def _check_binding(binding: Object, roles: tuple[str, ...], *, namespaced: bool) -> Findings:
    role = binding.get("roleRef") or EMPTY
    if role.get("apiGroup") != GROUP:
        yield not_supported("roleRef.apiGroup", role.get("apiGroup") or "", [GROUP])
    if role.get("kind") not in roles:
        yield not_supported("roleRef.kind", role.get("kind") or "", roles)
    if not role.get("name"):
        yield required("roleRef.name")
    else:
        yield from invalid_each("roleRef.name", role["name"], path_segment(role["name"]))
    for at, subject in each(binding.get("subjects"), "subjects"):
        yield from _check_subject(at, subject, namespaced=namespaced)


def _check_subject(at: str, subject: Object, *, namespaced: bool) -> Findings:
    name, kind, group = (subject.get(field) or "" for field in ("name", "kind", "apiGroup"))
    if not name:
        yield required(f"{at}.name")
    if kind == "ServiceAccount":
        if name:
            yield from invalid_each(f"{at}.name", name, formats.dns_subdomain(name))
        if group:
            yield not_supported(f"{at}.apiGroup", group, [""])
        if not namespaced and not subject.get("namespace"):
            yield required(f"{at}.namespace")
    elif kind in SUBJECTS:
        if group != GROUP:
            yield not_supported(f"{at}.apiGroup", group, [GROUP])
    else:
        yield not_supported(f"{at}.kind", kind, SUBJECTS)
