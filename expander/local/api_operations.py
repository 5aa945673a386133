"""What a client of the cluster may do, in the words of the API: submit, get, list, patch, delete, evict.

Nothing here waits or runs: the executor's loop does what follows.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expander.base.errors import NotFound
from expander.base.late_module import late_module
from expander.kube import selectors
from expander.kube.time import api_time
from expander.local.control_plane import ControlPlane
from expander.local.controllers.garbage_collector import Propagation
from expander.local.registry import CreateResult, create_object
from expander.local.requests import Suspension
from expander.local.store.database import Object
from expander.local.store.events import api_event, columns_of
from expander.local.store.job_states import (
    FINISHED,
    PENDING,
    UNFINISHED,
    job_state,
    lets_expired_go,
    pod_run_state,
)
from expander.local.store.objects import Change

if TYPE_CHECKING:
    from expander.kube import merge_patch
else:
    merge_patch = late_module("expander.kube.merge_patch")

COMMIT_EVERY: Final = 500
"""Objects that come in between two commits."""


class ApiOperations:
    """A client's side of a `ControlPlane`. Methods raise `NotFound` where it needs an object that is not
    there. Objects that are given out are not to be changed."""

    def __init__(self, control: ControlPlane, clock: Callable[[], float]) -> None:
        self._control = control
        self._clock = clock

    def submit(
        self, objects: Iterable[Mapping[str, Any]], *, namespace: str = "default"
    ) -> list[CreateResult]:
        """Store valid manifests of any kind; durable on return. ``namespace`` is for those that name none."""
        found = []
        for number, obj in enumerate(objects, 1):
            self._control.store.begin()
            stored, told = create_object(
                self._control.store, obj, self._clock(), namespace=namespace, admit=self._control.admit
            )
            if told.outcome == "created":
                self._control.arrived(stored)
            found.append(told)
            if number % COMMIT_EVERY == 0:
                self._control.commit()
        self._control.commit()
        return found

    def release(self, uid: str) -> None:
        """Let a Job go on that was held when the executor was made."""
        self._control.work_queue.release(uid)

    @property
    def held(self) -> int:
        """How many unfinished Jobs of an earlier executor are held."""
        return len(self._control.work_queue.held)

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object of that name, or None."""
        return self._control.store.get(kind, namespace, name)

    def by_uid(self, uid: str) -> Object | None:
        """The object of that uid, or None."""
        return self._control.store.by_uid(uid)

    def get(self, kind: str, namespace: str, name: str) -> Object:
        """The object of that name."""
        obj = self.find(kind, namespace, name)
        if obj is None:
            raise NotFound(f"there is no {kind} {namespace}/{name}")
        return obj

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> Iterator[Object]:
        """The objects of a kind that a label selector means, by namespace and name."""
        wanted = selectors.parse(selector)
        for obj in self._control.store.of_kind(kind, namespace):
            if wanted.matches(obj["metadata"].get("labels")):
                yield obj

    def owned(self, uid: str) -> builtins.list[Object]:
        """The pods that have the object of that uid as their first owner, oldest first."""
        return [each for each in self._control.store.owned(uid) if each["kind"] == "Pod"]

    def pods_ever(self, uid: str) -> builtins.list[Object]:
        """The pods that the Job of that uid has had, those that were deleted too, oldest first."""
        pods = [*self._control.store.deleted_pods(uid), *self.owned(uid)]
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def delete(
        self,
        kind: str,
        namespace: str,
        name: str,
        propagation: Propagation = "Background",
        grace: float | None = None,
    ) -> None:
        """Delete an object; ``grace`` (seconds) is for pods."""
        self._control.delete(self.get(kind, namespace, name), self._clock(), propagation, grace)

    def patch(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        """Apply a JSON merge patch and give the object as it is then. Whether the change is allowed is not
        checked here: see `validate.updates`."""
        old = self.get(kind, namespace, name)
        return self._control.replace(old, merge_patch.merged(old, patch), self._clock())

    def suspend(self, uid: str, suspended: bool) -> bool:
        """Suspend the Job or CronJob of that uid, or resume it; whether that changes anything."""
        obj = self._control.store.by_uid(uid)
        if obj is None or obj["kind"] not in ("Job", "CronJob"):
            return False
        return self._control.suspend(obj, suspended, self._clock())

    def obey(
        self, requests: Iterable[tuple[Path, Suspension | None]], *, sync: bool = False
    ) -> builtins.list[Suspension]:
        """Do what is asked for, durably, and remove the files; what was done, with the Jobs it changed.

        One that cannot be read is removed. ``sync``: controllers answer at once, as there is no loop.
        """
        done, files = [], []
        for path, request in requests:
            files.append(path)
            if request is not None:
                changed = [uid for uid in request.uids if self.suspend(uid, request.suspend)]
                done.append(request._replace(uids=changed))
        if sync:
            self._control.work_queue.sync(self._clock())
        if files:
            self._control.commit()
        for path in files:
            path.unlink(missing_ok=True)
        return done

    def evict(self, namespace: str, name: str, grace: float | None = None) -> None:
        """Delete a pod as the eviction API does: marked as disrupted."""
        pod = self.get("Pod", namespace, name)
        self._condition(pod, "DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting")
        self.delete("Pod", namespace, name, grace=grace)

    def set_condition(
        self, namespace: str, name: str, type: str, status: str = "True", reason: str = "", message: str = ""
    ) -> None:
        """Set a condition in the status of a pod."""
        self._condition(self.get("Pod", namespace, name), type, status, reason, message)

    def events(self, namespace: str | None = None, name: str | None = None) -> Iterator[Object]:
        """The v1 Events about the objects of that name, or of a namespace, or all, oldest first."""
        return map(api_event, self._control.events.of(namespace, name))

    def events_changed(self, version: int | None = None) -> int:
        """How many events there were so far, each counted as often as it was; up to ``version``."""
        events = self._control.events
        return events.changed if version is None else events.changed_at(version)

    def events_since(self, changed: int, fields: Mapping[str, str]) -> Sequence[tuple[Object, bool]] | None:
        """The v1 Events since there were ``changed``, and whether each is new; None when it is not known.

        Those that have other values than ``fields`` may be left out.
        """
        found = self._control.events.since(changed, columns_of(fields))
        return None if found is None else [(api_event(event), new) for event, new in found]

    def job_states(self) -> dict[str, str]:
        """The state of every Job by its uid."""
        return dict(self._control.store.states("Job"))

    def keep_finished(self) -> None:
        """Let finished Jobs stay beyond their ttlSecondsAfterFinished, until `delete_expired`."""
        self._control.work_queue.keeps_finished = True

    def delete_expired(self) -> int:
        """Delete the finished Jobs whose ttlSecondsAfterFinished is over, as `lets_expired_go`; how many."""
        if not lets_expired_go(self._control.store.states("Job", UNFINISHED)):
            return 0
        return self._control.delete_expired(self._clock(), "Background")

    def group(self, selector: str = "") -> dict[str, int]:
        """How many of the Jobs that the selector means are pending, running, suspended, succeeded, failed."""
        return self._control.groups.counts(selector)

    @property
    def version(self) -> int:
        """The resource version of the last change of anything."""
        return self._control.store.version

    def since(self, version: int) -> Sequence[Change] | None:
        """The changes after ``version``, for a watch; None when not all of them are kept any more."""
        return self._control.store.since(version)

    def take_finished(self) -> Iterator[Object]:
        """The Jobs that have ended since the last call and are still there, in order."""
        finished = self._control.work_queue.finished
        while finished:
            job = self._control.store.by_uid(finished.popleft())
            if job is not None and job_state(job) in FINISHED:  # one that was aborted may be resumed
                yield job

    def take_changed_pods(self) -> Iterator[Object]:
        """The pods without a Job that have another status than at the last call, and are still there."""
        changed = self._control.changed_pods
        while changed:
            if (pod := self._control.store.by_uid(changed.popitem()[0])) is not None:
                yield pod

    def pod_run_state(self, pod: Mapping[str, Any]) -> str:
        """The state of a pod without a Job, in the words of Jobs; one that waits for something is pending."""
        state = pod_run_state(pod)
        return PENDING if pod["metadata"]["uid"] in self._control.waiting_pods else state

    def _condition(self, pod: Object, type: str, status: str, reason: str, message: str) -> None:
        condition = {"type": type, "status": status, "lastProbeTime": None}
        condition["lastTransitionTime"] = api_time(self._clock())
        condition |= {key: value for key, value in (("reason", reason), ("message", message)) if value}
        self._control.add_condition(pod["metadata"]["uid"], condition)
