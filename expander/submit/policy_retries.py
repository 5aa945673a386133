"""Tries failed items of a submission again, by its policy.

A Job is looked at when it has failed, or a container of it has for a reason that the policy knows. What is
decided then, by the Job and pods as the server has them, is delivered as any item is: the journal knows the
next attempt before its Job is deleted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from expander.base.errors import ExpanderError, SourceLocation, StatusError
from expander.base.text import FirstFew
from expander.client.client import ApiClient
from expander.kube.objects import namespaced_name, owner_of, pod_has_ended, statuses_of, uid_of
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import RETRY_OF_ANNOTATION, Successor, attempt_of
from expander.manifests.rerun_choice import FAILED, SUCCEEDED
from expander.run.escalation import (
    Escalation,
    NextAttempt,
    at_most,
    caveat,
    is_cause,
    is_indexed,
    next_attempts,
)
from expander.run.outcomes import JobOutcome, outcome_of
from expander.run.reporter import Retried
from expander.submit.delivery import Outcome, end_of
from expander.submit.finished import job_path, named_path
from expander.submit.index_jobs import JOBS, IndexJobs
from expander.submit.journal import DELIVERED, mark
from expander.submit.request import PreparedRequest
from expander.submit.request_builder import RequestBuilder
from expander.submit.workers import Workers

THREADS: Final = 4
"""Jobs that are looked at at the same time."""

Object = Mapping[str, Any]


class PolicyRetries:
    """The further attempts of one submission, which ``workers`` deliver.

    A Job of the submission is known by `claim`. ``on_failed`` gets each that has failed for good, with its
    pods, ``say`` a line for people. ``retried`` counts further attempts. The window of ``workers`` is there.
    """

    def __init__(
        self,
        policy: Escalation,
        api: ApiClient,
        workers: Workers,
        builder: RequestBuilder,
        index_jobs: IndexJobs,
        on_failed: Callable[[Object, Sequence[Object]], None],
        say: Callable[[str], None],
    ) -> None:
        self.retried = 0
        self._policy = policy
        self._api = api
        self._workers = workers
        self._builder = builder
        self._index_jobs = index_jobs
        self._on_failed = on_failed
        self._say = say
        self._claimed: set[bytes] = set()
        self._ended: dict[bytes, bool] = {}
        """By `mark` of the path of each Job that has finished, whether it failed."""
        self._waiting: set[bytes] = set()
        """Jobs that are to be looked at when they are claimed, or what is under way has arrived."""
        self._parts: dict[bytes, dict[str, tuple[str, str]]] = {}
        """By `mark` of the path of an Indexed Job that is not claimed, the Jobs for single indexes of it."""
        self._failed_indexes: dict[str, str] = {}
        """The failed indexes of each Indexed Job, by uid, when it was last looked at."""
        self._given: set[str] = set()
        """The paths of the Jobs that were made for single indexes."""
        self._seen: set[tuple[str, int]] = set()
        """The uid of each pod that was looked at, and how often it had been restarted."""
        self._settled: set[str] = set()
        """The uid of each Job that was replaced, or has failed for good."""
        self._attempts: dict[str, NextAttempt] = {}
        """What is under way, by path."""
        self._queue: dict[str, None] = {}
        self._looking: set[str] = set()
        self._lost = FirstFew()
        self._again = FirstFew()
        self._passed_over = False
        self._stopped = False
        self._changed = threading.Condition(workers.lock)
        for _ in range(THREADS):
            threading.Thread(target=self._work, daemon=True).start()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be looked at or under way."""
        return not (self._queue or self._looking or self._attempts)

    @property
    def under_way(self) -> int:
        """Further attempts that are being delivered, of items that have been."""
        return len(self._attempts)

    def counts(self) -> tuple[int, int]:
        """How many Jobs of the submission are complete, and how many have failed."""
        ends = [self._ended[each] for each in self._claimed if each in self._ended]
        return len(ends) - sum(ends), sum(ends)

    def stop(self) -> None:
        """Look at nothing any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def note(self, manifest: Manifest) -> None:
        """Say of the first manifest that the policy does not apply to at once that it does not."""
        is_job = manifest.api_version == "batch/v1" and manifest.kind == "Job"
        words = caveat(manifest.tree) if is_job and not self._passed_over else None
        if words is not None:
            self._passed_over = True
            self._say(words)

    def claim(self, prepared: PreparedRequest) -> None:
        """The cluster has a Job of the submission."""
        with self._changed:
            self._claim(prepared.path, (prepared.namespace, prepared.name))
            for path, key in self._parts.pop(mark(prepared.path), {}).items():
                self._claim(path, key)

    def _claim(self, path: str, key: tuple[str, str]) -> None:
        self._claimed.add(mark(path))
        if self._workers.window is not None:
            self._workers.window.claim(key)
        self._look_at_waiting(path)

    def observe(self, job: Object) -> None:
        """A Job of the group is another: one for an index of a claimed one is claimed too."""
        metadata, path = job["metadata"], job_path(job)
        failed = (job.get("status") or {}).get("failedIndexes")
        of = (metadata.get("annotations") or {}).get(RETRY_OF_ANNOTATION)
        with self._changed:
            if of is not None and mark(path) not in self._claimed:
                parent = mark(named_path(metadata["namespace"], of))
                key = namespaced_name(job)
                if parent in self._claimed:
                    self._claim(path, key)
                else:
                    self._parts.setdefault(parent, {})[path] = key
            if failed and self._failed_indexes.get(uid_of(job)) != failed:
                self._failed_indexes[uid_of(job)] = failed
                if mark(path) in self._claimed:
                    self._look(path)
                else:
                    self._waiting.add(mark(path))

    def finished(self, job: Object) -> bool:
        """A Job of the group has finished; whether it is looked at, and keeps its place until then."""
        path, uid = job_path(job), uid_of(job)
        with self._changed:
            key, failed = mark(path), end_of(job) == FAILED
            if uid in self._settled:
                return False
            self._ended[key] = failed
            if not failed or key not in self._claimed:
                return False
            self._look(path)
            return True

    def pod(self, pod: Object) -> None:
        """A pod of the group is another."""
        metadata = pod["metadata"]
        owner = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), None)
        if owner is None or owner.get("kind") != "Job" or not is_cause(pod, self._policy):
            return
        seen = metadata["uid"], sum(each.get("restartCount") or 0 for each in statuses_of(pod))
        path = named_path(metadata["namespace"], owner["name"])
        with self._changed:
            if seen in self._seen or owner["uid"] in self._settled:
                return
            self._seen.add(seen)
            if mark(path) in self._claimed:
                self._look(path)
            else:
                self._waiting.add(mark(path))

    def settled(self, outcome: Outcome) -> bool:
        """Whether the outcome is that of a further attempt."""
        prepared, done = outcome.prepared, outcome.result
        with self._changed:
            attempt = self._attempts.pop(prepared.path, None)
            if attempt is None:
                return False
            if done.outcome in DELIVERED:
                self.retried += done.outcome == "created"
                self._claim(prepared.path, (prepared.namespace, prepared.name))
            else:
                self._ended[mark(prepared.path)] = True
        number = attempt_of(attempt.tree)
        if done.outcome == "created":
            label = _label(outcome_of(attempt.tree, ()))
            self._name(self._again, Retried(attempt.tree, number, attempt.reason, attempt.change).line(label))
        elif done.outcome not in DELIVERED:
            self._name(
                self._lost, f"failed: {prepared.title}/{prepared.name}: attempt {number}: {done.message}"
            )
        return True

    def look(self, path: str) -> None:
        """Look at the Job at ``path`` again: it has got Jobs for its indexes."""
        with self._changed:
            self._look(path)

    def _look_at_waiting(self, path: str) -> None:
        if self._ended.get(mark(path)) or mark(path) in self._waiting:
            self._waiting.discard(mark(path))
            self._look(path)

    def _look(self, path: str) -> None:
        self._queue[path] = None
        self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and (path := self._next()) is None:
                    self._changed.wait()
                if self._stopped or path is None:
                    return
                del self._queue[path]
                self._looking.add(path)
            try:
                self._decide(path)
            except ExpanderError as error:
                self._workers.fail(error)
            finally:
                with self._changed:
                    self._looking.discard(path)
                    self._changed.notify()
                self._workers.wake()

    def _next(self) -> str | None:
        """A Job to look at that nobody looks at."""
        return next((path for path in self._queue if path not in self._looking), None)

    def _decide(self, path: str) -> None:
        try:
            job = self._api.get_object(path)
        except StatusError as error:
            if error.code != 404:
                raise
            if self._ended.get(mark(path)):
                self._name(
                    self._lost,
                    f"failed: {path.rpartition('/')[2]}: deleted before its pods were read; no retry",
                )
            return
        pods = [] if end_of(job) not in ("", FAILED) else self._pods(job)
        attempts = next_attempts(job, pods, self._policy)
        if is_indexed(job):
            attempts = self._split(job, attempts)
        elif attempts:
            self._replace(path, job, pods, attempts[0])
        if end_of(job) == FAILED and not attempts:
            self._fail(path, job, pods)
        elif end_of(job) == SUCCEEDED:
            self._complete(path, job)

    def _pods(self, job: Object) -> list[Object]:
        """The pods of a Job, oldest first; none when they may not be read."""
        labels = (job["spec"].get("selector") or {}).get("matchLabels") or {}
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        place = f"/api/v1/namespaces/{quote(job['metadata']['namespace'], safe='')}/pods"
        try:
            found = [pod for page in self._api.pages(place, selector) for pod in page["items"]]
        except StatusError as error:
            if error.code != 403:
                raise
            found = []
        own = [pod for pod in found if owner_of(pod) == uid_of(job)]
        return sorted(
            own, key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"])
        )

    def _replace(self, path: str, job: Object, pods: list[Object], attempt: NextAttempt) -> None:
        where = SourceLocation(f"job/{job['metadata']['name']}")
        prepared = self._builder.prepare(Successor(attempt.tree, where, uid_of(job)), JOBS)
        ended = all(map(pod_has_ended, pods))
        with self._changed:
            if uid_of(job) in self._settled:
                return
            if path in self._attempts:
                self._waiting.add(mark(path))
                return
            self._settled.add(uid_of(job))
            self._ended.pop(mark(path), None)
            self._attempts[path] = attempt
            self._workers.replace(prepared, job, "Background" if ended else "Foreground")

    def _split(self, job: Object, attempts: list[NextAttempt]) -> list[NextAttempt]:
        """Create the Jobs for indexes that are not made yet; gives those that are to arrive."""
        namespace = job["metadata"]["namespace"]
        by_path = {named_path(namespace, each.tree["metadata"]["name"]): each for each in attempts}
        with self._changed:
            for path, each in by_path.items():
                if each.index is not None and path not in self._given:
                    self._given.add(path)
                    self._attempts[path] = each
                    self._index_jobs.add(job, each.index, each.tree)
            return [each for path, each in by_path.items() if path in self._attempts]

    def _complete(self, path: str, job: Object) -> None:
        """The Job is complete, or the indexes that failed have Jobs of their own."""
        with self._changed:
            self._ended[mark(path)] = False
            if self._workers.window is not None:
                self._workers.window.leave(namespaced_name(job))

    def _fail(self, path: str, job: Object, pods: list[Object]) -> None:
        """The Job has failed for good."""
        with self._changed:
            if uid_of(job) in self._settled:
                return
            self._settled.add(uid_of(job))
            if self._workers.window is not None:
                self._workers.window.leave(namespaced_name(job))
            self._on_failed(job, pods)
        told = outcome_of(job, pods)
        code = "" if told.exit_code is None else f" (exit code {told.exit_code})"
        why = at_most(job, pods, self._policy)
        self._name(
            self._lost,
            f"failed: {_label(told)} (Job {told.name}): {told.reason}{code}{f'; {why}' if why else ''}",
        )

    def _name(self, alike: FirstFew, words: str) -> None:
        with self._changed:
            named = alike.take()
        if named:
            self._say(words)


def _label(told: JobOutcome) -> str:
    return told.key or told.name
