"""The calls of the package: `expand`, `validate`, `plan`, `submit` and `run`; options in, results out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, fields, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError, InputError, ItemError, UsageError
from expander.batch.request import Batch, BatchOptions, BatchRequest, Items
from expander.items import from_python
from expander.manifests.rerun_choice import parse_rerun
from expander.run.limits import check_limits
from expander.run.reporter import PodsOf, Retried, RunReporter

if TYPE_CHECKING:
    from expander.batch.crds import Sources
    from expander.batch.policies import Sources as PolicySources
    from expander.group.known.listing import KnownGroup
    from expander.local.executor import Executor
    from expander.local.waiting import Waiting
    from expander.manifests.manifest import Manifest
    from expander.manifests.rerun_choice import Rerun
    from expander.plan.plan import Plan
    from expander.run.dry_run import PlannedObject
    from expander.run.escalation import Escalation
    from expander.run.origin import GroupOrigin
    from expander.run.outcomes import JobOutcome, LogFile
    from expander.run.output_lines import OutputLine, OutputLines
    from expander.submit.delivery import Outcome
    from expander.submit.options import DryRun, OnDamage, OnExists, OnQuota, SubmitOptions
    from expander.validate.crds.check import Subresource
    from expander.validate.finding import Finding


def expand(
    template: Batch | BatchRequest,
    items: Items | None = None,
    *,
    on_error: Callable[[ItemError], None] | None = None,
    **options: Unpack[BatchOptions],
) -> Iterator[Manifest]:
    """The manifests of ``template``, one after the other, as they are asked for.

    ``template`` is a path (``-`` is standard input), a `TemplateFile` or a `BatchRequest`; ``items`` are
    values, mappings of named columns, or `Item`; None for a Jinja2 template that brings its own parameters.
    ``options`` are the fields of `BatchRequest`.

    Raises InputError with all that is wrong with the template, UsageError for arguments that do not fit
    together, and ItemError for the first item that cannot become a manifest; with ``on_error`` that
    function gets the errors of items and the other items go on.
    """
    request = _request("expand", template, items, options)
    yield from request.selected(request.expansion(_Errors(on_error)).each())


def validate(
    manifest: Mapping[str, Any],
    version: str | None = None,
    *,
    crds: Sources | None = None,
    policies: PolicySources | None = None,
    namespace: str = "default",
    old: Mapping[str, Any] | None = None,
    subresource: Subresource | None = None,
) -> list[Finding]:
    """What the API server would refuse in ``manifest``; empty when it would be accepted.

    ``manifest`` is plain JSON data; ``version`` a Kubernetes version such as "1.33", the newest by default.
    ``crds`` are CustomResourceDefinitions: paths, plain data, or what `load_crds` gave; a rule of theirs that
    cannot be evaluated here is a finding with `Reason.UNCHECKED`. ``policies`` are what the cluster has:
    admission policies, Namespaces, LimitRanges, ResourceQuotas, in the same forms (see `load_policies`);
    ``namespace`` is that of a manifest that names none. With ``old``, the object as the server has
    it, ``manifest`` is written in its place; ``subresource`` is "status" when that of a custom resource is.
    Raises UsageError for a version that is not known and InputError for a kind without a schema.
    """
    from expander.kube.versions import known
    from expander.validate.check import check, check_replacement
    from expander.validate.finding import Reason

    definitions = None
    if crds:
        from expander.batch.crds import definitions_of

        definitions = definitions_of(crds)
    if old is None and subresource is not None:
        raise UsageError("subresource requires old, the object as the server has it")
    try:
        if old is None:
            found = check(manifest, known(version), crds=definitions)
        else:
            found = check_replacement(
                manifest, old, known(version), crds=definitions, subresource=subresource
            )
    except ValueError as error:
        raise UsageError(str(error)) from None
    if found is None:
        raise InputError(f"there is no schema for {manifest.get('apiVersion')} {manifest.get('kind')}")
    if policies and all(each.reason is Reason.UNCHECKED for each in found):
        from expander.batch.policies import policies_of
        from expander.validate.policies.case import review

        cluster = policies_of(policies, definitions)
        found += review(
            cluster, manifest, known(version), crds=definitions, old=old, namespace=namespace
        ).findings
    return found


def plan(
    batch: Batch | BatchRequest,
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
    from expander.plan.capacity import capacity_source
    from expander.plan.plan import Rate
    from expander.plan.survey import Survey

    request, errors = _request("plan", batch, items, options), _Errors(on_error)
    limits = capacity_source(kubeconfig, context, quotas, offline)
    survey = Survey(
        rate=Rate(qps, burst, max_active),
        namespace=limits.namespace,
        group_label=request.group_label,
        capacity=limits.of,
        on_error=errors,
        shape=str(request.parsed_shape),
        release=request.release,
    )
    warnings: list[str] = []
    found = survey.plan_of(request.manifests(errors, warnings.append))
    found.warnings += warnings
    found.failed = errors.count
    found.asked = limits.asked
    found.unknown = [*limits.unknown(), *found.unknown]
    return found


class JobResult(NamedTuple):
    """A Job that has ended: what became of it, and its logs by pod, container and restart."""

    outcome: JobOutcome
    logs: list[LogFile]


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    ``jobs`` are those of the batch that have ended, also in an earlier run, in the order in which they ended.
    ``counts`` are all Jobs of the group by state: pending, running, suspended, succeeded, failed. ``stopped``
    says why the run ended before everything was done, if it did. ``planned`` is what a dry run found: what
    would be done with each Job and pod.
    """

    jobs: list[JobResult]
    counts: Mapping[str, int]
    stopped: str | None
    planned: list[PlannedObject] = field(default_factory=list)


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
    **options: Unpack[BatchOptions],
) -> RunResult:
    """Run ``batch`` on this machine until every Job has ended, or there is a reason to stop before.

    ``batch`` and ``items`` are as for `submit`. At most ``jobs`` pods run at a time, within ``cpus`` cores
    and ``memory`` bytes of requests. ``backoff_base`` is the first back-off of a failed pod, ``timeout`` how
    long the run may last, ``grace`` the longest that stopped pods get to end (all in seconds). State and logs
    are kept below ``state``, by default where the command keeps them: a Job that an earlier call has finished
    runs again only if it failed and its manifest has changed, ``rerun`` says so ("failed", "changed": also
    complete ones that have changed, "all"), or ``fresh`` forgets it. Failed items run again as ``on_oom``
    ("x2,max=64Gi"), ``on_timeout`` ("x2,max=6h") and ``on_exit`` ("42=retry:3") say. ``dry_run`` only tells,
    in ``planned``, what would run; ``on_output`` gets each line of output as it is written. Others are as for
    the command. Raises ItemError for the first item that cannot become a Job, unless ``on_error`` gets it;
    InputError and UsageError as the command does.
    """
    from expander.batch.load import used_here
    from expander.run.run import Halt

    limits = {"jobs": jobs, "cpus": cpus, "memory": memory, "backoff_base": backoff_base}
    check_limits({**limits, "grace": grace, "timeout": timeout})
    request = _request("run", batch, items, options)
    request = request if dry_run else _filled_queue(request)
    errors, note = _Errors(on_error), on_note or _ignore
    manifests = used_here(request.manifests(errors, note), note)
    if (first := next(manifests, None)) is None:
        return RunResult([], {}, None)
    place = _Place.of(first, request, state, fresh)
    if dry_run:
        return _dry_run(place, chain([first], manifests), parse_rerun(rerun))
    files = {"images": images, "image_commands": image_commands, "claims": claims, "variables": env}
    when = {"halt": Halt.parse(halt) if halt else None, "timeout": timeout}
    again = _Again.of(rerun, on_oom, on_timeout, on_exit)
    settings = {**limits, **files, "runtime": runtime, "stop_grace": grace, "on_note": note}
    return _run_in(place, chain([first], manifests), settings, when, again, _Hears(errors, note, on_output))


