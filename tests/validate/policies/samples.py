"""Policies, bindings and Jobs in short."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from expander.batch.policies import load_policies
from expander.validate.finding import Finding
from expander.validate.policies import case
from expander.validate.policies.policy_set import Policies
from expander.validate.policies.review import Review

API = "admissionregistration.k8s.io/v1"
JOBS = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
PODS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}

Object = dict[str, Any]


def policy(*expressions: str | Object, name: str = "p", rules: Any = (JOBS,), **spec: Any) -> Object:
    """A policy with these validations."""
    match = {"resourceRules": deepcopy(list(rules)), **spec.pop("match", {})}
    validations = [{"expression": each} if isinstance(each, str) else each for each in expressions]
    body = {"matchConstraints": match, "validations": validations, **spec}
    return {"apiVersion": API, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": body}


def binding(name: str = "p", actions: tuple[str, ...] = ("Deny",), **spec: Any) -> Object:
    """The binding ``b`` of the policy ``name``."""
    body = {"policyName": name, "validationActions": list(actions), **spec}
    kind = "ValidatingAdmissionPolicyBinding"
    return {"apiVersion": API, "kind": kind, "metadata": {"name": "b"}, "spec": body}


def namespace(name: str = "default", **labels: str) -> Object:
    """A Namespace; ``enforce="restricted"`` and the like are labels of Pod Security, others are as they are."""
    prefix = "pod-security.kubernetes.io/"
    modes = ("enforce", "warn", "audit")
    found = {
        f"{prefix}{key.replace('_', '-')}" if key.startswith(modes) else key: value
        for key, value in labels.items()
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": found}}


def config_map(name: str, namespace: str = "default", labels: Object | None = None, **data: str) -> Object:
    """A ConfigMap for params."""
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def limited(kind: str, **spec: Any) -> Object:
    """A LimitRange or ResourceQuota."""
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": kind.lower()}, "spec": spec}


def pod_spec(container: Object | None = None, **spec: Any) -> Object:
    """The spec of a pod with one container."""
    main = {"name": "main", "image": "busybox", **(container or {})}
    return {"restartPolicy": "Never", "containers": [main], **spec}


def pod(container: Object | None = None, metadata: Object | None = None, **spec: Any) -> Object:
    """A pod."""
    own = {"name": "x", **(metadata or {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": own, "spec": pod_spec(container, **spec)}


def job(container: Object | None = None, metadata: Object | None = None, **spec: Any) -> Object:
    """A Job."""
    body = {"template": {"spec": pod_spec(container)}, **spec}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "x", **(metadata or {})},
        "spec": body,
    }


def review(obj: Mapping[str, Any], *objects: Object | Policies, **options: Any) -> Review:
    """What these policies say of an object."""
    return case.review(load_policies(*objects), obj, **options)


def loaded(*objects: Object) -> Policies:
    """Policies."""
    return load_policies(*objects)


def told(found: tuple[Finding, ...]) -> list[str]:
    """Findings in words; those that are not checked begin so."""
    return [f"{'unchecked ' if each.reason == 'Unchecked' else ''}{each}" for each in found]
