"""What ends a pod from outside its containers: its deadline, and volumes that grow too large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expander.kube.quantity import parse
from expander.local.kubelet.attempts import NEVER
from expander.local.kubelet.trees import size

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod

EVERY = 10.0
"""Seconds between two looks at the size of volumes, as the kubelet's eviction manager takes them."""
EVICTED_WITHIN = 1.0
"""Seconds a pod gets to end that is evicted for the size of a volume."""


class Watch:
    """The limits of one pod that became active at ``since``."""

    __slots__ = ("_deadline", "_limits", "_next", "_pod")

    def __init__(self, pod: Pod, since: float) -> None:
        self._pod = pod
        seconds = pod.spec.get("activeDeadlineSeconds")
        self._deadline = NEVER if seconds is None else since + float(seconds)
        self._limits = {
            volume["name"]: str(volume["emptyDir"]["sizeLimit"])
            for volume in pod.spec.get("volumes") or ()
            if (volume.get("emptyDir") or {}).get("sizeLimit")
        }
        self._next = since + EVERY if self._limits else NEVER

    def step(self, now: float) -> None:
        """End the pod if a limit is passed."""
        pod = self._pod
        if pod.stop is not None and pod.stop.reason is not None:
            return
        if now >= self._deadline:
            self._deadline = NEVER
            message = "Pod was active on the node longer than the specified deadline"
            pod.say("Normal", "DeadlineExceeded", message)
            pod.end(now, None, "DeadlineExceeded", message)
        elif now >= self._next:
            self._next = now + EVERY
            self._look(now)
        pod.wake_at(min(self._deadline, self._next))

    def _look(self, now: float) -> None:
        pod = self._pod
        for name, limit in self._limits.items():
            if parse(limit) > 0 and pod.volumes and size(pod.volumes[name].path) > parse(limit):
                message = f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". '
                pod.say("Warning", "Evicted", message)
                pod.end(now, EVICTED_WITHIN, "Evicted", message)
                return
