"""``expander retry``: run again what failed of a group."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from expander.base.text import counted
from expander.cli.interrupts import Interrupts
from expander.cli.options.batch import policy_of, policy_options
from expander.cli.options.crds import crds_option
from expander.cli.options.executor import (
    execute,
    executor_options,
    executor_settings,
    images_option,
    next_steps,
    pack,
    refuse_local_options,
)
from expander.cli.options.group import group_options, opened, wanted_of
from expander.cli.options.params import Duration, KeyValue, max_in_flight_option, output_option, qps_option
from expander.cli.output.streams import MAX_ERRORS, ItemErrors, OutcomeLines, Output, printable, say
from expander.cli.pages.page import Page
from expander.manifests.rerun import attempt_of

if TYPE_CHECKING:
    from expander.group.local_source import LocalSource
    from expander.group.open import AnySource, GroupSelector
    from expander.group.retry import RetryOutcome
    from expander.group.retry_plan import RetryPlan
    from expander.kube.objects import Object

DRY_RUN = "DryRun"
"""The reason of what would be run again."""


class RetryReport:
    """Prints outcomes as lines for people, or in ``lines`` for machines."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.out = Output()
        self.lines = OutcomeLines(self.out) if as_json else None
        self.failed = 0
        self._quiet = quiet
        self._dry = False
        self._removed = 0
        self._counts: Counter[str] = Counter()

    def unknown(self, removed: int, *, decisive: bool) -> None:
        """So many Jobs were removed and may have failed; ``decisive`` when no other is left."""
        from expander.cli.output.status import removed_note

        self._removed = removed if decisive else 0
        say(removed_note(removed))

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
            done = "would be created" if told.reason == DRY_RUN else told.outcome
            words = f"{told.title}/{told.name} {done} (attempt {told.attempts})"
            self.out.put(printable(words) + "\n")
        if not told.passed and self.failed <= MAX_ERRORS:
            say(f"{told.outcome}: {told.title}/{told.name}: {told.message or told.reason}")

    def dry(self, plan: RetryPlan) -> int:
        """What would be retried, and what not."""
        from expander.group.retry import RetryOutcome, skipped_outcomes
        from expander.kube.workloads import workload_of

        self._dry = True
        for candidate in plan.candidates:
            namespace, name = candidate.key
            item = candidate.tree["metadata"]["annotations"].get("expander/item")
            title = workload_of(candidate.source).title
            self.show(RetryOutcome(name, namespace, item, "created", DRY_RUN, candidate.attempt, title=title))
        for told in skipped_outcomes(plan):
            self.show(told)
        return self.end()

    def end(self, *, interrupted: bool = False) -> int:
        """The sum, and the exit code that follows from it."""
        if self.lines is not None:
            self.lines.finish(interrupted=interrupted)
        self.out.finish()
        if self.failed > MAX_ERRORS:
            say(f"{self.failed - MAX_ERRORS:,} more not retried")
        if self._counts:
            counts = sorted(self._counts.items())
            would = "would be " if self._dry else ""
            parts = ", ".join(
                f"{count:,} {would if outcome == 'created' else ''}{outcome}" for outcome, count in counts
            )
            say(f"{counted(sum(self._counts.values()), 'Job')}: {parts}")
        if interrupted:
            say("Interrupted. Run the same command to resume.")
            return 130
        return 1 if self.failed or self._removed else 0


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
    from expander.cli.output.submit import say_ends
    from expander.group.bookkeeping import open_writer
    from expander.group.cluster_writer import ClusterWriter
    from expander.group.retry import ClusterRetry
    from expander.group.saved_logs import SubmittedLogs
    from expander.submit.options import SubmitOptions
    from expander.submit.submit import Submitter

    errors = ItemErrors()
    options = SubmitOptions(
        kubeconfig=wanted.kubeconfig,
        context=wanted.context,
        group_label=wanted.group_label,
        qps=flags["qps"],
        max_in_flight=flags["max_in_flight"],
        on_oom=flags["on_oom"],
        on_timeout=flags["on_timeout"],
        on_exit=flags["on_exit"],
        journal=False,
    )
    saved = SubmittedLogs(wanted.kubeconfig, wanted.context, wanted.group_label, say)
    submit = Submitter(options, errors, say, on_replaced=saved)

    with open_writer(source) as writer, Interrupts(lambda _: submit.stop()) as interrupts:
        assert isinstance(writer, ClusterWriter)
        retry = ClusterRetry(source, writer, submit, folder, logs)
        try:
            for told in retry.outcomes(plan, flags["changes"]):
                report.show(told)
        except ClusterError:
            report.end(interrupted=True)
            say("Stopped early. Run the same command to resume.")
            raise
        interrupted = interrupts.seen
    if logs is not None and any(candidate.replaces for candidate in plan.candidates):
        say(f"earlier logs are in {logs}")
    code = report.end(interrupted=interrupted)
    errors.finish()
    failed = 0
    if submit.retries is not None:
        say_ends(submit.retries)
        failed = submit.retries.counts()[1]
    return 1 if (errors.count or failed) and not code else code


