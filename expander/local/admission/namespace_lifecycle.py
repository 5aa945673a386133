"""Which namespaces take new objects, and which may be deleted (plugin NamespaceLifecycle decides)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from expander.base.errors import AdmissionError
from expander.kube.generated_names import new_uid
from expander.kube.quota import forbidden
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

SYSTEM_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
"""The namespaces every cluster has."""

IMMORTAL_NAMESPACES: Final = ("default", "kube-public", "kube-system")
"""Those that cannot be deleted."""


def check_creation(store: ObjectStore, obj: Object) -> None:
    """Raises `AdmissionError` when the namespace of ``obj`` is not there or on its way out."""
    name = obj["metadata"].get("namespace")
    if not name:
        return
    namespace = store.get("Namespace", "", name)
    if namespace is None:
        details = {"name": name, "kind": "namespaces"}
        raise AdmissionError(404, "NotFound", f'namespaces "{name}" not found', details)
    if namespace["metadata"].get("deletionTimestamp"):
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {name} is being terminated",
            "field": "metadata.namespace",
        }
        why = f"unable to create new content in namespace {name} because it is being terminated"
        raise forbidden(obj, why, [cause])


def check_deletion(namespace: Object) -> None:
    """Raises `AdmissionError` when the namespace must stay."""
    if namespace["metadata"]["name"] in IMMORTAL_NAMESPACES:
        raise forbidden(namespace, "this namespace may not be deleted")


def initial_namespaces(now: str) -> Iterator[Object]:
    """The namespaces every cluster has, created ``now`` (API form)."""
    for name in SYSTEM_NAMESPACES:
        metadata = {
            "name": name,
            "uid": new_uid(),
            "creationTimestamp": now,
            "labels": {"kubernetes.io/metadata.name": name},
        }
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        yield {**namespace, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
