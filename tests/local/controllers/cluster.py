"""A control plane without a node: pods end when a test says so, and time is what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.local.api_operations import ApiOperations
from expander.local.control_plane import ControlPlane
from expander.local.controllers.job.controller import Summarize
from expander.local.scheduler import Scheduler
from expander.local.store.encoding import PackedConnection

Object = dict[str, Any]


class Cluster(ApiOperations):
    """A `Control` and what has been asked of its node so far. ``now`` is Unix seconds."""

    def __init__(
        self,
        database: PackedConnection,
        *,
        pods: int = 10,
        cpus: float = 4,
        history: int = 0,
        summarize: Summarize | None = None,
    ) -> None:
        self.now = 1_000_000.0
        self.scheduler = Scheduler(cpus=cpus, memory=2**30, pods=pods)
        self.control = ControlPlane(
            database, self.scheduler, node="here", history=history, summarize=summarize
        )
        super().__init__(self.control, lambda: self.now)
        self.running: dict[str, Object] = {}
        """The pods that the node was told to start and that have not ended, by name."""
        self.stopping: dict[str, float] = {}
        """The grace of the pods that the node was told to stop, by uid."""

    def sync(self, seconds: float = 0.0) -> None:
        """Let so much time pass, then do all that is due."""
        self.now += seconds
        while True:
            for pod in self.control.sync(self.now):
                self.running[pod["metadata"]["name"]] = pod
            self.stopping |= dict(self.control.kubelet_updates.take_stops())
            deadline = self.control.deadline()
            if deadline is None or deadline > self.now:
                break
        self.control.commit()

    def add(self, *objects: Mapping[str, Any]) -> None:
        """Submit, and do what follows."""
        self.submit(objects)
        self.sync()

    def end(self, name: str, code: int = 0, *, gone: bool = False) -> None:
        """The pod of that name, or whose name begins so, ends with this exit code."""
        (found,) = (each for each in self.running if each.startswith(name))
        pod = self.running.pop(found)
        terminated = {"exitCode": code, "reason": "Error" if code else "Completed"}
        status = {
            "phase": "Failed" if code else "Succeeded",
            "containerStatuses": [{"name": "main", "state": {"terminated": terminated}, "restartCount": 0}],
        }
        self.control.pod_changed(pod["metadata"]["uid"], status, (), self.now, gone=gone)
        self.sync(1)

    def names(self, kind: str) -> list[str]:
        """The names of all objects of a kind, without the random ending of pods' names."""
        found = [obj["metadata"]["name"] for obj in self.list(kind)]
        return [name[:-6] for name in found] if kind == "Pod" else found

    def told(self, name: str) -> list[tuple[str, str]]:
        """Reason and message of the events about an object."""
        return [(event["reason"], event["message"]) for event in self.events("default", name)]


def job(name: str = "job", **spec: Any) -> Object:
    """A Job of one container; ``cpu`` is what its pods ask for."""
    cpu = spec.pop("cpu", None)
    container: Object = {"name": "main", "image": "busybox", "command": ["true"]}
    if cpu:
        container["resources"] = {"requests": {"cpu": cpu}}
    template = {
        "metadata": {"labels": {"of": name}},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"jobgroup": "g"}},
        "spec": {**spec, "template": template},
    }


def conditions(job: Object) -> list[str]:
    """The types of the conditions that hold."""
    return [each["type"] for each in job["status"].get("conditions") or () if each["status"] == "True"]
