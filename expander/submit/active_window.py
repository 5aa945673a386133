"""Which Jobs of a batch are unfinished: those of others in the cluster and those on their way there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from expander.submit.delivery import is_finished
from expander.submit.request import PreparedRequest

Key = tuple[str, str]
Job = Mapping[str, Any]


class Scope(NamedTuple):
    """What one list of Jobs tells of: those of a group in a namespace; an empty group is no group."""

    namespace: str
    group: str


def scope_of(prepared: PreparedRequest) -> Scope:
    """Where news of a Job comes from."""
    return Scope(prepared.namespace, prepared.group)


@dataclass(slots=True)
class _Entry:
    """An unfinished Job: ``known`` is the list of its scope after which it is known, None on its way."""

    scope: Scope
    known: int | None = None


class ActiveWindow:
    """Counts unfinished Jobs, known by namespace and name.

    A Job is entered before it is sent, so that news of its end can never come too early. ``most`` may be in
    the cluster at a time, None for any number; ``on_finished`` gets Jobs of the scopes that have finished,
    some of them more than once, and ``is_behind`` says that it has too many.
    """

    def __init__(
        self,
        most: int | None,
        on_finished: Callable[[Job], None] = lambda _: None,
        is_behind: Callable[[], bool] = lambda: False,
    ) -> None:
        self.most = most
        self._on_finished = on_finished
        self._is_behind = is_behind
        self._unfinished: dict[Key, _Entry] = {}
        self._lists: dict[Scope, int] = {}

    @property
    def active(self) -> int:
        """Unfinished Jobs, and those under way."""
        return len(self._unfinished)

    @property
    def is_full(self) -> bool:
        """Whether no other Job may be sent now."""
        return (self.most is not None and len(self._unfinished) >= self.most) or self._is_behind()

    def sending(self, prepared: PreparedRequest) -> None:
        """A Job is being sent."""
        self._unfinished.setdefault((prepared.namespace, prepared.name), _Entry(scope_of(prepared)))

    def answered(self, prepared: PreparedRequest, unfinished: bool) -> None:
        """The server has the Job, or not (then it is not ``unfinished``).

        Of a Job that there was news of, such as another's of the same name, the news is right.
        """
        key = (prepared.namespace, prepared.name)
        entry = self._unfinished.get(key)
        if entry is None:
            return
        if unfinished:
            entry.known = self._lists.get(entry.scope, 0)
        elif entry.known is None:
            del self._unfinished[key]

    def begin_list(self, scope: Scope) -> None:
        """A list of the Jobs of ``scope`` is about to be asked for."""
        self._lists[scope] = self._lists.get(scope, 0) + 1

    def page(self, scope: Scope, jobs: Iterable[Job]) -> None:
        """Some Jobs of a list that was begun."""
        for job in jobs:
            self._see(scope, job)

    def end_list(self, scope: Scope) -> None:
        """The list had no other Jobs: what was known before it and is not in it is gone."""
        for key, entry in list(self._unfinished.items()):
            if entry.scope == scope and entry.known is not None and entry.known < self._lists[scope]:
                del self._unfinished[key]

    def changed(self, scope: Scope, kind: str, job: Job) -> None:
        """An event of a watch: ADDED, MODIFIED or DELETED."""
        if kind == "DELETED":
            self._unfinished.pop(key_of(job), None)
        else:
            self._see(scope, job)

    def _see(self, scope: Scope, job: Job) -> None:
        key = key_of(job)
        if is_finished(job):
            if scope.group or key in self._unfinished:
                self._on_finished(job)
            self._unfinished.pop(key, None)
        elif scope.group or key in self._unfinished:
            self._unfinished[key] = _Entry(scope, self._lists.get(scope, 0))


def key_of(job: Job) -> Key:
    """What a Job is known by."""
    return job["metadata"].get("namespace", ""), job["metadata"]["name"]
