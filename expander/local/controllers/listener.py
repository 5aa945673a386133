"""Who has to act when something happens to a pod."""

from __future__ import annotations

from typing import Protocol

from expander.local.store.encoding import Object


class Listener(Protocol):
    """Is told of every step of a pod that others must follow."""

    def pod_created(self, pod: Object) -> None:
        """The pod is in the store and has no place yet."""

    def pod_stopped(self, pod: Object, grace: float) -> None:
        """The pod is being deleted while it may run; it has so many seconds."""

    def pod_over(self, uid: str) -> None:
        """The pod has ended or is gone: it needs no place any more."""

    def pod_gone(self, pod: Object) -> None:
        """The pod is in the store no more."""

    def job_touched(self, uid: str, *, at_once: bool) -> None:
        """Something about a pod of this Job has changed."""
