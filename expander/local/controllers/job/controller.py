"""The Job controller over the store: runs `sync.sync_job` and does what it decides.

Pods are created one first, then twice as many each time as long as all goes well (slowStartBatch); after a
refusal, by a quota say, the Job is tried again in 1 s, 2 s, 4 s … 60 s. A Job that has not begun costs
no memory: only its uid is known. From its first sync to its end it is held in memory; then it rests in the
store again, as do suspended Jobs and those that others manage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from expander.base.errors import ExpanderError
from expander.base.named_tuple import NamedTuple
from expander.kube.time import api_time
from expander.kube.wellknown import CONTROLLER
from expander.local.controllers.events import Recorder
from expander.local.controllers.job import conditions
from expander.local.controllers.job.context import Decision, pod_created, pod_deleted
from expander.local.controllers.job.pods import controller_reference
from expander.local.controllers.job.sync import sync_job
from expander.local.controllers.pods import (
    START_WRITTEN_SECONDS,
    PodControl,
    controller_of,
    has_controller,
    selects,
)
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

FIRST_RETRY_SECONDS: Final = 1.0
MAX_RETRY_SECONDS: Final = 60.0
"""Seconds (DefaultJobApiBackOff, MaxJobApiBackOff)."""


class PodCreator:
    """The pods that Jobs ask for, and how often each Job was refused one in a row."""

    def __init__(self, pods: PodControl, recorder: Recorder) -> None:
        self._pods = pods
        self._recorder = recorder
        self._refusals: dict[str, int] = {}
        self._words: dict[str, str] = {}

    def create(self, job: Object, wanted: Sequence[dict[str, Any]], now: float) -> int:
        """Create the pods ``wanted``, at least one; how many were not."""
        left = len(wanted)
        for batch in _batches(wanted):
            refused = sum(not self._create(job, pod, now) for pod in batch)
            left -= len(batch) - refused
            if refused:
                uid = job["metadata"]["uid"]
                self._refusals[uid] = self._refusals.get(uid, 0) + 1
                return left
        self.forget(job["metadata"]["uid"])
        return 0

    def retry_at(self, uid: str, now: float) -> float | None:
        """When to try again for a Job that was refused a pod, Unix seconds; None when it was not."""
        times = self._refusals.get(uid)
        return (
            None
            if times is None
            else now + min(MAX_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(times - 1, 30))
        )

    def forget(self, uid: str) -> None:
        """The Job asks for no more pods."""
        self._refusals.pop(uid, None)
        self._words.pop(uid, None)

    def refusal(self, uid: str) -> str | None:
        """Why the last pod was refused; None when it was not."""
        return self._words.get(uid)

    def _create(self, job: Object, pod: dict[str, Any], now: float) -> bool:
        try:
            made = self._pods.create(pod, now)
        except ExpanderError as error:
            self._words[job["metadata"]["uid"]] = str(error)
            self._recorder.record(job, "Warning", "FailedCreate", f"Error creating: {error}", now)
            return False
        self._recorder.record(job, *pod_created(made["metadata"]["name"]), now)
        return True


def _batches(wanted: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    start, size = 0, 1
    while start < len(wanted):
        yield wanted[start : start + size]
        start, size = start + size, size * 2


EXPIRY_NOTE: Final = "expires"
"""The key under which the time of deletion is noted of a finished Job that has one."""

VOLCANO_NOTE: Final = "volcano"
"""The key under which the memory of a Volcano Job is noted; the note of no other Job has it."""


class SyncResult(NamedTuple):
    """What came of looking at a Job: the Job as it is now, when to look again, and whether it is over.

    ``changed``: its status is another than before; ``interim`` is a version in between that was shown.
    """

    job: Object
    again_at: float | None
    over: bool
    changed: bool
    interim: Object | None


Summarize: TypeAlias = Callable[[Object, Callable[[], Sequence[Object]]], bytes | None]
"""Makes a summary (see `ObjectStore.summarize`) of a Job that has ended. It asks for the pods that the Job
has had only if it needs them, as they may be many.
"""


class JobController:
    """The Job controller of one store."""

    def __init__(
        self,
        store: ObjectStore,
        pods: PodControl,
        recorder: Recorder,
        *,
        backoff_base: float,
        watched: bool = False,
        summarize: Summarize | None = None,
    ) -> None:
        """``backoff_base`` in seconds. ``watched``: somebody follows every version of the objects."""
        self._store = store
        self._summarize = summarize
        self._pods = pods
        self._recorder = recorder
        self._creation = PodCreator(pods, recorder)
        self._base = backoff_base
        self._watched = watched
        self._memories: dict[str, dict[str, Any]] = {}
        self._ahead: set[str] = set()
        """Jobs that began before there was room for their pods."""

    @property
    def open(self) -> int:
        """How many Jobs have begun and are not over."""
        return len(self._memories)

    def sync(self, uid: str, now: float, *, ahead: bool = False) -> SyncResult | None:
        """Look at one Job and do what is to be done; None when it is gone or over already.

        ``ahead``: it begins before there is room for its pods (see `start`).
        """
        if ahead:
            self._ahead.add(uid)
        memory = self._memories.get(uid)
        job = self._store.by_uid(uid) if memory is not None else self._begin(uid)
        if job is None:
            return None
        memory = self._memories[uid]
        pods, base, watched = self._pods.of_job(uid), self._base, self._watched
        decision = sync_job(job, pods, now, memory=memory, backoff_base=base, watched=watched)
        before = job
        job, interim = self._act(job, decision, now)
        over = conditions.finished(job) is not None
        if over:
            self._end(job)
            self._sum_up(job, decision.release)
        elif decision.memory != memory:
            self._memories[uid] = decision.memory
            self._store.note(uid, decision.memory)
        if not over and not self._pods.of_job(uid) and rests(job):
            self._memories.pop(uid)
            self._store.release(uid)
        retry_at = self._creation.retry_at(uid, now)
        if retry_at is not None:
            decision.ask_again(retry_at)
        return SyncResult(job, decision.again_at, over, job is not before, interim)

    def start(self, uid: str, now: float) -> None:
        """There is room now for the first pod of a Job that began before there was: it starts now."""
        if uid in self._ahead:
            self._ahead.discard(uid)
            if (job := self._store.by_uid(uid)) is not None and "startTime" in (job.get("status") or ()):
                self._put_start({**job, "status": {**job["status"], "startTime": api_time(now)}}, now)

    def undo_start(self, uid: str) -> None:
        """There never was room for a pod of the Job, if it began before there was: it has not started."""
        if uid in self._ahead and (job := self._store.by_uid(uid)) is not None:
            status = {key: value for key, value in (job.get("status") or {}).items() if key != "startTime"}
            self._store.put({**job, "status": status})

    def _put_start(self, job: Object, now: float) -> Object:
        by = None if job["metadata"]["uid"] in self._ahead else now + START_WRITTEN_SECONDS
        return self._store.put(job, durable=False, by=by)

    def forget(self, uid: str) -> None:
        """The Job is gone from the store."""
        self._ahead.discard(uid)
        self._memories.pop(uid, None)
        self._creation.forget(uid)
        self._pods.forget_job(uid)
        self._recorder.forget(uid)

    def _begin(self, uid: str) -> Object | None:
        job = self._store.hold(uid)
        if job is None:
            return None
        if conditions.finished(job):
            self._store.release(uid)
            return None
        self._memories[uid] = self._store.noted(uid) or {}
        if job["spec"].get("manualSelector"):
            for pod in self._store.of_kind("Pod", job["metadata"]["namespace"]):
                if not has_controller(pod):
                    self._adopt(job, pod)
        return job

    def claim(self, uid: str) -> None:
        """Settle whose a pod is after a client has made or changed it (ClaimPods of PodControllerRefManager).

        A pod of a Job whose selector no longer means it is released; one without a controller is adopted by
        the Job whose selector means it. A pod of nobody is tracked by nobody: it loses the finalizer.
        """
        pod = self._pods.get(uid)
        if pod is None:
            return
        owner = controller_of(pod)
        if owner in self._memories:
            job = self._store.by_uid(owner)
            if job is not None and not selects(job, pod):
                self._pods.disown(uid, owner)
        elif not has_controller(pod) and not any(map(partial(self._adopt, pod=pod), self._begun())):
            self._pods.release(uid)

    def _begun(self) -> Iterator[Object]:
        return (job for uid in list(self._memories) if (job := self._store.by_uid(uid)) is not None)

    def _act(self, job: Object, decision: Decision, now: float) -> tuple[Object, Object | None]:
        """Carry out the decision; the Job as it is then, and as it was shown in between."""
        record = self._recorder.record
        interim = None
        if decision.changed and decision.interim is not None:
            interim = self._store.put({**job, "status": decision.interim})
        for uid in decision.delete:
            pod = self._pods.get(uid)
            if pod is not None:
                record(job, *pod_deleted(pod["metadata"]["name"]), now)
                self._pods.delete(uid, now)
        for uid in decision.release:
            self._pods.release(uid)
        status, changed = decision.status, decision.changed
        missing = self._creation.create(job, decision.create, now) if decision.create else 0
        if missing:
            status = _without(status, missing)
            changed = status != job["status"]
        if changed or interim is not None:
            starts = self._tells_start_only(job, decision)
            job = {**job, "status": status}
            job = self._put_start(job, now) if starts else self._store.put(job)
        for event in decision.events:
            record(job, *event, now)
        return job, interim

    def _tells_start_only(self, job: Object, decision: Decision) -> bool:
        """Whether the first status of a Job tells no more than the pods do that are written at once."""
        if self._watched or decision.release or decision.memory or decision.status.get("conditions"):
            return False
        return "startTime" not in (job.get("status") or ())

    def _end(self, job: Object) -> None:
        uid = job["metadata"]["uid"]
        at = conditions.expires_at(job)
        if at is not None or self._memories[uid]:
            self._store.note(uid, None if at is None else {EXPIRY_NOTE: at})
        self._memories.pop(uid)
        self._ahead.discard(uid)
        self._creation.forget(uid)
        self._pods.forget_job(uid)
        self._recorder.forget(uid)
        self._store.release(uid)

    def _sum_up(self, job: Object, counted: Sequence[str]) -> None:
        """Keep a summary of a Job that has ended; ``counted`` are the pods that were counted last."""
        if self._summarize is None:
            return
        uid = job["metadata"]["uid"]
        summary = self._summarize(job, partial(self._pods_ever, job, counted))
        if summary is not None:
            self._store.summarize(uid, summary)

    def _pods_ever(self, job: Object, counted: Sequence[str]) -> Sequence[Object]:
        uid, status = job["metadata"]["uid"], job["status"]
        pods = [*filter(None, map(self._store.by_uid, counted))]
        if len(pods) != (status.get("succeeded") or 0) + (status.get("failed") or 0):
            pods = self._store.owned(uid)
        return [*self._store.deleted_pods(uid), *pods]

    def _adopt(self, job: Object, pod: Object) -> bool:
        """Take over a pod without a controller if the Job's selector means it; whether it does."""
        deleted = job["metadata"].get("deletionTimestamp") or pod["metadata"].get("deletionTimestamp")
        if deleted or not selects(job, pod):
            return False
        self._pods.adopt(pod["metadata"]["uid"], controller_reference(job))
        return True


def _without(status: Object, pods: int) -> Object:
    """The status with so many active pods less: they could not be created."""
    active = status.get("active", 0) - pods
    status = {key: value for key, value in status.items() if key != "active"}
    return status | ({"active": active} if active > 0 else {})


def rests(job: Object) -> bool:
    """Whether nothing happens to the Job, which has no pods, until somebody changes it."""
    spec = job["spec"]
    return bool(spec.get("suspend")) or spec.get("managedBy", CONTROLLER) != CONTROLLER
