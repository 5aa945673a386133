"""Which controller a Job belongs to.

Jobs of Kubernetes and of Volcano share names, states and owners here. A Volcano Job is known by its note from
the moment it comes in, so telling them apart costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from expander.kube.resources import Request, pod_request, with_requests
from expander.kube.volcano import API_VERSION, is_volcano
from expander.local.controllers.events import Recorder
from expander.local.controllers.job.controller import VOLCANO_NOTE, JobController, Summarize, SyncResult
from expander.local.controllers.pods import PodControl
from expander.local.scheduler import Scheduler
from expander.local.store.database import Object
from expander.local.store.events import EventStore
from expander.local.store.objects import ObjectStore

if TYPE_CHECKING:
    from expander.local.controllers.volcano.controller import VolcanoJobController


class JobControlPlane(Protocol):
    """The control plane that the Jobs belong to."""

    store: ObjectStore
    events: EventStore
    pods: PodControl
    scheduler: Scheduler
    is_shared: bool

    def arrived(self, obj: Object) -> None:
        """The object is in the store and was not there before."""

    def create_job(self, job: dict[str, object], now: float) -> Object | None:
        """Create a Job, or what belongs to one; None when there is one of that name."""


class JobControllers:
    """The Jobs of one cluster, told apart for the work queue."""

    def __init__(
        self,
        cluster: JobControlPlane,
        *,
        backoff_base: float,
        watched: bool,
        summarize: Summarize | None = None,
    ) -> None:
        """``backoff_base`` in seconds. ``watched``: somebody follows every version of the objects."""
        store, pods = cluster.store, cluster.pods
        recorder = Recorder(cluster.events, "job-controller")
        self._store = store
        self._jobs = JobController(
            store, pods, recorder, backoff_base=backoff_base, watched=watched, summarize=summarize
        )
        self._cluster = cluster
        self._volcano_jobs: VolcanoJobController | None = None

    @property
    def _volcano(self) -> VolcanoJobController:
        """The controller of Volcano Jobs, imported with the first of them."""
        if self._volcano_jobs is None:
            from expander.local.controllers.volcano.controller import VolcanoJobController

            cluster = self._cluster
            recorder = Recorder(cluster.events, "vc-controller-manager")
            self._volcano_jobs = VolcanoJobController(
                self._store, cluster.pods, cluster.scheduler, recorder, cluster
            )
        return self._volcano_jobs

    def read_ahead(self, uids: Sequence[str], needed: int) -> None:
        """The first of these Jobs, so many, are about to be synced, and then the others."""
        self._store.read_ahead(uids, needed)

    def deadline_request(self, uid: str) -> Request | None:
        """What a pod requests of a Job whose time begins with its first sync; None for any other Job."""
        job = self._store.by_uid(uid)
        if job is None or "activeDeadlineSeconds" not in job["spec"]:
            return None
        return pod_request(with_requests(job["spec"]["template"]["spec"]))

    def sync(self, uid: str, now: float, *, ahead: bool = False) -> SyncResult | None:
        """Look at one Job and do what is to be done; None when it is gone or over already.

        ``ahead``: it begins before there is room for its pods (see `start`).
        """
        note = self._store.noted(uid)
        if note is not None and VOLCANO_NOTE in note:
            return self._volcano.sync(uid, note[VOLCANO_NOTE], now)
        return self._jobs.sync(uid, now, ahead=ahead)

    def start(self, uid: str, now: float) -> None:
        """There is room now for the first pod of a Job that began before there was."""
        self._jobs.start(uid, now)

    def undo_start(self, uid: str) -> None:
        """There never was room for a pod of a Job that began before there was."""
        self._jobs.undo_start(uid)

    def command(self, command: Object, now: float) -> str | None:
        """Obey a Command of Volcano; the uid of the Job to look at, None when there is nothing to do."""
        target = command.get("target") or {}
        namespace = command["metadata"].get("namespace", "")
        job = self._store.get("Job", namespace, str(target.get("name") or ""), API_VERSION)
        if job is None or target.get("kind") != "Job":
            return None
        if target.get("uid") not in (None, job["metadata"]["uid"]):
            return None
        done = self.act(job, str(command.get("action") or ""), now)
        return job["metadata"]["uid"] if done else None

    def act(self, job: Object, action: str, now: float) -> bool:
        """Have an action carried out on a Volcano Job; whether there is anything to do."""
        return self._volcano.command(job, action, now)

    def claim(self, pod: str) -> None:
        """Settle whose the pod of that uid is after a client has made or changed it."""
        self._jobs.claim(pod)

    def arrived(self, job: Object) -> None:
        """The Job is new."""
        if is_volcano(job):
            self._volcano.arrived(job)

    def forget(self, uid: str) -> None:
        """The Job is gone from the store."""
        self._jobs.forget(uid)
        if self._volcano_jobs is not None or self._cluster.is_shared:
            self._volcano.gone(uid)
