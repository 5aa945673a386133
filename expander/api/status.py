"""`expander.status`: the Jobs of a group now, and why they wait or failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Unpack

from expander.api.place import GroupKeywords, Which, opened
from expander.api.records import Records
from expander.base.errors import UsageError
from expander.group.job_status import JobStatus

MAX_EXPLAINED: Final = 20
"""Failed Jobs of which the log is asked, where it alone tells which items failed."""


class GroupStatus(Records[JobStatus]):
    """The status of each Job; ``counts`` by state: Complete, Failed, Active, Pending, Suspended, Removed."""

    __slots__ = ()
    heads = ("JOB", "ITEM", "STATE", "SECONDS", "RETRIES", "REASON")

    def state(self, record: JobStatus) -> str:
        return record.state

    def cells(self, record: JobStatus) -> Sequence[object]:
        one = record.outcome
        return one.name, one.key, one.state, one.seconds, record.retries or None, record.summary


def status(
    group: Which = None,
    *,
    failed: bool = False,
    active: bool = False,
    pending: bool = False,
    succeeded: bool = False,
    suspended: bool = False,
    sort_by: Literal["input", "name"] = "input",
    **where: Unpack[GroupKeywords],
) -> GroupStatus:
    """The status of each Job of a group, as ``expander status`` shows it.

    ``group`` is the name of a group, or what `expander.group`, `submit` or `run` gave. Keywords say where it
    is, as the command's options: ``selector``, ``namespace``, ``everywhere`` (all namespaces), ``local`` (on
    this machine), ``state`` (the state folder; implies ``local``), ``kubeconfig``, ``context``,
    ``group_label``. ``failed``, ``active``, ``pending``, ``succeeded`` and ``suspended`` choose Jobs in these
    states, and can be combined; ``sort_by`` is their order, as the items were given or by name.

    The Job controller decides what is Complete or Failed; reasons are its, the scheduler's and the kubelet's.
    Raises InputError for a group that is not there, UsageError when nothing selects one, and ClusterError
    when the cluster does not answer or refuses.
    """
    from expander.group.known.summaries import group_statuses
    from expander.group.open import nothing_found, submitted_jobs
    from expander.kube.workloads import ACTIVE, COMPLETE, FAILED, PENDING, SUSPENDED

    if sort_by not in ("input", "name"):
        raise UsageError(f"sort_by: {sort_by!r} is not one of input, name")
    chosen = {FAILED: failed, ACTIVE: active, PENDING: pending, COMPLETE: succeeded, SUSPENDED: suspended}
    states = {state for state, wanted in chosen.items() if wanted}
    with opened("status", group, where) as (source, wanted):
        found, _ = group_statuses(source, submitted_jobs(source, wanted), sort_by, explained=MAX_EXPLAINED)
        if not found:
            raise nothing_found(wanted, source)
    return GroupStatus(one for one in found if not states or one.state in states)
