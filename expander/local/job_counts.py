"""How many Jobs of a group are in which state, kept up to date so that asking costs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from expander.kube import selectors
from expander.kube.selectors import Selector
from expander.local.store.database import Object
from expander.local.store.job_states import JOB_STATES, PENDING, RUNNING, job_state
from expander.local.store.objects import ObjectStore


class JobCounts:
    """Counts for every selector that was asked for once.

    ``waits`` says whether all active pods of a Job wait; such a Job counts as pending.
    """

    def __init__(self, store: ObjectStore, waits: Callable[[Object], bool] = lambda job: False) -> None:
        self._store = store
        self._waits = waits
        self._groups: dict[str, _Counts] = {}

    def counts(self, selector: str = "") -> dict[str, int]:
        """The number of Jobs in each of `JOB_STATES` among those the label selector means.

        The first time it looks at every Job there is, from then on it knows. Raises ValueError for a
        text that is no selector.
        """
        group = self._groups.get(selector)
        if group is None:
            group = self._groups[selector] = _Counts(selectors.parse(selector))
            if not selector:
                states = dict(self._store.states("Job"))
                group.fill(states)
                for uid in [uid for uid, state in states.items() if state == RUNNING]:
                    if (job := self._store.by_uid(uid)) is not None:
                        group.update(job, self._state(job))
            else:
                for job in self._store.of_kind("Job"):
                    group.update(job, self._state(job))
        return {state: group.counts[state] for state in JOB_STATES}

    def update(self, job: Object) -> None:
        """The Job is new or has changed."""
        state = self._state(job)
        for group in self._groups.values():
            group.update(job, state)

    def _state(self, job: Object) -> str:
        state = job_state(job)
        return PENDING if state == RUNNING and self._waits(job) else state

    def remove(self, uid: str) -> None:
        """The Job is gone."""
        for group in self._groups.values():
            group.remove(uid)


class _Counts:
    def __init__(self, selector: Selector) -> None:
        self._selector = selector
        self._states: dict[str, str] = {}
        self.counts = dict.fromkeys(JOB_STATES, 0)

    def fill(self, states: dict[str, str]) -> None:
        self._states = states
        self.counts |= Counter(states.values())

    def update(self, job: Object, state: str) -> None:
        uid = job["metadata"]["uid"]
        before = self._states.get(uid)
        if before == state:
            return
        if before is not None:
            self.counts[before] -= 1
        elif not self._selector.matches(job["metadata"].get("labels")):
            return
        self._states[uid] = state
        self.counts[state] += 1

    def remove(self, uid: str) -> None:
        state = self._states.pop(uid, None)
        if state is not None:
            self.counts[state] -= 1
