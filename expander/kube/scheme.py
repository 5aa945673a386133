"""The resources this API serves, in the order discovery tells them.

Names, short names, categories and verbs are those of the registries of kube-apiserver v1.36; only what the
local cluster can do is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
STATUS_VERBS: Final = ("get", "patch", "update")


@dataclass(frozen=True, slots=True)
class Subresource:
    """A part of an object, or something that can be done to it, with a path of its own.

    ``group`` and ``version`` are those of what is sent there when it is not of the resource's own group.
    """

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object and the names it goes by."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()

    @property
    def api_version(self) -> str:
        """``batch/v1``, or ``v1`` for the group without a name."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        """The path of its group and version: ``/apis/batch/v1`` or ``/api/v1``."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    @property
    def full_name(self) -> str:
        """``jobs.batch``, or ``pods`` for the group without a name: what messages call the resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def full_kind(self) -> str:
        """``Job.batch``, or ``Pod`` for the group without a name: what messages call the kind."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


def _status(kind: str) -> Subresource:
    return Subresource("status", kind, STATUS_VERBS)


_CORE: Final = (
    Resource("", "v1", "configmaps", "configmap", "ConfigMap", short_names=("cm",)),
    Resource("", "v1", "events", "event", "Event", short_names=("ev",)),
    Resource("", "v1", "limitranges", "limitrange", "LimitRange", short_names=("limits",)),
    Resource(
        *("", "v1", "namespaces", "namespace", "Namespace"),
        namespaced=False,
        short_names=("ns",),
        verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
        subresources=(Subresource("finalize", "Namespace", ("update",)), _status("Namespace")),
    ),
    Resource(
        *("", "v1", "nodes", "node", "Node"),
        namespaced=False,
        short_names=("no",),
        subresources=(_status("Node"),),
    ),
    Resource(
        *("", "v1", "pods", "pod", "Pod"),
        short_names=("po",),
        categories=("all",),
        subresources=(
            Subresource("eviction", "Eviction", ("create",), "policy", "v1"),
            Subresource("log", "Pod", ("get",)),
            _status("Pod"),
        ),
    ),
    Resource(
        *("", "v1", "resourcequotas", "resourcequota", "ResourceQuota"),
        short_names=("quota",),
        subresources=(_status("ResourceQuota"),),
    ),
    Resource("", "v1", "secrets", "secret", "Secret"),
    Resource("", "v1", "serviceaccounts", "serviceaccount", "ServiceAccount", short_names=("sa",)),
    Resource(
        *("", "v1", "services", "service", "Service"),
        short_names=("svc",),
        categories=("all",),
        subresources=(_status("Service"),),
    ),
)
_BATCH: Final = (
    Resource(
        *("batch", "v1", "cronjobs", "cronjob", "CronJob"),
        short_names=("cj",),
        categories=("all",),
        subresources=(_status("CronJob"),),
    ),
    Resource(*("batch", "v1", "jobs", "job", "Job"), categories=("all",), subresources=(_status("Job"),)),
)

RESOURCES: Final = (*_CORE, *_BATCH)
BY_KIND: Final = {resource.kind: resource for resource in RESOURCES}
BY_PATH: Final = {(resource.group, resource.version, resource.plural): resource for resource in RESOURCES}
"""By group, version and plural, the parts of a path."""

GROUP_VERSIONS: Final = tuple(dict.fromkeys((resource.group, resource.version) for resource in RESOURCES))
"""Every group with its one version, the group without a name first."""


def of_group(group: str, version: str) -> tuple[Resource, ...]:
    """The resources of one group and version, in order."""
    return tuple(each for each in RESOURCES if (each.group, each.version) == (group, version))
