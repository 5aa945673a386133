"""What ``run`` prints: output of Jobs or their outcomes on standard output, a summary on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expander.base.dataclass import dataclass
from expander.base.errors import ItemError
from expander.base.text import counted
from expander.cli.output.failures import Failures
from expander.cli.output.pod_logs import PodLogs, key_of
from expander.cli.output.printer import Printer
from expander.cli.output.progress import Step, job_step
from expander.cli.output.streams import ItemErrors, OutcomeLines, Output, say
from expander.cli.output.titles import short_title
from expander.kube.objects import Object
from expander.kube.workloads import FAILED
from expander.local.kubelet.pod_files import PodFolders
from expander.notify.reporter import NotifyingReporter
from expander.run.item_counts import ItemCounts
from expander.run.live_logs import LiveLogs
from expander.run.outcomes import JobOutcome, log_files, outcome_of, state_of
from expander.run.reporter import PodsOf, Retried

if TYPE_CHECKING:
    from expander.cli.output.progress import ItemCount
    from expander.local.waiting import Waiting
    from expander.manifests.manifest import Manifest
    from expander.run.run import RunEnd


def forecast(manifests: Iterable[Manifest], until: str) -> None:
    """Print a line for each Job that the CronJobs among ``manifests`` would start from now until ``until``.

    Lines are in the order of time. Raises UsageError for an invalid time and InputError for a schedule that
    never fires.
    """
    from heapq import merge

    from expander.run.simulate import Occurrence, parse_until, simulate

    since = time.time()
    end = parse_until(until, since)
    crons = [manifest for manifest in manifests if manifest.kind == "CronJob"]
    if not crons:
        say("no CronJobs to simulate")
    streams = [simulate(cron.tree, since=since, until=end) for cron in crons]

    def moment(occurrence: Occurrence) -> float:
        return occurrence.at

    out = Output()
    for occurrence in merge(*streams, key=moment):
        held = "" if occurrence.outcome == "starts" else "  held: the previous Job is still running"
        out.put(f"{occurrence.local}  {occurrence.name}{held}\n")
    out.finish()


MAX_OUTPUT_BYTES = 1 << 20
"""Bytes of one container's output that are printed; all of it is in its log file."""


UNFINISHED: Final = ("running", "pending", "suspended")
"""The states of a Job that has not ended."""

WORDS: Final = {"running": "active"}
"""What people read where the state of a count has another name."""

COUNT_SECONDS: Final = 2.0
"""How long the summary waits for the number of items of a run that was stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How the output of a run looks: options of the command."""

    quiet: bool = False
    raw: bool = False
    timestamps: bool = False
    keep_order: bool = False
    group_output: bool = False