class _Hears(NamedTuple):
    """The functions of the caller."""

    error: Callable[[ItemError], None]
    note: Callable[[str], None]
    output: Callable[[OutputLine], None] | None


class _Place(NamedTuple):
    """Where a run keeps its state; ``fresh`` forgets what is there."""

    group: str
    root: str | None
    fresh: bool
    origin: GroupOrigin

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
        return cls(group, root, fresh, origin)


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


def _dry_run(place: _Place, manifests: Iterator[Manifest], rerun: Rerun | None) -> RunResult:
    """What would be done with ``manifests``, given the state in ``place``."""
    from expander.base.state_dir import state_folder
    from expander.group.local_watch import planned_after

    folder = None if place.fresh else state_folder(place.group, place.root)
    return RunResult([], {}, None, [*planned_after(folder, manifests, rerun)])


def _run_in(
    place: _Place,
    manifests: Iterator[Manifest],
    executor_options: Mapping[str, Any],
    run_options: Mapping[str, Any],
    again: _Again,
    hears: _Hears,
) -> RunResult:
    """Run ``manifests`` with the state in ``place``."""
    from expander.base.state_dir import state_folder
    from expander.group.known.summaries import summary_of
    from expander.group.saved_logs import EarlierLogs
    from expander.local.executor import Executor
    from expander.local.log_packing import unpack_logs
    from expander.run.rerun import EarlierRun
    from expander.run.retries import Retries
    from expander.run.run import Run, remove_state

    folder = state_folder(place.group, place.root)
    if place.fresh:
        remove_state(folder)
    unpack_logs(folder)
    reporter = _JobResults(folder, hears)
    logs = EarlierLogs(place.group, place.root)
    with Executor(folder, hold=True, summarize=summary_of, **executor_options) as executor:
        place.origin.keep()
        hears.note(executor.note)
        if place.origin.note:
            hears.note(place.origin.title)
        reporter.listen(executor)
        earlier = EarlierRun(executor, hears.error, again.rerun, logs, folder)
        retries = None if again.policy is None else Retries(executor, again.policy, logs)
        result = Run(executor, manifests, reporter, earlier=earlier, retries=retries, **run_options).go()
        reporter.end()
    return RunResult(reporter.results, result.counts, result.stopped)


