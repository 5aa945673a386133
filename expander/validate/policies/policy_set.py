"""Policies, namespaces, limits and quotas as files have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expander.base.fork_shared import ForkShared
from expander.validate.policies.bindings import Binding
from expander.validate.policies.matching import NAME_LABEL
from expander.validate.policies.pod_security import PREFIX, Level, levels_of
from expander.validate.policies.tracking import Unknown

Object = dict[str, Any]


class Policies(ForkShared):
    """Everything that decides about requests beside the rules of kinds.

    ``notes`` is what a user should know about the files themselves.
    """

    def __init__(
        self,
        bindings: Sequence[Binding] = (),
        namespaces: Mapping[str, Object] | None = None,
        ranges: Sequence[Object] = (),
        resource_quotas: Sequence[Object] = (),
        notes: Sequence[str] = (),
    ) -> None:
        self.bindings = tuple(bindings)
        self.namespaces = dict(namespaces or {})
        self.ranges = tuple(ranges)
        self.quotas = tuple(resource_quotas)
        self.notes = tuple(notes)
        self._levels = {name: levels_of(labels_of(each)) for name, each in self.namespaces.items()}
        self._has_levels = any(
            key.startswith(PREFIX) for each in self.namespaces.values() for key in labels_of(each)
        )

    def ranges_of(self, namespace: str) -> list[Object]:
        """The LimitRanges of a namespace; one that names none is for every one."""
        return [each for each in self.ranges if namespace_of(each) in ("", namespace)]

    @property
    def limits(self) -> tuple[Object, ...]:
        """All LimitRanges and ResourceQuotas."""
        return (*self.ranges, *self.quotas)

    def quotas_of(self, namespace: str) -> list[Object]:
        """The ResourceQuotas of a namespace."""
        return [each for each in self.quotas if namespace_of(each) in ("", namespace)]

    def levels(self, namespace: str) -> Mapping[str, Level] | None:
        """The Pod Security levels of a namespace; None when it is not known."""
        return self._levels.get(namespace)

    @property
    def has_levels(self) -> bool:
        """Whether any namespace has labels of Pod Security."""
        return self._has_levels

    def namespace_object(self, name: str) -> Object | None:
        """The Namespace as expressions see it."""
        if not name:
            return None
        known = self.namespaces.get(name)
        if known is None:
            other = Unknown(f"Namespace {name!r} is not among the policies")
            metadata = {"name": name, "labels": other, "annotations": other, "uid": other}
            return {"metadata": metadata, "spec": other, "status": {"phase": "Active"}}
        metadata = {**known["metadata"], "labels": {**labels_of(known), NAME_LABEL: name}}
        server = Unknown("only the server knows")
        return {
            "metadata": {"uid": server, "creationTimestamp": server, "resourceVersion": server, **metadata},
            "spec": known.get("spec") or {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        }


def labels_of(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The labels of an object."""
    return (obj.get("metadata") or {}).get("labels") or {}


def namespace_of(obj: Mapping[str, Any]) -> str:
    """The namespace that an object names; empty when it names none."""
    return (obj.get("metadata") or {}).get("namespace") or ""
