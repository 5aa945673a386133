"""The Jobs of Kubernetes and of Volcano, told apart.

They share names, states and owners here. A Volcano Job is known by its note from the moment it comes in, so
telling costs nothing.
"""

from __future__ import annotations

from typing import Protocol

from expander.kube.volcano import is_volcano
from expander.local.controllers.jobs import Jobs, Turn
from expander.local.controllers.pods import Pods
from expander.local.controllers.recorder import Recorder
from expander.local.controllers.scheduling import Scheduler
from expander.local.controllers.volcano import NOTE, VolcanoJobs
from expander.local.store.encoding import Object
from expander.local.store.events import Events
from expander.local.store.objects import Store


class Cluster(Protocol):
    """The control plane that the Jobs belong to."""

    store: Store
    events: Events
    pods: Pods
    scheduler: Scheduler

    def create_job(self, job: dict[str, object], now: float) -> Object | None:
        """Create a Job, or what belongs to one; None when there is one of that name."""


class Workloads:
    """The Jobs of one cluster, as the agenda looks at them."""

    def __init__(self, cluster: Cluster, *, backoff_base: float, watched: bool) -> None:
        """``backoff_base`` in seconds. ``watched``: somebody follows every version of the objects."""
        store, pods = cluster.store, cluster.pods
        recorder = Recorder(cluster.events, "job-controller")
        self._store = store
        self._jobs = Jobs(store, pods, recorder, backoff_base=backoff_base, watched=watched)
        recorder = Recorder(cluster.events, "vc-controller-manager")
        self._volcano = VolcanoJobs(store, pods, cluster.scheduler, recorder, cluster)

    def turn(self, uid: str, now: float) -> Turn | None:
        """Look at one Job and do what is to be done; None when it is gone or over already."""
        note = self._store.noted(uid)
        if note is not None and NOTE in note:
            return self._volcano.turn(uid, note[NOTE], now)
        return self._jobs.turn(uid, now)

    def arrived(self, job: Object) -> None:
        """The Job is new."""
        if is_volcano(job):
            self._volcano.arrived(job)

    def forget(self, uid: str) -> None:
        """The Job is gone from the store."""
        self._jobs.forget(uid)
        self._volcano.forget(uid)