class _JobResults(RunReporter):
    """Keeps what became of each Job; ``hears.note`` gets what a person would read."""

    def __init__(self, folder: Path, hears: _Hears) -> None:
        from expander.local.kubelet.pod_files import PodFolders

        self._folders = PodFolders(folder)
        self._folder = folder
        self._on_error, self._on_note, self._on_output = hears
        self._lines: OutputLines | None = None
        self.results: list[JobResult] = []

    def listen(self, executor: Executor) -> None:
        """Hand on the output of the pods of ``executor``, if the caller wants it."""
        if self._on_output is None:
            return
        from expander.group.records import index_record
        from expander.kube.objects import completion_index, owner_of
        from expander.run.output_lines import OutputLines

        def key_of(pod: Mapping[str, Any]) -> str:
            return index_record(executor.by_uid(owner_of(pod)) or pod, (), completion_index(pod)).label

        self._lines = OutputLines(self._folder, key_of, self._on_output)

    def pod_changed(self, pod: Mapping[str, Any]) -> None:
        if self._lines is not None:
            self._lines.pod_changed(pod)

    def progress(self, counts: Mapping[str, int]) -> None:
        if self._lines is not None:
            self._lines.read()

    def end(self) -> None:
        """The run is over."""
        if self._lines is not None:
            self._lines.end()

    def finished(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        from expander.run.outcomes import log_files, outcome_of

        pods = pods_of()
        self.results.append(JobResult(outcome_of(job, pods), list(log_files(self._folders, pods))))

    kept = finished

    def refused(self, error: ItemError) -> None:
        self._on_error(error)

    def note(self, text: str) -> None:
        self._on_note(text)

    def waiting(self, waiting: Waiting) -> None:
        self._on_note(waiting.line(waiting.obj["metadata"]["name"]))

    def stalled(self, count: int) -> None:
        from expander.base.text import counted

        self._on_note(f"Nothing runs: {counted(count, 'Job')} left, waiting for what is missing")

    def not_retried(self, job: Mapping[str, Any], why: str) -> None:
        self._on_note(f"no retry: {job['metadata']['name']}: {why}")

    def retried(self, retried: Retried) -> None:
        self._on_note(retried.line(retried.job["metadata"]["name"]))


class SubmitResult(NamedTuple):
    """What became of one object: the words of ``expander submit -o json``."""

    name: str
    namespace: str
    item: Any
    outcome: str
    reason: str
    attempts: int
    message: str

    @classmethod
    def of(cls, outcome: Outcome) -> SubmitResult:
        """The result for an outcome of the submission."""
        prepared, done = outcome.prepared, outcome.result
        return cls(
            name=prepared.name,
            namespace=prepared.namespace,
            item=prepared.item,
            outcome=done.outcome,
            reason=done.reason,
            attempts=outcome.attempts,
            message=done.message,
        )


class SubmitKeywords(BatchOptions, total=False):
    """The keywords of `submit`: the fields of `BatchRequest` and of `SubmitOptions`."""

    kubeconfig: str | None
    context: str | None
    queue: str | None
    qps: float | None
    burst: int | None
    max_in_flight: int
    max_active: int | None
    retry_budget: float
    on_exists: OnExists
    rerun: Rerun | None
    on_quota: OnQuota
    on_damage: OnDamage
    quota_timeout: float | None
    server_side: bool
    force_conflicts: bool
    delete_finished: bool
    results: str | os.PathLike[str] | None
    on_oom: str | None
    on_timeout: str | None
    on_exit: Sequence[str]
    dry_run: DryRun
    resume: bool
    state: str | os.PathLike[str] | None


def groups(
    *, state: str | os.PathLike[str] | None = None, on_error: Callable[[ExpanderError], None] | None = None
) -> list[KnownGroup]:
    """The batches that ran on this machine, as ``expander groups`` lists them, by name.

    ``state`` is the state folder, by default that of the command. Raises ExpanderError for the first group
    whose state cannot be read; with ``on_error`` that function gets the errors and the others are listed.
    """
    from expander.base.state_dir import state_folder
    from expander.group.known.listing import local_groups
    from expander.manifests.edits import GROUP_LABEL

    root = state_folder("any", None if state is None else os.fspath(state)).parent
    return [*local_groups(root, GROUP_LABEL, on_error or _raise)]


def submit(
    batch: Batch | BatchRequest,
    items: Items | None = None,
    options: SubmitOptions | None = None,
    *,
    on_outcome: Callable[[SubmitResult], None] | None = None,
    on_error: Callable[[ItemError], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    **keywords: Unpack[SubmitKeywords],
) -> list[SubmitResult]:
    """Create ``batch`` in a cluster, each object exactly once; what became of each, in any order.

    ``batch`` is a template (then ``items`` are its items), paths of manifests, manifests and objects, or a
    `BatchRequest`. Keywords are the fields of `BatchRequest` and of `SubmitOptions`, and win over ``batch``
    and ``options``. With ``on_oom``, ``on_timeout`` or ``on_exit`` it returns when no Job of ``batch`` is
    unfinished. After an exception the same call with ``resume`` goes on. ``on_outcome`` gets each
    outcome as it is known, ``on_note`` a line for people; without it what is a warning is one of Python's.

    Raises InputError when there is no cluster to speak to, ClusterError when it does not answer or does not
    accept the credentials, and ItemError for the first item that cannot be sent at all, when others may have
    been sent; with ``on_error`` that function gets the errors of items and the other items go on.
    """
    from expander.group.collect import ClusterCollector
    from expander.group.saved_logs import SubmittedLogs
    from expander.submit.options import SubmitOptions
    from expander.submit.submit import Submitter, dry_run_outcomes

    names = {field.name for field in fields(SubmitOptions)} - {"group", "group_label"}
    of_batch: Any = {name: value for name, value in keywords.items() if name not in names}
    of_submit: Any = {name: value for name, value in keywords.items() if name in names}
    request, errors = _filled_queue(_request("submit", batch, items, of_batch)), _Errors(on_error)
    labels: Any = {"group": request.group, "group_label": request.group_label}
    options = replace(options or SubmitOptions(), **labels, **of_submit)
    options.check()
    note = on_note or _warn
    manifests = request.manifests(errors, note)
    results: list[SubmitResult] = []
    submitter = None
    if options.dry_run != "client":
        logs = SubmittedLogs(options.kubeconfig, options.context, options.group_label, note)
        submitter = Submitter(options, errors, note, ClusterCollector, logs)
    try:
        for outcome in (
            dry_run_outcomes(manifests, options, errors)
            if submitter is None
            else submitter.outcomes(manifests)
        ):
            results.append(SubmitResult.of(outcome))
            if on_outcome is not None:
                on_outcome(results[-1])
    finally:
        if submitter is not None:
            submitter.stop()
            submitter.close()
    return results


def _request(
    call: str, batch: Batch | BatchRequest, items: Items | None, options: BatchOptions
) -> BatchRequest:
    """The batch that a call means. Raises TypeError for an option that there is not."""
    if unknown := [*options.keys() - BatchOptions.__annotations__.keys()]:
        raise TypeError(f"expander.{call}() got an unexpected keyword argument {min(unknown)!r}")
    given = None if items is None else from_python(items)
    if isinstance(batch, BatchRequest):
        return replace(batch, items=batch.items if given is None else given, **options)
    return BatchRequest(batch=batch, items=given, **options)


def _filled_queue(request: BatchRequest) -> BatchRequest:
    """``request``. Raises UsageError when workers would be made for a queue that nobody fills."""
    if request.parsed_shape.kind == "queue" and request.on_queue is None:
        raise UsageError("a work queue has to be filled before its workers run: on_queue gets its messages")
    return request


class _Errors:
    """Counts the errors of items and gives them to ``on_error``; without it the first is raised."""

    def __init__(self, on_error: Callable[[ItemError], None] | None) -> None:
        self._on_error = on_error
        self.count = 0

    def __call__(self, error: ItemError) -> None:
        if self._on_error is None:
            raise error
        self.count += 1
        self._on_error(error)


def _warn(text: str) -> None:
    """A line for people that nobody asked for: only a warning is told, as Python's warnings are."""
    if text.startswith("warning: "):
        import warnings

        warnings.warn(text.removeprefix("warning: "), stacklevel=2)


def _raise(error: ExpanderError) -> None:
    raise error


def _ignore(*_: object) -> None:
    """Nobody listens."""
