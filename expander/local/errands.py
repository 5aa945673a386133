"""What the node is to do beside starting pods: whoever does it takes it."""

from __future__ import annotations

from expander.local.store.encoding import Object


class Errands:
    """The pods to be stopped, with the seconds each has, and those that somebody has changed."""

    def __init__(self) -> None:
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

    def take_updates(self) -> list[Object]:
        """The pods that have changed since the last call, in order."""
        updates, self._updates = self._updates, []
        return updates
