"""Binds claims to volumes, makes the volumes of classes, and keeps claims that pods use.

pkg/controller/volume/persistentvolume and pkg/controller/volume/pvcprotection decide. The volumes of a class
are folders of this machine, whatever its provisioner; the kubelet knows them by the driver `FOLDER_DRIVER`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

from expander.kube import selectors
from expander.kube.generated_names import new_uid
from expander.kube.objects import pod_has_ended
from expander.kube.quantity import parse
from expander.kube.time import api_time
from expander.kube.wellknown import CLAIM_PROTECTION, DEFAULT_CLASS, FOLDER_DRIVER
from expander.local.controllers.events import Recorder
from expander.local.controllers.garbage_collector import GarbageCollector
from expander.local.store.database import Object
from expander.local.store.events import EventStore
from expander.local.store.objects import ObjectStore

CLAIM: Final = "PersistentVolumeClaim"
VOLUME: Final = "PersistentVolume"
_BOUND_BY: Final = {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}


class VolumeControlPlane(Protocol):
    """The control plane that the volumes belong to."""

    store: ObjectStore
    events: EventStore
    garbage_collector: GarbageCollector

    def arrived(self, obj: Object) -> None:
        """The object is in the store and was not there before."""

    def delete(self, obj: Object, now: float) -> None:
        """Delete an object of any kind."""


class VolumeController:
    """The claims and volumes of one cluster; `sync` does what has come up since the last call."""

    def __init__(self, cluster: VolumeControlPlane) -> None:
        self._cluster = cluster
        self._recorder = Recorder(cluster.events, "persistentvolume-controller")
        self._ready: dict[str, None] = {}
        self._all = False
        """Whether every claim is to be looked at: there is a new volume or class."""

    @property
    def pending(self) -> bool:
        """Whether there is something to do at once."""
        return self._all or bool(self._ready)

    def restore(self) -> None:
        """Take up what an earlier life left."""
        self._all = True

    def changed(self, obj: Object) -> None:
        """An object of any kind is new or another."""
        if obj["kind"] == CLAIM:
            self._ready[obj["metadata"]["uid"]] = None
        elif obj["kind"] in (VOLUME, "StorageClass"):
            self._all = True
        elif obj["kind"] == "Pod":
            for claim in self._claims_of(obj):
                self._ready[claim["metadata"]["uid"]] = None

    def gone(self, obj: Object) -> None:
        """The object is in the store no more."""
        if obj["kind"] == "Pod":
            self.changed(obj)
        elif obj["kind"] == CLAIM:
            self._ready[obj["metadata"]["uid"]] = None
            self._all = True

    def sync(self, now: float) -> None:
        """Look at each claim and volume that is due."""
        if self._all:
            self._all = False
            for volume in list(self._cluster.store.of_kind(VOLUME)):
                self._settle(volume, now)
            self._ready |= {claim["metadata"]["uid"]: None for claim in self._cluster.store.of_kind(CLAIM)}
        ready, self._ready = self._ready, {}
        for uid in ready:
            claim = self._cluster.store.by_uid(uid)
            if claim is not None:
                self._sync_claim(claim, now)

    def _claims_of(self, pod: Object) -> Iterator[Object]:
        for volume in pod["spec"].get("volumes") or ():
            if "persistentVolumeClaim" in volume:
                name = volume["persistentVolumeClaim"]["claimName"]
                claim = self._cluster.store.get(CLAIM, pod["metadata"]["namespace"], name)
                if claim is not None:
                    yield claim

    def _used(self, claim: Object) -> bool:
        """Whether a pod that has not ended uses the claim."""
        pods = self._cluster.store.of_kind("Pod", claim["metadata"]["namespace"])
        running = (pod for pod in pods if not pod_has_ended(pod))
        uid = claim["metadata"]["uid"]
        return any(each["metadata"]["uid"] == uid for pod in running for each in self._claims_of(pod))

    def _sync_claim(self, claim: Object, now: float) -> None:
        metadata = claim["metadata"]
        if metadata.get("deletionTimestamp"):
            finalizers = metadata.get("finalizers") or []
            if CLAIM_PROTECTION in finalizers and not self._used(claim):
                kept = [each for each in finalizers if each != CLAIM_PROTECTION]
                claim = self._cluster.store.put({**claim, "metadata": {**metadata, "finalizers": kept}})
                self._cluster.garbage_collector.settle(claim, now)
        elif (claim.get("status") or {}).get("phase") != "Bound":
            volume = self._volume_for(claim, now)
            if volume is not None:
                self._bind(claim, volume)
        else:
            self._grow(claim)

    def _volume_for(self, claim: Object, now: float) -> Object | None:
        """The volume that the claim gets: the one it names, the smallest that fits, or a new one."""
        store, spec = self._cluster.store, claim["spec"]
        if name := spec.get("volumeName"):
            volume = store.get(VOLUME, "", name)
            return volume if volume is not None and _may_have(volume, claim) else None
        class_name = spec.get("storageClassName") or ""
        fitting = [each for each in store.of_kind(VOLUME) if _may_have(each, claim) and _fits(each, claim)]
        if fitting:
            return min(fitting, key=_size)
        found = store.get("StorageClass", "", class_name) if class_name else None
        if found is None:
            words = f'storageclass.storage.k8s.io "{class_name}" not found'
            if not class_name:
                words = "no persistent volumes available for this claim and no storage class is set"
            reason = "ProvisioningFailed" if class_name else "FailedBinding"
            self._recorder.record(claim, "Warning" if class_name else "Normal", reason, words, now)
            return None
        if found.get("volumeBindingMode") == "WaitForFirstConsumer" and not self._used(claim):
            words = "waiting for first consumer to be created before binding"
            self._recorder.record(claim, "Normal", "WaitForFirstConsumer", words, now)
            return None
        return self._provision(claim, found, now)

    def _provision(self, claim: Object, found: Object, now: float) -> Object:
        metadata, spec = claim["metadata"], claim["spec"]
        name = f"pvc-{metadata['uid']}"
        volume: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": VOLUME,
            "metadata": {
                "name": name,
                "uid": new_uid(),
                "creationTimestamp": api_time(now),
                "annotations": {"pv.kubernetes.io/provisioned-by": found.get("provisioner") or FOLDER_DRIVER},
            },
            "spec": {
                "capacity": {"storage": _request(claim)},
                "accessModes": list(spec.get("accessModes") or ()),
                "persistentVolumeReclaimPolicy": found.get("reclaimPolicy") or "Delete",
                "storageClassName": found["metadata"]["name"],
                "volumeMode": spec.get("volumeMode") or "Filesystem",
                "csi": {
                    "driver": FOLDER_DRIVER,
                    "volumeHandle": name,
                },
            },
            "status": {"phase": "Available"},
        }
        volume = self._cluster.store.put(volume, new=True)
        self._recorder.record(
            claim, "Normal", "ProvisioningSucceeded", f"Successfully provisioned volume {name}", now
        )
        return volume

    def _bind(self, claim: Object, volume: Object) -> None:
        store, metadata = self._cluster.store, claim["metadata"]
        reference = {
            "apiVersion": "v1",
            "kind": CLAIM,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
        volume = store.put(
            {
                **volume,
                "spec": {**volume["spec"], "claimRef": reference},
                "status": {**(volume.get("status") or {}), "phase": "Bound"},
            }
        )
        spec = volume["spec"]
        status = {"phase": "Bound", "accessModes": spec.get("accessModes"), "capacity": spec.get("capacity")}
        store.put(
            {
                **claim,
                "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **_BOUND_BY}},
                "spec": {**claim["spec"], "volumeName": volume["metadata"]["name"]},
                "status": status,
            }
        )
        self._cluster.arrived(volume)

    def _grow(self, claim: Object) -> None:
        """A claim that asks for more has it at once where a class made its volume: a folder has no size."""
        store, wanted = self._cluster.store, _request(claim)
        volume = store.get(VOLUME, "", claim["spec"].get("volumeName") or "")
        if volume is None or "csi" not in volume["spec"] or parse(wanted) <= _size(volume):
            return
        capacity = {"storage": wanted}
        store.put({**volume, "spec": {**volume["spec"], "capacity": capacity}})
        store.put({**claim, "status": {**claim["status"], "capacity": capacity}})

    def _settle(self, volume: Object, now: float) -> None:
        """A volume is available, bound, or released by a claim that is gone; then it may go with it."""
        reference = volume["spec"].get("claimRef")
        phase = (volume.get("status") or {}).get("phase")
        if reference is None:
            wanted = "Available"
        elif self._cluster.store.by_uid(reference.get("uid") or "") is not None:
            return
        elif not reference.get("uid"):
            wanted = "Available"
        elif volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            self._cluster.delete(volume, now)
            return
        else:
            wanted = "Released"
        if phase != wanted:
            self._cluster.store.put({**volume, "status": {**(volume.get("status") or {}), "phase": wanted}})


def _request(obj: Object) -> str:
    resources = obj["spec"].get("resources") or {}
    return str((resources.get("requests") or {}).get("storage") or "0")


def _size(volume: Object) -> Any:
    return parse(str((volume["spec"].get("capacity") or {}).get("storage") or "0"))


def _may_have(volume: Object, claim: Object) -> bool:
    """Whether the volume is free, or kept for this claim."""
    reference = volume["spec"].get("claimRef")
    if reference is None:
        return not volume["metadata"].get("deletionTimestamp")
    metadata = claim["metadata"]
    same = (reference.get("namespace"), reference.get("name")) == (metadata["namespace"], metadata["name"])
    return same and reference.get("uid") in (None, "", metadata["uid"])


def _fits(volume: Object, claim: Object) -> bool:
    """Whether the volume is of the class, the modes and the size that the claim asks for."""
    spec, wanted = volume["spec"], claim["spec"]
    return (
        (spec.get("storageClassName") or "") == (wanted.get("storageClassName") or "")
        and (spec.get("volumeMode") or "Filesystem") == (wanted.get("volumeMode") or "Filesystem")
        and set(wanted.get("accessModes") or ()) <= set(spec.get("accessModes") or ())
        and _size(volume) >= parse(_request(claim))
        and (
            wanted.get("selector") is None
            or selectors.from_object(wanted["selector"]).matches(volume["metadata"].get("labels"))
        )
    )


def initial_classes(now: str) -> Iterator[Object]:
    """The class of claims that name none: folders of this machine."""
    yield {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": "standard",
            "uid": new_uid(),
            "creationTimestamp": now,
            "annotations": {DEFAULT_CLASS: "true"},
        },
        "provisioner": FOLDER_DRIVER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }
