"""``expander submit``: send a batch to a cluster."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Set
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import ClusterError, ExpanderError, UsageError
from expander.base.text import counted
from expander.cli.options.batch import request_of, rerun_option, selector_option, template_options
from expander.cli.options.command import command_options
from expander.cli.options.escalation import policy_of, policy_options
from expander.cli.options.group import remember_group
from expander.cli.options.items import item_options
from expander.cli.options.notify import notifier_of, notify_option
from expander.cli.options.params import (
    Duration,
    all_of,
    filled,
    max_in_flight_option,
    output_option,
    qps_option,
)
from expander.cli.options.resumption import Remembered, resumed, run_of, same_cluster
from expander.cli.options.shape import into_broker
from expander.cli.output.interrupts import Interrupts
from expander.cli.output.streams import ItemErrors, say, say_on_terminal, warn

if TYPE_CHECKING:
    from expander.batch.request import BatchRequest
    from expander.cli.output.progress import ItemCount
    from expander.cli.output.submit import SubmitReport
    from expander.group.open import GroupSelector
    from expander.manifests.manifest import Manifest
    from expander.notify.notifier import Notifier
    from expander.notify.submission import SubmitEvents
    from expander.submit.opening import Opening
    from expander.submit.options import SubmitOptions
    from expander.submit.submit import Submitter

submit_options = all_of(
    click.option("--kubeconfig", metavar="FILE", help="Path to the kubeconfig file.  [default: as kubectl]"),
    click.option(
        "--context", metavar="NAME", help="Kubeconfig context to use.  [default: the current context]"
    ),
    qps_option,
    click.option("--burst", type=click.IntRange(1), help="Burst of requests above --qps."),
    max_in_flight_option,
    click.option(
        "--max-active",
        type=click.IntRange(1),
        metavar="N",
        help="Maximum unfinished Jobs of the group, those of other submitters included.",
    ),
    click.option(
        "--retry-budget",
        type=Duration(),
        default="15m",
        show_default=True,
        help="Give up on an item after failing for this long, silence included.",
    ),
    click.option(
        "--on-exists",
        type=click.Choice(["fail", "skip", "replace", "recreate"]),
        default="fail",
        show_default=True,
        help="What to do when another object has the name.",
    ),
    click.option(
        "--on-quota",
        type=click.Choice(["wait", "fail", "skip"]),
        default="wait",
        show_default=True,
        help="What to do when a quota is exceeded.",
    ),
    click.option(
        "--quota-timeout", type=Duration(), help="How long an item waits for quota.  [default: forever]"
    ),
    click.option("--server-side", is_flag=True, help="Use server-side apply instead of create."),
    click.option(
        "--force-conflicts", is_flag=True, help="With --server-side: take over fields of other managers."
    ),
    click.option(
        "--kueue", "queue", metavar="QUEUE", help="Create the Jobs suspended, for this Kueue LocalQueue."
    ),
    click.option(
        "--delete-finished",
        is_flag=True,
        help="Collect results and logs of finished Jobs, then delete them; wait for all.",
    ),
    click.option(
        "--results", metavar="DIR", help="Where to collect them.  [default: results, beside the journal]"
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Trust the journal of an earlier run; --group alone repeats its command.",
    ),
    click.option(
        "--on-damage",
        type=click.Choice(["refuse", "create"]),
        default="refuse",
        show_default=True,
        help="With --resume: what to do with items that damaged files may have forgotten.",
    ),
    click.option("--state", metavar="DIR", help="Folder for journals.  [default: ~/.local/state/expander]"),
    click.option(
        "--dry-run",
        type=click.Choice(["none", "client", "server"]),
        default="none",
        help="Dry run: none, client or server, as in kubectl.",
    ),
    output_option("Output format."),
    click.option("-q", "--quiet", is_flag=True, help="Do not print items that arrived (text)."),
)
"""Options of how a batch is sent."""


EXAMPLES = """
\b
Examples:
  expander submit job-tmpl.yaml apple banana cherry
  expander submit jobs/ --context prod --qps 50
  expander submit render.yaml -i frames.csv --group night --max-active 500
  expander submit render.yaml -i frames.csv --group night --max-active 500 --delete-finished --results out/
  expander submit align.yaml -i samples.csv --on-oom x2,max=64Gi --on-exit 42=retry:3
  expander submit --image busybox --requests cpu=1 -i names.txt -- echo hello {}
  expander submit --resume --group night

