"""One Job in a cluster in virtual time: the API, the garbage collector and the users, as Jobs see them.

Only the Job controller is real: `expander.local.controllers.job`. The node is `tests.local.virtual_node`.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Callable
from typing import Any

from expander.kube.time import api_time
from expander.kube.wellknown import FINALIZER, INDEX, number
from expander.local.controllers.job import conditions
from expander.local.controllers.job.context import Decision, Event, pod_created, pod_deleted
from expander.local.controllers.job.pods import JobPods, pod_name
from expander.local.controllers.job.sync import sync_job
from expander.local.registry import prepare_job_for_create
from tests.local.virtual_node import LAG, Node, Runner

Object = dict[str, Any]
START = 1_800_000_000.0


class Clock:
    """Virtual time: actions happen in order, and nothing takes any time in between."""

    def __init__(self) -> None:
        self.now = START
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something ``seconds`` from now."""
        heapq.heappush(self._queue, (self.now + seconds, next(self._order), action))

    def run(self, seconds: float) -> None:
        """Let time pass until nothing is left to happen, ``seconds`` after the start at the latest."""
        while self._queue and self._queue[0][0] <= START + seconds:
            self.now, _, action = heapq.heappop(self._queue)
            action()


class World:
    """One Job and all that happens to it.

    ``runner`` says how long a container runs and its exit code; ``batch`` and ``base`` are those of
    `decide`; ``watch`` sees every decision, before it is carried out.
    """

    def __init__(
        self,
        manifest: Object,
        runner: Runner,
        *,
        batch: float = 1.0,
        base: float = 10.0,
        watch: Callable[[World, Decision], None] = lambda world, decision: None,
    ) -> None:
        self.clock, self.batch, self.base, self._watch = Clock(), batch, base, watch
        self.node = Node(self.clock.after, self.changed, runner, lambda: api_time(self.clock.now))
        self.pods: dict[str, Object] = {}
        self.group = JobPods()
        self.created: list[Object] = []
        self.events: list[tuple[Event, float]] = []
        self.memory: Object = {}
        self.job: Object | None = prepare_job_for_create(manifest, "job-uid")
        self.name: str = self.job["metadata"]["name"]
        self.job["metadata"] |= {"uid": "job-uid", "creationTimestamp": api_time(START)}
        self._woken: float | None = None
        self.wake()

    @property
    def status(self) -> Object:
        """The Job's status."""
        assert self.job is not None, "the Job is gone"
        found: Object = self.job["status"]
        return found

    def pods_left(self) -> list[list[str]]:
        """Index and phase of the pods that are still there."""
        return sorted([index_of(pod), pod["status"]["phase"]] for pod in self.pods.values())

    def wake(self, delay: float = 0.0) -> None:
        """Let the Job controller look, after everything else that happens at that moment."""
        when = self.clock.now + delay
        if self._woken is None or when < self._woken:
            self._woken = when
            self.clock.after(delay, lambda: self._step(when))

    def _step(self, when: float) -> None:
        if self._woken != when or self.job is None:
            return
        self._woken = None
        memory = json.loads(json.dumps(self.memory))
        decision = sync_job(
            self.job, self.group, self.clock.now, memory=memory, backoff_base=self.base, batch=self.batch
        )
        self._watch(self, decision)
        self.memory = decision.memory
        if decision.changed:
            self.job["status"] = decision.status
        for uid in decision.release:
            self.release(uid)
        for uid in decision.delete:
            self.events.append((pod_deleted(self.pods[uid]["metadata"]["name"]), self.clock.now))
            self.delete_pod(uid)
        for pod in decision.create:
            self._create(pod)
        self.events += [(event, self.clock.now) for event in decision.events]
        if decision.again_at is not None:
            self.wake(max(0.0, decision.again_at - self.clock.now))
        expires = conditions.expires_at(self.job)
        if expires is not None:
            self.clock.after(max(0.0, expires - self.clock.now), self.delete_job)

    def _create(self, pod: Object) -> None:
        index = number(pod["metadata"].get("annotations"), INDEX, -1)
        name = pod_name(self.name, None if index < 0 else index, f"{len(self.created):05d}")
        stamp = api_time(self.clock.now)
        pod["metadata"] |= {"name": name, "uid": f"uid-{name}", "creationTimestamp": stamp}
        pod["status"] = {"phase": "Pending"}
        self.pods[pod["metadata"]["uid"]] = pod
        self.created.append(pod)
        self.events.append((pod_created(name), self.clock.now))
        self.changed(pod)
        self.clock.after(LAG, lambda: self.node.start(pod))

    def changed(self, pod: Object) -> None:
        """A pod is new or different: tell the controller, and let go of it when it is over and deleted."""
        metadata = pod["metadata"]
        over = pod["status"]["phase"] in ("Succeeded", "Failed")
        if over and "deletionTimestamp" in metadata and not metadata["finalizers"]:
            self.pods.pop(metadata["uid"], None)
            self.group.drop(metadata["uid"])
        elif metadata.get("ownerReferences"):
            self.group.put(pod)
        self.wake()

    def release(self, uid: str) -> None:
        """Take the tracking finalizer off a pod, which can only be done once."""
        pod = self.pods[uid]
        pod["metadata"]["finalizers"].remove(FINALIZER)
        self.changed(pod)

    def delete_pod(self, uid: str) -> None:
        """Delete a pod: its containers end a moment later."""
        pod = self.pods.get(uid)
        if pod is not None and "deletionTimestamp" not in pod["metadata"]:
            stamp = api_time(self.clock.now + 30)
            pod["metadata"] |= {"deletionTimestamp": stamp, "deletionGracePeriodSeconds": 30}
            self.node.stop(pod)
            self.changed(pod)

    def delete_job(self, *, orphan: bool = False) -> None:
        """Delete the Job and, unless they are to be orphans, its pods."""
        self.job = None
        for uid, pod in list(self.pods.items()):
            if orphan:
                pod["metadata"].pop("ownerReferences")
            if FINALIZER in pod["metadata"]["finalizers"]:
                self.release(uid)
            if not orphan:
                self.delete_pod(uid)

    def patch(self, changes: Object) -> None:
        """Change the Job's spec by a merge patch."""
        assert self.job is not None, "the Job is gone"
        merge(self.job, {"spec": changes})
        self.job["metadata"]["generation"] += 1
        self.wake()

    def add_condition(self, uid: str, kind: str) -> None:
        """Set a condition of a pod's status to True."""
        condition = {"type": kind, "status": "True", "lastTransitionTime": api_time(self.clock.now)}
        self.pods[uid]["status"].setdefault("conditions", []).append(condition)
        self.changed(self.pods[uid])

    def evict(self, uid: str) -> None:
        """Delete a pod as the eviction API does."""
        self.add_condition(uid, "DisruptionTarget")
        self.delete_pod(uid)

    def first_pod(self) -> str:
        """The uid of the oldest pod."""
        return next(iter(self.pods))

    def act(self, action: str) -> None:
        """One of the recorded actions."""
        verb, _, rest = action.partition(":")
        actions: dict[str, Callable[[], None]] = {
            "evict": lambda: self.evict(self.first_pod()),
            "delete-pod": lambda: self.delete_pod(self.first_pod()),
            "condition": lambda: self.add_condition(self.first_pod(), rest),
            "delete-job": self.delete_job,
            "delete-job-orphan": lambda: self.delete_job(orphan=True),
            "patch": lambda: self.patch(json.loads(rest)["spec"]),
        }
        actions[verb]()


def finished(world: World) -> str | None:
    """Complete, Failed, or None while the Job goes on."""
    end = conditions.finished(world.job) if world.job is not None else None
    return None if end is None else end["type"]


def index_of(pod: Object) -> str:
    """The completion index of a pod; empty for none."""
    index: str = pod["metadata"].get("annotations", {}).get(INDEX, "")
    return index


def merge(target: Object, patch: Object) -> None:
    """Apply a JSON merge patch."""
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            merge(target[key], value)
        elif value is None:
            target.pop(key, None)
        else:
            target[key] = value
