"""Errors of items in calls from Python.

`expander.plan`.

`expander.run`.

`expander.submit`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple, Unpack

from expander.base.errors import ItemError
from expander.base.state_dir import state_folder
from expander.batch.load import used_here
from expander.batch.request import Batch, BatchOptions, Items, manifests_of, must_fill_queue
from expander.local.executor import Executor
from expander.local.kubelet.pod_files import PodFolders
from expander.manifests.edits import GROUP_LABEL
from expander.plan.capacity import capacity_source
from expander.plan.plan import Plan, Rate
from expander.plan.survey import survey_batch
from expander.run.outcomes import JobOutcome, LogFile, log_files, outcome_of
from expander.run.run import Halt, Run, remove_state
from expander.submit.delivery import OnExists
from expander.submit.options import OnQuota, SubmitOptions
from expander.submit.submit import Submitter, dry_run_outcomes


class Errors:
    """Counts the errors of items; without a function to ``give`` them to, the first is raised."""

    def __init__(self, give: Callable[[ItemError], None] | None) -> None:
        self._give = give
        self.count = 0

    def __call__(self, error: ItemError) -> None:
        if self._give is None:
            raise error
        self.count += 1
        self._give(error)


def nobody_listens(*_: object) -> None:
    """Take what nobody wants to know."""


def plan(
    batch: Batch,
    items: Items | None = None,
    *,
    quotas: Sequence[str] = (),
    kubeconfig: str | None = None,
    context: str | None = None,
    offline: bool = False,
    qps: float | None = None,
    burst: int | None = None,
    max_active: int | None = None,
    on_error: Callable[[ItemError], None] | None = None,
    **options: Unpack[BatchOptions],
) -> Plan:
    """What `submit` with the same arguments would create; nothing is sent.

    ``quotas`` are files of ResourceQuotas and LimitRanges; without them the cluster is asked, if there is one
    and it is not to be ``offline``. Raises ItemError for the first item that cannot be sent; with
    ``on_error`` that function gets the errors of items and the plan counts them in ``failed``.
    """
    errors = Errors(on_error)
    limits = capacity_source(kubeconfig, context, quotas, offline)
    found = survey_batch(
        manifests_of(batch, items, errors, **options),
        rate=Rate(qps, burst, max_active),
        namespace=limits.namespace,
        group_label=options.get("group_label", GROUP_LABEL),
        capacity=limits.of,
        on_error=errors,
        shape=str(options.get("shape") or "jobs"),
    )
    found.failed = errors.count
    found.asked = limits.asked
    found.unknown = [*limits.unknown(), *found.unknown]
    return found


Object = Mapping[str, Any]


class Ended(NamedTuple):
    """A Job that has ended: what became of it, and its logs by pod, container and restart."""

    outcome: JobOutcome
    logs: list[LogFile]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended.

    ``jobs`` are those of the batch that have ended, also in an earlier run, in the order in which they ended.
    ``counts`` are all Jobs of the group by state: pending, running, suspended, succeeded, failed. ``stopped``
    says why the run ended before everything was done, if it did.
    """

    jobs: list[Ended]
    counts: Mapping[str, int]
    stopped: str | None


