"""Delete a group: plan what goes, show it, delete it.

Without filters everything with the group's label goes, including what arrives meanwhile. With filters only
the matching Jobs go, by uid, and the rest of the group once no Job needs it any more.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expander.base.dataclass import dataclass
from expander.base.errors import ClusterError, ExpanderError, StateUnreadable, UsageError
from expander.base.option_names import option
from expander.base.text import counted
from expander.group.source import Reader, Writer
from expander.kube.api_resource import Resource
from expander.kube.objects import Object, Selection, pod_has_ended, uid_of
from expander.kube.scheme import CLEANUP_ORDER, of_object
from expander.kube.time import unix
from expander.kube.workloads import COMPLETE, FAILED, JOB, is_workload, workload_uids
from expander.run.outcomes import outcome_of

if TYPE_CHECKING:
    from expander.group.bookkeeping import AnyWriter
    from expander.group.open import AnySource, GroupSelector

POLL_SECONDS: Final = (0.05, 2.0)
"""Seconds between two polls of what is left: at first, and at most."""


@dataclass(frozen=True, slots=True)
class CleanupFilters:
    """Which Jobs go: finished, failed, ``older`` than so many seconds; all conditions must hold.

    The age of a Job that has ended counts from its end, that of others from their creation.
    """

    finished: bool = False
    failed: bool = False
    older: float | None = None

    def __bool__(self) -> bool:
        return self.finished or self.failed or self.older is not None

    def matches(self, state: str, since: float, now: float) -> bool:
        """Whether a Job goes that has been in ``state`` since that time (Unix seconds)."""
        if self.failed and state != FAILED:
            return False
        if self.finished and state not in (COMPLETE, FAILED):
            return False
        return self.older is None or now - since >= self.older


@dataclass(frozen=True, slots=True)
class Target:
    """An object to delete; ``state`` is a Job's state or a pod's phase, ``since`` is in Unix seconds."""

    kind: str
    namespace: str
    name: str
    uid: str
    state: str = ""
    since: float = 0.0
    api_version: str = ""

    @property
    def row(self) -> Resource:
        """What is known of its kind."""
        row = of_object({"apiVersion": self.api_version, "kind": self.kind})
        assert row is not None
        return row

    @property
    def object(self) -> Object:
        """As much of the object as a deletion needs."""
        metadata = {"namespace": self.namespace, "name": self.name, "uid": self.uid}
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata}


@dataclass(slots=True)
class CleanupPlan:
    """What to delete. ``whole``: everything with the group's label; else the Jobs in ``jobs``, and ``rest``
    if ``deletes_rest``: no Job that may need it is left."""

    whole: bool
    deletes_rest: bool
    jobs: list[Target] = field(default_factory=list)
    rest: list[Target] = field(default_factory=list)

    @property
    def unfinished(self) -> int:
        """How many of the Jobs have not ended."""
        return sum(job.state not in (COMPLETE, FAILED) for job in self.jobs)

    @property
    def unfinished_words(self) -> str:
        """The same for people."""
        return f"{self.unfinished:,} of {counted(len(self.jobs), 'Job')} unfinished"

    def __bool__(self) -> bool:
        return bool(self.jobs or (self.rest and self.deletes_rest))

    @property
    def targets(self) -> list[Target]:
        """What goes, apart from the pods of the Jobs."""
        return [*self.jobs, *(self.rest if self.deletes_rest else ())]


def plan_cleanup(reader: Reader, writer: Writer, filters: CleanupFilters, now: float) -> CleanupPlan:
    """What to delete of the selection at ``now`` (Unix seconds)."""
    jobs, kept = [], 0
    for job in reader.jobs():
        found = target_of(job)
        if filters.matches(found.state, found.since, now):
            jobs.append(found)
        else:
            kept += 1
    rest = [target_of(each) for each in writer.others()]
    needed = kept or not jobs or any(each.kind == "CronJob" for each in rest)
    deletes_rest = not filters or not needed
    return CleanupPlan(not filters, deletes_rest, jobs, rest)


def planned_pods(plan: CleanupPlan, reader: Reader, writer: Writer) -> list[Target]:
    """The pods that the plan deletes."""
    jobs = {job.uid for job in plan.jobs}
    pods = {uid_of(pod): pod for pod in reader.pods() if _belongs(pod, jobs) and not _is_terminated(pod)}
    if plan.whole or plan.deletes_rest:
        pods |= {uid_of(pod): pod for pod in writer.labelled("Pod")}
    return [target_of(pod) for pod in pods.values()]


def _belongs(pod: Object, jobs: set[str]) -> bool:
    """Whether a pod is one of Jobs with these uids."""
    return not jobs.isdisjoint(workload_uids(pod))


def _is_terminated(pod: Object) -> bool:
    """Whether a pod has ended and is being deleted already."""
    return pod_has_ended(pod) and pod["metadata"].get("deletionTimestamp") is not None


def target_of(obj: Object) -> Target:
    """The target for an object."""
    metadata, kind, api_version = obj["metadata"], str(obj["kind"]), str(obj["apiVersion"])
    state = ""
    since = unix(metadata["creationTimestamp"]) if metadata.get("creationTimestamp") else 0.0
    if is_workload(api_version, kind):
        outcome = outcome_of(obj, ())
        state, since = outcome.state, outcome.finished or since
    elif kind == "Pod":
        state = str((obj.get("status") or {}).get("phase", ""))
    place = metadata.get("namespace", ""), metadata["name"]
    return Target(kind, *place, metadata["uid"], state, since, api_version)


def delete_targets(
    plan: CleanupPlan, writer: Writer, selection: Selection, say: Callable[[str], None]
) -> Iterator[Counter[str]]:
    """Delete the plan's targets; yields the counts by kind so far.

    Raises ExpanderError at the end if something could not be deleted.
    """
    counts: Counter[str] = Counter()
    errors: list[ExpanderError] = []
    if not plan.whole:
        try:
            for number, _ in enumerate(writer.delete_each(job.object for job in plan.jobs), 1):
                counts["Job"] = number
                yield counts
        except ExpanderError as error:
            errors.append(error)
    if plan.whole or (plan.deletes_rest and not errors):
        kinds = {each.kind for each in plan.rest} | {"Pod"} | ({"Job"} if plan.whole else set())
        for kind in sorted(kinds, key=CLEANUP_ORDER.index):
            try:
                counts[kind] += writer.delete_all(kind, selection)
            except ExpanderError as error:
                errors.append(error)
            if counts["Job"]:
                del counts["Pod"]  # some go with their Jobs, at times that nobody knows
            yield counts
    for other in errors[1:]:
        say(f"error: {other}")
    if errors:
        raise errors[0]


def wait_until_gone(plan: CleanupPlan, writer: Writer, timeout: float) -> tuple[int, int]:
    """Wait until the plan's targets are gone.

    Returns how many Jobs and pods are left after ``timeout`` seconds and, for a whole group, how many Jobs
    were created meanwhile.
    """
    ends, pause = time.monotonic() + timeout, POLL_SECONDS[0]
    while (left := _left(plan, writer))[0]:
        if time.monotonic() + pause > ends:
            break
        time.sleep(pause)
        pause = min(pause * 2, POLL_SECONDS[1])
    return left


def _left(plan: CleanupPlan, writer: Writer) -> tuple[int, int]:
    meant = {job.uid for job in plan.jobs}
    left, new = 0, set[str]()
    for job in writer.labelled("Job"):
        if uid_of(job) in meant or job["metadata"].get("deletionTimestamp"):
            left += 1
        elif plan.whole:
            new.add(uid_of(job))
    if plan.whole:
        left += sum(not _belongs(pod, new) for pod in writer.labelled("Pod"))
    return left, len(new)


@dataclass(frozen=True, slots=True)
class CleanupEnd:
    """How a deletion ended: objects deleted by kind, how many are ``left`` that are still being deleted,
    ``new`` Jobs created meanwhile, ``folders`` of local state removed, and the ``error`` if there was one."""

    counts: Counter[str]
    left: int
    new: int
    folders: list[Path]
    error: ExpanderError | None


def carry_out(
    plan: CleanupPlan,
    source: AnySource,
    writer: AnyWriter,
    wanted: GroupSelector,
    timeout: float | None,
    say: Callable[[str], None],
    on_progress: Callable[[Counter[str]], None] = lambda counts: None,
) -> CleanupEnd:
    """Delete what is planned, and wait for it up to ``timeout`` seconds; None does not wait.

    ``on_progress`` gets the counts by kind so far.
    """
    from expander.group.bookkeeping import forget_delivered

    counts: Counter[str] = Counter()
    failed: ExpanderError | None = None
    left = new = 0
    try:
        for counts in delete_targets(plan, writer, source.selection, say):
            on_progress(counts)
        if timeout is not None:
            left, new = wait_until_gone(plan, writer, timeout)
    except ExpanderError as error:
        failed = error
    folders = writer.drop_empty()
    if plan.whole and failed is None:
        try:
            refuse_custom(writer, source.selection)
        except ExpanderError as error:
            failed = error
    if plan.whole and failed is None:
        try:
            forget_delivered(source, wanted, ((job.namespace, job.name) for job in plan.jobs))
        except ExpanderError as error:
            failed = error
    return CleanupEnd(counts, left, new, folders, failed)


def refuse_custom(writer: AnyWriter, selection: Selection) -> None:
    """Raise ClusterError if there are objects of custom kinds, which are not deleted."""
    if not (found := dict(writer.of_custom_kinds())):
        return
    where = "-A" if selection.namespace is None else f"-n {selection.namespace}"
    words = ", ".join(f"{count:,} {kind}" for kind, count in found.items())
    raise ClusterError(
        f"objects of custom kinds are left: {words}",
        hint=f"kubectl delete {','.join(found)} {where} -l {_quoted(selection.selector)}",
    )


def refuse_while_submitting(source: AnySource, wanted: GroupSelector) -> None:
    """Raise UsageError while a submission of this machine would create what is deleted, or more of it."""
    from expander.group.open import is_submitting

    if is_submitting(source, wanted):
        raise UsageError(
            f"expander submit is running for {wanted}; nothing was deleted",
            hint=f"stop it first (Ctrl-C), or delete only finished Jobs: {option('--finished', True)}",
        )


def may_be_damaged(source: AnySource, wanted: GroupSelector, filters: CleanupFilters) -> bool:
    """Whether all that a state folder has is to go, so that it need not be read."""
    from expander.group.local.source import LocalSource

    shared = isinstance(source, LocalSource) and source.folders.is_shared
    return not (filters or shared or (wanted.selector, wanted.namespace) != (None, None))


def remove_damaged(error: StateUnreadable) -> None:
    """Remove the state folder that an ``error`` names, with the logs of the group's earlier attempts."""
    from expander.group.bookkeeping import RETRIES_FOLDER
    from expander.group.local.writer import remove_unreadable

    remove_unreadable(error.folder, error.folder.parent / RETRIES_FOLDER)


def kubectl_commands(plan: CleanupPlan, selection: Selection, kubectl: str) -> Iterator[str]:
    """The kubectl commands that do the same; ``kubectl`` may include options."""
    where = "-A" if selection.namespace is None else f"-n {selection.namespace}"
    by_label = {each.kind for each in plan.rest} if plan.deletes_rest else set()
    others = sorted({_argument(job) for job in plan.jobs} - {"job"})
    if plan.whole:
        by_label |= {"Job", "Pod"}
    else:
        for namespace, kind in sorted({(job.namespace, _argument(job)) for job in plan.jobs}):
            names = [job.name for job in plan.jobs if (job.namespace, _argument(job)) == (namespace, kind)]
            for at in range(0, len(names), 100):
                yield f"{kubectl} delete {kind} -n {namespace} {' '.join(names[at : at + 100])}"
    if by_label:
        known = [kind.lower() for kind in CLEANUP_ORDER if kind in by_label]
        kinds = ",".join([*(others if plan.whole else ()), *known])
        yield f"{kubectl} delete {kinds} {where} -l {_quoted(selection.selector)}"


def _argument(job: Target) -> str:
    """What kubectl calls the kind of a Job."""
    return "job" if job.row is JOB.row else job.row.full_name


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