class JobOutput(NotifyingReporter):
    """Prints the output of containers as they write it, every line with its item in front, and what happens.

    ``find`` gives a Job by namespace and name. With ``lines`` the outcomes are printed there, and no output.
    `start` and `finish` enclose the run.
    """

    def __init__(
        self,
        out: Output,
        state: Path,
        find: Callable[[str, str], Object | None],
        errors: ItemErrors,
        options: OutputOptions,
        lines: OutcomeLines | None = None,
    ) -> None:
        self._folders = PodFolders(state)
        self._errors = errors
        self.lines = lines
        """Prints outcomes for programs, None without them."""
        self._shows = lines is None and not options.quiet
        logs = LiveLogs(
            keep_order=options.keep_order, grouped=options.group_output, timestamps=options.timestamps
        )
        self._printer = Printer(out, logs, safe=sys.stdout.isatty() and not options.raw)
        self._logs = PodLogs(state, find, self._printer, logs, ordered=options.keep_order)
        self._failures = Failures(state, find, self._printer, quiet=not self._shows)
        self._items = ItemCounts()
        self._counts: Mapping[str, int] = {}
        self.on_begun: Callable[[], None] | None = None
        """Called once, when the group has its first Job."""
        self.remedies: set[str] = set()
        """The options with which what has failed gets more of what it ran out of."""
        self.left: dict[str, int] = {}
        self.unfinished = ""
        """How many items, or Jobs, have not ended, as words; empty when all have."""

    def start(self) -> None:
        """Begin to print."""
        self._printer.start()
        self._errors.do = self._printer.do

    def submitted(self, namespace: str, name: str, manifest: Manifest) -> None:
        """See `RunReporter`."""
        self._items.add((namespace, name), manifest.tree)
        if self._shows:
            self._logs.expect((namespace, name), manifest.tree)

    def pod_changed(self, pod: Object) -> None:
        """See `RunReporter`."""
        key, phase = key_of(pod), (pod.get("status") or {}).get("phase")
        if phase == "Succeeded":
            self._items.pod_succeeded(key)
        elif phase == "Failed" and not pod["metadata"].get("deletionTimestamp"):
            self._failures.pod(pod)
        if self._shows:
            self._logs.follow(key, pod)

    def finished(self, job: Object, pods_of: PodsOf) -> None:
        """See `RunReporter`."""
        super().finished(job, pods_of)
        key = job["metadata"]["namespace"], job["metadata"]["name"]
        state = state_of(job)
        failed = state == FAILED
        is_known = not self._shows or self._logs.has_seen(key, job)
        pods = () if is_known and not failed and self.lines is None else pods_of()
        self._items.end(key, job, state, list(log_files(self._folders, pods)) if failed else ())
        if self.lines is not None:
            self._put(self.lines, job, outcome_of(job, pods))
        if failed:
            self._add_remedies(job, pods)
        then = self._failures.job(job, pods) if failed else None
        if self._shows:
            self._logs.end(key, job, pods, then)
        elif then is not None:
            self._printer.do(then)

    def kept(self, job: Object, pods_of: PodsOf) -> None:
        """See `RunReporter`: only its outcome is told."""
        key, state = (job["metadata"]["namespace"], job["metadata"]["name"]), state_of(job)
        failed = state == FAILED
        pods = pods_of() if failed else ()
        if failed:
            self._add_remedies(job, pods)
            self._failures.kept(job, pods)
        self._items.end(key, job, state, list(log_files(self._folders, pods)), before=True)
        if self.lines is not None:
            self._put(self.lines, job, outcome_of(job, pods_of()))
        if self._shows:
            self._logs.end(key, job, (), None)

    def _add_remedies(self, job: Object, pods: Sequence[Object]) -> None:
        from expander.run.escalation import remedies

        self.remedies |= remedies(job, pods)

    def kept_complete(self, manifest: Manifest) -> bool:
        """See `RunReporter`: without its outcome there is nothing to tell that the manifest does not."""
        if self.lines is not None:
            return False
        self._items.add_complete(manifest.tree)
        return True

    def attempts(self, job: Object, outcome: JobOutcome) -> int:
        """The attempts that the JSON of an outcome tells."""
        return outcome.attempts

    def _put(self, lines: OutcomeLines, job: Object, outcome: JobOutcome) -> None:
        put = partial(
            lines.put,
            outcome.name,
            outcome.namespace,
            outcome.item or None,
            "failed" if outcome.state == FAILED else "succeeded",
            reason=outcome.reason,
            attempts=self.attempts(job, outcome),
            message=outcome.message,
        )
        self._printer.do(put)

    def refused(self, error: ItemError) -> None:
        """See `RunReporter`."""
        self._errors(error)

    def note(self, text: str) -> None:
        """See `RunReporter`."""
        self._printer.say(text)

    def waiting(self, waiting: Waiting) -> None:
        """See `RunReporter`."""
        super().waiting(waiting)
        self._printer.say(waiting.line(short_title(waiting.obj)))

    def stalled(self, count: int) -> None:
        """See `RunReporter`."""
        super().stalled(count)
        step, noun = self.step(), self._items.noun()
        left = count if step is None or step.total is None else step.total - step.done
        wait = f"{counted(left, noun)} {'waits' if left == 1 else 'wait'} for what is missing"
        self._printer.say(f"Nothing runs: {wait} (Ctrl-C ends, the same command resumes)")

    def retried(self, retried: Retried) -> None:
        """See `RunReporter`."""
        self._failures.retried(retried.job, retried.line(short_title(retried.job)))

    def not_retried(self, job: Object, why: str) -> None:
        """See `RunReporter`."""
        self._failures.not_retried(short_title(job), why)

    def progress(self, counts: Mapping[str, int]) -> None:
        """See `RunReporter`."""
        super().progress(counts)
        if self.on_begun is not None and any(counts.values()):
            self.on_begun()
            self.on_begun = None
        self._printer.check()
        self._counts = self._items.counts(counts)
        self._logs.end_failed_indexes()
        self._failures.tick()

    def step(self) -> Step | None:
        """How far the run is."""
        return job_step(self._counts)

    def end(self) -> None:
        """The run is over, and its state can still be read."""
        self._failures.tick(over=True)

    @property
    def failed_have_logs(self) -> bool:
        """Whether what failed has written something, as far as that was looked at."""
        return self._failures.have_logs

    def finish(self) -> None:
        """Print what is left. Raises ClosedPipe when the reader of the output has gone, OutputError."""
        self._failures.tell_more()
        self._printer.finish()
        self._errors.do = None

    def summary(self, result: RunEnd, total: ItemCount | None = None) -> None:
        """What became of the items; ``total`` is asked how many were given if not all have been expanded.

        Afterwards ``left`` has the Jobs that have not ended, by state, and the items ``notExpanded``, and
        ``unfinished`` tells both.
        """
        refused = self._errors.items
        given = (total.wait(COUNT_SECONDS) or 0) if total is not None and not result.exhausted else 0
        unread = max(0, given - self._items.given - refused)
        counts = self._items.counts(result.counts)
        names = f" ({self._failures.names})" if self._failures.names else ""
        parts = [f"{counts['succeeded']:,} complete"]
        parts.append(f"{counts['failed']:,} failed{names}")
        for state in UNFINISHED:
            if counts[state]:
                parts.append(f"{counts[state]:,} {WORDS.get(state, state)}")
        which = f" ({self._errors.refused})" if self._errors.refused.count else ""
        parts += [f"{refused:,} refused{which}"] if refused else []
        parts += [f"{unread:,} not expanded"] if unread else []
        jobs = sum(result.counts.values())
        count = sum(counts.values())
        noun = self._items.noun(several=bool(refused or unread) or count != jobs)
        whole = f" in {counted(jobs, 'Job')}" if jobs != count else ""
        before = self._items.before(result.before)
        earlier = f"; {before:,} ended in an earlier run" if before else ""
        stopped = f"; {result.stopped}" if result.stopped else ""
        say(f"{counted(count + refused + unread, noun)}{whole}: {', '.join(parts)}{earlier}{stopped}")
        if unfinished := counts["pending"] + counts["running"] + unread:
            self.unfinished = counted(unfinished, noun)
        left = {state: result.counts[state] for state in UNFINISHED} | {"notExpanded": unread}
        self.left = {state: number for state, number in left.items() if number}
