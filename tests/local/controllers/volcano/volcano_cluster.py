"""Volcano Jobs in a control plane without a node: pods run and end when a test says so."""

from __future__ import annotations

from typing import Any

from tests.local.controllers.cluster import Cluster

Object = dict[str, Any]
NAME = "train"


def task(name: str = "worker", replicas: int = 2, **fields: Any) -> Object:
    """A task whose pods have one container; ``cpu`` is what it asks for."""
    cpu = fields.pop("cpu", None)
    container: Object = {"name": "main", "image": "busybox", "command": ["true"]}
    if cpu:
        container["resources"] = {"requests": {"cpu": cpu}}
    spec = {"restartPolicy": "Never", "containers": [container]}
    return {"name": name, "replicas": replicas, "template": {"spec": spec}, **fields}


def volcano_job(*tasks: Object, name: str = NAME, **spec: Any) -> Object:
    """A Volcano Job of these tasks, by default of one with two pods."""
    return {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"tasks": list(tasks) or [task()], **spec},
    }


class Volcano:
    """One Volcano Job in a cluster, looked at from outside."""

    def __init__(self, cluster: Cluster, *tasks: Object, **spec: Any) -> None:
        self.cluster = cluster
        cluster.add(volcano_job(*tasks, **spec))

    @property
    def status(self) -> Object:
        found: Object = self.cluster.get("Job", "default", NAME)["status"]
        return found

    @property
    def phase(self) -> str:
        return str(self.status["state"]["phase"])

    @property
    def phases(self) -> list[str]:
        """Every phase it was in, in order."""
        return [each["status"] for each in self.status["conditions"]]

    @property
    def pods(self) -> dict[str, str]:
        """Name without the Job's, and phase, of the pods that are there."""
        return {
            pod["metadata"]["name"].removeprefix(f"{NAME}-"): pod["status"]["phase"]
            for pod in self.cluster.list("Pod")
            if "deletionTimestamp" not in pod["metadata"]
        }

    def pod(self, name: str) -> Object:
        return self.cluster.get("Pod", "default", f"{NAME}-{name}")

    @property
    def started(self) -> set[str]:
        """The pods that the node was told to start and that have not ended."""
        return {name.removeprefix(f"{NAME}-") for name in self.cluster.running}

    def run(self, *names: str, restarts: int = 0) -> None:
        """These pods run, and are ready."""
        for name in names or tuple(self.started):
            container = {"name": "main", "state": {"running": {}}, "restartCount": restarts}
            ready = [{"type": "Ready", "status": "True"}]
            status = {"phase": "Running", "containerStatuses": [container], "conditions": ready}
            uid = self.pod(name)["metadata"]["uid"]
            self.cluster.control.pod_changed(uid, status, (), self.cluster.now, gone=False)
        self.cluster.sync(1)

    def end(self, name: str, code: int = 0) -> None:
        self.cluster.end(f"{NAME}-{name}", code)

    def evict(self, name: str) -> None:
        self.cluster.evict("default", f"{NAME}-{name}")
        self.cluster.control.kubelet_updates.take_updates()
        self.cluster.sync(1)

    def stop(self) -> None:
        """The node has killed what it was told to stop."""
        self.cluster.sync()
        for uid in list(self.cluster.stopping):
            del self.cluster.stopping[uid]
            pod = self.cluster.control.pods.get(uid)
            if pod is None:
                continue
            self.cluster.running.pop(pod["metadata"]["name"], None)
            status = {"phase": "Failed", "containerStatuses": []}
            self.cluster.control.pod_changed(uid, status, (), self.cluster.now, gone=True)
        self.cluster.sync(1)