def run(
    batch: Batch,
    items: Items | None = None,
    *,
    runtime: str = "best",
    jobs: int | None = None,
    cpus: float | None = None,
    memory: int | None = None,
    backoff_base: float = 10.0,
    images: Mapping[str, Path | str] | None = None,
    claims: Mapping[str, Path] | None = None,
    env: Mapping[str, str] | None = None,
    halt: str | None = None,
    timeout: float | None = None,
    state: str | os.PathLike[str] | None = None,
    fresh: bool = False,
    on_error: Callable[[ItemError], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    **options: Unpack[BatchOptions],
) -> Ran:
    """Run ``batch`` on this machine until every Job has ended, or there is a reason to stop before.

    ``batch`` and ``items`` are as for `submit`; ``memory`` is in bytes, ``halt`` as for the command. State
    and logs are kept below ``state``, by default where the command keeps them: a Job that an earlier call
    has finished is not run again, unless ``fresh`` forgets it. ``on_note`` gets lines for people.

    Raises ItemError for the first item that cannot become a Job; with ``on_error`` that function gets the
    errors of items and the others run. Raises InputError and UsageError as the command does.
    """
    must_fill_queue(options)
    tell = on_note or nobody_listens
    errors = Errors(on_error)
    manifests = used_here(manifests_of(batch, items, errors, **options), tell)
    first = next(manifests, None)
    if first is None:
        return Ran([], {}, None)
    labels = first.tree["metadata"].get("labels") or {}
    group = str(labels.get(options.get("group_label", GROUP_LABEL)) or "batch")
    folder = state_folder(group, None if state is None else os.fspath(state))
    if fresh:
        remove_state(folder)
    folders, jobs_ended = PodFolders(folder), []

    def ended(job: Object, pods_of: Callable[[], Sequence[Object]]) -> None:
        pods = pods_of()
        jobs_ended.append(Ended(outcome_of(job, pods), list(log_files(folders, pods))))

    with Executor(
        folder,
        runtime=runtime,
        jobs=jobs,
        cpus=cpus,
        memory=memory,
        backoff_base=backoff_base,
        images=images,
        claims=claims,
        variables=env,
    ) as executor:
        tell(executor.note)
        result = Run(
            executor,
            chain([first], manifests),
            on_finished=ended,
            on_kept=ended,
            on_turn=nobody_listens,
            on_error=errors,
            on_note=tell,
            halt=Halt.parse(halt) if halt else None,
            timeout=timeout,
        ).go()
    return Ran(jobs_ended, result.counts, result.stopped)


class Sent(NamedTuple):
    """What became of one object: the words of ``expander submit -o json``."""

    name: str
    namespace: str
    item: Any
    outcome: str
    reason: str
    attempts: int
    message: str


def submit(
    batch: Batch,
    items: Items | None = None,
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    qps: float | None = None,
    burst: int | None = None,
    max_in_flight: int = 32,
    max_active: int | None = None,
    retry_budget: float = 900.0,
    on_exists: OnExists = "fail",
    on_quota: OnQuota = "wait",
    quota_timeout: float | None = None,
    queue: str | None = None,
    server_side: bool = False,
    force_conflicts: bool = False,
    delete_finished: bool = False,
    results: str | os.PathLike[str] | None = None,
    dry_run: Literal["none", "client", "server"] = "none",
    resume: bool = False,
    state: str | os.PathLike[str] | None = None,
    on_outcome: Callable[[Sent], None] | None = None,
    on_error: Callable[[ItemError], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    **options: Unpack[BatchOptions],
) -> list[Sent]:
    """Create ``batch`` in a cluster, each object exactly once; what became of each, in any order.

    ``batch`` is a template (then ``items`` are its items), a path of manifests, or manifests and objects.
    ``queue`` is a queue of Kueue. With ``delete_finished`` finished Jobs are collected into ``results`` and
    deleted, and the call lasts until the last one is. ``state`` is where journals are kept, by default where
    the command keeps them: after an exception the same call with ``resume`` goes on. ``on_outcome`` gets each
    outcome as it is known, ``on_note`` a line for people.

    Raises InputError when there is no cluster configured, ClusterError when it does not answer or does not
    accept the credentials, and ItemError for the first item that cannot be sent at all, when others may have
    been sent; with ``on_error`` that function gets the errors of items and the other items go on.
    """
    must_fill_queue(options)
    submit_options = SubmitOptions(
        kubeconfig=kubeconfig,
        context=context,
        group_label=options.get("group_label", GROUP_LABEL),
        queue=queue,
        qps=qps,
        burst=burst,
        max_in_flight=max_in_flight,
        max_active=max_active,
        retry_budget=retry_budget,
        on_exists=on_exists,
        on_quota=on_quota,
        quota_timeout=quota_timeout,
        server_side=server_side,
        force_conflicts=force_conflicts,
        delete_finished=delete_finished,
        results=results,
        dry_run=dry_run,
        resume=resume,
        state=state,
    )
    submit_options.check()
    errors = Errors(on_error)
    manifests = manifests_of(batch, items, errors, **options)
    found: list[Sent] = []
    submission = None if dry_run == "client" else Submitter(submit_options, errors, on_note or nobody_listens)
    try:
        for settled in (
            dry_run_outcomes(manifests, submit_options, errors)
            if submission is None
            else submission.outcomes(manifests)
        ):
            prepared, done = settled.prepared, settled.done
            found.append(
                Sent(
                    prepared.name,
                    prepared.namespace,
                    prepared.item,
                    done.outcome,
                    done.reason,
                    settled.attempts,
                    done.message,
                )
            )
            if on_outcome is not None:
                on_outcome(found[-1])
    finally:
        if submission is not None:
            submission.stop()
            submission.close()
    return found
