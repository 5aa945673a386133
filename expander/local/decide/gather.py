"""The pods of one Job, sorted into the few groups the controller's rules ask about.

A `Pods` may be built for one turn or kept and told of changes: `put` and `drop` cost the same however many
pods there are, and a turn then costs what has changed, not what there is. Pods that ended and lost their
finalizer are counted in the Job's status and forgotten here.

pkg/controller/controller_utils.go decides what is active and terminating.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from expander.kube.wellknown import FINALIZER, INDEX, Object, number

UNKNOWN = -1
"""The index of a pod that has none."""


class Entry:
    """What the rules need of one pod.

    ``index`` is its completion index or `UNKNOWN`; ``phase`` as in its status; ``deleted`` whether it has a
    deletion timestamp; ``tracked`` whether it still has the tracking finalizer; ``ready`` its Ready
    condition; ``restarts`` those of all its containers together.
    """

    __slots__ = ("deleted", "index", "phase", "pod", "ready", "restarts", "tracked", "uid")

    def __init__(self, pod: dict[str, Any]) -> None:
        metadata, status = pod["metadata"], pod.get("status") or {}
        self.pod = pod
        self.uid: str = metadata["uid"]
        self.index = number(metadata.get("annotations"), INDEX, UNKNOWN)
        self.phase: str = status.get("phase") or "Pending"
        self.deleted = metadata.get("deletionTimestamp") is not None
        self.tracked = FINALIZER in (metadata.get("finalizers") or ())
        self.ready = is_ready(status)
        self.restarts = 0
        for kind in ("containerStatuses", "initContainerStatuses"):
            for container in status.get(kind) or ():
                self.restarts += container.get("restartCount") or 0

    @property
    def ended(self) -> bool:
        """Whether no container of the pod will run again."""
        return self.phase == "Succeeded" or self.phase == "Failed"


class Pods:
    """The pods of one Job by group; each group maps uids to entries, oldest news first.

    ``active``: neither ended nor deleted. ``terminating``: deleted, not ended. ``ended``: ended and not yet
    counted. ``ready`` counts the ready ones among the active, ``restarts`` the container restarts of pods
    that have not ended, ``failures`` the ended pods that failed; ``by_index`` counts the active pods of
    every index.
    """

    __slots__ = ("_highest", "active", "by_index", "ended", "failures", "ready", "restarts", "terminating")

    def __init__(self, pods: Iterable[dict[str, Any]] = ()) -> None:
        self.active: dict[str, Entry] = {}
        self.terminating: dict[str, Entry] = {}
        self.ended: dict[str, Entry] = {}
        self.by_index: dict[int, int] = {}
        self.ready = self.restarts = self.failures = 0
        self._highest = UNKNOWN
        for pod in pods:
            self.put(pod)

    def put(self, pod: dict[str, Any]) -> None:
        """The pod is new or has changed. The mapping is kept; tell of it again when it changes."""
        entry = Entry(pod)
        self.drop(entry.uid)
        if entry.ended:
            if entry.tracked:
                self.ended[entry.uid] = entry
                self.failures += entry.phase == "Failed"
            return
        self.restarts += entry.restarts
        if entry.deleted:
            self.terminating[entry.uid] = entry
            return
        self.active[entry.uid] = entry
        self.ready += entry.ready
        self.by_index[entry.index] = self.by_index.get(entry.index, 0) + 1
        self._highest = max(self._highest, entry.index)

    def drop(self, uid: str) -> None:
        """The pod is gone; nothing happens when it is not known."""
        entry = self.active.pop(uid, None)
        if entry is not None:
            self.ready -= entry.ready
            self.restarts -= entry.restarts
            left = self.by_index[entry.index] - 1
            if left:
                self.by_index[entry.index] = left
            else:
                del self.by_index[entry.index]
            return
        entry = self.terminating.pop(uid, None)
        if entry is not None:
            self.restarts -= entry.restarts
            return
        entry = self.ended.pop(uid, None)
        if entry is not None:
            self.failures -= entry.phase == "Failed"

    def are_distinct(self, completions: int) -> bool:
        """Whether each active pod has an index of its own below ``completions``."""
        if len(self.by_index) != len(self.active) or UNKNOWN in self.by_index:
            return False
        if self._highest >= completions:
            self._highest = max(self.by_index, default=UNKNOWN)
        return self._highest < completions

    def __len__(self) -> int:
        return len(self.active) + len(self.terminating) + len(self.ended)


def is_ready(status: Object) -> bool:
    """Whether a pod status has the Ready condition."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready":
            return bool(condition.get("status") == "True")
    return False
