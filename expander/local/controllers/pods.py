"""Every step of a pod in the store (RealPodControl), and the pods of each Job that still matter.

A pod matters until it has ended and its Job has counted it; after that it rests in the store and costs no
memory. A `PodListener` hears of each step: the scheduler must know, the kubelet must stop what runs, the
Job must be synced. Several write a pod's status: the kubelet, the scheduler, clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from expander.kube import selectors
from expander.kube.generated_names import generated, new_uid
from expander.kube.objects import ENDED, pod_has_ended
from expander.kube.time import api_time
from expander.kube.wellknown import FINALIZER
from expander.local.controllers.job import pods as gather
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore


class PodListener(Protocol):
    """Is told of every step of a pod that others must follow."""

    def pod_created(self, pod: Object) -> None:
        """The pod is in the store and has no place yet."""

    def pod_stopped(self, pod: Object, grace: float) -> None:
        """The pod is being deleted while it may run; it has so many seconds."""

    def pod_over(self, uid: str) -> None:
        """The pod has ended or is gone: it needs no place any more."""

    def pod_gone(self, pod: Object) -> None:
        """The pod is in the store no more."""

    def enqueue_job(self, uid: str, *, at_once: bool) -> None:
        """Something about a pod of this Job has changed."""

    def pod_touched(self, pod: Object) -> None:
        """Something about a pod of no Job has changed."""


START_WRITTEN_SECONDS: Final = 0.1
"""Seconds until what tells of the start of a pod and its Job is written: many end earlier."""

MAX_GRACE_SECONDS: Final = 10**9
"""Thirty years: a longer grace period has no end that can be written as a date."""

TRANSIENT_REASONS: Final = (None, "ContainerCreating", "PodInitializing")
"""Reasons to wait that pass by themselves."""

KUBELET_CONDITIONS: Final = frozenset(
    ("PodScheduled", "Initialized", "Ready", "ContainersReady", "PodReadyToStartContainers")
)
"""The conditions that the kubelet writes anew each time; those of others stay."""


def is_stuck(status: Object) -> bool:
    """Whether a container waits for something that may never come: an image, a ConfigMap, its next try."""
    for kind in ("initContainerStatuses", "containerStatuses"):
        for part in status.get(kind) or ():
            waiting = part["state"].get("waiting")
            if waiting is not None and waiting.get("reason") not in TRANSIENT_REASONS:
                return True
    return False


def with_foreign_conditions(before: Object, status: Object) -> Object:
    """``status``, the kubelet's word, with the conditions that others had written into the one ``before``."""
    foreign = [each for each in before.get("conditions") or () if each["type"] not in KUBELET_CONDITIONS]
    if not foreign:
        return status
    own = {each["type"] for each in status.get("conditions") or ()}
    kept = [each for each in foreign if each["type"] not in own]
    return {**status, "conditions": [*(status.get("conditions") or ()), *kept]}


def with_condition(status: Object, condition: Object) -> Object:
    """The status with this condition in the place of the one of its type."""
    others = [each for each in status.get("conditions") or () if each["type"] != condition["type"]]
    return {**status, "conditions": [*others, condition]}


def unschedulable(status: Object, message: str, at: str) -> Object:
    """The status of a pod that found no place ``at`` a time, with why."""
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": at,
        "reason": "Unschedulable",
        "message": message,
    }
    return {**with_condition(status, condition), "phase": "Pending"}


