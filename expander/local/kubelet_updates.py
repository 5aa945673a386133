"""What the control plane tells the kubelet between two steps."""

from __future__ import annotations

from expander.local.store.database import Object
from expander.local.store.objects import Key


class KubeletUpdates:
    """The pods to be stopped, with the seconds each has, and those that somebody has changed.

    ``volumes_gone``: there are folders of PersistentVolumes that are no more.
    """

    def __init__(self) -> None:
        self.volumes_gone = False
        self._sources: set[Key] = set()
        self._stops: list[tuple[str, float]] = []
        self._updates: list[Object] = []

    def __bool__(self) -> bool:
        return bool(self._stops or self._updates)

    def stop(self, uid: str, grace: float) -> None:
        """Have a pod stopped within ``grace`` seconds."""
        self._stops.append((uid, grace))

    def update(self, pod: Object) -> None:
        """Have the kubelet know the pod as it is now."""
        self._updates.append(pod)

    def take_stops(self) -> list[tuple[str, float]]:
        """The pods to be stopped since the last call, in order."""
        stops, self._stops = self._stops, []
        return stops

    def source_changed(self, obj: Object) -> None:
        """An object that volumes of pods are made of is new or another."""
        metadata = obj["metadata"]
        self._sources.add((obj["kind"], metadata.get("namespace", ""), metadata["name"]))

    def take_sources(self) -> set[Key]:
        """Those objects since the last call."""
        sources, self._sources = self._sources, set()
        return sources

    def take_volumes_gone(self) -> bool:
        """Whether PersistentVolumes have gone since the last call."""
        gone, self.volumes_gone = self.volumes_gone, False
        return gone

    def take_updates(self) -> list[Object]:
        """The pods that have changed since the last call, in order."""
        updates, self._updates = self._updates, []
        return updates