\b
Exit codes: 0 the cluster has every item, 1 some items were refused or given up, or Jobs that were waited
for have failed, 2 wrong usage or input, 130 interrupted.
"""

COUNT_SECONDS = 2.0
"""How long an interrupted submission waits for the number of its items."""

NOTES = {"none": "", "client": " (dry run)", "server": " (server dry run)"}
"""The suffix of outcomes by --dry-run, as in kubectl."""


@click.command(cls=Remembered, epilog=EXAMPLES)
@click.argument("arguments", metavar="PATH... | TEMPLATE [ITEM]... | [ITEM]... -- CMD", nargs=-1)
@command_options
@item_options
@template_options
@selector_option
@rerun_option
@policy_options
@submit_options
@notify_option
def command(arguments: tuple[str, ...], **flags: Any) -> int:
    """Create a batch of objects in a cluster, each exactly once, as fast as the server allows.

    Takes manifests (files, folders, - for standard input), a template and items as `expand` does, or items
    and a command with its --image, as `run` does. Requests that an overloaded server rejects are retried,
    items over quota wait, and a journal for each group records what arrived. With --on-oom, --on-timeout or
    --on-exit it waits until all Jobs have ended and creates failed ones again under their names, with more
    memory or time; after an interruption or a kill --resume continues where it was.
    """
    from expander.submit.options import SubmitOptions

    arguments, flags, run = _given(arguments, flags)
    options = filled(SubmitOptions, {**flags, "run": run})
    options.check()
    request = request_of(arguments, flags, into_broker(flags) if flags["dry_run"] == "none" else None)
    notifier = _notifier(flags, options)
    opening = None if flags["dry_run"] == "client" else _opening(options, run, request)

    from expander.cli.output.progress import ItemCount
    from expander.cli.output.submit import Counts, SubmitReport
    from expander.group.saved_logs import SubmittedLogs
    from expander.notify.notifier import notifying
    from expander.notify.submission import SubmitEvents
    from expander.submit.dry_run import dry_run_outcomes
    from expander.submit.submit import Submitter

    errors, tally = ItemErrors(), Counts()
    total = ItemCount(arguments, flags)
    report = SubmitReport(
        tally,
        as_json=flags["output"] == "json",
        quiet=flags["quiet"],
        note=NOTES[flags["dry_run"]],
    )
    manifests = request.manifests(errors, warn, report.advise)
    if opening is None:
        for settled in dry_run_outcomes(manifests, options, errors):
            report.show(settled)
        return _end(report, errors)
    logs = SubmittedLogs(options.kubeconfig, options.context, options.group_label, say)
    collector = None
    if options.delete_finished:
        from expander.group.collect import ClusterCollector

        collector = ClusterCollector
    submit = Submitter(options, errors, say, collector, logs, opening)
    with notifying(notifier):
        events = SubmitEvents(notifier, submit, partial(_place, flags))
        interrupted = _send(submit, manifests, report, errors, total, events, flags)
        events.done(interrupted=interrupted, refused=errors.count)
        for folder in logs.folders:
            say(f"earlier logs are in {folder}")
        if interrupted:
            return _interrupted(report, errors, submit, total, flags)
        code = _end(report, errors, submit)
        if report.namespaces and not (options.waits or flags["quiet"] or flags["output"] == "json"):
            say_on_terminal(_next(report.namespaces, submit, flags))
        return code


def _opening(options: SubmitOptions, run: Mapping[str, Any], request: BatchRequest) -> Opening:
    """Begin to ask the server, which answers while what the submission needs is loaded."""
    from expander.cli.output.slow_server import SlowServer
    from expander.submit.opening import Opening

    try:
        with SlowServer():  # plugins for credentials; from then on the progress tells
            opening = Opening(options, request.namespace)
        same_cluster(run, opening.transport.server)
    except ExpanderError:
        request.manifests(ItemErrors())  # what is wrong with the batch comes first
        raise
    opening.begin()
    return opening


def _send(
    submit: Submitter,
    manifests: Iterator[Manifest],
    report: SubmitReport,
    errors: ItemErrors,
    total: ItemCount,
    events: SubmitEvents,
    flags: Mapping[str, Any],
) -> bool:
    """Send ``manifests`` and tell what becomes of them; whether it was interrupted."""
    from expander.cli.output.progress import Progress
    from expander.cli.output.submit import submit_step

    reading, progress = _Reading(submit), Progress(lambda: submit_step(submit, report.tally, total))
    with Interrupts(reading.interrupted, reading.ended) as interrupts, progress, events.watching():
        try:
            with closing(submit.outcomes(reading.through(manifests))) as outcomes:
                is_remembered = flags["dry_run"] != "none"
                for settled in outcomes:
                    if not is_remembered and settled.result.passed:
                        is_remembered = True
                        remember_group(flags, submit.group, local=False, at_once=True)
                    report.show(settled)
                    events.outcome(settled)
        except ExpanderError as error:
            if not (interrupts.seen and isinstance(error, ClusterError)):
                if report.tally.counts and not error.silent:
                    unsent = _unsent(report, errors, submit, total)
                    report.finish(errors, submit, interrupted=True, unsent=unsent)
                    say(f"Stopped early. {_again(submit, flags)}")
                raise
        except KeyboardInterrupt:
            if not interrupts.seen:
                raise
    return interrupts.seen


def _notifier(flags: Mapping[str, Any], options: SubmitOptions) -> Notifier:
    if options.dry_run != "none":
        flags = {**flags, "notify": ()}
    return notifier_of(flags, "submit", local=False, waits=options.waits, group=flags["group"] or "batch")


def _place(flags: Mapping[str, Any], group: str) -> GroupSelector:
    from expander.group.open import GroupSelector

    names = ("namespace", "kubeconfig", "context", "group_label")
    return GroupSelector(group, **{name: flags[name] for name in names})


def _given(
    arguments: tuple[str, ...], flags: dict[str, Any]
) -> tuple[tuple[str, ...], dict[str, Any], Mapping[str, Any]]:
    """The arguments and options of this run, or of the one that it resumes, and what its journal records."""
    from expander.base.state_dir import state_folder

    policy_of(flags)
    if arguments or flags["command"]:
        return arguments, flags, run_of(flags, arguments)
    if flags["resume"]:
        return resumed(state_folder("submit", flags["state"]), flags)
    raise UsageError("nothing to submit: specify manifests, a template and items, or -- CMD")


def _end(report: SubmitReport, errors: ItemErrors, submit: Submitter | None = None) -> int:
    report.finish(errors, submit)
    errors.finish()
    collector = None if submit is None else submit.collector
    bad = collector is not None and (collector.left or collector.failed)
    bad = bad or (submit is not None and submit.failed_before)
    bad = bad or (submit is not None and submit.retries is not None and submit.retries.counts()[1])
    return 1 if report.tally.failed or errors.count or bad else 0


def _interrupted(
    report: SubmitReport, errors: ItemErrors, submit: Submitter, total: ItemCount, flags: Mapping[str, Any]
) -> int:
    unsent = _unsent(report, errors, submit, total)
    report.finish(errors, submit, interrupted=True, unsent=unsent)
    errors.finish()
    left = f", {counted(unsent, 'item')} left" if unsent else ""
    say(f"Interrupted{left}. {_again(submit, flags)}")
    return 130


def _unsent(report: SubmitReport, errors: ItemErrors, submit: Submitter, total: ItemCount) -> int:
    """The number of items that nothing has become of yet."""
    settled = sum(report.tally.counts.values())
    known = total.wait(COUNT_SECONDS) or 0
    return max(submit.pending, known - settled - errors.count)


def _again(submit: Submitter, flags: Mapping[str, Any]) -> str:
    """How to resume."""
    if not submit.is_journaled:
        return "Nothing was recorded: repeat the command."
    if submit.repeats:
        return "Repeat the command to resume."
    words = ["expander", "submit", "--resume", "--group", submit.group or "batch"]
    words += ["--state", flags["state"]] if flags["state"] else []
    return f"To resume: {shlex.join([*words, *_cluster(flags)])}, or repeat the command."


def _next(namespaces: Set[str], submit: Submitter, flags: Mapping[str, Any]) -> str:
    """The command that waits for the Jobs, which are in ``namespaces``."""
    from expander.manifests.edits import GROUP_LABEL

    words = ["expander", "wait", "--group", submit.group or "batch", *_cluster(flags)]
    if namespaces != {submit.transport.namespace}:
        words += ["-n", *namespaces] if len(namespaces) == 1 else ["-A"]
    words += ["--group-label", flags["group_label"]] if flags["group_label"] != GROUP_LABEL else []
    return f"next: {shlex.join(words)}"


def _cluster(flags: Mapping[str, Any]) -> list[str]:
    """The options that name the cluster."""
    return [word for name in ("kubeconfig", "context") if flags[name] for word in (f"--{name}", flags[name])]


class _Reading:
    """Reads the batch until there is a signal, also while it waits for standard input."""

    def __init__(self, submit: Submitter) -> None:
        self._submit = submit
        self._waits = False
        self._over = False

    def through(self, manifests: Iterator[Manifest]) -> Iterator[Manifest]:
        while not self._over:
            try:
                self._waits = True
                manifest = next(manifests)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._waits = False
            yield manifest

    def interrupted(self, number: int) -> None:
        """Send nothing more."""
        self._over = True
        self._submit.stop()
        say("Interrupted: waiting for requests in flight (Ctrl-C again to stop now)")
        if self._waits:
            raise KeyboardInterrupt

    def ended(self) -> None:
        """Wait for nothing any more."""
        self._submit.abandon()
        raise KeyboardInterrupt