def here(
    source: LocalSource,
    plan: RetryPlan,
    interrupted: Sequence[Path],
    logs: Path,
    flags: dict[str, Any],
    report: RetryReport,
) -> int:
    """On this machine: as `run` runs, one state folder after the other, those of ``interrupted`` runs too."""
    from expander.group.retry import skipped_outcomes
    from expander.group.retry_plan import RetryPlan

    for told in skipped_outcomes(plan):
        report.show(told)
    homes = {home: RetryPlan(obsolete=plan.obsolete) for home in interrupted}
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
    from expander.cli.output.retry import RetryOutput
    from expander.cli.output.run import OutputOptions
    from expander.group.known.summaries import summary_of
    from expander.group.retry import successors
    from expander.group.saved_logs import EarlierLogs
    from expander.local.executor import Executor
    from expander.run.retries import Retries

    errors, policy = ItemErrors(), policy_of(flags)
    executor = Executor(home, summarize=summary_of, **executor_settings(flags))
    say(f"group {home.name}: {executor.note}")
    ends = RetryOutput(
        report.out,
        home,
        partial(executor.find, "Job"),
        errors,
        OutputOptions(quiet=flags["quiet"]),
        report.lines,
    )
    result = execute(
        executor,
        successors(executor, source, plan, logs, errors),
        ends,
        retries=policy and Retries(executor, policy, EarlierLogs(home.name, str(home.parent))),
        timeout=flags["timeout"],
    )
    ends.finish()
    errors.finish()
    ends.summary(result)
    if ends.counts["failed"]:
        say(next_steps(home.name, flags, logs=ends.failed_have_logs, remedies=ends.remedies))
    if result.stopped == "interrupted":
        say("Interrupted. Run the same command to resume.")
        return 130
    pack(home)
    return 1 if ends.counts["failed"] or result.stopped or errors.count else 0


