"""Looks after all workloads that keep pods running: which are synced, and when."""

from __future__ import annotations

from typing import Final, Protocol

from expander.local.controllers.events import Recorder
from expander.local.controllers.job.pods import controller_reference
from expander.local.controllers.pods import PodControl, has_controller, selects
from expander.local.controllers.workloads.daemon_set import DaemonSetController
from expander.local.controllers.workloads.deployment import DeploymentController
from expander.local.controllers.workloads.replica_set import ReplicaSetController
from expander.local.controllers.workloads.stateful_set import StatefulSetController
from expander.local.store.database import Object
from expander.local.store.events import EventStore
from expander.local.store.objects import ObjectStore
from expander.local.timers import Timers

OWNERS: Final = ("DaemonSet", "ReplicaSet", "ReplicationController", "StatefulSet")
"""Kinds that own pods directly."""
KINDS: Final = (*OWNERS, "Deployment")


class WorkloadControlPlane(Protocol):
    """The control plane that the workloads belong to."""

    store: ObjectStore
    events: EventStore
    pods: PodControl

    def create_job(self, job: dict[str, object], now: float) -> Object | None:
        """Create an object; None when there is one of that name."""

    def arrived(self, obj: Object) -> None:
        """The object is in the store and was not there before."""

    def delete(self, obj: Object, now: float) -> None:
        """Delete an object of any kind."""


class WorkloadControllers:
    """The workloads of one cluster; `sync` does what has come up since the last call."""

    def __init__(self, cluster: WorkloadControlPlane) -> None:
        self._cluster = cluster
        store, pods = cluster.store, cluster.pods

        def recorder(component: str) -> Recorder:
            return Recorder(cluster.events, component)

        self._sets = ReplicaSetController(store, pods, recorder("replicaset-controller"))
        self._stateful = StatefulSetController(
            store, pods, recorder("statefulset-controller"), cluster.create_job
        )
        self._daemons = DaemonSetController(store, pods, recorder("daemonset-controller"))
        self._deployments = DeploymentController(store, recorder("deployment-controller"), self._set_changed)
        self._ready: dict[str, None] = {}
        self._later: Timers[str] = Timers()
        self._strays: dict[str, None] = {}
        """Uids of pods that may be anybody's."""

    @property
    def pending(self) -> bool:
        """Whether there is something to do at once."""
        return bool(self._ready or self._strays)

    def next(self) -> float | None:
        """When there will be something to do (Unix seconds)."""
        return self._later.next()

    def restore(self) -> None:
        """Take up the workloads of an earlier life."""
        for kind in KINDS:
            for obj in self._cluster.store.of_kind(kind):
                self._ready[obj["metadata"]["uid"]] = None

    def changed(self, obj: Object) -> None:
        """An object of any kind is new or another."""
        if obj["kind"] in KINDS:
            self._ready[obj["metadata"]["uid"]] = None
            if obj["kind"] in OWNERS:
                self._enqueue_owners(obj)
        elif obj["kind"] == "Pod" and (self._enqueue_owners(obj) or not has_controller(obj)):
            self._strays[obj["metadata"]["uid"]] = None

    def gone(self, obj: Object) -> None:
        """The object is in the store no more."""
        if obj["kind"] in (*KINDS, "Pod"):
            self._enqueue_owners(obj)
            self._later.drop(obj["metadata"]["uid"])
            self._sets.forget(obj["metadata"]["uid"])
            self._daemons.forget(obj["metadata"]["uid"])

    def sync(self, now: float) -> None:
        """Look at each workload that is due, until there is nothing left to do."""
        for uid in self._later.due(now):
            self._ready[uid] = None
        while self._ready or self._strays:
            strays, self._strays = self._strays, {}
            for uid in strays:
                self._claim(uid)
            ready, self._ready = self._ready, {}
            for uid in ready:
                self._sync(uid, now)

    def _sync(self, uid: str, now: float) -> None:
        obj = self._cluster.store.by_uid(uid)
        if obj is None:
            return

        def delete(surplus: Object) -> None:
            self._cluster.delete(surplus, now)

        if obj["kind"] in OWNERS and not _is_observed(obj):
            for pod in list(self._cluster.store.of_kind("Pod", obj["metadata"]["namespace"])):
                if not has_controller(pod):
                    self._claim(pod["metadata"]["uid"])
        if obj["kind"] == "Deployment":
            again = self._deployments.sync(obj, now, delete)
        elif obj["kind"] == "DaemonSet":
            again = self._daemons.sync(obj, now, delete)
        elif obj["kind"] == "StatefulSet":
            again = self._stateful.sync(obj, now, delete)
        else:
            again = self._sets.sync(obj, now)
        now_there = self._cluster.store.by_uid(uid)
        if now_there is not None and now_there is not obj and obj["kind"] in OWNERS:
            self._enqueue_owners(now_there)
        if again is not None:
            self._later.set(uid, again)

    def _set_changed(self, replica_set: Object, new: bool) -> None:
        if new:
            self._cluster.arrived(replica_set)
        self._ready[replica_set["metadata"]["uid"]] = None

    def _enqueue_owners(self, obj: Object) -> bool:
        """Have the workload that controls the object looked at; whether there is one."""
        found = [
            owner["uid"]
            for owner in obj["metadata"].get("ownerReferences") or ()
            if owner.get("controller") and owner["kind"] in KINDS
        ]
        self._ready |= dict.fromkeys(found)
        return bool(found)

    def _claim(self, uid: str) -> None:
        """Settle whose a pod is (ClaimPods): who selects it no more lets it go; one without an owner is
        adopted by whoever selects it."""
        store, pods = self._cluster.store, self._cluster.pods
        pod = store.by_uid(uid)
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            return
        for owner in pod["metadata"].get("ownerReferences") or ():
            there = (
                store.by_uid(owner["uid"]) if owner.get("controller") and owner["kind"] in OWNERS else None
            )
            if there is not None and not selects(there, pod):
                pods.disown(uid, owner["uid"])
                self._ready[owner["uid"]] = self._strays[uid] = None
                return
        if has_controller(pod) or not pod["metadata"].get("labels"):
            return
        for kind in OWNERS:
            for there in store.of_kind(kind, pod["metadata"]["namespace"]):
                if not there["metadata"].get("deletionTimestamp") and selects(there, pod):
                    pods.adopt(uid, controller_reference(there))
                    self._ready[there["metadata"]["uid"]] = None
                    return


def _is_observed(owner: Object) -> bool:
    """Whether the controller has acted on this generation."""
    generation: int = owner["metadata"].get("generation", 1)
    return generation == (owner.get("status") or {}).get("observedGeneration")
