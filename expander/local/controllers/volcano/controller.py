"""The controller of Volcano Jobs over the store."""

from __future__ import annotations

from typing import Any, Protocol

from expander.kube.volcano import ABORTED, ENDS, end_of, phase_of
from expander.kube.wellknown import FINALIZER
from expander.local.controllers.events import Recorder
from expander.local.controllers.job import conditions
from expander.local.controllers.job.controller import EXPIRY_NOTE, VOLCANO_NOTE, PodCreator, SyncResult
from expander.local.controllers.pods import PodControl
from expander.local.controllers.volcano import plugins
from expander.local.controllers.volcano.pods import owner_of
from expander.local.controllers.volcano.policies import COMMAND, LifecycleEvent
from expander.local.controllers.volcano.queues import PodGroupController
from expander.local.controllers.volcano.sync import VolcanoDecision, resumed_status, sync_volcano_job
from expander.local.scheduler import Scheduler
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore


class ObjectCreator(Protocol):
    """What the plugins need done; ``is_shared``: it is a cluster that has PodGroups and Queues."""

    is_shared: bool

    def arrived(self, obj: Object) -> None:
        """The object is in the store and was not there before."""

    def create_job(self, job: dict[str, Any], now: float) -> Object | None:
        """Create an object; None when there is one of that name."""


class VolcanoJobController:
    """The Volcano Jobs of one store."""

    def __init__(
        self,
        store: ObjectStore,
        pods: PodControl,
        scheduler: Scheduler,
        recorder: Recorder,
        cluster: ObjectCreator,
    ) -> None:
        self._store = store
        self._pods = pods
        self._scheduler = scheduler
        self._recorder = recorder
        self._creation = PodCreator(pods, recorder)
        self._cluster = cluster
        self._pod_groups = PodGroupController(store, cluster.arrived) if cluster.is_shared else None

    def arrived(self, job: Object) -> None:
        """The Job is new."""
        self._store.note(job["metadata"]["uid"], {VOLCANO_NOTE: {}})

    def command(self, job: Object, action: str, now: float) -> bool:
        """Have an action carried out that somebody asks for; whether there is anything to do."""
        uid = job["metadata"]["uid"]
        phase = phase_of(job)
        if phase in ENDS and not (phase == ABORTED and action == "ResumeJob"):
            return False
        memory: dict[str, Any] = {**((self._store.noted(uid) or {}).get(VOLCANO_NOTE) or {})}
        if phase == ABORTED:
            memory = {"seen": self._take_up_pods(uid)}
            self._store.put({**job, "status": resumed_status(job, now)})
        else:
            why = LifecycleEvent(COMMAND, "", "", 0, now)
            memory["orders"] = [*(memory.get("orders") or ()), [action, now, list(why)]]
        self._store.note(uid, {VOLCANO_NOTE: memory})
        return True

    def _take_up_pods(self, uid: str) -> dict[str, str]:
        """Think of the pods of a Job again that was over; how each has ended."""
        ends = {}
        for pod in self._store.owned(uid):
            if pod["kind"] == "Pod":
                metadata = pod["metadata"]
                finalizers = [*(metadata.get("finalizers") or ()), FINALIZER]
                held = {**metadata, "finalizers": [*dict.fromkeys(finalizers)]}
                self._pods.restore(self._store.put({**pod, "metadata": held}))
                ends[metadata["uid"]] = str((pod.get("status") or {}).get("phase") or "")
        return ends

    def sync(self, uid: str, memory: Object, now: float) -> SyncResult | None:
        """Look at one Job and do what is to be done; None when it is gone or over already."""
        job = self._store.hold(uid)
        if job is None or end_of(job):
            return None
        if not (job.get("status") or {}):
            for obj in plugins.plugin_objects(job, owner_of(job)):
                self._cluster.create_job(obj, now)
        decision = sync_volcano_job(job, self._pods.of_job(uid), now, memory=memory)
        before = job
        job = self._act(job, decision, now)
        over = end_of(job) is not None
        at = conditions.expires_at(job)
        self._store.note(uid, {VOLCANO_NOTE: decision.memory} | ({} if at is None else {EXPIRY_NOTE: at}))
        retry_at = self._creation.retry_at(uid, now)
        if over:
            self._pods.forget_job(uid)
            self.forget(uid)
            self._store.release(uid)
        elif retry_at is not None:
            decision.ask_again(retry_at)
        return SyncResult(job, decision.again_at, over, job is not before, None)

    def forget(self, uid: str) -> None:
        """The Job is over or gone."""
        self._creation.forget(uid)
        self._recorder.forget(uid)
        self._scheduler.pod_groups.forget(uid)

    def gone(self, uid: str) -> None:
        """The Job is in the store no more."""
        self.forget(uid)
        if self._pod_groups is not None:
            self._pod_groups.job_gone(uid)

    def _act(self, job: Object, decision: VolcanoDecision, now: float) -> Object:
        """Carry out the decision; the Job as it is then."""
        for uid in decision.delete:
            self._pods.delete(uid, now)
        for uid in decision.release:
            self._pods.release(uid)
        if decision.delete or decision.release:
            decision.ask_again(now)  # what is gone makes room for pods of the same name
        if decision.pod_group is not None:
            self._scheduler.expect(*decision.pod_group)
        self._creation.create(job, decision.create, now)
        if decision.changed:
            job = self._store.put({**job, "status": decision.status})
        for event in decision.events:
            self._recorder.record(job, *event, now)
        if self._pod_groups is not None:
            self._pod_groups.job_synced(job, now)
        return job
