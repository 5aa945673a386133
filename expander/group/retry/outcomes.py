"""What a retry tells of each item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from expander.base.dataclass import dataclass
from expander.group.retry.plan import RetryCandidate, RetryPlan
from expander.kube.objects import Object
from expander.kube.workloads import FAILED, JOB, workload_of
from expander.manifests.edits import ITEM_ANNOTATION
from expander.manifests.rerun import attempt_of
from expander.run.outcomes import outcome_of
from expander.run.reporter import PodsOf

DRY_RUN: Final = "DryRun"
"""The reason of what would be run again."""


@dataclass(frozen=True, slots=True)
class RetryOutcome:
    """What became of one item, in the words of ``expander retry -o json``.

    ``outcome`` is that of `submit` in a cluster ("created" when it runs again), "succeeded" or "failed" on
    this machine and when the call has waited for the end, "refused" or "unchanged" for what was left alone;
    ``reason`` says why, for programs, and ``message`` for people. ``attempts`` is the number of this attempt,
    the first is 1. ``passed`` says whether all is well, ``title`` is the kind of the Job in commands.
    """

    name: str
    namespace: str
    item: str | None
    outcome: str
    reason: str
    attempts: int
    message: str = ""
    passed: bool = True
    title: str = JOB.title


def not_sent(candidate: RetryCandidate, outcome: str, reason: str, message: str) -> RetryOutcome:
    """The outcome of a Job that was not sent."""
    metadata = candidate.source["metadata"]
    item = (metadata.get("annotations") or {}).get(ITEM_ANNOTATION)
    attempt, title = attempt_of(candidate.source), workload_of(candidate.source).title
    return RetryOutcome(
        candidate.key[1], candidate.key[0], item, outcome, reason, attempt, message, False, title
    )


def skipped_outcomes(plan: RetryPlan) -> Iterator[RetryOutcome]:
    """The outcomes of the Jobs that were selected and skipped."""
    for left in plan.skipped:
        metadata = left.job["metadata"]
        yield RetryOutcome(
            metadata["name"],
            metadata["namespace"],
            (metadata.get("annotations") or {}).get(ITEM_ANNOTATION),
            left.outcome,
            left.reason,
            attempt_of(left.job),
            left.message,
            passed=left.outcome == "unchanged",
            title=workload_of(left.job).title,
        )


def planned_outcomes(plan: RetryPlan) -> Iterator[RetryOutcome]:
    """What would be retried, and what not."""
    for candidate in plan.candidates:
        namespace, name = candidate.key
        item = candidate.tree["metadata"]["annotations"].get(ITEM_ANNOTATION)
        title = workload_of(candidate.source).title
        yield RetryOutcome(name, namespace, item, "created", DRY_RUN, candidate.attempt, title=title)
    yield from skipped_outcomes(plan)


def ended_outcome(job: Object, pods_of: PodsOf) -> RetryOutcome:
    """The outcome of a Job, or a pod without one, that has run again on this machine."""
    told = outcome_of(job, pods_of())
    return RetryOutcome(
        told.name,
        told.namespace,
        told.item or None,
        "failed" if told.state == FAILED else "succeeded",
        told.reason,
        attempt_of(job),
        told.message,
        told.state != FAILED,
        workload_of(job).title,
    )
