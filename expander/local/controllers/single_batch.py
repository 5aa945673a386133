"""What one person's batch has beside running Jobs: nothing; `ClusterScope` has what a shared cluster has.

`ControlPlane` tells either what comes, changes and goes.
"""

from __future__ import annotations

from expander.kube.resources import with_requests
from expander.kube.served_kinds import BUILT_IN, ServedKinds
from expander.local.store.database import Object


class SingleBatch:
    """The side of one person's batch: nothing is refused or counted; pods request what they limit."""

    kinds: ServedKinds = BUILT_IN
    """The kinds that there are."""

    @property
    def pending(self) -> bool:
        """Whether there is something to do at once."""
        return False

    def admit(self, obj: Object) -> Object:
        """A new object as it is to be stored. Raises `AdmissionError`."""
        return {**obj, "spec": with_requests(obj["spec"])} if obj["kind"] == "Pod" else obj

    def found(self, now: float) -> None:
        """Make what every cluster has and is not there, and take up what is."""

    def reached_at(self, address: str, port: int, authority: str | None, now: float) -> None:
        """Where the API server listens, and the certificate (PEM) of its authority."""

    def arrived(self, obj: Object, now: float) -> None:
        """The object is in the store, and new."""

    def replaced(self, obj: Object, now: float) -> None:
        """The object was changed."""

    def delete(self, obj: Object, now: float) -> bool:
        """Begin to delete ``obj`` if it is a namespace, which takes its time; whether it is."""
        return False

    def pod_over(self, pod: Object | None) -> None:
        """The pod has ended, or is about to be removed."""

    def gone(self, obj: Object) -> None:
        """The object is in the store no more."""

    def pod_touched(self, pod: Object) -> None:
        """Something about a pod of no Job has changed."""

    def pod_changed(self, pod: Object) -> None:
        """The status or the labels of a pod are others."""

    def next(self) -> float | None:
        """When there will be something to do (Unix seconds)."""
        return None

    def sync(self, now: float) -> None:
        """Do what is to be done now."""
