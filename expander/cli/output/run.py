"""What ``run`` prints: output of Jobs or their outcomes on standard output, a summary on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expander.base.errors import ItemError
from expander.base.text import counted, plural
from expander.cli.output.progress import Step, job_step
from expander.cli.output.streams import MAX_ERRORS, ItemErrors, OutcomeLines, Output, say
from expander.cli.output.terminal import harmless
from expander.group.job_status import job_status
from expander.local.kubelet.pod_files import PodFolders
from expander.local.logs import last_output
from expander.manifests.edits import ITEM_ANNOTATION
from expander.run.outcomes import FAILED, JobOutcome, log_files, outcome_of
from expander.run.reporter import PodsOf, Retried, RunReporter

if TYPE_CHECKING:
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


LAST_LINES = 5
"""Lines of output that a summary shows of a failed Job."""

MAX_OUTPUT_BYTES = 1 << 20
"""Bytes of one container's output that are printed; all of it is in its log file."""


def _label(obj: Mapping[str, Any]) -> str:
    """What people call a Job or pod: its item, else its name."""
    metadata = obj["metadata"]
    return str((metadata.get("annotations") or {}).get(ITEM_ANNOTATION) or metadata["name"])


class JobOutput(RunReporter):
    """Prints the output of each Job when it has ended, every line with the Job's name in front.

    With ``lines`` the outcomes are printed there, and no output. ``raw``: a terminal gets it as it is.
    """

    def __init__(
        self,
        out: Output,
        state: Path,
        errors: ItemErrors,
        *,
        quiet: bool,
        lines: OutcomeLines | None = None,
        raw: bool = False,
    ) -> None:
        self._errors = errors
        self._counts: Mapping[str, int] = {}
        self._safe = sys.stdout.isatty() and not raw
        self._out = out
        self._folders = PodFolders(state)
        self._quiet = quiet or lines is not None
        self._outcomes = lines
        self._failed: list[tuple[JobOutcome, str, list[str]]] = []
        self._failures = 0

    def refused(self, error: ItemError) -> None:
        """See `RunReporter`."""
        self._errors(error)

    def note(self, text: str) -> None:
        """See `RunReporter`."""
        say(text)

    def waiting(self, waiting: Waiting) -> None:
        """See `RunReporter`."""
        say(waiting.line(_label(waiting.obj)))

    def retried(self, retried: Retried) -> None:
        """See `RunReporter`."""
        say(retried.line(_label(retried.job)))

    def progress(self, counts: Mapping[str, int]) -> None:
        """See `RunReporter`."""
        self._counts = dict(counts)

    def step(self) -> Step | None:
        """How far the run is."""
        return job_step(self._counts)

    def finished(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        """A Job has ended: print what its pods wrote."""
        failed = outcome_of(job, ()).state == FAILED
        if self._quiet and not failed and self._outcomes is None:
            return
        pods = pods_of()
        outcome = outcome_of(job, pods)
        if self._outcomes is not None:
            self._put(self._outcomes, job, outcome)
            if not failed:
                return
        lines = list(self._lines(pods, outcome.name))
        if not self._quiet:
            shown = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
            self._out.write(harmless(shown) if self._safe else shown)
        if failed:
            self._failures += 1
            if len(self._failed) < MAX_ERRORS:
                words = job_status(job, pods, {}).summary
                self._failed.append((outcome, words, lines[-LAST_LINES:] if self._quiet else []))

    def kept(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        """A Job had ended in an earlier run: only its outcome is told."""
        if self._outcomes is not None:
            self._put(self._outcomes, job, outcome_of(job, pods_of()))

    def attempts(self, job: Mapping[str, Any], outcome: JobOutcome) -> int:
        """The attempts that the JSON of an outcome tells."""
        return outcome.attempts

    def _put(self, lines: OutcomeLines, job: Mapping[str, Any], outcome: JobOutcome) -> None:
        lines.put(
            outcome.name,
            outcome.namespace,
            outcome.item or None,
            "failed" if outcome.state == FAILED else "succeeded",
            reason=outcome.reason,
            attempts=self.attempts(job, outcome),
            message=outcome.message,
        )

    def _lines(self, pods: Sequence[Mapping[str, Any]], job: str) -> Iterator[str]:
        """The output of the last start of each container, every line with its origin in front."""
        for pod in pods:
            last = {log.container: log.path for log in log_files(self._folders, [pod])}
            index = pod["metadata"]["labels"].get("batch.kubernetes.io/job-completion-index")
            who = (
                job if len(pods) == 1 else f"{job}-{index}" if index is not None else pod["metadata"]["name"]
            )
            for name, path in last.items():
                mark = who if len(last) == 1 else f"{who} {name}"
                for line in last_output(path, MAX_OUTPUT_BYTES).decode(errors="replace").splitlines():
                    yield f"[{mark}] {line}"

    def finish(self, *, interrupted: bool) -> None:
        """Hand everything to the system."""
        if self._outcomes is not None:
            self._outcomes.finish(interrupted=interrupted)
        self._out.finish()

    def summary(self, result: RunEnd) -> None:
        """What became of the batch, and which Jobs failed."""
        for outcome, words, lines in self._failed:
            item = f" (item {outcome.item!r})" if outcome.item else ""
            say(f"failed: {outcome.name}{item}: {words}")
            for line in lines:
                say(f"  {line}")
        if self._failures > len(self._failed):
            more = self._failures - len(self._failed)
            say(f"failed: {more:,} more {plural('Job', more)}")
        counts = result.counts
        parts = [f"{counts['succeeded']:,} complete", f"{counts['failed']:,} failed"]
        for state in ("running", "pending", "suspended"):
            if counts[state]:
                parts.append(f"{counts[state]:,} {state}")
        before = f" ({result.before:,} before this run)" if result.before else ""
        stopped = f"; {result.stopped}" if result.stopped else ""
        say(f"{counted(sum(counts.values()), 'Job')}: {', '.join(parts)}{before}{stopped}")
