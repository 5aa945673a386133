"""Carries out what the scheduler finds: pods get their node, or learn why they wait."""

from __future__ import annotations

from typing import Final

from expander.local.controllers.names import timestamp
from expander.local.controllers.pod_status import unschedulable
from expander.local.controllers.pods import Pods
from expander.local.controllers.recorder import Recorder
from expander.local.controllers.scheduling import Scheduler
from expander.local.store.encoding import Object

LASTING: Final = ("Insufficient", "unschedulable")
"""What a message says of a pod that waits for more than its turn: that is worth an event."""


class Placement:
    """The pods of one scheduler, whose node is called ``node``."""

    def __init__(self, scheduler: Scheduler, pods: Pods, recorder: Recorder, node: str) -> None:
        self._scheduler = scheduler
        self._pods = pods
        self._recorder = recorder
        self._node = node

    def turn(self, now: float) -> list[Object]:
        """Place what can be placed; the pods that were."""
        placed = [self._pods.bind(uid, self._node) for uid in self._scheduler.place()]
        for uid, message in self._scheduler.left_over():
            if (pod := self._pods.get(uid)) is not None:
                self._pods.set_status(uid, unschedulable(pod["status"], message, timestamp(now)))
                if any(word in message for word in LASTING):
                    self._recorder.record(pod, "Warning", "FailedScheduling", message, now)
        return [pod for pod in placed if pod is not None]
