"""``expander run``: a batch of Jobs on this machine.

What ``run --simulate`` prints: when CronJobs would start which Jobs.

What ``run`` prints: output of Jobs or their outcomes on standard output, a summary on standard error.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.cli.batch_options import (
    into_broker,
    item_options,
    request_of,
    selector_option,
    template_options,
    warn,
)
from expander.cli.executor_options import executor_options, executor_settings
from expander.cli.group_options import report_option, save_report
from expander.cli.help import Page
from expander.cli.output import ItemErrors, OutcomeLines, Output, say
from expander.cli.params import Duration
from expander.cli.progress import Interrupts
from expander.group.job_status import job_status
from expander.local.kubelet.pod_files import PodFolders
from expander.run.outcomes import FAILED, JobOutcome, log_files, outcome_of

if TYPE_CHECKING:
    from expander.manifests.manifest import Manifest
    from expander.run.run import RunEnd


def forecast(manifests: Iterable[Manifest], until: str) -> None:
    """Print one line for each Job that the CronJobs among ``manifests`` would start from now until ``until``.

    The lines of several CronJobs follow each other in the order of time. Raises UsageError for a text that is
    no time and InputError for a schedule that never comes.
    """
    from heapq import merge

    from expander.run.simulate import Occurrence, parse_until, simulate

    since = time.time()
    end = parse_until(until, since)
    crons = [manifest for manifest in manifests if manifest.kind == "CronJob"]
    if not crons:
        say("there is no CronJob to simulate")
    streams = [simulate(cron.tree, since=since, until=end) for cron in crons]

    def moment(occurrence: Occurrence) -> float:
        return occurrence.at

    out = Output()
    for occurrence in merge(*streams, key=moment):
        held = "" if occurrence.outcome == "starts" else "  held: the Job before it still runs"
        out.put(f"{occurrence.local}  {occurrence.name}{held}\n")
    out.finish()


SHOWN = 20
"""So many failed Jobs are named in a summary."""

LAST_LINES = 5
"""Lines of output that a summary shows of a failed Job."""

LONGEST = 1 << 20
"""Bytes of one container's output that are printed; the rest is in its log file."""


