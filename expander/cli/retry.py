"""``expander retry``: what failed of a group, once more.

What ``retry`` prints: what was begun again on standard output, the rest and a sum on standard error.

``retry`` in a cluster: the signals, the submission, what is said at the end.

``retry --local``: what is run again runs here, as with ``run``.
"""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from expander.cli.executor_options import executor_options, executor_settings
from expander.cli.group_options import group_options, wanted_of
from expander.cli.help import Page
from expander.cli.output import ItemErrors, OutcomeLines, Output, printable, say
from expander.cli.params import Duration, KeyValue
from expander.cli.progress import Interrupts

if TYPE_CHECKING:
    from expander.group.local_source import LocalSource
    from expander.group.open import AnySource, GroupSelector
    from expander.group.retry import RetryOutcome
    from expander.group.retry_plan import RetryPlan
    from expander.kube.objects import Object
    from expander.run.run import RunEnd

SHOWN = 20
"""So many items that are not run again are shown one by one."""

DRY = "DryRun"
"""The reason of what would be begun candidate."""


class RetryReport:
    """Prints outcomes as lines for people, or in ``lines`` for machines."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.out = Output()
        self.lines = OutcomeLines(self.out) if as_json else None
        self.failed = 0
        self._quiet = quiet
        self._dry = False
        self._counts: Counter[str] = Counter()

    def show(self, told: RetryOutcome) -> None:
        """What became of one item."""
        self._counts[told.outcome] += 1
        self.failed += not told.passed
        if self.lines is not None:
            self.lines.put(
                told.name,
                told.namespace,
                told.item,
                told.outcome,
                reason=told.reason,
                attempts=told.attempts,
                message=told.message,
            )
        elif told.passed and not self._quiet:
            done = "would be created" if told.reason == DRY else told.outcome
            words = f"job.batch/{told.name} {done} (attempt {told.attempts})"
            self.out.put(printable(words) + "\n")
        if not told.passed and self.failed <= SHOWN:
            say(f"{told.outcome}: job.batch/{told.name}: {told.message or told.reason}")

    def dry(self, plan: RetryPlan) -> int:
        """What would be begun candidate, and what not."""
        from expander.group.retry import RetryOutcome, skipped_outcomes

        self._dry = True
        for candidate in plan.candidates:
            namespace, name = candidate.key
            item = candidate.tree["metadata"]["annotations"].get("expander/item")
            self.show(RetryOutcome(name, namespace, item, "created", DRY, candidate.attempt))
        for told in skipped_outcomes(plan):
            self.show(told)
        return self.end()

    def end(self, *, interrupted: bool = False) -> int:
        """The sum, and the exit code that follows from it."""
        if self.lines is not None:
            self.lines.finish(interrupted=interrupted)
        self.out.finish()
        if self.failed > SHOWN:
            say(f"{self.failed - SHOWN:,} more are not run again")
        if self._counts:
            counts = sorted(self._counts.items())
            would = "would be " if self._dry else ""
            parts = ", ".join(
                f"{count:,} {would if outcome == 'created' else ''}{outcome}" for outcome, count in counts
            )
            say(f"{sum(self._counts.values()):,} Jobs: {parts}")
        if interrupted:
            say("interrupted: the same command goes on")
            return 130
        return 1 if self.failed else 0


def there(
    source: AnySource,
    wanted: GroupSelector,
    plan: RetryPlan,
    folder: Path,
    logs: Path | None,
    flags: dict[str, Any],
    report: RetryReport,
) -> int:
    """In the cluster: as `submit` sends."""
    from expander.base.errors import ClusterError
    from expander.group.bookkeeping import open_writer
    from expander.group.cluster_writer import ClusterWriter
    from expander.group.retry import ClusterRetry
    from expander.submit.options import SubmitOptions
    from expander.submit.submit import Submitter

    errors = ItemErrors()
    options = SubmitOptions(
        kubeconfig=wanted.kubeconfig,
        context=wanted.context,
        group_label=wanted.group_label,
        qps=flags["qps"],
        max_in_flight=flags["max_in_flight"],
        journal=False,
    )
    submit = Submitter(options, errors, say)

    def again() -> None:
        raise KeyboardInterrupt

    with open_writer(source) as writer, Interrupts(lambda _: submit.stop(), again) as interrupts:
        assert isinstance(writer, ClusterWriter)
        retry = ClusterRetry(source, writer, submit, folder, logs)
        try:
            for told in retry.outcomes(plan, flags["changes"]):
                report.show(told)
        except ClusterError:
            report.end(interrupted=True)
            say("stopped before the end: the same command goes on")
            raise
        interrupted = interrupts.seen
    if logs is not None and any(candidate.replaces for candidate in plan.candidates):
        say(f"earlier logs are in {logs}")
    code = report.end(interrupted=interrupted)
    errors.finish()
    return 1 if errors.count and not code else code


def here(source: LocalSource, plan: RetryPlan, logs: Path, flags: dict[str, Any], report: RetryReport) -> int:
    """On this machine: as `run` runs, one state folder after the other."""
    from expander.group.retry import skipped_outcomes
    from expander.group.retry_plan import RetryPlan

    for told in skipped_outcomes(plan):
        report.show(told)
    homes: dict[Path, RetryPlan] = {}
    for candidate in plan.candidates:
        home = source.home(candidate.source)
        if home is not None:
            homes.setdefault(home, RetryPlan(obsolete=plan.obsolete)).candidates.append(candidate)
    code = 1 if report.failed else 0
    for home, part in homes.items():
        ended = _run(source, home, part, logs, flags, report)
        code = ended or code
        if ended == 130:
            break
    if any(candidate.replaces for candidate in plan.candidates):
        say(f"earlier logs are in {logs}")
    if report.lines is not None:
        report.lines.finish(interrupted=code == 130)
    return code


def _run(
    source: LocalSource,
    home: Path,
    plan: RetryPlan,
    logs: Path,
    flags: dict[str, Any],
    report: RetryReport,
) -> int:
    from expander.cli.progress import Progress
    from expander.group.retry import successors
    from expander.local.executor import Executor
    from expander.run.run import Run

    errors = ItemErrors()
    executor = Executor(home, **executor_settings(flags))
    say(f"group {home.name}: {executor.note}")
    ends = _Ends(report, home, flags["quiet"])
    with executor, Progress() as progress:
        run = Run(
            executor,
            successors(executor, source, plan, logs, errors),
            on_finished=ends.finished,
            on_kept=lambda job, pods_of: None,
            on_turn=progress.show,
            on_error=errors,
            on_note=say,
            timeout=flags["timeout"],
        )

        def interrupted(number: int) -> None:
            run.interrupt()
            if number != signal.SIGINT:
                run.interrupt()

        with Interrupts(interrupted, run.interrupt):
            result = run.go()
    ends.summary(result)
    errors.finish()
    if result.stopped == "interrupted":
        say("interrupted: `expander retry` goes on with what has not begun, `expander run` with what has")
        return 130
    return 1 if ends.counts["failed"] or result.stopped or errors.count else 0


class _Ends:
    """Prints and counts what has ended in this run, and not what ended before."""

    def __init__(self, report: RetryReport, home: Path, quiet: bool) -> None:
        from expander.cli.run import JobOutput

        self.counts = {"succeeded": 0, "failed": 0}
        self._lines = report.lines
        self._output = JobOutput(report.out, home, quiet=quiet or report.lines is not None)

    def finished(self, job: Object, pods_of: Callable[[], Sequence[Object]]) -> None:
        """A Job has ended."""
        from expander.manifests.rerun import attempt_of
        from expander.run.outcomes import FAILED, outcome_of

        told = outcome_of(job, ())
        outcome = "failed" if told.state == FAILED else "succeeded"
        self.counts[outcome] += 1
        self._output.finished(job, pods_of)
        if self._lines is not None:
            self._lines.put(
                told.name,
                told.namespace,
                told.item or None,
                outcome,
                reason=told.reason,
                attempts=attempt_of(job),
                message=told.message,
            )

    def summary(self, result: RunEnd) -> None:
        """What became of what was run again."""
        left = {state: result.counts[state] for state in ("running", "pending", "suspended")}
        self._output.summary(replace(result, counts=self.counts | left, before=0))


EXAMPLES = """
\b
Examples:
  expander retry --group night
  expander retry --group night --items frame-7,frame-9 --with resources.limits.memory=4Gi
  expander retry -l team=render --with QUALITY=low --with backoffLimit=2 --dry-run
  expander retry --group night --all --force
  expander retry --group thumbnails --local --jobs 4

