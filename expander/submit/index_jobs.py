"""Jobs for single indexes of Indexed Jobs: created beside them, which then name them in an annotation.

They are named only when they are there. One that is created twice, after a crash before it was named, exists
then and is left as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.base.errors import SourceLocation, StatusError
from expander.client.bodies import decode_object
from expander.client.client import ApiClient, Resource
from expander.kube.objects import uid_of
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.manifests.rerun import (
    ATTEMPT_ANNOTATION,
    RETRIED_ANNOTATION,
    RETRY_OF_ANNOTATION,
    Successor,
    attempt_of,
    remaining_indexes,
    rerun_index,
    retried_indexes,
    with_retried,
)
from expander.submit.delivery import Finished, Outcome
from expander.submit.finished import job_path
from expander.submit.journal import DELIVERED
from expander.submit.request import PreparedRequest
from expander.submit.request_builder import RequestBuilder
from expander.submit.workers import Workers

JOBS: Final = Resource("/apis/batch/v1", "jobs", namespaced=True)

GONE: Final = Finished("unchanged", "Removed", "it had a Job of its own, which is gone")
"""What becomes of an index whose own Job is gone: whether that was complete is not known."""

Object = Mapping[str, Any]


class IndexJobs:
    """Those of one submission, which ``workers`` deliver. For one thread, but for `add`, under their lock."""

    def __init__(self, api: ApiClient, workers: Workers, builder: RequestBuilder) -> None:
        self._api = api
        self._workers = workers
        self._builder = builder
        self._of: dict[str, tuple[Object, int]] = {}
        """The Indexed Job and the index of each Job under way, by its path."""
        self._open: defaultdict[str, int] = defaultdict(int)
        """How many are under way, by the uid of the Indexed Job."""
        self._made: defaultdict[str, set[int]] = defaultdict(set)
        """The indexes that have got Jobs, by the uid of the Indexed Job."""

    def add(self, job: Object, index: int, tree: Mapping[str, Any], if_absent: Finished | None = None) -> str:
        """Create the Job ``tree`` for an index of ``job``; gives its path."""
        where = SourceLocation(f"job/{job['metadata']['name']}")
        prepared = self._builder.prepare(Successor(tree, where, ""), JOBS)
        with self._workers.lock:
            self._of[prepared.path] = job, index
            self._open[uid_of(job)] += 1
            self._workers.add(prepared, "", if_absent)
        return prepared.path

    def rerun(self, outcome: Outcome) -> None:
        """Create a Job for each index that a failed Indexed Job still owes; those that it has run again too.

        They are made of the manifest if that has changed, else of the Job.
        """
        job, prepared = outcome.found, outcome.prepared
        assert job is not None
        notes = job["metadata"].get("annotations") or {}
        source = job if notes.get(DIGEST_ANNOTATION) == prepared.digest else _of_manifest(prepared, job)
        given = retried_indexes(job)
        for index in sorted({*(remaining_indexes(job) or ()), *given}):
            self.add(job, index, rerun_index(source, index), GONE if index in given else None)

    def existing(self, job: Object) -> Iterator[Object]:
        """The Jobs that were made for single indexes of ``job`` and are still there. Safe for threads."""
        for index in sorted(retried_indexes(job)):
            try:
                found = self._api.get_object(f"{job_path(job)}-{index}")
            except StatusError as error:
                if error.code != 404:
                    raise
                continue
            notes = found["metadata"].get("annotations") or {}
            if notes.get(RETRY_OF_ANNOTATION) == job["metadata"]["name"]:
                yield found

    def settled(self, outcome: Outcome) -> str | None:
        """An outcome; the path of an Indexed Job when all of its Jobs have arrived and it names them."""
        with self._workers.lock:
            found = self._of.pop(outcome.prepared.path, None)
            if found is None:
                return None
            job, index = found
            uid = uid_of(job)
            self._open[uid] -= 1
            if outcome.result.outcome in DELIVERED:
                self._made[uid].add(index)
            if self._open[uid]:
                return None
            made = sorted(self._made[uid])
        if made and not retried_indexes(job).issuperset(made):
            self._api.annotate(job_path(job), job, {RETRIED_ANNOTATION: with_retried(job, made)})
        return job_path(job)


def _of_manifest(prepared: PreparedRequest, job: Object) -> dict[str, Any]:
    """The changed manifest, as the next attempt after ``job``."""
    tree = decode_object(prepared.body) or {}
    tree["metadata"]["annotations"][ATTEMPT_ANNOTATION] = str(attempt_of(job))
    return tree
