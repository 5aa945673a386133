"""Counts the unfinished Jobs of a batch, in the cluster and on their way there. No network, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.kube.workloads import JOB, workload_of
from expander.submit.delivery import is_finished
from expander.submit.request import PreparedRequest

Key = tuple[str, str]
Job = Mapping[str, Any]


class Scope(NamedTuple):
    """What one list of Jobs covers: a group in a namespace, of one kind; an empty group is no group.

    ``title`` is that of the kind: ``job.batch``.
    """

    namespace: str
    group: str
    title: str = JOB.title


def scope_of(prepared: PreparedRequest) -> Scope:
    """The list that covers a Job."""
    return Scope(prepared.namespace, prepared.group, prepared.title)


@dataclass(slots=True)
class _Entry:
    """An unfinished Job: ``known`` numbers the list of its scope since which it is known, None on its way."""

    scope: Scope
    known: int | None = None


class ActiveWindow:
    """Unfinished Jobs by namespace and name, of which no more than ``most`` may exist; None for any number.

    A place is reserved before a Job is sent, so that its end can never be observed too early. ``on_finished``
    gets Jobs of the scopes that have finished, some more than once, and says whether they keep their place;
    ``is_behind`` says that it has too many.
    """

    def __init__(
        self,
        most: int | None,
        on_finished: Callable[[Job], bool] = lambda _: False,
        is_behind: Callable[[], bool] = lambda: False,
    ) -> None:
        self.most = most
        self._on_finished = on_finished
        self._is_behind = is_behind
        self._unfinished: dict[Key, _Entry] = {}
        self._own: set[Key] = set()
        self._replaced: set[str] = set()
        self._lists: dict[Scope, int] = {}

    @property
    def active(self) -> int:
        """Unfinished Jobs, with those on their way."""
        return len(self._unfinished)

    @property
    def is_full(self) -> bool:
        """Whether no other Job may be sent."""
        return (self.most is not None and len(self._unfinished) >= self.most) or self._is_behind()

    @property
    def own(self) -> int:
        """Those among `active` that this submission has sent or found."""
        return len(self._own)

    def has(self, prepared: PreparedRequest) -> bool:
        """Whether a Job has a place."""
        return _key(prepared) in self._unfinished

    def reserve(self, prepared: PreparedRequest) -> None:
        """A Job is about to be sent."""
        self._unfinished.setdefault(_key(prepared), _Entry(scope_of(prepared)))
        self._own.add(_key(prepared))

    def claim(self, key: Key) -> None:
        """A Job that the cluster has is one of this submission."""
        if key in self._unfinished:
            self._own.add(key)

    def replace(self, prepared: PreparedRequest, uid: str) -> None:
        """The Job ``uid`` is about to be deleted, and a Job sent in its place, whose is what it had."""
        self._replaced.add(uid)
        self._unfinished[_key(prepared)] = _Entry(scope_of(prepared))
        self._own.add(_key(prepared))

    def is_replaced(self, job: Job) -> bool:
        """Whether what is observed of a Job says nothing any more."""
        return job["metadata"].get("uid") in self._replaced

    def leave(self, key: Key) -> None:
        """A Job has ended, or is gone."""
        self._unfinished.pop(key, None)
        self._own.discard(key)

    def confirm(self, prepared: PreparedRequest, unfinished: bool) -> None:
        """The server has the Job, or has it not (then it is not ``unfinished``).

        What was observed of the Job, or of another of its name, stays right.
        """
        key = _key(prepared)
        entry = self._unfinished.get(key)
        if entry is None:
            return
        if unfinished:
            entry.known = self._lists.get(entry.scope, 0)
        elif entry.known is None:
            self.leave(key)

    def begin_list(self, scope: Scope) -> None:
        """A list of the Jobs of ``scope`` begins."""
        self._lists[scope] = self._lists.get(scope, 0) + 1

    def page(self, scope: Scope, jobs: Iterable[Job]) -> None:
        """A page of the list."""
        for job in jobs:
            self._observe(scope, job)

    def end_list(self, scope: Scope) -> None:
        """The list is complete: what was known before it and is not in it is gone."""
        for key, entry in list(self._unfinished.items()):
            if entry.scope == scope and entry.known is not None and entry.known < self._lists[scope]:
                self.leave(key)

    def changed(self, scope: Scope, kind: str, job: Job) -> None:
        """A watch event: ADDED, MODIFIED or DELETED."""
        if kind == "DELETED" and not self.is_replaced(job):
            self.leave(key_of(job))
        elif kind != "DELETED":
            self._observe(scope, job)

    def _observe(self, scope: Scope, job: Job) -> None:
        key = key_of(job)
        if self.is_replaced(job) or not (scope.group or key in self._unfinished):
            return
        if is_finished(job) and not (self._on_finished(job) and key in self._unfinished):
            self.leave(key)
        else:
            self._unfinished[key] = _Entry(scope, self._lists.get(scope, 0))


def _key(prepared: PreparedRequest) -> Key:
    return prepared.namespace, _name(prepared.title, prepared.name)


def _name(title: str, name: str) -> str:
    """The name of a Job; of other kinds with that of the kind in front, so that both may have one name."""
    return name if title == JOB.title else f"{title}/{name}"


def key_of(job: Job) -> Key:
    """Namespace and name of a Job, as the window knows it."""
    metadata = job["metadata"]
    return metadata.get("namespace", ""), _name(workload_of(job).title, metadata["name"])
