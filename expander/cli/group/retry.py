"""``expander retry``: run again what failed of a group."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from expander.base.text import MAX_ERRORS, FirstFew, counted
from expander.cli.options.escalation import policy_of, policy_options
from expander.cli.options.executor import (
    execute,
    executor_options,
    executor_settings,
    images_option,
    next_steps,
    pack,
    refuse_local_options,
    typed_settings,
)
from expander.cli.options.group import group_options, opened, say_refused, wanted_of
from expander.cli.options.notify import notifier_of, notify_option
from expander.cli.options.params import (
    Duration,
    KeyValue,
    crds_option,
    max_in_flight_option,
    output_option,
    qps_option,
)
from expander.cli.output.interrupts import Interrupts
from expander.cli.output.streams import ItemErrors, OutcomeLines, Output, printable, say
from expander.cli.pages.page import Page
from expander.manifests.rerun import attempt_of

if TYPE_CHECKING:
    from expander.group.local.source import LocalSource
    from expander.group.open import AnySource, GroupSelector
    from expander.group.retry.local import LocalRetry
    from expander.group.retry.outcomes import RetryOutcome
    from expander.group.retry.preparation import PreparedRetry
    from expander.notify.notifier import Notifier
    from expander.run.escalation import NextAttempt
    from expander.run.run import RunEnd


class RetryReport:
    """Prints outcomes as lines for people, or in ``lines`` for machines."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.out = Output()
        self.lines = OutcomeLines(self.out) if as_json else None
        self.bad = FirstFew()
        """What was not retried."""
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
            done = "would be created" if self._dry and told.outcome == "created" else told.outcome
            words = f"{told.title}/{told.name} {done} (attempt {told.attempts})"
            self.out.put(printable(words) + "\n")
        if not told.passed and self.bad.take():
            say(f"{told.outcome}: {told.title}/{told.name}: {told.message or told.reason}")

    def dry(self, prepared: PreparedRetry) -> int:
        """What would be retried, and what not."""
        from expander.group.retry.outcomes import planned_outcomes

        self._dry = True
        for told in planned_outcomes(prepared.plan):
            self.show(told)
        if prepared.left:
            say(f"{counted(prepared.left, 'Job')} of an interrupted retry would be created")
        for folder in prepared.interrupted:
            say(f"the interrupted run in {folder} would go on")
        return self.end()

    def end(self, *, interrupted: bool = False) -> int:
        """The sum, and the exit code that follows from it."""
        if self.lines is not None:
            self.lines.finish(interrupted=interrupted)
        self.out.finish()
        if self.bad.more:
            say(f"{self.bad.more:,} more not retried")
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
        return 1 if self.bad.count or self._removed else 0


def there(
    source: AnySource,
    wanted: GroupSelector,
    prepared: PreparedRetry,
    flags: dict[str, Any],
    report: RetryReport,
    notifier: Notifier,
) -> int:
    """In the cluster: as `submit` sends."""
    from expander.base.errors import ClusterError
    from expander.cli.output.submit import say_ends
    from expander.group.retry.cluster import SENDING, cluster_retry
    from expander.notify.submission import SubmitEvents
    from expander.submit.options import SubmitOptions

    errors, saves = ItemErrors(), not flags["no_logs"]
    options = SubmitOptions(**{name: flags[name] for name in SENDING})
    with cluster_retry(source, wanted, prepared, options, errors, say, save_logs=saves) as (retry, submit):
        events = SubmitEvents(notifier, submit, lambda _: wanted)
        with Interrupts(lambda _: submit.stop()) as interrupts, events.watching():
            try:
                for told in retry.outcomes(prepared):
                    report.show(told)
                    if told.passed:
                        events.settled()
                    else:
                        events.refused(told.name, told.namespace, told.item, told.reason, told.message)
            except ClusterError:
                report.end(interrupted=True)
                say("Stopped early. Run the same command to resume.")
                raise
        interrupted = interrupts.seen
        events.done(interrupted=interrupted, refused=errors.count)
    if saves:
        say_logs(prepared)
    code = report.end(interrupted=interrupted)
    errors.finish()
    failed = 0
    if submit.retries is not None:
        say_ends(submit.retries)
        failed = submit.retries.counts()[1]
    return 1 if (errors.count or failed) and not code else code


def here(
    source: LocalSource,
    prepared: PreparedRetry,
    flags: dict[str, Any],
    report: RetryReport,
    notifier: Notifier,
) -> int:
    """On this machine: as `run` runs, one state folder after the other, those of interrupted runs too."""
    from expander.group.retry.local import local_retries
    from expander.group.retry.outcomes import skipped_outcomes
    from expander.notify.notification import Counts, ending

    for told in skipped_outcomes(prepared.plan):
        report.show(told)
    code = 1 if report.bad.count else 0
    errors, sums, stopped = ItemErrors(), Counter[str](), None
    settings = executor_settings(flags)
    for each in local_retries(prepared, source, policy_of(flags), errors, settings, typed_settings()):
        ended, result = _run(each, errors, flags, report, notifier)
        sums.update(result.counts)
        stopped = result.stopped or stopped
        code = ended or code
        if ended == 130:
            break
    counts = Counts.of_run(sums, errors.count)
    notifier.done(ending(stopped) or counts.outcome, counts)
    errors.finish()
    say_logs(prepared)
    if report.lines is not None:
        report.lines.finish(interrupted=code == 130)
    return code


