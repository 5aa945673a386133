"""Decide which Jobs of a group are suspended or resumed. Pure.

A suspended Job keeps what it has completed, and its active pods are deleted. The Job controller and JobSet's
read spec.suspend; Volcano obeys Commands (AbortJob, ResumeJob).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Final

from expander.base.dataclass import dataclass
from expander.base.errors import InputError
from expander.group.diagnosis import KUEUE_QUEUE
from expander.group.names import ItemNames, NameSelection, name_hint
from expander.group.records import job_records
from expander.kube.objects import Object, namespaced_name
from expander.kube.workloads import JOB, SUSPENDED, workload_of
from expander.manifests.edits import ITEM_ANNOTATION
from expander.run.outcomes import outcome_of

CRON_JOB: Final = "cronjob.batch"


@dataclass(frozen=True, slots=True)
class SuspensionOutcome:
    """What became of one Job or CronJob.

    ``outcome`` is suspended, resumed, unchanged (it was already), refused or failed; ``reason`` is one word
    for programs, ``message`` for people. ``title`` is its kind: ``job.batch``.
    """

    name: str
    namespace: str
    item: str | None
    outcome: str
    reason: str = ""
    message: str = ""
    passed: bool = True
    title: str = JOB.title


@dataclass(slots=True)
class SuspensionPlan:
    """The Jobs and CronJobs to suspend, or (not ``suspend``) to resume; ``left`` are the others."""

    suspend: bool
    targets: list[Object] = field(default_factory=list)
    left: list[SuspensionOutcome] = field(default_factory=list)

    @property
    def done(self) -> str:
        """The outcome of a target."""
        return "suspended" if self.suspend else "resumed"


def plan_suspension(
    jobs: Iterable[Object], cronjobs: Iterable[Object], names: Sequence[str], *, suspend: bool
) -> SuspensionPlan:
    """What to suspend of a group, or to resume; with ``names`` (keys, Jobs, globs) only what they mean.

    Raises InputError for a name that is none of the group.
    """
    plan, wanted = SuspensionPlan(suspend), NameSelection(names)
    known = [(job, [*job_records(job, ())]) for job in jobs]
    crons = [(cron, _cron_names(cron)) for cron in cronjobs]
    every = [record.names for _, records in known for record in records]
    wanted.decide([*every, *(found for _, found in crons)])
    for job, records in known:
        called = ItemNames.of(outcome_of(job, ()).key, records[0].item, records[0].job)
        if not wanted or wanted.matches(called):
            _decide(plan, job)
        elif sum(wanted.matches(record.names._replace(jobs=())) for record in records):
            words = f"a part of a Job cannot be {plan.done} by itself; {called.jobs[0]} means the whole Job"
            plan.left.append(outcome(job, "refused", "PartOfJob", words, passed=False))
    for cron, found in crons:
        if not wanted or wanted.matches(found):
            _decide(plan, cron)
    if missing := wanted.unknown:
        hint = name_hint(missing[0], jobs, every)
        raise InputError(f"no item or Job {missing[0]!r} in the group", hint=hint)
    return plan


def outcome(
    obj: Object, what: str, reason: str = "", message: str = "", *, passed: bool = True
) -> SuspensionOutcome:
    """The outcome of a Job or CronJob."""
    namespace, name = namespaced_name(obj)
    title = CRON_JOB if obj["kind"] == "CronJob" else workload_of(obj).title
    item = (obj["metadata"].get("annotations") or {}).get(ITEM_ANNOTATION)
    return SuspensionOutcome(name, namespace, item, what, reason, message, passed, title)


def is_suspended(obj: Object) -> bool:
    """Whether a Job or CronJob is suspended, or about to be."""
    if obj["kind"] == "CronJob" or workload_of(obj).has_field:
        return bool((obj.get("spec") or {}).get("suspend"))
    return workload_of(obj).situation(obj).state == SUSPENDED


def is_settled(job: Object, *, suspend: bool) -> bool:
    """Whether the controller of a Job has done what was asked for, or there is nothing left to do."""
    row = workload_of(job)
    return row.situation(job).has_ended or row.is_held(job) == suspend


def _decide(plan: SuspensionPlan, obj: Object) -> None:
    """Put a Job or CronJob into the plan, or aside."""
    queue = (obj["metadata"].get("labels") or {}).get(KUEUE_QUEUE)
    if obj["kind"] != "CronJob" and (now := workload_of(obj).situation(obj)).has_ended:
        words = f"it is {now.state} already"
        plan.left.append(outcome(obj, "unchanged", now.state, words))
    elif is_suspended(obj) == plan.suspend:
        plan.left.append(outcome(obj, "unchanged", "Suspended" if plan.suspend else "NotSuspended"))
    elif queue:
        words = f"Kueue decides when it runs: it is in the queue {queue}; see spec.active of its Workload"
        plan.left.append(outcome(obj, "refused", "Queued", words, passed=False))
    else:
        plan.targets.append(obj)


def _cron_names(cron: Object) -> ItemNames:
    name = cron["metadata"]["name"]
    return ItemNames((), (name, f"cronjob/{name}", f"{CRON_JOB}/{name}"))
