"""Jobs of a group that were submitted from this machine and that the cluster no longer has.

The TTL controller deletes finished Jobs with ttlSecondsAfterFinished, and anybody may delete one: only the
journal of the submission still names them, without their items and how they ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from expander.base.late_module import late_module
from expander.base.regex import regex
from expander.base.text import natural
from expander.group.job_status import REMOVED, JobStatus
from expander.kube.objects import Object
from expander.run.outcomes import JobOutcome

if TYPE_CHECKING:
    from expander.group import table
else:  # for rows of attempts
    table = late_module("expander.group.table")

JobName = tuple[str, str]
"""Namespace and name."""

REASON: Final = "NotFound"

MESSAGE: Final = "no longer in the cluster (ttlSecondsAfterFinished, or deleted): result unknown"

_JOB_PATH: Final = regex(r"/apis/batch/v1/namespaces/([^/]+)/jobs/([^/]+)")


def journal_jobs(journal: Path, namespace: str | None) -> frozenset[JobName]:
    """The Jobs that a journal says the cluster has or had, in ``namespace``, None for all."""
    from expander.submit.journal import submitted_paths  # a local group has none

    matches = map(_JOB_PATH.fullmatch, submitted_paths(journal))
    names = ((unquote(match[1]), unquote(match[2])) for match in matches if match is not None)
    return frozenset(name for name in names if namespace in (None, name[0]))


def removed_jobs(submitted: Set[JobName], present: Set[JobName]) -> list[Object]:
    """Those ``submitted`` that are not ``present``, with nothing but their names, in the order of those."""
    missing = sorted(submitted - present, key=lambda name: (name[0], natural(name[1])))
    return [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"namespace": namespace, "name": name, "uid": f"{namespace}/{name}"},
        }
        for namespace, name in missing
    ]


def removed_status(job: Object) -> JobStatus:
    """The status of one of the `removed_jobs`."""
    metadata = job["metadata"]
    outcome = JobOutcome(
        namespace=metadata["namespace"],
        name=metadata["name"],
        item="",
        key="",
        state=REMOVED,
        reason=REASON,
        message=MESSAGE,
        started=None,
        finished=None,
        succeeded=0,
        failed=0,
        attempts=0,
        exit_code=None,
    )
    return JobStatus(job, outcome, REASON, MESSAGE, "", "", 0, 0, None, "", ())


def removed_statuses(submitted: Set[JobName], found: Iterable[JobStatus]) -> list[JobStatus]:
    """The status of those Jobs that were submitted and are not ``found``."""
    if not submitted:
        return []
    present = {(one.outcome.namespace, one.outcome.name) for one in found}
    return [*map(removed_status, removed_jobs(submitted, present))]


def removed_row(job: Object) -> table.Row:
    """The row of results of one of the `removed_jobs`."""
    metadata = job["metadata"]
    return {
        **dict.fromkeys(table.COLUMNS),
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "item": "",
        "state": REMOVED,
        "reason": REASON,
        "message": MESSAGE,
        "cause": "",
        "attempts": 0,
        "key": metadata["name"],
        "pods": [],
        "uid": "",
    }
