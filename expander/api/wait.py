"""`expander.wait` and `expander.outcomes`: a group until its Jobs have ended."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from expander.api.arguments import warn
from expander.api.notify import Notified, notifier_of, notifying
from expander.api.place import GroupKeywords, Which, opened, selector_of
from expander.api.progress import showing
from expander.api.stop import stop_check
from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError, TimedOut
from expander.base.text import counted
from expander.group.job_status import JobStatus
from expander.run.limits import check_limits

if TYPE_CHECKING:
    from expander.api.notify import Made
    from expander.api.progress import Progress
    from expander.group.open import AnySource, GroupSelector
    from expander.group.wait import Waiter, WaitResult
    from expander.kube.objects import Object


@dataclass(frozen=True, slots=True)
class WaitEnd:
    """How a wait ended.

    ``reached`` is False when the goal cannot be reached any more. ``counts`` are the Jobs by how they ended:
    succeeded, failed, gone (deleted before they were seen to end), removed (deleted before the wait began).
    ``exit_code`` is what ``expander wait`` would end with: 0, or 1 when not all is well.
    """

    reached: bool
    counts: Mapping[str, int]
    exit_code: int


def wait(
    group: Which = None,
    *,
    goal: str = "all",
    expect: int | None = None,
    timeout: float | None = None,
    on_outcome: Callable[[JobStatus], None] | None = None,
    notify: Notified = None,
    progress: bool = False,
    **where: Unpack[GroupKeywords],
) -> WaitEnd:
    """Wait until the Jobs of a group are finished, as ``expander wait`` does.

    ``group`` and the keywords of its place are as for `status`. ``goal`` is that of ``--for``: "all", "any",
    "complete", "failed", "count=N" or "percent=P". With ``expect`` the wait lasts until so many Jobs have
    been seen, and may begin before there are any. ``on_outcome`` gets the status of each Job as it ends;
    ``notify`` and ``progress`` are as for `run`.

    Raises TimedOut after ``timeout`` seconds (0 looks once), InputError for a group that is not there,
    UsageError for arguments that do not fit together, and ClusterError when the cluster refuses. The Jobs go
    on when the wait ends, also by KeyboardInterrupt.
    """
    with showing(progress, str(selector_of("wait", group, where))) as shown:
        ended = _ended("wait", group, where, goal, expect, timeout, notify, shown)
        while True:
            try:
                told = next(ended)
            except StopIteration as end:
                result: WaitEnd = end.value
                return result
            if shown is not None and told.state == "Failed":
                shown.add_failure(told.outcome.key or told.outcome.name, told.explanation)
            if on_outcome is not None:
                on_outcome(told)


def outcomes(
    group: Which = None, *, timeout: float | None = None, **where: Unpack[GroupKeywords]
) -> Iterator[JobStatus]:
    """The status of each Job of a group as it ends, until all have; those that have ended come first.

    A Job that was deleted is ``Removed``. Arguments and errors are those of `wait`.
    """
    yield from _ended("outcomes", group, where, "all", None, timeout)


def _ended(
    call: str,
    group: Which,
    where: GroupKeywords,
    goal: str,
    expect: int | None,
    timeout: float | None,
    notify: Notified = None,
    shown: Progress | None = None,
) -> Generator[JobStatus, None, WaitEnd]:
    """The Jobs as they end, and at last how the wait ended."""
    from expander.group.open import nothing_found
    from expander.group.wait import BATCH_JOBS, Waiter, WaitGoal, exit_code
    from expander.notify.waiting import WaitEvents

    check_limits({"timeout": timeout, "expect": expect})
    awaited = WaitGoal.parse(goal)
    expected = awaited.expected(expect)
    news: list[tuple[Object, str]] = []
    due: list[bool] = []
    with opened(call, group, where, awaited=expected > 0) as (source, wanted):
        waiter = Waiter.of(
            source,
            wanted,
            awaited,
            lambda job, became: news.append((job, became)),
            expected=expected,
            timeout=timeout,
            on_tick=lambda _: due.append(True),
        )
        with notifying(_notifier(notify, wanted, source), warn) as notifier:
            events = WaitEvents(notifier, waiter, wanted)
            steps = waiter.steps(stop_check())
            ending: WaitResult | None = None
            with events.watching():
                while ending is None:
                    try:
                        next(steps)
                    except StopIteration as end:
                        ending = end.value
                    if ending is not None or due or len(news) >= BATCH_JOBS:
                        yield from _statuses(source, news)
                        news.clear()
                        due.clear()
                        if shown is not None:
                            tally = waiter.tally
                            shown.update(max(tally.known, expected), tally.ended, tally.bad)
            if ending == "empty":
                raise nothing_found(wanted, source)
            events.done(ending)
            if ending == "timeout":
                raise TimedOut(_unfinished(waiter, timeout))
            if ending == "interrupted":
                raise ExpanderError("interrupted")
        counts = dict(waiter.tally.counts)
        return WaitEnd(ending == "reached", counts, exit_code(waiter.tally, ending, awaited))


def _notifier(notify: Notified, wanted: GroupSelector, source: AnySource) -> Made:
    namespace = source.selection.namespace
    return notifier_of(notify, "wait", local=wanted.is_local, group=wanted.called, namespace=namespace)


def _statuses(source: AnySource, news: Sequence[tuple[Object, str]]) -> Iterator[JobStatus]:
    from expander.group.job_status import REMOVED
    from expander.group.wait import DELETED_JOB, RESULT_WORDS, ended_statuses

    for one, became in ended_statuses(source, news):
        if became == DELETED_JOB:
            words, outcome = RESULT_WORDS[became], one.outcome._replace(state=REMOVED)
            yield one._replace(outcome=outcome, reason="Deleted", message=words)
        else:
            yield one


def _unfinished(waiter: Waiter, timeout: float | None) -> str:
    """The message of a timeout."""
    if not waiter.listed:
        return f"{waiter.reader.where} did not list the Jobs within {timeout:g} s"
    tally = waiter.tally
    missing = max(waiter.expected - tally.known, 0)
    parts = [f"{counted(len(tally.jobs), 'Job')} not finished"] if tally.jobs or not missing else []
    parts += [f"{counted(missing, 'Job')} not created"] if missing else []
    return f"{' and '.join(parts)} within {timeout:g} s"
