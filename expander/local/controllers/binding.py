"""Binds pods to the node the scheduler found for them, or tells them why they wait."""

from __future__ import annotations

from typing import Final

from expander.kube.time import api_time
from expander.local.controllers.events import Recorder
from expander.local.controllers.pods import PodControl, unschedulable
from expander.local.scheduler import Scheduler
from expander.local.store.database import Object

REPORTED_REASONS: Final = ("Insufficient", "unschedulable", "pod group")
"""What a message says of a pod that waits for more than a free place: that is worth an event."""


class Binder:
    """The pods of one scheduler, whose node is called ``node``. ``told``: every pod's place is an event."""

    def __init__(
        self, scheduler: Scheduler, pods: PodControl, recorder: Recorder, node: str, *, told: bool = False
    ) -> None:
        self._scheduler = scheduler
        self._pods = pods
        self._recorder = recorder
        self._node = node
        self._told = told

    def sync(self, now: float) -> tuple[list[Object], list[tuple[Object, str]]]:
        """Place what can be placed: the pods that were, and new ones that were not, each with why."""
        found = (self.bind(uid, now) for uid in self._scheduler.place())
        placed = [pod for pod in found if pod is not None]
        for pod in placed if self._told else ():
            whole = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            message = f"Successfully assigned {whole} to {self._node}"
            self._recorder.record(pod, "Normal", "Scheduled", message, now)
        left = []
        for uid, why in self._scheduler.left_over():
            if (waiting := self._pods.get(uid)) is not None:
                left.append((waiting, why))
                self._pods.set_status(uid, unschedulable(waiting["status"], why, api_time(now)))
                if any(word in why for word in REPORTED_REASONS):
                    self._recorder.record(waiting, "Warning", "FailedScheduling", why, now)
        return placed, left

    def bind(self, uid: str, now: float) -> Object | None:
        """Give a pod its node; None when it is gone."""
        return self._pods.bind(uid, self._node, now)
