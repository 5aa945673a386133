"""What a cluster that several people share has beside running Jobs: namespaces, quotas, a node object."""

from __future__ import annotations

from functools import cached_property
from typing import Final, Protocol

from expander.kube.objects import pod_has_ended
from expander.kube.scheme import RESOURCES, load
from expander.kube.served_kinds import ServedKinds
from expander.kube.time import api_time
from expander.local.admission.chain import admit
from expander.local.apiextensions.controller import DefinitionController, DefinitionControlPlane
from expander.local.controllers.cluster_roles import ClusterRoleAggregation
from expander.local.controllers.disruption import DisruptionController
from expander.local.controllers.endpoints import (
    EndpointController,
    EndpointControlPlane,
    api_endpoints,
)
from expander.local.controllers.namespace import NamespaceController
from expander.local.controllers.node import is_unschedulable, node_lease, node_object, node_status, with_taint
from expander.local.controllers.resource_quota import ResourceQuotaController
from expander.local.controllers.single_batch import SingleBatch
from expander.local.controllers.volumes import VolumeController, VolumeControlPlane
from expander.local.controllers.workloads.controller import WorkloadControllers, WorkloadControlPlane
from expander.local.scheduler import Scheduler
from expander.local.store.database import Object

RECOUNTED: Final = ("ResourceQuota", "Service", "PersistentVolumeClaim")
"""Kinds whose changes change what is used of quotas."""


class ScopedControlPlane(
    WorkloadControlPlane, VolumeControlPlane, DefinitionControlPlane, EndpointControlPlane, Protocol
):
    """The control plane that the shared side belongs to."""

    scheduler: Scheduler


class ClusterScope(SingleBatch):
    """The side of a cluster whose one node is called ``node``."""

    def __init__(self, cluster: ScopedControlPlane, node: str) -> None:
        self._store = cluster.store
        self._cluster = cluster
        self._scheduler = cluster.scheduler
        self._node = node
        self._arrived = cluster.arrived
        self._quotas = ResourceQuotaController(cluster.store)
        self.kinds = ServedKinds()
        self._namespaces = NamespaceController(
            cluster.store, cluster.events, cluster.arrived, cluster.delete, self.kinds
        )
        self._definitions = DefinitionController(cluster, self.kinds)
        self._endpoints = EndpointController(cluster, node)
        self._budgets = DisruptionController(cluster.store)

    @cached_property
    def _workloads(self) -> WorkloadControllers:
        return WorkloadControllers(self._cluster)

    @cached_property
    def _roles(self) -> ClusterRoleAggregation:
        return ClusterRoleAggregation(self._store)

    @cached_property
    def _volumes(self) -> VolumeController:
        return VolumeController(self._cluster)

    @property
    def pending(self) -> bool:
        controllers = (
            self._namespaces,
            self._definitions,
            self._workloads,
            self._volumes,
            self._endpoints.queue,
            self._budgets.queue,
        )
        return any(each.pending for each in controllers)

    def admit(self, obj: Object) -> Object:
        return admit(self._store, obj)

    def found(self, now: float) -> None:
        for row in RESOURCES:
            for obj in load(row.initial)(api_time(now)) if row.initial else ():
                self._add(obj)
        node = self._store.get("Node", "", self._node)
        if node is None:
            node = self._store.put(node_object(self._node, self._scheduler, now), new=True)
        else:
            node = self._store.put({**node, "status": node_status(self._scheduler, api_time(now))})
            self._scheduler.closed = is_unschedulable(node)
        self._add(node_lease(node, now))
        self._definitions.restore(now)
        for namespace in list(self._store.of_kind("Namespace")):
            self._namespaces.arrived(namespace, now)
        for quota in list(self._store.of_kind("ResourceQuota")):
            self._quotas.arrived(quota)
        self._workloads.restore()
        self._volumes.restore()
        self._endpoints.restore()
        self._budgets.restore()
        self._roles.sync()

    def reached_at(self, address: str, port: int, authority: str | None, now: float) -> None:
        if authority is not None:
            self._namespaces.publish_authority(authority, now)
        for obj in api_endpoints(address, port, now):
            metadata = obj["metadata"]
            before = self._store.get(obj["kind"], metadata["namespace"], metadata["name"])
            kept = {} if before is None else {"metadata": before["metadata"]}
            self._store.put({**obj, **kept}, new=before is None)

    def _add(self, obj: Object) -> None:
        """Store an object that every cluster has, unless it is there."""
        metadata = obj["metadata"]
        namespace = metadata.get("namespace", "")
        if self._store.get(obj["kind"], namespace, metadata["name"]) is None:
            stored = self._store.put(obj, new=True)
            if namespace:
                self._arrived(stored)

    def arrived(self, obj: Object, now: float) -> None:
        if obj["kind"] == "Namespace":
            self._namespaces.arrived(obj, now)
        elif obj["metadata"].get("namespace"):
            self._quotas.arrived(obj)
            self._workloads.changed(obj)
            self._changed(obj)
        elif obj["kind"] == "ClusterRole":
            self._roles.sync()
        self._volumes.changed(obj)
        self._definitions.changed(obj, now)

    def replaced(self, obj: Object, now: float) -> None:
        if obj["kind"] in RECOUNTED:
            self._quotas.recount(obj["metadata"]["namespace"])
        self._workloads.changed(obj)
        self._volumes.changed(obj)
        self._changed(obj)
        if obj["kind"] == "ClusterRole":
            self._roles.sync()
        self._definitions.changed(obj, now)
        if obj["kind"] == "Node" and obj["metadata"]["name"] == self._node:
            tainted = with_taint(obj, now)
            if tainted is not obj and tainted["spec"] != obj["spec"]:
                obj = self._store.put(tainted)
            self._scheduler.closed = is_unschedulable(obj)

    def delete(self, obj: Object, now: float) -> bool:
        if obj["kind"] == "Namespace":
            self._namespaces.delete(obj, now)
            return True
        return False

    def pod_over(self, pod: Object | None) -> None:
        if pod is not None and pod_has_ended(pod):
            self._quotas.pod_ended(pod)
            self._volumes.changed(pod)

    def gone(self, obj: Object) -> None:
        self._quotas.gone(obj)
        self._namespaces.gone(obj)
        if obj["kind"] == "ClusterRole":
            self._roles.sync()
        self._workloads.gone(obj)
        self._volumes.gone(obj)
        self._definitions.gone(obj)
        self._endpoints.gone(obj)
        self._budgets.changed(obj)

    def pod_touched(self, pod: Object) -> None:
        self._workloads.changed(pod)

    def pod_changed(self, pod: Object) -> None:
        self._changed(pod)

    def _changed(self, obj: Object) -> None:
        self._endpoints.changed(obj)
        self._budgets.changed(obj)

    def next(self) -> float | None:
        times = (each.next() for each in (self._workloads, self._endpoints.queue, self._budgets.queue))
        return min((at for at in times if at is not None), default=None)

    def sync(self, now: float) -> None:
        self._namespaces.sync(now)
        self._definitions.sync(now)
        self._workloads.sync(now)
        self._volumes.sync(now)
        self._endpoints.sync(now)
        self._budgets.sync(now)
