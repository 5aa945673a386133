"""Whether a container that ended is started again, and when.

pkg/kubelet/container/helpers.go (ShouldContainerBeRestarted) and the crash back-off of
pkg/kubelet/kuberuntime (doBackOff) decide. The first restart is immediate; from then on a container waits
the delay counted from its last end, and the delay doubles with each restart up to thirty times the base.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST = 30
"""Times the base delay: 10 s gives 300 s."""
FORGIVEN = 2
"""A container that was not restarted for this many longest delays starts anew at the base."""


class Backoff:
    """The crash back-off of one container."""

    __slots__ = ("base", "delay", "last")

    def __init__(self, base: float) -> None:
        self.base = base
        self.delay = 0.0
        self.last = 0.0

    def ready_at(self, ended: float, now: float) -> float:
        """The time from which a container that ended at ``ended`` may start."""
        if not self.delay or self._forgiven(now):
            return ended
        return ended + self.delay

    def restarted(self, now: float) -> None:
        """Note a restart: the next one waits twice as long."""
        longest = self.base * LONGEST
        self.delay = self.base if not self.delay or self._forgiven(now) else min(self.delay * 2, longest)
        self.last = now

    def _forgiven(self, now: float) -> bool:
        return now - self.last > self.base * LONGEST * FORGIVEN


def restarts(pod_policy: str, container: Mapping[str, Any], exit_code: int) -> bool:
    """Whether a container that exited with ``exit_code`` is started again in its pod.

    A container's own ``restartPolicyRules`` come first, then its own ``restartPolicy``, then the pod's.
    """
    for rule in container.get("restartPolicyRules") or ():
        if rule.get("action") == "Restart" and _matches(rule.get("exitCodes") or {}, exit_code):
            return True
    policy = container.get("restartPolicy") or pod_policy
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _matches(exit_codes: Mapping[str, Any], exit_code: int) -> bool:
    """Whether a rule's ``exitCodes`` include ``exit_code``."""
    among = exit_code in (exit_codes.get("values") or ())
    return (
        among if exit_codes.get("operator") == "In" else not among and exit_codes.get("operator") == "NotIn"
    )