EXAMPLES = """
\b
Examples:
  expander retry --group night
  expander retry --group night --items frame-7,frame-9 --with resources.limits.memory=4Gi
  expander retry -l team=render --with QUALITY=low --with backoffLimit=2 --dry-run
  expander retry --group night --all --force
  expander retry --group night --on-oom x2,max=64Gi
  expander retry --group thumbnails --local --jobs 4

\b
--with sets an environment variable that the containers have (env.NAME adds one), or a field: of the Job's
spec (backoffLimit), else of every container (resources.limits.memory, image), else of the pod
(nodeSelector[disk]), or by its full path (spec.template.spec.containers[main].image).

\b
A Job is created again under its own name, with the annotation expander/attempt. A Job cannot run selected
indexes, so an Indexed Job with complete indexes is kept: each failed or missing index becomes a Job
NAME-INDEX beside it, which sees the same index. --all recreates it as a whole.

\b
With --on-oom, --on-timeout or --on-exit it lasts until the Jobs have ended, and those that fail so are tried
again with more, as `run` and `submit` do.

\b
Options of a run on this machine (--jobs, --runtime, --backoff-base, --timeout ...) need --local: in a cluster
the Job controller and the scheduler decide.

\b
Exit codes: 0 everything was retried (--local: and is complete), 1 something was refused, skipped or failed
again, or all Jobs were removed (ttlSecondsAfterFinished) and may have failed, 2 wrong usage or no such
group, 130 interrupted (the same command resumes).
"""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("names", metavar="[ITEM]...", nargs=-1)
@group_options
@click.option(
    "--items",
    multiple=True,
    metavar="A,B,...",
    help="Retry these items or Jobs, whatever their state; NAME/3 is an index.",
)
@click.option("--all", "everything", is_flag=True, help="Retry all finished Jobs, complete ones too.")
@click.option("--force", is_flag=True, help="Also stop and restart unfinished Jobs, without asking.")
@click.option(
    "--with",
    "changes",
    multiple=True,
    type=KeyValue("value"),
    help="Change an environment variable or a field of the Jobs.",
)
@click.option("--logs", metavar="DIR", help="Folder for earlier logs.  [default: ~/.local/state/expander]")
@click.option("--no-logs", is_flag=True, help="Do not save earlier logs (cluster).")
@click.option("--dry-run", is_flag=True, help="List what would be retried; change nothing.")
@crds_option
@policy_options
@qps_option
@max_in_flight_option
@executor_options
@images_option
@click.option("--timeout", type=Duration(fractions=True), help="Stop the run after this time (local).")
@output_option("text, or json: an object per outcome, then a summary.")
@click.option("-q", "--quiet", is_flag=True, help="Do not print items that were retried (text).")
def command(names: tuple[str, ...], **flags: Any) -> int:
    """Retry the failed Jobs of a group, in its cluster or with --local on this machine.

    Each failed Job is deleted and created again under its name, with the changes of --with; its logs are
    saved first. Unfinished Jobs are skipped unless they are named and --force is given. After an
    interruption or a kill the same command resumes, and nothing is lost. With --local it also finishes an
    interrupted run.
    """
    from expander.group.bookkeeping import retry_folder
    from expander.group.known.removed import removed_jobs
    from expander.group.local_source import LocalSource
    from expander.group.open import nothing_found, submitted_jobs
    from expander.group.retry_plan import RetrySelection, drop_invalid, plan_retry
    from expander.group.saved_logs import LOGS_FOLDER
    from expander.kube.objects import namespaced_name

    wanted = wanted_of(flags)
    policy_of(flags)
    if not wanted.is_local:
        refuse_local_options()
    source = opened(wanted)
    folder = retry_folder(source, wanted)
    logs = folder / LOGS_FOLDER if flags["logs"] is None else Path(flags["logs"]).absolute()
    items = tuple(_split(flags["items"])) + names
    choice = RetrySelection(items, flags["everything"], flags["force"], flags["changes"])
    submitted = submitted_jobs(source, wanted)
    jobs = list(source.jobs())
    removed = removed_jobs(submitted, {*map(namespaced_name, jobs)})
    left = 0 if wanted.is_local else _left(folder)
    if not jobs and not left and not removed:
        raise nothing_found(wanted, source)
    plan = plan_retry(jobs, choice, removed)
    waiting = [each for each in plan.skipped if each.reason == "Running"]
    if waiting and not flags["dry_run"] and _may_stop(len(waiting)):
        plan = plan_retry(jobs, RetrySelection(items, flags["everything"], True, flags["changes"]), removed)
    _escalate(plan, source, flags)
    nothing_left = not jobs
    interrupted = [] if items else _interrupted(source, jobs)
    del jobs
    drop_invalid(plan, flags["crds"])
    report = RetryReport(as_json=flags["output"] == "json", quiet=flags["quiet"])
    if removed and not items and not flags["everything"]:
        report.unknown(len(removed), decisive=nothing_left)
    if flags["dry_run"]:
        return report.dry(plan)
    if not plan.candidates and not plan.skipped and not left and not interrupted:
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(plan.states.items()))
        say(f"nothing to retry: {states}")
        return report.end()
    if isinstance(source, LocalSource):
        return here(source, plan, interrupted, logs, flags, report)

    return there(source, wanted, plan, folder, None if flags["no_logs"] else logs, flags, report)


def _split(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        yield from filter(None, (part.strip() for part in text.split(",")))


def _left(folder: Path) -> int:
    from expander.group.retry import pending_count

    return pending_count(folder)


def _escalate(plan: RetryPlan, source: AnySource, flags: dict[str, Any]) -> None:
    """Give what ran out of memory or time more at once, and say so."""
    from expander.cli.output.titles import short_title
    from expander.group.retry_plan import escalate
    from expander.run.reporter import Retried

    if (policy := policy_of(flags)) is None or not plan.candidates:
        return
    pods = source.pods([candidate.source for candidate in plan.candidates])
    more = escalate(plan, pods, policy, flags["changes"])
    for each in more[:MAX_ERRORS]:
        change = "" if flags["changes"] else each.change
        say(Retried(each.tree, attempt_of(each.tree), each.reason, change).line(short_title(each.tree)))
    if len(more) > MAX_ERRORS:
        say(f"retry: {len(more) - MAX_ERRORS:,} more likewise")


def _interrupted(source: AnySource, jobs: Sequence[Object]) -> list[Path]:
    """The folders of local runs that ended before their ``jobs`` had: what is left runs with the retry."""
    from expander.group.local_source import LocalSource
    from expander.kube.workloads import ACTIVE, PENDING
    from expander.local.state import lock_holder
    from expander.run.outcomes import outcome_of

    if not isinstance(source, LocalSource):
        return []
    idle = {folder for folder in source.folders.found() if lock_holder(folder) is None}
    homes: list[Path] = []
    for job in jobs:
        if len(homes) == len(idle):
            break
        if outcome_of(job, ()).state in (ACTIVE, PENDING):
            home = source.home(job)
            homes += [home] if home in idle and home not in homes else []
    return homes


def _may_stop(count: int) -> bool:
    """Ask whether to stop unfinished Jobs; no without a terminal."""
    if not sys.stdin.isatty():
        return False
    them = "it" if count == 1 else "them"
    return click.confirm(f"{counted(count, 'Job')} unfinished. Stop and restart {them} too?", err=True)