def say_logs(prepared: PreparedRetry) -> None:
    """Say where the logs of what was replaced are."""
    if any(candidate.replaces for candidate in prepared.plan.candidates):
        say(f"earlier logs are in {prepared.logs}")


def _run(
    retry: LocalRetry,
    errors: ItemErrors,
    flags: dict[str, Any],
    report: RetryReport,
    notifier: Notifier,
) -> tuple[int, RunEnd]:
    """The exit code, and what became of it; its counts are of what ran again."""
    from expander.cli.output.retry import RetryOutput
    from expander.cli.output.run import OutputOptions

    home, executor, note, work, retries = retry
    before = errors.count
    say(f"group {home.name}: {note}")
    ends = RetryOutput(
        report.out,
        home,
        partial(executor.find, "Job"),
        errors,
        OutputOptions(quiet=flags["quiet"]),
        report.lines,
    )
    ends.notifier = notifier
    result = ends.of_this(execute(executor, work, ends, retries=retries, timeout=flags["timeout"]))
    ends.finish()
    ends.summary(result)
    if ends.counts["failed"]:
        say(next_steps(home.name, flags, logs=ends.failed_have_logs, remedies=ends.remedies))
    if result.stopped == "interrupted":
        say("Interrupted. Run the same command to resume.")
        return 130, result
    pack(home)
    return (1 if ends.counts["failed"] or result.stopped or errors.count > before else 0), result


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
the Job controller and the scheduler decide. Those that are not given are as in the group's last run.

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
@notify_option
def command(names: tuple[str, ...], **flags: Any) -> int:
    """Retry the failed Jobs of a group, in its cluster or with --local on this machine.

    Each failed Job is deleted and created again under its name, with the changes of --with; its logs are
    saved first. Unfinished Jobs are skipped unless they are named and --force is given. After an
    interruption or a kill the same command resumes, and nothing is lost. With --local it also finishes an
    interrupted run.
    """
    from expander.group.local.source import LocalSource
    from expander.group.retry.plan import RetrySelection
    from expander.group.retry.preparation import prepare_retry
    from expander.notify.notifier import notifying

    wanted, policy = wanted_of(flags), policy_of(flags)
    if not wanted.is_local:
        refuse_local_options()
    notifier = _notifier(flags, wanted, waits=wanted.is_local or policy is not None)
    source = opened(wanted)
    items = tuple(_split(flags["items"])) + names
    prepared = prepare_retry(
        source,
        wanted,
        RetrySelection(items, flags["everything"], flags["force"], flags["changes"]),
        policy=policy,
        crds=flags["crds"],
        logs=flags["logs"],
        may_stop=lambda count: not flags["dry_run"] and _may_stop(count),
    )
    _say_escalated(prepared.escalated, flags)
    report = RetryReport(as_json=flags["output"] == "json", quiet=flags["quiet"])
    if prepared.removed:
        report.unknown(prepared.removed, decisive=prepared.is_bare)
    if not items:
        say_refused(source)
    if prepared.is_empty:
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(prepared.plan.states.items()))
        say(f"nothing to retry: {states}")
        return report.end()
    if flags["dry_run"]:
        return report.dry(prepared)
    with notifying(notifier):
        if isinstance(source, LocalSource):
            return here(source, prepared, flags, report, notifier)
        return there(source, wanted, prepared, flags, report, notifier)


def _notifier(flags: Mapping[str, Any], wanted: GroupSelector, *, waits: bool) -> Notifier:
    local, namespace = wanted.is_local, wanted.namespace
    return notifier_of(flags, "retry", local=local, waits=waits, group=wanted.called, namespace=namespace)


def _split(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        yield from filter(None, (part.strip() for part in text.split(",")))


def _say_escalated(more: Sequence[NextAttempt], flags: Mapping[str, Any]) -> None:
    """Say what begins with more memory or time."""
    from expander.cli.output.titles import short_title
    from expander.run.reporter import Retried

    for each in more[:MAX_ERRORS]:
        change = "" if flags["changes"] else each.change
        say(Retried(each.tree, attempt_of(each.tree), each.reason, change).line(short_title(each.tree)))
    if len(more) > MAX_ERRORS:
        say(f"retry: {len(more) - MAX_ERRORS:,} more likewise")


def _may_stop(count: int) -> bool:
    """Ask whether to stop unfinished Jobs; no without a terminal."""
    if not sys.stdin.isatty():
        return False
    them = "it" if count == 1 else "them"
    return click.confirm(f"{counted(count, 'Job')} unfinished. Stop and restart {them} too?", err=True)
