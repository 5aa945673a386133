"""The control plane of this machine: everything but the processes.

Changes come in from above (objects are submitted, patched, deleted) and from below (a pod's status has
changed); `ControlPlane.sync` does all that follows from them and returns the pods to be started. It reads no
clock and starts nothing, so a whole cluster's life can be played through in no time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from sqlite3 import DatabaseError
from typing import Any, Final

from expander.base.errors import OutputError
from expander.kube.objects import ENDED
from expander.kube.time import unix
from expander.kube.volcano import is_volcano
from expander.local.admission.priority import job_priority
from expander.local.controllers.binding import Binder
from expander.local.controllers.cronjob.controller import CronJobController
from expander.local.controllers.events import Recorder
from expander.local.controllers.garbage_collector import GarbageCollector, Propagation
from expander.local.controllers.job import conditions
from expander.local.controllers.job.controller import Summarize, SyncResult
from expander.local.controllers.job.pods import start_note
from expander.local.controllers.jobs import JobControllers
from expander.local.controllers.pods import PodControl, controller_of
from expander.local.controllers.services import ServiceLister
from expander.local.controllers.single_batch import SingleBatch
from expander.local.job_counts import JobCounts
from expander.local.kubelet_updates import KubeletUpdates
from expander.local.registry import create_object, prepare_for_update
from expander.local.scheduler import Scheduler
from expander.local.store.database import Object
from expander.local.store.encoding import PackedConnection
from expander.local.store.events import SCHEDULER, EventStore
from expander.local.store.job_states import FINISHED, OPEN, job_state, without_active_pod
from expander.local.store.objects import ObjectStore
from expander.local.waiting import WaitingPods, WaitReason, pod_reason
from expander.local.workqueue import WorkQueue
from expander.manifests.rerun import SUSPEND_ANNOTATION

DELETED_AT_A_TIME: Final = 50
"""Dependents of an object that a cluster deletes between two requests."""
VOLUME_FILES: Final = ("ConfigMap", "Secret")
"""Kinds whose changes show in the volumes of pods."""
VOLUME_SOURCES: Final = (*VOLUME_FILES, "PersistentVolumeClaim", "PersistentVolume")
"""Kinds that pods wait for when they are missing."""


class ControlPlane:
    """Store, controllers and scheduler of one cluster of one node, called ``node``.

    ``shared``: it is a cluster with namespaces and quotas, not one person's batch (see `ClusterScope`).
    ``summarize`` makes the summaries of batch/v1 Jobs; without it none is kept.
    """

    def __init__(
        self,
        database: PackedConnection,
        scheduler: Scheduler,
        *,
        node: str,
        backoff_base: float = 10.0,
        history: int = 0,
        shared: bool = False,
        summarize: Summarize | None = None,
    ) -> None:
        self._database = database
        self.store = ObjectStore(database, history=history)
        self.events = EventStore(database, lambda: self.store.version, indexed=shared)
        self.scheduler = scheduler
        self.is_shared = shared
        self.scope = self._cluster_scope(node) if shared else SingleBatch()
        self.pods = PodControl(self.store, self, self.admit, watched=shared)
        self.waiting_pods = WaitingPods()
        self.changed_pods: dict[str, None] = {}
        """The pods without a Job that have another status; whoever reads them takes them out."""
        self.groups = JobCounts(self.store, self.waiting_pods.wait_all_of)
        part = DELETED_AT_A_TIME if shared else None
        self.garbage_collector = GarbageCollector(self.store, self.pods, self._gone, part=part)
        self.kubelet_updates = KubeletUpdates()
        self.services = ServiceLister()
        self._jobs = JobControllers(self, backoff_base=backoff_base, watched=history > 0, summarize=summarize)
        self.work_queue = WorkQueue(self._jobs, scheduler, self._job_synced, deadlines_wait=not shared)
        self._crons = CronJobController(self.store, self, Recorder(self.events, "cronjob-controller"))
        recorder = Recorder(self.events, SCHEDULER)
        self._binder = Binder(
            scheduler,
            self.store,
            self.pods,
            self.waiting_pods,
            self.groups,
            self.services,
            recorder,
            node,
            shared=shared,
        )
        self._kubelet = Recorder(self.events, "kubelet")
        self._proxy = Recorder(self.events, "kube-proxy")
        self._now = 0.0
        self._prepares = False
        """Whether pods that are created now come before there is room for them."""
        self._owners: set[str] = set()

    def _cluster_scope(self, node: str) -> SingleBatch:
        from expander.local.controllers.cluster_scope import ClusterScope  # a run does without

        return ClusterScope(self, node)

    def sync(self, now: float) -> list[Object]:
        """Do all that is to be done at ``now`` (Unix seconds); the pods to start, once it is durable."""
        self._now = now
        if not self.work_queue.keeps_finished:
            self.delete_expired(now)
        self._crons.sync(now)
        self.work_queue.take_due(now)
        while self.work_queue.sync(now):
            self._crons.sync(now)
        self.work_queue.sync_resting(now)
        self.work_queue.start_jobs(now)
        while self._owners:
            self.garbage_collector.collect(self._owners.pop(), now)
        self.garbage_collector.sync(now)
        self.scope.sync(now)
        self.store.write_due(now)
        return [] if self.work_queue.paused else self._bind_pods(now)

    def delete_expired(self, now: float, propagation: Propagation = conditions.TTL_PROPAGATION) -> int:
        """Delete the finished Jobs whose time is up (ttlSecondsAfterFinished); how many."""
        count = 0
        for uid in self.work_queue.expired(now):
            if (job := self.store.by_uid(uid)) is not None:
                self.garbage_collector.delete(job, now, propagation)
                count += 1
        return count

    def is_calm(self, now: float) -> bool:
        """Whether `sync` would do nothing at ``now``."""
        at = self.deadline()
        return at is None or at > now

    def pass_places_on(self, changed: Iterable[str], now: float) -> list[Object]:
        """Bind pods that came before there was room for them, without waiting for the next `sync`.

        It was calm until these pods ``changed``. There is nobody who would go first: those of them that have
        ended did so for Jobs that want no other pod.
        """
        if self.work_queue.paused or not self.scheduler.waits_prepared:
            return []
        return [] if any(map(self._may_want_another, changed)) else self._bind_pods(now)

    def _may_want_another(self, uid: str) -> bool:
        """Whether a pod has ended, and its Job, or whatever it is of, may want a pod in its place."""
        pod = self.pods.get(uid)
        if pod is None or pod["status"].get("phase") == "Failed":
            return True
        job = self.store.by_uid(controller_of(pod) or "")
        return pod["status"].get("phase") in ENDED and (job is None or job["spec"].get("completions") != 1)

    def prepare(self, now: float) -> None:
        """Begin Jobs before there is room for their pods, so that these start sooner when there is."""
        self._prepares = True
        self.work_queue.prepare_jobs(now)
        self._prepares = False

    def _bind_pods(self, now: float) -> list[Object]:
        """Bind the pods that fit; those that do not wait."""
        placed = self._binder.sync(now)
        for pod in placed:
            self._jobs.start(controller_of(pod) or "", now)
        return placed

    def pod_changed(
        self,
        uid: str,
        status: Object,
        events: Iterable[tuple[str, str, str]],
        now: float,
        *,
        gone: bool,
        mount_error: str | None = None,
    ) -> None:
        """The kubelet's word on a pod: its status, events (type, reason, message), and whether it may go.

        ``mount_error`` is why it has no volumes yet.
        """
        self._now = now
        if gone and status.get("phase") not in ENDED:
            status = {**status, "phase": "Failed"}
        for event in events:
            if (pod := self.pods.get(uid)) is not None:
                self._kubelet.record(pod, *event, now)
        self.pods.set_status(uid, status)
        pod, why = self.pods.get(uid), pod_reason(status, mount_error)
        if why is None:
            self._binder.release(uid)
        elif pod is not None:
            self._binder.hold(pod, why, now)
        if pod is not None:
            self.scope.pod_changed(pod)
            if controller_of(pod) is None:
                self.changed_pods[uid] = None

    def service_failed(self, service: Object, why: str, now: float) -> None:
        """The ports of a Service cannot be forwarded."""
        self._proxy.record(service, "Warning", "PortNotForwarded", why, now)

    def undo_pod(self, uid: str, containers: Mapping[str, Any] | None = None) -> None:
        """A bound pod was cut short: it did not happen. A Job's is gone, not counted; others wait again, with
        what is known of their ``containers`` in the status."""
        pod = self.pods.get(uid)
        if pod is None:
            return
        job = self.store.by_uid(controller_of(pod) or "")
        if pod["metadata"].get("deletionTimestamp"):
            self.pods.set_status(uid, {**pod["status"], "phase": "Failed"})
        elif job is None:
            self.pod_over(uid)
            self.pods.unbind(uid, containers or {})
        else:
            self.pods.forget(uid)
            job = self.store.put({**job, "status": without_active_pod(job)})
            self.groups.update(job)

    def undo_prepared(self) -> None:
        """The pods that came before there was room for them, and for which there was none, did not happen."""
        for uid in self.scheduler.prepared():
            pod = self.pods.get(uid)
            self.undo_pod(uid)
            if pod is not None:
                self._jobs.undo_start(controller_of(pod) or "")

    def start_note(self, pod: Object) -> str | None:
        """What the record of the pod's start must say so that the pod outlives this process: nothing if it is
        in the file. None when it has to be there first; the next commit writes it.
        """
        uid, note = pod["metadata"]["uid"], None if self.is_shared else start_note(pod)
        if self.store.is_durable(uid):
            return ""
        if note is None or not self.store.is_durable(controller_of(pod) or ""):
            self.store.save(uid)
            return None
        return note

    def bind(self, pod: Object, now: float) -> Object:
        """The pod, which has run, with the node that nobody came to write down."""
        return pod if pod["spec"].get("nodeName") else self._binder.bind(pod["metadata"]["uid"], now) or pod

    def deadline(self) -> float | None:
        """When the next sync has something to do even if nothing happens; in the past: at once."""
        if any(
            (
                self.work_queue.urgent,
                self._crons.pending,
                self._owners,
                self.kubelet_updates,
                self.scope.pending,
                self.garbage_collector.pending,
            )
        ):
            return self._now
        times = (*self.work_queue.next(), self._crons.deadline(), self.scope.next(), self.store.next_write())
        return min((at for at in times if at is not None), default=None)

    def commit(self) -> None:
        """Make everything durable.

        Raises OutputError when that cannot be done, as on a full disk; nothing is lost then, and the next
        commit tries it again.
        """
        try:
            self.events.flush()
            self.store.commit()
        except DatabaseError as error:
            self.store.rollback()
            self.events.rolled_back()
            hint = "free some space; a run goes on with the same command" if "full" in str(error) else None
            raise OutputError(f"the state cannot be kept: {error}: {self._place()}", hint=hint) from error
        self.events.committed()

    def _place(self) -> str:
        """The folder of the state, for messages."""
        row = self._database.execute("PRAGMA database_list").fetchone()
        return str(Path(row[2]).parent) if row and row[2] else "in memory"

    def restore(self, *, hold: bool = False) -> list[Object]:
        """Take up where an earlier life of the program ended: the pods that are not closed, oldest first.
        ``hold`` is that of `WorkQueue.restore`."""
        pods = []
        for uid, _ in [*self.store.states("Pod", (OPEN,))]:
            if (pod := self.store.by_uid(uid)) is not None:
                self.pods.restore(pod)
                pods.append(pod)
        self.garbage_collector.restore()
        for kind in ("Service", "EndpointSlice", "CronJob"):
            for obj in self.store.of_kind(kind):
                self.arrived(obj)
        classes = any(True for _ in self.store.of_kind("PriorityClass"))
        self.work_queue.restore(self.store, self._job_priority if classes else lambda uid: 0, hold=hold)
        return pods

    def _job_priority(self, uid: str) -> int:
        job = self.store.by_uid(uid)
        return 0 if job is None else job_priority(self.store, job)

    def arrived(self, obj: Object) -> None:
        """The object is in the store and was not there before."""
        if obj["kind"] == "Job":
            self.work_queue.add_job(obj, job_priority(self.store, obj))
            self.groups.update(obj)
            self._crons.job_changed(obj)
        elif obj["kind"] == "CronJob":
            self._crons.arrived(obj)
        elif obj["kind"] == "Command":
            self._obey(obj)
            return
        elif obj["kind"] == "Pod":
            self.pods.restore(obj)
            self.pod_created(obj)
            self._jobs.claim(obj["metadata"]["uid"])
        elif obj["kind"] in VOLUME_SOURCES:
            self.kubelet_updates.source_changed(obj)
        elif obj["kind"] == "Service":
            self.waiting_pods.service_arrived(obj)
        self.services.update(obj)
        self.scope.arrived(obj, self._now)

    def withdraw(self, obj: Object) -> None:
        """The object that has just arrived could not be kept: it did not happen."""
        uid = obj["metadata"]["uid"]
        self.events.withdraw(uid)
        if obj["kind"] == "Pod":
            self.pods.forget(uid)
        elif (last := self.store.by_uid(uid)) is not None:
            self.store.remove(last)
            self._gone(last)

    def _obey(self, command: Object) -> None:
        """Do what a Command of Volcano asks for, and remove it."""
        now = max(self._now, unix(command["metadata"]["creationTimestamp"]))
        job = self._jobs.command(command, now)
        self.store.remove(command)
        if job is not None:
            self.work_queue.add(job)

    def suspend(self, obj: Object, suspended: bool, now: float) -> bool:
        """Suspend a Job or CronJob that has not ended, or let it go on; whether that changes anything.

        The Job controller ends the pods of a suspended Job, and a Volcano Job obeys a Command. One that goes
        on waits for its turn again.
        """
        self._now = now
        uid = obj["metadata"]["uid"]
        if is_volcano(obj):
            if not self._jobs.act(obj, "AbortJob" if suspended else "ResumeJob", now):
                return False
            self.groups.update(self.store.by_uid(uid) or obj)
            self.work_queue.add(uid)
            return True
        spec, notes = obj["spec"], obj["metadata"].get("annotations") or {}
        if bool(spec.get("suspend")) == suspended or job_state(obj) in FINISHED:
            return False
        said = notes.get(SUSPEND_ANNOTATION, str(not suspended).lower())
        metadata = {**obj["metadata"], "annotations": {**notes, SUSPEND_ANNOTATION: said}}
        new = {**obj, "metadata": metadata, "spec": {**spec, "suspend": suspended}}
        if suspended or obj["kind"] != "Job":
            self.replace(obj, new, now)
            return True
        self.groups.update(self.store.put(prepare_for_update(obj, new)))
        self.work_queue.waiting.add(uid, job_priority(self.store, new))
        return True

    def admit(self, obj: Object) -> Object:
        """A new object as it is to be stored. Raises `AdmissionError`."""
        return self.scope.admit(obj)

    def delete(
        self, obj: Object, now: float, propagation: Propagation = "Background", grace: float | None = None
    ) -> None:
        """Delete an object and what belongs to it; ``grace`` (seconds) is for pods."""
        self._now = now
        if self.scope.delete(obj, now):
            return
        self.garbage_collector.delete(obj, now, propagation, grace)
        uid = obj["metadata"]["uid"]
        if obj["kind"] == "Job":
            self.work_queue.add(uid)
        elif obj["kind"] != "Pod" and (left := self.store.by_uid(uid)) is not None:
            self.scope.replaced(left, now)

    def replace(self, old: Object, new: Object, now: float) -> Object:
        """Put ``new`` in the place of ``old`` as a client's update does; the object as it is stored, before
        controllers answer to it."""
        self._now = now
        new = self.store.put(prepare_for_update(old, new))
        self.store.remember_given(new["metadata"]["uid"], None)
        if new["kind"] == "Job":
            self.work_queue.add(new["metadata"]["uid"])
            self.groups.update(new)
            self.work_queue.expire(new)
            self._crons.job_changed(new)
        if new["kind"] == "CronJob":
            self._crons.replaced(old, new, now)
        if new["kind"] == "Pod":
            self.pods.replace(old, new)
            self.pod_touched(new)
            self.scope.pod_changed(new)
            self._jobs.claim(new["metadata"]["uid"])
            self.kubelet_updates.update(new)
            return new
        if new["kind"] in VOLUME_FILES:
            self.kubelet_updates.source_changed(new)
        self.services.update(new)
        self.scope.replaced(new, now)
        self.garbage_collector.settle(self.store.by_uid(new["metadata"]["uid"]) or new, now)
        return new

    def replaced(self, new: Object, now: float) -> Object:
        """Keep another version of a custom resource, whole; the object as it is stored."""
        self._now = now
        new = self.store.put(new)
        self.scope.replaced(new, now)
        self.garbage_collector.settle(new, now)
        return new

    def add_condition(self, uid: str, condition: Object) -> None:
        """Set one condition in the status of a pod."""
        if (pod := self.pods.add_condition(uid, condition)) is not None:
            self.kubelet_updates.update(pod)

    def create_job(self, job: Object, now: float) -> Object | None:
        """Create a Job, or what belongs to one, for a controller; None when there is one of that name."""
        made, told = create_object(self.store, job, now, admit=self.admit)
        if told.outcome == "created":
            self.arrived(made)
            return made
        return None

    def enqueue_job(self, uid: str, *, at_once: bool) -> None:
        """Something about a pod of this Job has changed."""
        if at_once:
            self.work_queue.add(uid)
        else:
            self.work_queue.add_after(uid, self._now)

    def pod_touched(self, pod: Object) -> None:
        """Something about a pod of no Job has changed."""
        self.scope.pod_touched(pod)

    def pod_created(self, pod: Object) -> None:
        """The pod waits for a place."""
        self._binder.add(pod, self._now, prepared=self._prepares)
        self.scope.arrived(pod, self._now)

    def take_place(self, pod: Object) -> None:
        """The pod, of an earlier life, has its place."""
        self._binder.take_place(pod)

    def pod_stopped(self, pod: Object, grace: float) -> None:
        """The pod is being deleted while it may run."""
        self.scope.pod_changed(pod)
        self.kubelet_updates.stop(pod["metadata"]["uid"], grace)

    def pod_over(self, uid: str) -> None:
        """The pod needs no place any more."""
        self.scheduler.drop(uid)
        self._binder.release(uid)
        self.scope.pod_over(self.pods.get(uid))

    def pod_gone(self, pod: Object) -> None:
        """The pod is in the store no more."""
        self.scope.gone(pod)
        self.changed_pods.pop(pod["metadata"]["uid"], None)
        self._owners.update(owner["uid"] for owner in pod["metadata"].get("ownerReferences") or ())

    def _job_synced(self, result: SyncResult) -> None:
        """The Job controller has synced a Job."""
        uid, status = result.job["metadata"]["uid"], result.job.get("status") or {}
        if status.get("failed") and not status.get("active") and not result.over and result.again_at:
            self.waiting_pods.hold(uid, None, WaitReason("BackOff"), self._now)
        else:
            self.waiting_pods.release(uid)
        self.groups.update(result.job)
        if result.changed:
            self._crons.job_changed(result.job, result.interim)

    def _gone(self, obj: Object) -> None:
        self.scope.gone(obj)
        uid = obj["metadata"]["uid"]
        if obj["kind"] == "Job":
            self.work_queue.forget(uid)
            self.waiting_pods.release(uid)
            self.groups.remove(uid)
            self._crons.job_changed(obj)
        if obj["kind"] == "CronJob":
            self._crons.forget(uid)
        if obj["kind"] == "PersistentVolume":
            self.kubelet_updates.volumes_gone = True
        self.services.remove(obj)
        self._owners.update(owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ())