class JobOutput:
    """Prints the output of each Job when it has ended, every line with the Job's name in front.

    With ``lines`` the outcomes are printed there, and no output.
    """

    def __init__(self, out: Output, state: Path, *, quiet: bool, lines: OutcomeLines | None = None) -> None:
        self._out = out
        self._folders = PodFolders(state)
        self._quiet = quiet or lines is not None
        self._outcomes = lines
        self._failed: list[tuple[JobOutcome, str, list[str]]] = []
        self._failures = 0

    def finished(self, job: Mapping[str, Any], pods_of: Callable[[], Sequence[Mapping[str, Any]]]) -> None:
        """A Job has ended: print what its pods wrote."""
        failed = outcome_of(job, ()).state == FAILED
        if self._quiet and not failed and self._outcomes is None:
            return
        pods = pods_of()
        outcome = outcome_of(job, pods)
        if self._outcomes is not None:
            self._put(self._outcomes, outcome)
            if not failed:
                return
        lines = list(self._lines(pods, outcome.name))
        if not self._quiet:
            self._out.put("".join(f"{line}\n" for line in lines))
        if failed:
            self._failures += 1
            if len(self._failed) < SHOWN:
                words = job_status(job, pods, {}).summary
                self._failed.append((outcome, words, lines[-LAST_LINES:] if self._quiet else []))

    def kept(self, job: Mapping[str, Any], pods_of: Callable[[], Sequence[Mapping[str, Any]]]) -> None:
        """A Job had ended in an earlier run: only its outcome is told."""
        if self._outcomes is not None:
            self._put(self._outcomes, outcome_of(job, pods_of()))

    def _put(self, lines: OutcomeLines, outcome: JobOutcome) -> None:
        lines.put(
            outcome.name,
            outcome.namespace,
            outcome.item or None,
            "failed" if outcome.state == FAILED else "succeeded",
            reason=outcome.reason,
            attempts=outcome.attempts,
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
                for line in _read(path).splitlines():
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
            say(f"failed: {self._failures - len(self._failed):,} more Jobs")
        counts = result.counts
        parts = [f"{counts['succeeded']:,} succeeded", f"{counts['failed']:,} failed"]
        for state in ("running", "pending", "suspended"):
            if counts[state]:
                parts.append(f"{counts[state]:,} {state}")
        before = f" ({result.before:,} of them before this run)" if result.before else ""
        stopped = f"; {result.stopped}" if result.stopped else ""
        say(f"{sum(counts.values()):,} Jobs: {', '.join(parts)}{before}{stopped}")


def _read(path: Path) -> str:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > LONGEST:
            file.seek(size - LONGEST)
        return file.read(LONGEST).decode(errors="replace")


EXAMPLES = """
\b
Examples:
  expander run job-tmpl.yaml apple banana cherry
  expander run jobs/ --jobs 4
  expander run render.yaml -i frames.csv --runtime sandbox --halt soon,fail=10%
  expander expand job.yaml -i items.txt | expander run - --group night

\b
Exit codes: 0 all Jobs are complete, 1 some failed (or the run was halted or timed out), 2 wrong usage
or input, 130 interrupted: the same command goes on where this one stopped.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("arguments", metavar="PATH... | TEMPLATE [ITEM]...", nargs=-1, required=True)
@item_options
@template_options
@selector_option
@executor_options
@click.option(
    "--fail-fast", is_flag=True, help="Stop everything at the first Job that fails: --halt now,fail=1."
)
@click.option("--halt", metavar="WHEN,WHAT=N", help="Stop (now or soon) at N or N% fail, success or done.")
@click.option("--timeout", type=Duration(), help="Stop everything after this time.")
@click.option(
    "--state",
    "state",
    metavar="DIR",
    help="Where state and logs are kept.  [default: ~/.local/state/expander]",
)
@click.option(
    "--simulate",
    metavar="UNTIL",
    help="Only list what CronJobs would start, until a time or for a span: 36h.",
)
@click.option("--keep", is_flag=True, help="Keep what pods had in their volumes, below the state folder.")
@click.option("--fresh", is_flag=True, help="Forget an earlier run of the group.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What the Jobs print, or a JSON object for each outcome and a last one with the sums.",
)
@click.option("-q", "--quiet", is_flag=True, help="Do not print the output of the Jobs.")
@report_option
def command(arguments: tuple[str, ...], **flags: Any) -> int:
    """Run a batch of Jobs here, as a cluster would, and print what they print.

    Give manifests (files, folders, - for standard input), or a template and its items as for `expand`. State
    and logs are kept per group, so that the same command after an interruption goes on with what is left. A
    CronJob is run once.
    """
    from expander.base.state_dir import state_folder
    from expander.batch.load import used_here
    from expander.local.executor import Executor
    from expander.run.run import FIRST_FAILURE, Halt, Run, remove_state

    if flags["fail_fast"] and flags["halt"]:
        raise UsageError("--fail-fast is a --halt of its own; give one of them")
    halt = FIRST_FAILURE if flags["fail_fast"] else Halt.parse(flags["halt"]) if flags["halt"] else None
    out = Output()
    lines = OutcomeLines(out) if flags["output"] == "json" else None
    errors = ItemErrors(None if lines is None else lines.invalid)
    request = request_of(arguments, flags, into_broker(flags, again=flags["fresh"]))
    batch = request.manifests(errors, warn)
    if flags["simulate"]:
        forecast(batch, flags["simulate"])
        errors.finish()
        return 1 if errors.count else 0
    manifests = used_here(batch, warn)
    first = next(manifests, None)
    if first is None:
        errors.finish()
        if lines is not None:
            lines.finish()
        say("there is nothing to run")
        return 1 if errors.count else 0
    group = _group(first.tree, flags["group_label"])
    folder = state_folder(group, flags["state"])
    if flags["fresh"]:
        remove_state(folder)
    executor = Executor(folder, keep_volumes=flags["keep"], **executor_settings(flags))
    say(f"group {group}: {executor.note}")
    from expander.cli.progress import Progress

    output = JobOutput(out, folder, quiet=flags["quiet"], lines=lines)
    with executor, Progress() as progress:
        run = Run(
            executor,
            chain([first], manifests),
            on_finished=output.finished,
            on_kept=output.kept,
            on_turn=progress.show,
            on_error=errors,
            on_note=say,
            halt=halt,
            timeout=flags["timeout"],
        )

        def interrupted(number: int) -> None:
            run.interrupt()
            if number == signal.SIGINT:
                say("draining: what runs is waited for; Ctrl-C again stops it")
            else:
                run.interrupt()

        with Interrupts(interrupted, run.interrupt):
            result = run.go()
    output.finish(interrupted=result.stopped == "interrupted")
    errors.finish()
    output.summary(result)
    if flags["keep"] and (folder / "pods").is_dir():
        say(f"volumes are kept in {folder / 'pods'}")
    if flags["report"]:
        from expander.group.open import GroupSelector, open_source

        save_report(
            open_source(GroupSelector(group, local=True, state=flags["state"])), flags["report"], group
        )
    if result.stopped == "interrupted":
        say(f"interrupted with {result.unfinished:,} Jobs left: the same command goes on with them")
        return 130
    return 1 if result.counts["failed"] or result.stopped or errors.count else 0


def _group(tree: Mapping[str, Any], label: str) -> str:
    labels = tree.get("metadata", {}).get("labels")
    found = labels.get(label) if isinstance(labels, Mapping) else None
    return found if isinstance(found, str) and found else "batch"