\b
--with takes the name of an environment variable the containers have (env.NAME adds one), or a field by its
path: of the Job's spec (backoffLimit), else of every container (resources.limits.memory, image), else of the
pod (nodeSelector[disk]), or from the object down (spec.template.spec.containers[main].image).

\b
A Job is made anew under its own name, with the annotation expander/attempt. An Indexed Job of which some
indexes are complete stays, since no Job can run plan indexes: each index that failed or is missing becomes
a Job NAME-INDEX beside it, which sees that index as before. With --all it is made anew as a whole.

\b
Exit codes: 0 all of it was begun again (--local: and is complete), 1 something was refused, left alone or
failed candidate, 2 wrong usage or no such group, 130 interrupted: the same command goes on.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("names", metavar="[ITEM]...", nargs=-1)
@group_options
@click.option(
    "--items",
    multiple=True,
    metavar="A,B,...",
    help="These items or Jobs, however they ended; NAME/3 is an index.",
)
@click.option("--all", "everything", is_flag=True, help="All Jobs that have ended, complete ones too.")
@click.option("--force", is_flag=True, help="Also stop and begin anew what has not ended, without asking.")
@click.option(
    "--with",
    "changes",
    multiple=True,
    type=KeyValue("value"),
    help="Change a variable or a field of the Jobs.",
)
@click.option("--logs", metavar="DIR", help="Where earlier logs are kept.  [default: among your state]")
@click.option("--no-logs", is_flag=True, help="Do not keep earlier logs (cluster).")
@click.option("--dry-run", is_flag=True, help="List what would be run again, change nothing.")
@click.option(
    "--qps", type=click.FloatRange(0, min_open=True), help="Requests a second.  [default: no limit]"
)
@click.option(
    "--max-in-flight",
    type=click.IntRange(1, 256),
    default=32,
    show_default=True,
    help="Requests under way at most; fewer when the server is busy.",
)
@executor_options
@click.option("--timeout", type=Duration(), help="Stop everything after this time (local).")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or a JSON object for each outcome and a last one with the sums.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing of items that were begun again (text).")
def command(names: tuple[str, ...], **flags: Any) -> int:
    """Run again what failed of a group: in its cluster, or with --local on this machine.

    Each failed Job is deleted and made anew under its name, with the parameters changed that --with names.
    Its logs are saved before. Jobs that have not ended are left alone unless they are named and --force is
    given. Interrupted or killed, the same command goes on; nothing is lost in between. With --local, what an
    interrupted run left goes on too.
    """
    from expander.group.bookkeeping import retry_folder
    from expander.group.local_source import LocalSource
    from expander.group.open import nothing_found, open_source
    from expander.group.retry import LOGS_FOLDER
    from expander.group.retry_plan import RetrySelection, drop_invalid, plan_retry

    wanted = wanted_of(flags)
    source = open_source(wanted)
    folder = retry_folder(source, wanted)
    logs = folder / LOGS_FOLDER if flags["logs"] is None else Path(flags["logs"]).absolute()
    items = tuple(_split(flags["items"])) + names
    choice = RetrySelection(items, flags["everything"], flags["force"], flags["changes"])
    jobs = list(source.jobs())
    left = 0 if wanted.is_local else _left(folder)
    if not jobs and not left:
        raise nothing_found(wanted, source)
    plan = plan_retry(jobs, choice)
    waiting = [each for each in plan.skipped if each.reason == "Running"]
    if waiting and not flags["dry_run"] and _may_stop(len(waiting)):
        plan = plan_retry(jobs, RetrySelection(items, flags["everything"], True, flags["changes"]))
    del jobs
    drop_invalid(plan)
    report = RetryReport(as_json=flags["output"] == "json", quiet=flags["quiet"])
    if flags["dry_run"]:
        return report.dry(plan)
    if not plan.candidates and not plan.skipped and not left:
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(plan.states.items()))
        say(f"nothing to run again: {states}")
        return report.end()
    if isinstance(source, LocalSource):
        return here(source, plan, logs, flags, report)

    return there(source, wanted, plan, folder, None if flags["no_logs"] else logs, flags, report)


def _split(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        yield from filter(None, (part.strip() for part in text.split(",")))


def _left(folder: Path) -> int:
    from expander.group.retry import pending_count

    return pending_count(folder)


def _may_stop(count: int) -> bool:
    """Ask whether Jobs that have not ended are to be stopped; no when there is nobody to ask."""
    if not sys.stdin.isatty():
        return False
    return click.confirm(f"{count:,} Jobs have not ended. Stop and begin them anew too?", err=True)
