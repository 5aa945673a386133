"""Run Jobs of a group again on this machine: deletion and creation are one transaction of the state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expander.base.errors import ItemError, NotFound
from expander.base.named_tuple import NamedTuple
from expander.group.retry.plan import RetryPlan, manifest_of
from expander.group.saved_logs import save_logs
from expander.group.source import Reader
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import RETRIED_ANNOTATION, with_retried

if TYPE_CHECKING:
    from expander.group.local.source import LocalSource
    from expander.group.retry.preparation import PreparedRetry
    from expander.local.executor import Executor
    from expander.run.escalation import Escalation
    from expander.run.retries import Retries


class LocalRetry(NamedTuple):
    """The retry of what is in one state folder: what `run.run.Run` takes, which is the rest.

    ``note`` tells of the executor, and of the options of the group's last run that it has.
    """

    home: Path
    executor: Executor
    note: str
    work: Iterator[Manifest]
    retries: Retries | None


def local_retries(
    prepared: PreparedRetry,
    source: LocalSource,
    policy: Escalation | None,
    on_error: Callable[[ItemError], None],
    settings: Mapping[str, Any],
    given: Collection[str],
) -> Iterator[LocalRetry]:
    """One for each state folder, those of interrupted runs too; run each before the next is asked for.

    ``settings`` are the arguments of the executors; those that are not ``given`` by the caller are as in the
    last run of the group. Raises ExpanderError for a folder that is in use, UsageError for a variable that is
    not set here.
    """
    from expander.group.known.summaries import summary_of
    from expander.group.saved_logs import EarlierLogs
    from expander.local.executor import Executor
    from expander.run.kept_options import keep_options, with_kept_options
    from expander.run.retries import Retries

    for home, plan in _by_home(prepared.plan, source, prepared.interrupted).items():
        options, kept = with_kept_options(home, settings, given)
        executor = Executor(home, summarize=summary_of, **options)
        keep_options(home, options)
        work = _successors(executor, source, plan, prepared.logs, on_error)
        logs = EarlierLogs(home.name, str(home.parent))
        retries = None if policy is None else Retries(executor, policy, logs)
        note = f"{executor.note}; {', '.join(kept)} as in its last run" if kept else executor.note
        yield LocalRetry(home, executor, note, work, retries)


def _by_home(plan: RetryPlan, source: LocalSource, interrupted: Sequence[Path]) -> dict[Path, RetryPlan]:
    homes = {home: RetryPlan(obsolete=plan.obsolete) for home in interrupted}
    for candidate in plan.candidates:
        home = source.home(candidate.source)
        if home is not None:
            homes.setdefault(home, RetryPlan(obsolete=plan.obsolete)).candidates.append(candidate)
    return homes


def _successors(
    executor: Executor,
    reader: Reader,
    plan: RetryPlan,
    logs: Path,
    on_error: Callable[[ItemError], None],
) -> Iterator[Manifest]:
    """The manifests to run again in ``executor``, each yielded right after the deletion of what it replaces.

    The caller must submit each one before the executor's next step: both belong to one transaction.
    """
    for job in plan.obsolete:
        with suppress(NotFound):
            executor.delete("Job", job["metadata"]["namespace"], job["metadata"]["name"])
    for each, why in save_logs(reader, plan.candidates, logs, 1):
        if why is not None:
            on_error(ItemError(f"job/{each.key[1]}: its logs cannot be saved: {why}"))
            continue
        place = each.source["metadata"]["namespace"], each.source["metadata"]["name"]
        if each.replaces:
            with suppress(NotFound):
                executor.delete("Job", *place)
        elif each.index is not None:
            annotations = {RETRIED_ANNOTATION: with_retried(executor.get("Job", *place), [each.index])}
            executor.patch("Job", *place, {"metadata": {"annotations": annotations}})
        yield manifest_of(each)
