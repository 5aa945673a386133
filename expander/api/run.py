"""`expander.run`: a batch on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from expander.api.arguments import Errors, check_kinds, filled_queue, request_of, warn
from expander.api.handle import Followed
from expander.api.hearing import Hearing, Hears, executor_settings
from expander.api.notify import Notified, notifier_of, notifying
from expander.api.progress import showing
from expander.api.stop import on_stop
from expander.base.dataclass import dataclass
from expander.base.errors import ItemError
from expander.base.html import html_table
from expander.base.named_tuple import NamedTuple
from expander.base.text import counted
from expander.batch.request import Batch, BatchOptions, BatchRequest, Items
from expander.group.open import GroupSelector
from expander.manifests.rerun_choice import Rerun, parse_rerun
from expander.notify.notification import Counts, ending
from expander.run.dry_run import PlannedObject
from expander.run.outcomes import JobOutcome, LogFile
from expander.run.output_lines import OutputLine
from expander.run.refused import keep_refused
from expander.run.reporter import PodsOf

if TYPE_CHECKING:
    from expander.api.progress import Progress
    from expander.manifests.manifest import Manifest
    from expander.notify.notifier import Notifier
    from expander.run.escalation import Escalation
    from expander.run.origin import GroupOrigin


class JobResult(NamedTuple):
    """A Job that has ended: what became of it, and its logs by pod, container and restart."""

    outcome: JobOutcome
    logs: list[LogFile]

    def __repr__(self) -> str:
        why = f": {self.outcome.reason}" if self.outcome.reason else ""
        return f"<JobResult {self.outcome.name} {self.outcome.state}{why}>"


@dataclass(frozen=True, slots=True)
class RunResult(Followed):
    """How a run ended; the calls that follow a group are its methods.

    ``jobs`` are those of the batch that have ended, also in an earlier run, in the order in which they ended.
    ``counts`` are all Jobs of the group by state: pending, running, suspended, succeeded, failed. ``stopped``
    says why the run ended before everything was done, if it did. ``planned`` is what a dry run found: what
    would be done with each Job and pod. ``place`` is where the group is, None if nothing ran.
    """

    jobs: list[JobResult]
    counts: Mapping[str, int]
    stopped: str | None
    planned: list[PlannedObject] = field(default_factory=list)
    place: GroupSelector | None = None

    def __repr__(self) -> str:
        if self.place is None:
            planned = f"{counted(len(self.planned), 'object')} planned" if self.planned else "nothing to run"
            return f"<RunResult {planned}>"
        counts = ", ".join(f"{count:,} {state}" for state, count in self.counts.items() if count)
        stopped = f", {self.stopped}" if self.stopped else ""
        return f"<RunResult {self.place}: {counts}{stopped}>"

    def _repr_html_(self) -> str:
        heads = ("JOB", "ITEM", "STATE", "SECONDS", "ATTEMPTS", "REASON")
        ended = (job.outcome for job in self.jobs)
        rows = ((one.name, one.key, one.state, one.seconds, one.attempts, one.reason) for one in ended)
        return html_table(repr(self).strip("<>"), heads, rows)


def run(
    batch: Batch | BatchRequest,
    items: Items | None = None,
    *,
    runtime: str = "best",
    jobs: int | None = None,
    cpus: float | None = None,
    memory: int | None = None,
    backoff_base: float = 10.0,
    images: Mapping[str, Path | str] | None = None,
    image_commands: Mapping[str, str] | None = None,
    claims: Mapping[str, Path] | None = None,
    env: Mapping[str, str] | None = None,
    grace: float | None = None,
    halt: str | None = None,
    timeout: float | None = None,
    state: str | os.PathLike[str] | None = None,
    rerun: Rerun | None = None,
    on_oom: str | None = None,
    on_timeout: str | None = None,
    on_exit: Sequence[str] = (),
    fresh: bool = False,
    dry_run: bool = False,
    on_error: Callable[[ItemError], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    on_output: Callable[[OutputLine], None] | None = None,
    on_outcome: Callable[[JobResult], None] | None = None,
    notify: Notified = None,
    progress: bool = False,
    **options: Unpack[BatchOptions],
) -> RunResult:
    """Run ``batch`` on this machine until every Job has ended, or there is a reason to stop before.

    ``batch`` and ``items`` are as for `submit`. At most ``jobs`` pods run at a time, within ``cpus`` cores
    and ``memory`` bytes of requests. ``backoff_base`` is the first back-off of a failed pod, ``timeout`` how
    long the run may last, ``grace`` the longest that stopped pods get to end (all in seconds). State and logs
    are kept below ``state``, by default where the command keeps them: a Job that an earlier call has finished
    runs again only if it failed and its manifest has changed, ``rerun`` says so ("failed", "changed": also
    complete ones that have changed, "all"), or ``fresh`` forgets it. Failed items run again as ``on_oom``
    ("x2,max=64Gi"), ``on_timeout`` ("x2,max=6h") and ``on_exit`` ("42=retry:3") say. ``dry_run`` only fills
    ``planned``; ``on_output`` gets each line of output as it is written, ``on_outcome`` each of ``jobs`` as
    it ends, once, in the thread of the call; an error in them ends the run. ``on_note`` is as for `submit`.
    ``notify`` is told of the first failure, a stall and the end: a URL, a command, a function that gets a
    mapping (in another thread), or several; ``progress`` shows how far it is, in a notebook or on a terminal.
    Raises ItemError for the first item that is no Job, unless ``on_error`` gets it; InputError; UsageError.
    """
    check_kinds(locals())
    errors, note = Errors(on_error), on_note or warn
    settings = executor_settings(locals(), note)
    request = request_of("run", batch, items, options)
    manifests = _manifests(request if dry_run else filled_queue(request), errors, note)
    if (first := next(manifests, None)) is None:
        return _nothing(errors, note)
    place = _Place.of(first, request, state, fresh)
    if dry_run:
        return _dry_run(place, chain([first], manifests), parse_rerun(rerun), errors, note)
    when, again = _ends(halt, timeout), _Again.of(rerun, on_oom, on_timeout, on_exit)
    hears, told = Hears(errors, note, on_output), _Told(on_outcome, progress)
    work = partial(_run_in, place, chain([first], manifests), settings, when, again, hears, told)
    return _notifying(notify, place, errors, note, work)


def _nothing(errors: Errors, note: Callable[[str], None]) -> RunResult:
    if not errors.count:
        note("warning: nothing to run")
    return RunResult([], {}, None)


def _manifests(request: BatchRequest, errors: Errors, note: Callable[[str], None]) -> Iterator[Manifest]:
    from expander.batch.load import used_here

    return used_here(request.manifests(errors, note, started_here=True), note)


def _ends(halt: str | None, timeout: float | None) -> dict[str, Any]:
    """When a run ends early."""
    from expander.run.run import Halt

    return {"halt": Halt.parse(halt) if halt else None, "timeout": timeout}


def _notifying(
    notify: Notified,
    place: _Place,
    errors: Errors,
    note: Callable[[str], None],
    work: Callable[[Notifier], RunResult],
) -> RunResult:
    """Do the ``work``, of which ``notify`` is told."""
    made = notifier_of(notify, "run", local=True, group=place.group, namespace=place.namespace)
    with notifying(made, note) as notifier:
        result = work(notifier)
        keep_refused(place.folder, errors.refused)
        counts = Counts.of_run(result.counts, errors.count)
        notifier.done(ending(result.stopped) or counts.outcome, counts)
    return result


class _Place(NamedTuple):
    """Where a run keeps its state; ``fresh`` forgets what is there."""

    group: str
    root: str | None
    fresh: bool
    origin: GroupOrigin
    label: str
    namespace: str

    @property
    def folder(self) -> Path:
        """The state folder of the group."""
        from expander.base.state_dir import state_folder

        return state_folder(self.group, self.root)

    @property
    def selector(self) -> GroupSelector:
        """The group for calls that follow it."""
        return GroupSelector(self.group, local=True, state=self.root, group_label=self.label)

    @classmethod
    def of(
        cls, first: Manifest, request: BatchRequest, state: str | os.PathLike[str] | None, fresh: bool
    ) -> _Place:
        """That of a batch with the manifest ``first``. Raises UsageError for a group of another template."""
        from expander.base.state_dir import state_folder
        from expander.run.origin import ORIGIN_FILE, GroupOrigin

        group = str((first.tree["metadata"].get("labels") or {}).get(request.group_label) or "batch")
        root = None if state is None else os.fspath(state)
        path = state_folder(group, root) / ORIGIN_FILE
        origin = GroupOrigin(first, group, path, chosen=bool(request.group))
        namespace = str(first.tree["metadata"].get("namespace") or "default")
        return cls(group, root, fresh, origin, request.group_label, namespace)


class _Again(NamedTuple):
    """What runs again: of an earlier run, and by a policy of this one."""

    rerun: Rerun | None
    policy: Escalation | None

    @classmethod
    def of(
        cls, rerun: str | None, on_oom: str | None, on_timeout: str | None, on_exit: Sequence[str]
    ) -> _Again:
        """What the arguments of a call say. Raises UsageError for one that says nothing."""
        from expander.run.escalation import Escalation

        return cls(parse_rerun(rerun), Escalation.parse(on_oom, on_timeout, on_exit))


def _dry_run(
    place: _Place,
    manifests: Iterator[Manifest],
    rerun: Rerun | None,
    on_error: Callable[[ItemError], None],
    on_note: Callable[[str], None],
) -> RunResult:
    """What would be done with ``manifests``, given the state in ``place``."""
    from expander.group.local.dry_run import planned_after

    folder = None if place.fresh else place.folder
    return RunResult([], {}, None, [*planned_after(folder, manifests, rerun, on_error, on_note)])


def _run_in(
    place: _Place,
    manifests: Iterator[Manifest],
    executor_options: Mapping[str, Any],
    run_options: Mapping[str, Any],
    again: _Again,
    hears: Hears,
    told: _Told,
    notifier: Notifier,
) -> RunResult:
    """Run ``manifests`` with the state in ``place``."""
    from expander.group.known.summaries import summary_of
    from expander.group.saved_logs import EarlierLogs
    from expander.local.executor import Executor
    from expander.local.log_packing import unpack_logs
    from expander.local.state import remove_state
    from expander.run.kept_options import keep_options
    from expander.run.rerun import EarlierRun
    from expander.run.retries import Retries
    from expander.run.run import Run

    folder = place.folder
    if place.fresh:
        remove_state(folder)
    unpack_logs(folder)
    reporter = _JobResults(folder, hears, told.on_outcome)
    reporter.notifier = notifier
    logs = EarlierLogs(place.group, place.root)
    with (
        showing(told.progress, f"group {place.group}") as reporter.shown,
        Executor(folder, hold=True, summarize=summary_of, **executor_options) as executor,
        reporter.listening(executor),
    ):
        place.origin.keep()
        keep_options(folder, executor_options)
        hears.note(executor.note)
        if place.origin.note:
            hears.note(place.origin.title)
        earlier = EarlierRun(executor, hears.error, again.rerun, logs, folder)
        retries = None if again.policy is None else Retries(executor, again.policy, logs)
        work = Run(executor, manifests, reporter, earlier=earlier, retries=retries, **run_options)
        on_stop(work.interrupt)
        on_stop(work.interrupt)  # twice: stop what runs
        result = work.go()
    old = earlier.counts.outdated
    if old and hears.note is warn:
        them = "it" if old == 1 else "them"
        kept = f"{counted(old, 'complete Job')} kept although changed"
        warn(f"warning: {kept}; rerun='changed' runs {them} again")
    return RunResult(reporter.results, result.counts, result.stopped, place=place.selector)


class _Told(NamedTuple):
    """What is told as Jobs end: a function of the caller, and whether the progress is shown."""

    on_outcome: Callable[[JobResult], None] | None
    progress: bool


class _JobResults(Hearing):
    """Keeps what became of each Job."""

    shown: Progress | None = None

    def __init__(self, folder: Path, hears: Hears, on_outcome: Callable[[JobResult], None] | None) -> None:
        from expander.local.kubelet.pod_files import PodFolders

        super().__init__(folder, hears)
        self._folders = PodFolders(folder)
        self._on_outcome = on_outcome
        self.results: list[JobResult] = []

    def finished(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        super().finished(job, pods_of)
        self.kept(job, pods_of)

    def kept(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        from expander.run.outcomes import log_files, outcome_of

        pods = pods_of()
        logs = [*log_files(self._folders, pods)]
        for log in logs:
            log.path.touch(0o600)  # a container that said nothing may have left none
        outcome = outcome_of(job, pods)
        self.results.append(JobResult(outcome, logs))
        if self.shown is not None and outcome.state == "Failed":
            self.shown.add_failure(outcome.key or outcome.name, outcome.reason)
        if self._on_outcome is not None:
            self._on_outcome(self.results[-1])

    def progress(self, counts: Mapping[str, int]) -> None:
        super().progress(counts)
        if self.shown is not None:
            failed = counts.get("failed", 0)
            self.shown.update(sum(counts.values()), counts.get("succeeded", 0) + failed, failed)
