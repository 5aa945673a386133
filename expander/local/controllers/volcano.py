"""Runs the decisions of Volcano's Job controller over the store: gather, decide, act."""

from __future__ import annotations

from typing import Any, Final, Protocol

from expander.kube.volcano import end_of
from expander.local.controllers.creation import Creation
from expander.local.controllers.jobs import EXPIRY, Turn
from expander.local.controllers.pods import Pods
from expander.local.controllers.recorder import Recorder
from expander.local.controllers.scheduling import Scheduler
from expander.local.decide import ttl
from expander.local.decide.volcano import plugins
from expander.local.decide.volcano.machine import GangDecision, decide
from expander.local.decide.volcano.podmaker import owner_of
from expander.local.store.encoding import Object
from expander.local.store.objects import Store

NOTE: Final = "volcano"
"""The key under which the memory of a Volcano Job is noted; the note of no other Job has it."""


class Cluster(Protocol):
    """What the plugins need done."""

    def create_job(self, job: dict[str, Any], now: float) -> Object | None:
        """Create an object; None when there is one of that name."""


class VolcanoJobs:
    """The Volcano Jobs of one store."""

    def __init__(
        self, store: Store, pods: Pods, scheduler: Scheduler, recorder: Recorder, cluster: Cluster
    ) -> None:
        self._store = store
        self._pods = pods
        self._scheduler = scheduler
        self._recorder = recorder
        self._creation = Creation(pods, recorder)
        self._cluster = cluster

    def arrived(self, job: Object) -> None:
        """The Job is new."""
        self._store.note(job["metadata"]["uid"], {NOTE: {}})

    def turn(self, uid: str, memory: Object, now: float) -> Turn | None:
        """Look at one Job and do what is to be done; None when it is gone or over already."""
        job = self._store.hold(uid)
        if job is None or end_of(job):
            return None
        if not (job.get("status") or {}):
            for obj in plugins.companions(job, owner_of(job)):
                self._cluster.create_job(obj, now)
        decision = decide(job, self._pods.of_job(uid), now, memory=memory)
        before = job
        job = self._act(job, decision, now)
        over = end_of(job) is not None
        at = ttl.expires_at(job)
        self._store.note(uid, {NOTE: decision.memory} | ({} if at is None else {EXPIRY: at}))
        retry_at = self._creation.retry_at(uid, now)
        if over:
            self._pods.forget_job(uid)
            self.forget(uid)
            self._store.release(uid)
        elif retry_at is not None:
            decision.ask_again(retry_at)
        return Turn(job, decision.again_at, over, job is not before, None)

    def forget(self, uid: str) -> None:
        """The Job is over or gone."""
        self._creation.forget(uid)
        self._recorder.forget(uid)
        self._scheduler.gangs.forget(uid)

    def _act(self, job: Object, decision: GangDecision, now: float) -> Object:
        """Carry out the decision; the Job as it is then."""
        for uid in decision.delete:
            self._pods.delete(uid, now)
        for uid in decision.release:
            self._pods.release(uid)
        if decision.delete or decision.release:
            decision.ask_again(now)  # what is gone makes room for pods of the same name
        if decision.gang is not None:
            self._scheduler.expect(*decision.gang)
        self._creation.create(job, decision.create, now)
        if decision.changed:
            job = self._store.put({**job, "status": decision.status})
        for event in decision.events:
            self._recorder.record(job, *event, now)
        return job
