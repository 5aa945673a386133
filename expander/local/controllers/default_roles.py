"""The ClusterRoles and bindings that every cluster has, for the kinds that are served here.

plugin/pkg/auth/authorizer/rbac/bootstrappolicy (policy.go) decides what ``view``, ``edit``, ``admin`` and
``cluster-admin`` may do, and what everybody may who is known: discover the API and ask about themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from expander.kube.api_resource import Resource
from expander.kube.generated_names import new_uid
from expander.kube.scheme import RESOURCES
from expander.kube.wellknown import RBAC
from expander.local.store.database import Object

READ: Final = ("get", "list", "watch")
WRITE: Final = ("create", "delete", "deletecollection", "patch", "update")
AGGREGATED: Final = ("admin", "edit", "view")
"""The roles that are made of those with a label for them; each of these is part of those before it."""

_SECRET: Final = ("Secret",)
_OF_ADMINS: Final = ("Role", "RoleBinding")
_READ_ONLY: Final = ("ControllerRevision", "Endpoints", "EndpointSlice", "LimitRange", "ResourceQuota")
_CONNECT: Final = ("attach", "exec", "portforward")
_READ_PARTS: Final = ("log", "scale", "status")
_ASKING: Final = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")
_OPEN: Final = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_DISCOVERY: Final = (*_OPEN, "/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*")


def initial_roles(now: str) -> Iterator[Object]:
    """The ClusterRoles, created ``now`` (API form)."""
    urls = {"verbs": ["*"], "nonResourceURLs": ["*"]}
    yield _role("cluster-admin", now, [_rule(["*"], "*", ["*"]), urls])
    for number, name in enumerate(AGGREGATED):
        label = f"{RBAC}/aggregate-to-{name}"
        above = f"{RBAC}/aggregate-to-{AGGREGATED[number - 1]}"
        role = _role(name, now, [], labels={above: "true"} if number else {})
        selector = {"matchLabels": {label: "true"}}
        yield {**role, "aggregationRule": {"clusterRoleSelectors": [selector]}}
    rules = {"admin": _admin(), "edit": _edit(), "view": _view()}
    for name, given in rules.items():
        labels = {f"{RBAC}/aggregate-to-{name}": "true"}
        yield _role(f"system:aggregate-to-{name}", now, given, labels=labels)
    asking = [
        _rule(["create"], "authorization.k8s.io", _ASKING),
        _rule(["create"], "authentication.k8s.io", ["selfsubjectreviews"]),
    ]
    yield _role("system:basic-user", now, asking)
    for name, paths in (("system:discovery", _DISCOVERY), ("system:public-info-viewer", _OPEN)):
        yield _role(name, now, [{"verbs": ["get"], "nonResourceURLs": list(paths)}])


def initial_bindings(now: str) -> Iterator[Object]:
    """The ClusterRoleBindings, created ``now`` (API form)."""
    given = {"cluster-admin": "system:masters"}
    known = ("system:basic-user", "system:discovery", "system:public-info-viewer")
    given |= dict.fromkeys(known, "system:authenticated")
    for role, group in given.items():
        yield {
            **_object("ClusterRoleBinding", role, now, {}),
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": group}],
        }


def _view() -> list[Object]:
    rows = [row for row in RESOURCES if row.namespaced and row.kind not in (*_SECRET, *_OF_ADMINS)]
    names = _by_group(rows, _READ_PARTS)
    names.setdefault("", []).append("namespaces")
    return [_rule(READ, group, found) for group, found in names.items()]


def _edit() -> list[Object]:
    rows = [
        row
        for row in RESOURCES
        if row.namespaced and not row.computed and row.kind not in (*_OF_ADMINS, *_READ_ONLY)
    ]
    return [
        _rule([*READ, *WRITE], "", ["secrets", *(f"pods/{each}" for each in _CONNECT)]),
        *(_rule(WRITE, group, found) for group, found in _by_group(rows, ("scale",)).items()),
        _rule(["create"], "", ["pods/eviction", "serviceaccounts/token"]),
        _rule(["impersonate"], "", ["serviceaccounts"]),
    ]


def _admin() -> list[Object]:
    rows = [row for row in RESOURCES if row.kind in _OF_ADMINS]
    return [
        *(_rule([*READ, *WRITE], group, found) for group, found in _by_group(rows).items()),
        _rule(["create"], "authorization.k8s.io", ["localsubjectaccessreviews"]),
    ]


def _by_group(rows: Iterable[Resource], parts: Iterable[str] = ()) -> dict[str, list[str]]:
    """The plurals by group, with those of the subresources that the kinds have."""
    found: dict[str, list[str]] = {}
    for row in rows:
        names = [f"{row.plural}/{each.name}" for each in row.subresources if each.name in parts]
        found.setdefault(row.group, []).extend([row.plural, *names])
    return found


def _rule(verbs: Iterable[str], group: str, resources: Iterable[str]) -> Object:
    return {"verbs": list(verbs), "apiGroups": [group], "resources": list(resources)}


def _role(name: str, now: str, rules: list[Object], labels: dict[str, str] | None = None) -> Object:
    return {**_object("ClusterRole", name, now, labels or {}), "rules": rules}


def _object(kind: str, name: str, now: str, labels: dict[str, str]) -> Object:
    metadata: dict[str, Any] = {
        "name": name,
        "uid": new_uid(),
        "creationTimestamp": now,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults", **labels},
        "annotations": {f"{RBAC}/autoupdate": "true"},
    }
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata}