class PodControl:
    """The pods of one store. Every method is one step of one pod; ``now`` is Unix seconds.

    ``admit`` completes a new pod or refuses it by an ExpanderError. ``watched``: clients follow the status of
    Jobs, which tells at once of the first pod that is ready.
    """

    def __init__(
        self,
        store: ObjectStore,
        listener: PodListener,
        admit: Callable[[Object], Object],
        *,
        watched: bool = False,
    ) -> None:
        self._store = store
        self._listener = listener
        self._admit = admit
        self._watched = watched
        self._by_job: dict[str, gather.JobPods] = {}
        self._none = gather.JobPods()

    def of_job(self, uid: str) -> gather.JobPods:
        """The pods of a Job that its controller still has to think of."""
        return self._by_job.get(uid, self._none)

    def get(self, uid: str) -> Object | None:
        """The pod, or None when it is gone."""
        return self._store.by_uid(uid)

    def create(self, pod: Object, now: float) -> Object:
        """Store a new pod: it gets its name, uid and time here. The mapping given is used up. What refuses
        the pod is passed on."""
        metadata = pod["metadata"]
        metadata["name"] = metadata.get("name") or generated(metadata["generateName"])
        metadata["uid"] = new_uid()
        metadata["creationTimestamp"] = api_time(now)
        pod["status"] = {"phase": "Pending"}
        durable, by = self._watched or gather.start_note(pod) is None, now + START_WRITTEN_SECONDS
        pod = self._store.put(self._admit(pod), new=True, durable=durable, by=by)
        self._store.hold(metadata["uid"])
        self._sort(pod)
        self._listener.pod_created(pod)
        return pod

    def restore(self, pod: Object) -> None:
        """Take up a pod of an earlier life of the program."""
        self._store.hold(pod["metadata"]["uid"])
        self._sort(pod)

    def replace(self, old: Object, pod: Object) -> None:
        """Take note of a pod that a client has changed, and that is put already."""
        if controller_of(old) != controller_of(pod):
            self._unsort(old)
            self._touch(old, at_once=True)
        self.restore(pod)
        if "nodeName" not in pod["spec"] and not pod["metadata"].get("deletionTimestamp"):
            self._listener.pod_created(pod)
        self.settle(pod)

    def bind(self, uid: str, node: str, now: float) -> Object | None:
        """Give the pod its node; None when it is gone. It is written later: the supervisor's journal knows
        what has begun.
        """
        pod = self.get(uid)
        if pod is None:
            return None
        bound = {**pod, "spec": {**pod["spec"], "nodeName": node}}
        pod = self._store.put(bound, durable=self._watched, by=now + START_WRITTEN_SECONDS)
        if (job := controller_of(pod)) is not None:
            self.of_job(job).replace(pod)
        return pod

    def unbind(self, uid: str, containers: Mapping[str, Any]) -> None:
        """Take the pod's node away: it waits for a place as if it were new, but for what its status says of
        ``containers``."""
        pod = self.get(uid)
        if pod is not None:
            spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
            self._listener.pod_created(
                self._put({**pod, "spec": spec, "status": {"phase": "Pending", **containers}})
            )

    def set_status(self, uid: str, status: dict[str, Any]) -> None:
        """The pod's status as the kubelet has it now; conditions of others are kept."""
        pod = self.get(uid)
        if pod is None:
            return
        before = pod.get("status") or {}
        status = with_foreign_conditions(before, status)
        over = status.get("phase") in ENDED and before.get("phase") not in ENDED
        job = (controller_of(pod) or "") if self._watched else ""
        first = self._watched and not self.of_job(job).ready
        durable = over or is_stuck(status) or is_stuck(before)  # who reads the file beside us is to know
        pod = self._put({**pod, "status": status}, durable=durable)
        self._touch(pod, at_once=over or (first and self.of_job(job).ready > 0))
        if over:
            self._listener.pod_over(uid)
            self.settle(pod)

    def add_condition(self, uid: str, condition: dict[str, Any]) -> Object | None:
        """Set one condition of the pod's status; None when it is gone."""
        pod = self.get(uid)
        if pod is None:
            return None
        return self._put({**pod, "status": with_condition(pod.get("status") or {}, condition)})

    def delete(self, uid: str, now: float, grace: float | None = None) -> None:
        """Delete a pod gracefully: what runs gets ``grace`` seconds, by default those of its spec."""
        pod = self.get(uid)
        if pod is None:
            return
        metadata, spec = pod["metadata"], pod["spec"]
        phase = (pod.get("status") or {}).get("phase")
        runs = spec.get("nodeName") is not None and phase not in ENDED
        if grace is None:
            grace = spec.get("terminationGracePeriodSeconds", 30)
        grace = min(grace, MAX_GRACE_SECONDS) if runs else 0
        if metadata.get("deletionTimestamp") is None or grace < metadata.get("deletionGracePeriodSeconds", 0):
            stamp = api_time(now + grace)
            metadata = {**metadata, "deletionTimestamp": stamp, "deletionGracePeriodSeconds": int(grace)}
            pod = self._put({**pod, "metadata": metadata})
        if runs:
            self._listener.pod_stopped(pod, grace)
        elif phase in ENDED:
            self.settle(pod)
        else:
            self.set_status(uid, {**(pod.get("status") or {}), "phase": "Failed"})
        self._touch(pod, at_once=True)

    def release(self, uid: str) -> None:
        """Take the tracking finalizer off: the pod is counted, or nobody counts it any more."""
        pod = self.get(uid)
        if pod is None or FINALIZER not in (pod["metadata"].get("finalizers") or ()):
            return
        metadata = {**pod["metadata"]}
        metadata["finalizers"] = [each for each in metadata["finalizers"] if each != FINALIZER]
        if not metadata["finalizers"]:
            del metadata["finalizers"]
        pod = self._store.put({**pod, "metadata": metadata})
        if pod_has_ended(pod):
            self._unsort(pod)
        else:
            self._sort(pod)
        self.settle(pod)

    def disown(self, uid: str, owner: str) -> None:
        """Take an owner away from the pod, which lives on."""
        pod = self.get(uid)
        if pod is None:
            return
        self._unsort(pod)
        metadata = {**pod["metadata"]}
        owners = [each for each in metadata.get("ownerReferences") or () if each["uid"] != owner]
        metadata.pop("ownerReferences", None)
        if owners:
            metadata["ownerReferences"] = owners
        self._put({**pod, "metadata": metadata})
        self._touch(pod, at_once=True)
        self.release(uid)

    def adopt(self, uid: str, owner: Object) -> None:
        """Give a pod without a controller to a workload, as if that had made it; a Job then tracks it."""
        pod = self.get(uid)
        if pod is None:
            return
        metadata = {**pod["metadata"]}
        metadata["ownerReferences"] = [*(metadata.get("ownerReferences") or ()), owner]
        if owner["kind"] == "Job":
            kept = metadata.get("finalizers") or ()
            metadata["finalizers"] = list(dict.fromkeys((*kept, FINALIZER)))
        self._store.hold(uid)
        self._touch(self._put({**pod, "metadata": metadata}), at_once=True)

    def forget(self, uid: str) -> None:
        """Remove the pod as if it had never been: its run was cut short through no fault of its own."""
        pod = self.get(uid)
        if pod is not None:
            self._listener.pod_over(uid)
            self._remove(pod)
            self._touch(pod, at_once=True)

    def forget_job(self, uid: str) -> None:
        """The Job is over or gone: nobody asks for its pods any more."""
        self._by_job.pop(uid, None)

    def _put(self, pod: Object, *, durable: bool = True) -> Object:
        pod = self._store.put(pod, durable=durable)
        self._sort(pod)
        return pod

    def settle(self, pod: Object) -> None:
        """Let go of a pod that nobody has to think of any more; remove it if it only waited for that."""
        metadata = pod["metadata"]
        ended = pod_has_ended(pod)
        finalizers = metadata.get("finalizers") or ()
        if metadata.get("deletionTimestamp") is not None:
            if ended and not finalizers:
                if (job := controller_of(pod)) is not None and "nodeName" in pod["spec"]:
                    self._store.keep_deleted_pod(pod, job)
                self._remove(pod)
        elif ended and FINALIZER not in finalizers:
            self._store.release(metadata["uid"])

    def _remove(self, pod: Object) -> None:
        self._unsort(pod)
        self._store.remove(pod)
        self._listener.pod_gone(pod)

    def _sort(self, pod: Object) -> None:
        if (job := controller_of(pod)) is not None:
            pods = self._by_job.get(job)
            if pods is None:
                pods = self._by_job[job] = gather.JobPods()
            pods.put(pod)
            if not pods:
                del self._by_job[job]

    def _unsort(self, pod: Object) -> None:
        if (job := controller_of(pod)) is not None and (pods := self._by_job.get(job)) is not None:
            pods.drop(pod["metadata"]["uid"])
            if not pods:
                del self._by_job[job]

    def _touch(self, pod: Object, *, at_once: bool) -> None:
        if (job := controller_of(pod)) is not None:
            self._listener.enqueue_job(job, at_once=at_once)
        else:
            self._listener.pod_touched(pod)


def controller_of(obj: Object) -> str | None:
    """The uid of the Job that manages this object, or None."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner["kind"] == "Job" and owner.get("controller"):
            uid: str = owner["uid"]
            return uid
    return None


def has_controller(obj: Object) -> bool:
    """Whether the object has an owner, of any kind, that controls it."""
    return any(owner.get("controller") for owner in obj["metadata"].get("ownerReferences") or ())


def selects(owner: Object, pod: Object) -> bool:
    """Whether the pod is in the namespace of ``owner``, a Job or the like, and its selector means it."""
    if owner["metadata"]["namespace"] != pod["metadata"]["namespace"]:
        return False
    selector = owner["spec"].get("selector") or {}
    if owner["kind"] == "ReplicationController":
        selector = {"matchLabels": selector}
    return selectors.from_object(selector).matches(pod["metadata"].get("labels"))
