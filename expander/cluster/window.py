"""Which Jobs of a group are unfinished: those of others in the cluster and those on their way there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from expander.cluster.delivery import is_finished

Key = tuple[str, str]


class Window:
    """Counts unfinished Jobs, known by namespace and name.

    A Job is entered before it is sent, so that news of its end can never come too early.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._unfinished: dict[Key, int | None] = {}
        self._lists = 0

    @property
    def active(self) -> int:
        """Unfinished Jobs, and those under way."""
        return len(self._unfinished)

    @property
    def is_full(self) -> bool:
        """Whether no other Job may be sent now."""
        return len(self._unfinished) >= self.most

    def sending(self, key: Key) -> None:
        """A Job is being sent."""
        self._unfinished[key] = None

    def answered(self, key: Key, unfinished: bool) -> None:
        """The server has the Job, or not (then it is not ``unfinished``)."""
        if not unfinished:
            self._unfinished.pop(key, None)
        elif key in self._unfinished:
            self._unfinished[key] = self._lists

    def begin_list(self) -> None:
        """A list of the group's Jobs is about to be asked for."""
        self._lists += 1

    def listed(self, jobs: Iterable[Mapping[str, Any]]) -> None:
        """All Jobs of the group, asked for after `begin_list`.

        What was there before and is not in the list is gone; what was answered since then may be missing.
        """
        seen: dict[Key, bool] = {key_of(job): is_finished(job) for job in jobs}
        for key, at in list(self._unfinished.items()):
            if seen.get(key, at is not None and at < self._lists and key not in seen):
                del self._unfinished[key]
        for key, finished in seen.items():
            if not finished:
                self._unfinished.setdefault(key, self._lists)

    def changed(self, kind: str, job: Mapping[str, Any]) -> None:
        """An event of a watch: ADDED, MODIFIED or DELETED."""
        key = key_of(job)
        if kind == "DELETED" or is_finished(job):
            self._unfinished.pop(key, None)
        else:
            self._unfinished.setdefault(key, self._lists)


def key_of(job: Mapping[str, Any]) -> Key:
    """What a Job is known by."""
    return job["metadata"].get("namespace", ""), job["metadata"]["name"]
