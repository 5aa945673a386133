"""`expander.retry`: run again what failed of a group."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

from expander.api.arguments import Errors, check_kinds, texts, warn
from expander.api.hearing import Hearing, Hears, executor_settings
from expander.api.notify import Notified, notifier_of, notifying
from expander.api.place import GroupKeywords, Which, opened
from expander.api.progress import showing, showing_submission
from expander.api.records import Records
from expander.api.stop import on_stop, stop_check
from expander.base.errors import ExpanderError, ItemError, TimedOut, UsageError
from expander.base.late_module import late_module
from expander.base.text import counted
from expander.group.retry.outcomes import RetryOutcome, ended_outcome, planned_outcomes, skipped_outcomes
from expander.kube.objects import namespaced_name
from expander.kube.workloads import has_ended
from expander.notify.notification import Counts, ending
from expander.run.reporter import PodsOf

if TYPE_CHECKING:
    from expander.api.notify import Made
    from expander.api.progress import Progress
    from expander.batch import crds as crd_files
    from expander.group.local.source import LocalSource
    from expander.group.open import AnySource, GroupSelector
    from expander.group.retry.cluster import ClusterRetry
    from expander.group.retry.preparation import PreparedRetry
    from expander.manifests.manifest import Manifest
    from expander.notify.notifier import Notifier
    from expander.run.escalation import Escalation
    from expander.run.output_lines import OutputLine
    from expander.submit.options import SubmitOptions
    from expander.submit.submit import Submitter
else:
    crd_files = late_module("expander.batch.crds")


class RetryResult(Records[RetryOutcome]):
    """What became of each item that was selected; ``counts`` by outcome."""

    __slots__ = ()
    heads = ("JOB", "NAMESPACE", "ITEM", "OUTCOME", "ATTEMPTS", "REASON", "MESSAGE")

    def state(self, record: RetryOutcome) -> str:
        return record.outcome

    def cells(self, record: RetryOutcome) -> Sequence[object]:
        one = record
        return one.name, one.namespace, one.item, one.outcome, one.attempts, one.reason, one.message


class RetryKeywords(GroupKeywords, total=False):
    """Where a group is, how failures are tried again and requests sent, and the options of a run on this
    machine; these are as for `submit` and `run`."""

    on_oom: str | None
    on_timeout: str | None
    on_exit: Sequence[str]
    qps: float | None
    max_in_flight: int

    runtime: str
    jobs: int | None
    cpus: float | None
    memory: int | None
    backoff_base: float
    images: Mapping[str, Path | str] | None
    image_commands: Mapping[str, str] | None
    claims: Mapping[str, Path] | None
    env: Mapping[str, str] | None
    grace: float | None
    timeout: float | None
    on_output: Callable[[OutputLine], None] | None


def retry(
    group: Which = None,
    items: Sequence[str] = (),
    *,
    everything: bool = False,
    force: bool = False,
    changes: Mapping[str, str | float] | None = None,
    logs: str | os.PathLike[str] | None = None,
    save_logs: bool = True,
    dry_run: bool = False,
    crds: crd_files.Sources | None = None,
    on_outcome: Callable[[RetryOutcome], None] | None = None,
    on_error: Callable[[ItemError], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    notify: Notified = None,
    progress: bool = False,
    **where: Unpack[RetryKeywords],
) -> RetryResult:
    """Run the failed Jobs of a group again as ``expander retry`` does; what became of each, in any order.

    ``group`` and the keywords of its place are as for `status`. Each failed Job is deleted and created again
    under its name, after its logs were saved in the folder ``logs`` (``save_logs`` is for a cluster).
    ``items`` (keys, names of Jobs, ``NAME/INDEX``, globs of these) are retried whatever their state,
    ``everything``: all that have finished; ``force``: unfinished ones too. ``changes`` are variables and
    fields of the Jobs with new values, as ``--with``: {"resources.limits.memory": "4Gi"}. ``dry_run`` only
    tells. ``on_outcome`` gets each outcome once, in the thread of the call; ``on_note`` a line for people.
    ``notify`` is as for `run`, where this waits for the Jobs, and ``progress`` as for `submit` and `run`.

    In a cluster it returns when the Jobs are created, with ``on_oom``, ``on_timeout`` or ``on_exit`` when
    they have ended, then with how. On this machine they run to their end, up to ``timeout`` seconds. After an
    exception, as KeyboardInterrupt, the same call goes on. Raises InputError for a group or item that is not
    there, UsageError for arguments and changes that do not fit, ClusterError when the cluster does not
    answer, TimedOut, and ItemError for the first Job that cannot be sent, unless ``on_error`` gets it.
    """
    check_kinds({**locals(), **where, "group": None})
    from expander.group.local.source import LocalSource
    from expander.group.retry.cluster import cluster_retry
    from expander.group.retry.plan import RetrySelection
    from expander.group.retry.preparation import prepare_retry

    options, settings = _options(where)
    policy, tell = options.policy, _Tell(on_outcome, progress=progress)
    choice = RetrySelection(texts("items", items), everything, force, _pairs(changes))
    hears = Hears(Errors(on_error), on_note or warn, settings.pop("on_output", None))
    with opened("retry", group, where) as (source, wanted):
        if settings and not wanted.is_local:
            raise UsageError(f"{' and '.join(settings)} can only be used for a group on this machine")
        made = _notifier(None if dry_run else notify, wanted, waits=wanted.is_local or policy is not None)
        prepared = prepare_retry(source, wanted, choice, policy=policy, crds=crds, logs=logs)
        if dry_run:
            tell.each(planned_outcomes(prepared.plan))
            return RetryResult(tell.told)
        sends = partial(cluster_retry, source, wanted, prepared, options, *hears[:2], save_logs=save_logs)
        with notifying(made, hears.note) as notifier:
            if isinstance(source, LocalSource):
                with showing(progress, str(wanted)) as tell.shown:
                    _here(source, prepared, policy, settings, hears, tell, notifier)
            else:
                _there(sends, wanted, prepared, tell, notifier, None if policy is None else source)
    return RetryResult(tell.told)


def _notifier(notify: Notified, wanted: GroupSelector, *, waits: bool) -> Made:
    local, namespace = wanted.is_local, wanted.namespace
    return notifier_of(notify, "retry", local=local, waits=waits, group=wanted.called, namespace=namespace)


_OWN: Final = [name for name in RetryKeywords.__annotations__ if name not in GroupKeywords.__annotations__]


def _options(where: Any) -> tuple[SubmitOptions, dict[str, Any]]:
    """How requests are sent, and the options of a run on this machine, which are taken out of ``where``."""
    from expander.group.retry.cluster import SENDING
    from expander.submit.options import SubmitOptions

    options = SubmitOptions(**_taken(where, SENDING))
    options.check()
    return options, _taken(where, _OWN)


def _taken(keywords: Any, names: Sequence[str]) -> dict[str, Any]:
    """Those of ``keywords`` with these names, which are taken out."""
    return {name: keywords.pop(name) for name in names if name in keywords}


def _pairs(changes: Mapping[str, str | float] | None) -> list[tuple[str, str]]:
    """What `--with` would get. Raises UsageError for what is neither text nor a number."""
    found = []
    for name, value in (changes or {}).items():
        if not isinstance(value, (str, int, float)):
            raise UsageError(f"changes: {name}: found {value!r}, expected text or a number")
        found.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return found


class _Tell:
    """Keeps outcomes and gives them to the caller."""

    def __init__(self, on_outcome: Callable[[RetryOutcome], None] | None, *, progress: bool) -> None:
        self._on_outcome = on_outcome
        self.progress = progress
        self.shown: Progress | None = None
        self.chosen = 0
        """Jobs that are to run again."""
        self.told: list[RetryOutcome] = []
        self._ends = {"succeeded": 0, "failed": 0}

    def __call__(self, outcome: RetryOutcome) -> None:
        self.told.append(outcome)
        if outcome.outcome in self._ends:
            self._ends[outcome.outcome] += 1
        if self.shown is not None and not outcome.passed:
            self.shown.add_failure(outcome.name, outcome.message or outcome.reason)
        if self._on_outcome is not None:
            self._on_outcome(outcome)

    def of_this(self, states: Mapping[str, int]) -> dict[str, int]:
        """The Jobs of a run by state, with the ends of this one alone."""
        return {**states, **self._ends}

    def each(self, outcomes: Iterator[RetryOutcome]) -> None:
        """Those that become known, until there are no more."""
        for outcome in outcomes:
            self(outcome)


class _Ends(Hearing):
    """Tells what becomes of each Job that runs again."""

    def __init__(self, folder: Path, hears: Hears, tell: _Tell) -> None:
        super().__init__(folder, hears)
        self._tell = tell

    def finished(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        super().finished(job, pods_of)
        self._tell(ended_outcome(job, pods_of))

    def kept_complete(self, manifest: Manifest) -> bool:
        return True

    def progress(self, counts: Mapping[str, int]) -> None:
        counts = self._tell.of_this(counts)
        super().progress(counts)
        if (shown := self._tell.shown) is not None:
            total = max(self._tell.chosen, sum(counts.values()))  # an interrupted run goes on, too
            shown.update(total, counts["succeeded"] + counts["failed"], counts["failed"])


def _here(
    source: LocalSource,
    prepared: PreparedRetry,
    policy: Escalation | None,
    options: Mapping[str, Any],
    hears: Hears,
    tell: _Tell,
    notifier: Notifier,
) -> None:
    """On this machine: as `run` runs, one state folder after the other."""
    from expander.group.retry.local import local_retries
    from expander.run.run import Run

    tell.chosen = len(prepared.plan.candidates)
    tell.each(skipped_outcomes(prepared.plan))
    sums = Counter[str]()
    timeout, executors = options.get("timeout"), executor_settings(options, hears.note)
    for each in local_retries(prepared, source, policy, hears.error, executors, executors):
        reporter = _Ends(each.home, hears, tell)
        reporter.notifier = notifier
        with each.executor as executor, reporter.listening(executor):
            hears.note(each.note)
            work = Run(executor, each.work, reporter, retries=each.retries, timeout=timeout)
            on_stop(work.interrupt)
            on_stop(work.interrupt)  # twice: stop what runs
            end = work.go()
        sums.update(end.counts)
        if end.stopped is not None:
            notifier.done(ending(end.stopped) or "halted", Counts.of_run(tell.of_this(sums)))
        if end.stopped == "interrupted":
            raise ExpanderError("interrupted")
        if end.stopped is not None:
            left = sum(end.counts[state] for state in ("pending", "running"))
            raise TimedOut(f"{counted(left, 'Job')} not finished within {timeout:g} s")
    counts = Counts.of_run(tell.of_this(sums))
    notifier.done(counts.outcome, counts)


def _as_ended(source: AnySource, told: Sequence[RetryOutcome]) -> Iterator[RetryOutcome]:
    """``told``, when no Job is unfinished any more, with how those have ended that were created."""
    ends = {namespaced_name(job): job for job in source.jobs() if has_ended(job)}
    for one in told:
        job = ends.get((one.namespace, one.name)) if one.outcome == "created" else None
        yield one if job is None else ended_outcome(job, tuple)


def _there(
    sends: Callable[[], AbstractContextManager[tuple[ClusterRetry, Submitter]]],
    wanted: GroupSelector,
    prepared: PreparedRetry,
    tell: _Tell,
    notifier: Notifier,
    ends: AnySource | None,
) -> None:
    """In the cluster: as `submit` sends. Where the Jobs have ended then, ``ends`` tells how."""
    from expander.notify.submission import SubmitEvents

    tell.chosen = len(prepared.plan.candidates)
    with sends() as (retry, submitter):
        on_stop(submitter.stop)
        events = SubmitEvents(notifier, submitter, lambda _: wanted)
        shows = showing_submission(tell.progress, submitter, events, tell.chosen, waits=ends is not None)
        with events.watching(), shows as tell.shown:
            for told in retry.outcomes(prepared):
                tell(told)
                if told.passed:
                    events.settled()
                else:
                    events.refused(told.name, told.namespace, told.item, told.reason, told.message)
        events.done(interrupted=stop_check()())
    if ends is not None:
        tell.told = [*_as_ended(ends, tell.told)]
