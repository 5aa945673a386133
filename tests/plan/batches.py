"""Batches, quotas and limit ranges for tests of plans."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from expander.base.errors import ItemError, SourceLocation
from expander.client.quotas import NamespaceLimits
from expander.manifests.manifest import Manifest

Tree = dict[str, Any]


def job(name: str, namespace: str = "", resources: Mapping[str, Any] | None = None, **spec: Any) -> Manifest:
    """A Job with one container that asks for ``resources``."""
    metadata: Tree = {
        "name": name,
        "labels": {"jobgroup": "g"},
        **({"namespace": namespace} if namespace else {}),
    }
    container = {"name": "c", "image": "i", "command": ["true"], "resources": copy.deepcopy(resources or {})}
    pod = {"restartPolicy": "Never", "containers": [container], **spec.pop("pod", {})}
    return manifest(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata,
            "spec": {"template": {"spec": pod}, **spec},
        }
    )


def manifest(tree: Tree) -> Manifest:
    """A manifest from a file."""
    return Manifest(tree, SourceLocation("t.yaml", 1))


def quota(hard: Mapping[str, str], used: Mapping[str, str] | None = None, **spec: Any) -> Tree:
    """A ResourceQuota as the API has it."""
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q"},
        "spec": {"hard": dict(hard), **spec},
        "status": {"hard": dict(hard), "used": dict(used or {})},
    }


def limit_range(**limits: Any) -> Tree:
    """A LimitRange for containers."""
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "r"},
        "spec": {"limits": [{"type": "Container", **limits}]},
    }


def capacity(*objects: Tree, namespace: str = "default") -> NamespaceLimits:
    """The limits of a namespace."""
    quotas, ranges = (
        tuple(each for each in objects if each["kind"] == kind) for kind in ("ResourceQuota", "LimitRange")
    )
    return NamespaceLimits(namespace, quotas, ranges)


def unwanted(error: ItemError) -> None:
    """No object of a test's batch is to fail."""
    raise error
