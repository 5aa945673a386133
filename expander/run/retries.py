"""Tries items again while a run goes on, by its policy; each attempt is one transaction of the state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from expander.kube.objects import Object, owner_of, statuses_of
from expander.local.api_operations import ApiOperations
from expander.local.store.job_states import SUCCEEDED, job_state
from expander.manifests.rerun import RETRIED_ANNOTATION, attempt_of, with_retried
from expander.run.escalation import Escalation, NextAttempt, at_most, caveat, is_indexed, next_attempts
from expander.run.reporter import Retried

LOOK_PAUSE = 9.0
"""How much longer than a look at failed indexes the pause after it is."""

STATES = ("state", "lastState")
"""Where a container's status tells of an end."""


class Retries:
    """The retries of one run in ``executor``. ``on_replaced`` gets a Job before it is deleted.

    A Job is deleted and created anew within one transaction, so that a kill loses no attempt; what an attempt
    had of memory and time, and how often the item was tried, stands in its Job.
    """

    def __init__(
        self,
        executor: ApiOperations,
        policy: Escalation,
        on_replaced: Callable[[Object], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._next_look = 0.0
        self._executor = executor
        self._policy = policy
        self._on_replaced = on_replaced
        self._suspects: dict[str, None] = {}
        self._indexed: dict[str, str | None] = {}
        """The failed indexes, as they were last looked at, of Indexed Jobs of which pods have failed."""
        self._passed_over = False
        self._at_most: dict[str, tuple[Object, str]] = {}
        self._told: set[str] = set()

    def suspect(self, pod: Object) -> None:
        """A pod has another status: its Job is looked at in `retry` if something of it failed."""
        ends = ((each.get(state) or {}).get("terminated") for each in statuses_of(pod) for state in STATES)
        if (pod.get("status") or {}).get("phase") == "Failed" or any(end and end["exitCode"] for end in ends):
            self._suspects[owner_of(pod)] = None

    def note(self, job: Object) -> str | None:
        """What to say of a Job of the batch that the policy does not apply to at once, for the first."""
        words = None if self._passed_over else caveat(job)
        self._passed_over = self._passed_over or words is not None
        return words

    def retry_suspects(self) -> list[Retried]:
        """Try the Jobs again of which pods have failed since the last call, where the policy says so."""
        suspects, self._suspects = self._suspects, {}
        jobs = [job for uid in suspects if (job := self._executor.by_uid(uid)) is not None]
        for job in jobs:
            if job["kind"] == "Job" and is_indexed(job):  # what its indexes come to is known later
                self._indexed.setdefault(job["metadata"]["uid"], None)
        found = self.retry([job for job in jobs if job["metadata"]["uid"] not in self._indexed])
        return found + self._retry_indexes()

    def _retry_indexes(self) -> list[Retried]:
        """Try failed indexes again; a look at all pods of a large Job is not worth it for each of them."""
        began = self._clock()
        if began < self._next_look:
            return []
        changed = []
        for uid, failed in self._indexed.items():
            job = self._executor.by_uid(uid)
            if job is not None and (now := (job.get("status") or {}).get("failedIndexes")) != failed:
                changed.append(job)
                self._indexed[uid] = now
        found = self.retry(changed)
        took = self._clock() - began
        self._next_look = began + took + LOOK_PAUSE * took
        return found

    def take_at_most(self) -> list[tuple[Object, str]]:
        """The Jobs that have failed with all that the policy allows since the last call, each with what."""
        found, self._at_most = [*self._at_most.values()], {}
        return found

    def retry(self, jobs: Iterable[Object]) -> list[Retried]:
        """Replace those of ``jobs`` that the policy has another attempt for; durable on return.

        The indexes of an Indexed Job get Jobs of their own.
        """
        found: list[tuple[Object, list[NextAttempt]]] = []
        for job in jobs:
            if job["kind"] != "Job" or job_state(job) == SUCCEEDED:
                continue
            pods = self._executor.pods_ever(job["metadata"]["uid"])
            if attempts := next_attempts(job, pods, self._policy):
                found.append((job, attempts))
            elif (uid := job["metadata"]["uid"]) not in self._told and (
                why := at_most(job, pods, self._policy)
            ):
                self._told.add(uid)
                self._at_most[uid] = job, why
        for job, attempts in found:
            place = "Job", job["metadata"]["namespace"], job["metadata"]["name"]
            if is_indexed(job):
                given = [each.index for each in attempts if each.index is not None]
                annotations = {RETRIED_ANNOTATION: with_retried(job, given)}
                self._executor.patch(*place, {"metadata": {"annotations": annotations}})
                continue
            if self._on_replaced is not None:
                self._on_replaced(job)
            self._executor.delete(*place)
        made = [attempt for _, attempts in found for attempt in attempts]
        if made:
            self._executor.submit([attempt.tree for attempt in made])
        return [
            Retried(each.tree, attempt_of(each.tree), each.reason, each.change, each.index is not None)
            for each in made
        ]
