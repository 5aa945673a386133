"""Pods on their way to a node: queued for the scheduler, bound to the node that it found, or held."""

from __future__ import annotations

from typing import Final

from expander.kube.resources import pod_request
from expander.kube.time import api_time
from expander.local.admission.priority import spec_priority
from expander.local.controllers.events import Recorder
from expander.local.controllers.pods import PodControl, controller_of, unschedulable
from expander.local.controllers.services import ServiceLister
from expander.local.controllers.volcano.pods import pod_group_of
from expander.local.job_counts import JobCounts
from expander.local.scheduler import Scheduler
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore
from expander.local.waiting import ITS_TURN, WaitingPods, WaitReason
from expander.local.waiting import unschedulable as unschedulable_reason

REPORTED_REASONS: Final = ("Insufficient", "unschedulable", "pod group")
"""What a message says of a pod that waits for more than a free place: that is worth an event."""


class Binder:
    """The pods of one scheduler, whose node is called ``node``.

    Pods that wait are in ``waiting``, and ``counts`` are kept up to date about their Jobs. ``shared``: it is
    a cluster, in which every pod's place is an event, and a pod that waits for what is missing keeps its
    place, as with a kubelet.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        store: ObjectStore,
        pods: PodControl,
        waiting: WaitingPods,
        counts: JobCounts,
        services: ServiceLister,
        recorder: Recorder,
        node: str,
        *,
        shared: bool = False,
    ) -> None:
        self._scheduler = scheduler
        self._store = store
        self._pods = pods
        self._waiting = waiting
        self._counts = counts
        self._services = services
        self._recorder = recorder
        self._node = node
        self._shared = shared

    def add(self, pod: Object, now: float, *, prepared: bool) -> None:
        """A new pod waits for a place; one that is ``prepared`` comes before there is room for it."""
        uid, spec = pod["metadata"]["uid"], pod["spec"]
        if gates := spec.get("schedulingGates"):
            names = ", ".join(gate["name"] for gate in gates)
            self.hold(pod, WaitReason("SchedulingGated", f"nobody here removes its gates: {names}"), now)
        if prepared:
            self._waiting.hold(uid, controller_of(pod), ITS_TURN, now)
        self._scheduler.add(
            uid,
            spec,
            pod_group_of(pod),
            priority=spec_priority(self._store, spec),
            bounded=self._is_bounded(pod),
            prepared=prepared,
        )

    def take_place(self, pod: Object) -> None:
        """The pod, of an earlier life, has its place."""
        self._scheduler.take(pod["metadata"]["uid"], pod["spec"], bounded=self._is_bounded(pod))

    def _is_bounded(self, pod: Object) -> bool:
        """Whether the pod works by itself: a pod that others may wait for must not wait until they end."""
        group = pod_group_of(pod)
        if controller_of(pod) is None or pod["spec"].get("subdomain") or (group is not None and group[1] > 1):
            return False
        services = self._services.of(pod["metadata"]["namespace"])
        if not services:
            return True
        labels = (pod["metadata"].get("labels") or {}).items()
        selectors = (each["spec"].get("selector") for each in services)
        return not any(selector and selector.items() <= labels for selector in selectors)

    def sync(self, now: float) -> list[Object]:
        """Place what can be placed, and hold the rest; the pods that were placed."""
        found = (self.bind(uid, now) for uid in self._scheduler.place())
        placed = [pod for pod in found if pod is not None]
        for pod in placed:
            self._placed(pod, now)
        for uid, why in self._scheduler.left_over():
            if (waiting := self._pods.get(uid)) is not None:
                self._left(waiting, why, now)
        return placed

    def _placed(self, pod: Object, now: float) -> None:
        metadata = pod["metadata"]
        if self._shared:
            message = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {self._node}"
            self._recorder.record(pod, "Normal", "Scheduled", message, now)
        self.release(metadata["uid"])
        if subdomain := pod["spec"].get("subdomain"):
            services = self._services.of(metadata["namespace"])
            if subdomain not in (each["metadata"]["name"] for each in services):
                self._waiting.lack_service(pod, controller_of(pod), now)

    def _left(self, pod: Object, why: str, now: float) -> None:
        uid, reason = pod["metadata"]["uid"], ITS_TURN
        self._pods.set_status(uid, unschedulable(pod["status"], why, api_time(now)))
        if any(word in why for word in REPORTED_REASONS):
            self._recorder.record(pod, "Warning", "FailedScheduling", why, now)
        if self._scheduler.is_impossible(uid):
            reason = unschedulable_reason(why, pod_request(pod["spec"]), self._scheduler.size)
        self.hold(pod, reason, now)

    def bind(self, uid: str, now: float) -> Object | None:
        """Give a pod its node; None when it is gone."""
        return self._pods.bind(uid, self._node, now)

    def hold(self, pod: Object, why: WaitReason, now: float) -> None:
        """The pod waits, and its Job does not run if all of its pods do."""
        job, uid = controller_of(pod), pod["metadata"]["uid"]
        if not self._shared:
            self._scheduler.set_idle(uid, True)
        if self._waiting.hold(uid, job, why, now):
            self._recount(job)

    def release(self, uid: str) -> None:
        """The pod, or the Job that had no pod for a while, waits no more."""
        self._scheduler.set_idle(uid, False)
        if self._waiting.release(uid) and (pod := self._pods.get(uid)) is not None:
            self._recount(controller_of(pod))

    def _recount(self, job: str | None) -> None:
        if job is not None and (found := self._store.by_uid(job)) is not None:
            self._counts.update(found)
