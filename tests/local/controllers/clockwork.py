"""A control plane in virtual time whose pods sleep as their commands say and exit with the code they name."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Mapping
from typing import Any

from expander.kube.time import api_time
from expander.local.api_operations import ApiOperations
from expander.local.control_plane import ControlPlane
from expander.local.scheduler import Scheduler
from expander.local.store.encoding import PackedConnection

Object = dict[str, Any]

LAG = 0.02
"""Seconds from the order to start a pod to its first process."""


class Clockwork(ApiOperations):
    """A `Control` from the Unix time ``now`` on. Commands are ``sleep N`` and ``exit N``, joined by ``;``."""

    def __init__(self, database: PackedConnection, now: float, *, shared: bool = False) -> None:
        self.now = now
        scheduler = Scheduler(cpus=64, memory=2**38, pods=100)
        self.control = ControlPlane(database, scheduler, node="node-1", history=10_000, shared=shared)
        super().__init__(self.control, lambda: self.now)
        self._pods: list[tuple[float, int, str, Object]] = []
        self._order = itertools.count()

    def play(self, until: float) -> None:
        """Let time pass up to ``until``, doing each thing when it is due."""
        while True:
            for pod in self.control.sync(self.now):
                self._start(pod)
            for uid, _ in self.control.kubelet_updates.take_stops():
                self._later(LAG, uid, ended(143, self.now))
            times = [until, *(at for at in (self.control.deadline(),) if at is not None)]
            if self._pods:
                times.append(self._pods[0][0])
            if min(times) >= until:
                self.now = until
                return
            self.now = max(self.now, min(times))
            while self._pods and self._pods[0][0] <= self.now:
                _, _, uid, status = heapq.heappop(self._pods)
                over = status["phase"] != "Running"
                self.control.pod_changed(uid, status, (), self.now, gone=over)

    def named(self, kind: str) -> list[str]:
        """The names of the objects of a kind."""
        return [each["metadata"]["name"] for each in self.list(kind)]

    def told(self, namespace: str, name: str) -> list[tuple[str, str, str, int]]:
        """Type, reason, message and count of the events about an object."""
        return [
            (each["type"], each["reason"], each["message"], each["count"])
            for each in self.events(namespace, name)
        ]

    def _start(self, pod: Object) -> None:
        command = pod["spec"]["containers"][0]["command"][-1]
        seconds = sum(map(float, re.findall(r"sleep ([\d.]+)", command)))
        code = next(map(int, re.findall(r"exit (\d+)", command)), 0)
        uid = pod["metadata"]["uid"]
        self._later(LAG, uid, {"phase": "Running", "startTime": api_time(self.now)})
        self._later(LAG + seconds + LAG, uid, ended(code, self.now + LAG + seconds))

    def _later(self, seconds: float, uid: str, status: Object) -> None:
        heapq.heappush(self._pods, (self.now + seconds, next(self._order), uid, status))


def ended(code: int, at: float) -> Object:
    """The status of a pod whose only container exited with ``code``."""
    terminated = {"exitCode": code, "finishedAt": api_time(at)}
    status = {"name": "c", "restartCount": 0, "state": {"terminated": terminated}}
    return {"phase": "Failed" if code else "Succeeded", "containerStatuses": [status]}


def cron_job(name: str = "tick", command: str = "exit 0", **spec: Any) -> Object:
    """A CronJob of every minute whose Jobs run ``command`` and are not tried again."""
    container = {"name": "c", "image": "busybox", "command": ["sh", "-c", command]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job: Mapping[str, Any] = {"spec": {"backoffLimit": 0, "template": template}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {"schedule": "* * * * *", "jobTemplate": job, **spec},
    }
