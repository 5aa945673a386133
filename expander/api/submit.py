"""`expander.submit`: a batch created in a cluster."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from expander.api.arguments import Errors, filled_queue, request_of, warn
from expander.api.handle import Followed
from expander.api.notify import Notified, notifier_of, notifying
from expander.api.progress import showing_submission
from expander.api.stop import on_stop, stop_check
from expander.base.errors import ItemError
from expander.base.html import html_table
from expander.base.named_tuple import NamedTuple
from expander.base.text import counted
from expander.batch.request import Batch, BatchOptions, BatchRequest, Items
from expander.group.open import GroupSelector
from expander.manifests.rerun_choice import Rerun
from expander.submit.delivery import Outcome
from expander.submit.options import DryRun, OnDamage, OnExists, OnQuota, SubmitOptions

if TYPE_CHECKING:
    from expander.api.progress import Progress
    from expander.group.saved_logs import SubmittedLogs
    from expander.notify.submission import SubmitEvents
    from expander.submit.collector import CollectorFactory
    from expander.submit.submit import Submitter


class SubmitResult(NamedTuple):
    """What became of one object: the words of ``expander submit -o json``.

    ``reason`` is "DryRun" where nothing was sent. ``passed`` says whether all is well: False for one that
    was refused, that failed, or in whose place there is an object of another batch or with other content.
    """

    name: str
    namespace: str
    item: Any
    outcome: str
    reason: str
    attempts: int
    message: str
    passed: bool = True

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
            passed=done.passed,
        )


class Submission(Followed, list[SubmitResult]):
    """What became of each object; the calls that follow a group are its methods.

    ``counts`` by outcome, and ``failed`` those that have not `passed`. ``place`` is where the group is, None
    if nothing was sent.
    """

    place: GroupSelector | None = None

    @property
    def counts(self) -> Mapping[str, int]:
        """How many objects had each outcome."""
        return Counter(each.outcome for each in self)

    @property
    def failed(self) -> list[SubmitResult]:
        """Those that are not in the cluster as this batch has them."""
        return [each for each in self if not each.passed]

    def __repr__(self) -> str:
        parts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(self.counts.items()))
        place = self.place or ("of a dry run" if self else "")
        return f"<Submission{' ' * bool(place)}{place}: {parts or 'nothing'}>"

    def _repr_html_(self) -> str:
        heads = ("NAME", "NAMESPACE", "OUTCOME", "REASON", "MESSAGE")
        rows = ((one.name, one.namespace, one.outcome, one.reason, one.message) for one in self)
        return html_table(repr(self).strip("<>"), heads, rows)


def _place(options: SubmitOptions, group: str | None, namespaces: set[str]) -> GroupSelector | None:
    """The group that a submission has sent into these namespaces."""
    if group is None or not namespaces:
        return None
    several = len(namespaces) > 1
    return GroupSelector(
        group,
        namespace=None if several else min(namespaces),
        everywhere=several,
        kubeconfig=options.kubeconfig,
        context=options.context,
        group_label=options.group_label,
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


def submit(
    batch: Batch | BatchRequest,
    items: Items | None = None,
    options: SubmitOptions | None = None,
    *,
    on_outcome: Callable[[SubmitResult], None] | None = None,
    on_error: Callable[[ItemError], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    notify: Notified = None,
    progress: bool = False,
    **keywords: Unpack[SubmitKeywords],
) -> Submission:
    """Create ``batch`` in a cluster, each object exactly once; what became of each, in any order.

    ``batch`` is a template (then ``items`` are its items), paths of manifests, manifests and objects, or a
    `BatchRequest`. Keywords are the fields of `BatchRequest` and of `SubmitOptions`, and win over ``batch``
    and ``options``. With ``on_oom``, ``on_timeout`` or ``on_exit`` it returns when no Job of ``batch`` is
    unfinished. After an exception the same call with ``resume`` goes on. ``on_outcome`` gets each
    outcome as it is known, ``on_note`` a line for people; without it what is a warning is one of Python's.
    Objects that were not created are no error: `Submission.failed` has them, of which a warning tells.
    ``notify`` is as for `run`, where this waits for the Jobs; a dry run tells nobody. ``progress`` shows how
    many are sent, and where it waits how many have ended.

    Raises InputError when there is no cluster to speak to, ClusterError when it does not answer or does not
    accept the credentials, and ItemError for the first item that cannot be sent at all, when others may have
    been sent; with ``on_error`` that function gets the errors of items and the other items go on.
    """
    from expander.group.saved_logs import SubmittedLogs
    from expander.notify.submission import SubmitEvents
    from expander.submit.dry_run import dry_run_outcomes
    from expander.submit.opening import Opening
    from expander.submit.submit import Submitter

    request, options = _asked(batch, items, options, keywords)
    errors, note = Errors(on_error), on_note or warn
    manifests = request.manifests(errors, note)
    if options.dry_run == "client":
        return Submission(_told(dry_run_outcomes(manifests, options, errors), on_outcome))
    whom = notify if options.dry_run == "none" else None
    made = notifier_of(whom, "submit", local=False, waits=options.waits, group=request.group or "batch")
    logs = SubmittedLogs(options.kubeconfig, options.context, options.group_label, note)
    opening = Opening(options, request.namespace)
    submitter = Submitter(options, errors, note, _collector(options), logs, opening)
    on_stop(submitter.stop)
    results = Submission()
    with notifying(made, note) as notifier, _ended(submitter, logs):
        events = SubmitEvents(notifier, submitter, lambda name: _place(options, name, {submitter.namespace}))
        shows = showing_submission(progress, submitter, events, _count(request, items), waits=options.waits)
        with events.watching(), shows as shown:
            hear = partial(_hear, events, shown)
            results += _told(submitter.outcomes(manifests), on_outcome, hear)
        events.done(interrupted=stop_check()(), refused=errors.count)
    if options.dry_run == "none":
        results.place = _place(options, submitter.group, {each.namespace for each in results})
    _tell_failed(results, note)
    if not results and not errors.count:
        note("warning: nothing to submit")
    return results


def _asked(
    batch: Batch | BatchRequest, items: Items | None, options: SubmitOptions | None, keywords: SubmitKeywords
) -> tuple[BatchRequest, SubmitOptions]:
    """What to send and how. Raises UsageError for what does not fit together."""
    names = {field.name for field in fields(SubmitOptions)} - {"group", "group_label"}
    of_batch: Any = {name: value for name, value in keywords.items() if name not in names}
    of_submit: Any = {name: value for name, value in keywords.items() if name in names}
    request = filled_queue(request_of("submit", batch, items, of_batch))
    labels: Any = {"group": request.group, "group_label": request.group_label}
    options = replace(options or SubmitOptions(), **labels, **of_submit)
    options.check()
    return request, options


def _collector(options: SubmitOptions) -> CollectorFactory | None:
    if not options.delete_finished:
        return None
    from expander.group.collect import ClusterCollector

    return ClusterCollector


def _hear(events: SubmitEvents, shown: Progress | None, outcome: Outcome) -> None:
    events.outcome(outcome)
    if shown is not None and not outcome.result.passed:
        shown.add_failure(outcome.prepared.name, outcome.result.message or outcome.result.reason)


def _count(request: BatchRequest, items: Items | None) -> int | None:
    """The number of items, where it is known before they are read."""
    given = request.items if items is None else items
    return len(given) if isinstance(given, Sized) else None


def _tell_failed(results: Submission, note: Callable[[str], None]) -> None:
    if failed := results.failed:
        first = failed[0].message or failed[0].reason
        note(f"warning: {len(failed):,} of {counted(len(results), 'object')} not created: {first}")


@contextmanager
def _ended(submitter: Submitter, logs: SubmittedLogs) -> Iterator[None]:
    """At the end of the block nothing more is sent, and there is no connection."""
    try:
        yield
    finally:
        submitter.stop()
        submitter.close()
        logs.close()


def _told(
    outcomes: Iterable[Outcome],
    on_outcome: Callable[[SubmitResult], None] | None,
    hear: Callable[[Outcome], None] = lambda _: None,
) -> Iterator[SubmitResult]:
    """The results for ``outcomes``, of which the caller is told."""
    for outcome in outcomes:
        hear(outcome)
        result = SubmitResult.of(outcome)
        if on_outcome is not None:
            on_outcome(result)
        yield result
