"""The CronJob controller over the store (syncAll in pkg/controller/cronjob).

A CronJob is synced when it or one of its Jobs changes, when a scheduled time comes, and again after each
change of its own status. Where somebody follows every version of a Job, so does the CronJob: an event that
counts how often something was seen then counts as in a cluster.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from expander.base.errors import ExpanderError
from expander.local.controllers.events import Recorder
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore
from expander.local.timers import Timers

if TYPE_CHECKING:
    from expander.local.controllers.cronjob.sync import CronDecision

FIRST_RETRY_SECONDS: Final = 0.005
MAX_RETRY_SECONDS: Final = 1000.0
"""Seconds until a Job that was refused is tried again: doubled each time (client-go's default queue)."""


class JobClient(Protocol):
    """What a CronJob needs done."""

    def create_job(self, job: dict[str, Any], now: float) -> Object | None:
        """Create a Job; None when there is one of that name. Raises ExpanderError when it is refused."""

    def delete(self, obj: Object, now: float) -> None:
        """Delete a Job and, after it, its pods."""


class CronJobController:
    """The CronJob controller of one store. ``zone`` is that of CronJobs that name none.

    What decides is imported with the first of them.
    """

    def __init__(self, store: ObjectStore, cluster: JobClient, recorder: Recorder, *, zone: str = "") -> None:
        self._store = store
        self._cluster = cluster
        self._recorder = recorder
        self._zone = zone
        self._queue: deque[tuple[str, Object | None]] = deque()
        self._looks: Timers[str] = Timers()
        self._refusals: dict[str, int] = {}

    @property
    def pending(self) -> bool:
        """Whether there is something to look at now."""
        return bool(self._queue)

    def deadline(self) -> float | None:
        """When the next scheduled time is to be seen to, Unix seconds."""
        return self._looks.next()

    def arrived(self, cron_job: Object) -> None:
        """The CronJob is new, or was there when the program started."""
        self._queue.append((cron_job["metadata"]["uid"], None))

    def replaced(self, old: Object, new: Object, now: float) -> None:
        """The CronJob was changed. A new schedule counts from its next time on, anything else at once."""
        from expander.local.controllers.cronjob.sync import next_schedule_time

        uid = new["metadata"]["uid"]
        if all(old["spec"].get(part) == new["spec"].get(part) for part in ("schedule", "timeZone")):
            self.arrived(new)
            return
        self._looks.drop(uid)
        if (at := next_schedule_time(new, now, zone=self._zone)) is not None:
            self._looks.set(uid, at)

    def job_changed(self, job: Object, interim: Object | None = None) -> None:
        """A Job is new, different or gone; ``interim`` is a version of it that came and went meanwhile."""
        if (owner := controller_of(job)) is not None:
            if interim is not None:
                self._queue.append((owner, interim))
            self._queue.append((owner, None))

    def forget(self, uid: str) -> None:
        """The CronJob is gone."""
        self._looks.drop(uid)
        self._refusals.pop(uid, None)
        self._recorder.forget(uid)

    def sync(self, now: float) -> None:
        """Look at every CronJob that there is a reason to look at."""
        for uid in self._looks.due(now):
            self._queue.append((uid, None))
        while self._queue:
            uid, version = self._queue.popleft()
            cron_job = self._store.by_uid(uid)
            if cron_job is not None and cron_job["kind"] == "CronJob":
                self._look(cron_job, self._jobs_of(uid, version), now)

    def _jobs_of(self, uid: str, version: Object | None) -> list[Object]:
        jobs = [each for each in self._store.owned(uid) if each["kind"] == "Job"]
        if version is not None:
            own = version["metadata"]["uid"]
            jobs = [version if each["metadata"]["uid"] == own else each for each in jobs]
        return jobs

    def _look(self, cron_job: Object, jobs: list[Object], now: float) -> None:
        from expander.local.controllers.cronjob.sync import status_after_start, sync_cron_job

        uid = cron_job["metadata"]["uid"]
        decision = sync_cron_job(cron_job, jobs, now, zone=self._zone)
        for event in decision.events:
            self._recorder.record(cron_job, *event, now)
        for job in decision.delete:
            if (there := self._store.by_uid(job)) is not None:
                self._cluster.delete(there, now)
        status = decision.status
        made = None if decision.create is None else self._create(cron_job, decision, now)
        if made is not None:
            status = status_after_start(status, made, decision.scheduled)
        if decision.changed or made is not None:
            self._store.put({**cron_job, "status": status})
            self._queue.append((uid, None))
        if decision.again_at is not None:
            self._looks.set(uid, decision.again_at)

    def _create(self, cron_job: Object, decision: CronDecision, now: float) -> Object | None:
        """The Job to take for active, or None when it could not be created or is another's."""
        from expander.local.controllers.cronjob.sync import created_job, refused_job

        assert decision.create is not None
        uid, metadata = cron_job["metadata"]["uid"], decision.create["metadata"]
        try:
            made = self._cluster.create_job(decision.create, now)
        except ExpanderError as error:
            self._recorder.record(cron_job, *refused_job(str(error)), now)
            times = self._refusals[uid] = self._refusals.get(uid, 0) + 1
            self._looks.set(uid, now + min(MAX_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(times - 1, 30)))
            return None
        self._refusals.pop(uid, None)
        if made is not None:
            self._recorder.record(cron_job, *created_job(made["metadata"]["name"]), now)
            return made
        there = self._store.get("Job", metadata["namespace"], metadata["name"], "batch/v1")
        ours = there is not None and controller_of(there) == uid
        return there if ours else None


def controller_of(obj: Object) -> str | None:
    """The uid of the CronJob that manages this object, or None."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and owner["kind"] == "CronJob":
            return str(owner["uid"])
    return None
