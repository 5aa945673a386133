"""``expander submit``: a batch into a cluster."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.cli.messages import ItemErrors, say
from expander.cli.parameters import Duration
from expander.cli.selection import item_options, template_options

if TYPE_CHECKING:
    from expander.cli.submit_output import SubmitReport
    from expander.manifests.manifest import Manifest
    from expander.pipeline.submit import Settings, Submit

EXAMPLES = """
\b
Examples:
  expander submit job-tmpl.yaml apple banana cherry
  expander submit jobs/ --context prod --qps 50
  expander submit render.yaml -i frames.csv --group night --max-active 500
  expander submit render.yaml -i frames.csv --group night --resume

\b
Exit codes: 0 the cluster has every item, 1 some were refused or given up, 2 wrong usage or input,
130 interrupted: the same command with --resume goes on.
"""


@click.command(epilog=EXAMPLES)
@click.argument("arguments", metavar="PATH... | TEMPLATE [ITEM]...", nargs=-1, required=True)
@item_options
@template_options
@click.option("--kubeconfig", metavar="FILE", help="The kubeconfig.  [default: as kubectl]")
@click.option("--context", metavar="NAME", help="The context in it.  [default: the current one]")
@click.option(
    "--qps", type=click.FloatRange(0, min_open=True), help="Requests a second.  [default: no limit]"
)
@click.option("--burst", type=click.IntRange(1), help="Requests at once after a pause, with --qps.")
@click.option(
    "--max-in-flight",
    "in_flight",
    type=click.IntRange(1, 256),
    default=32,
    show_default=True,
    help="Requests under way at most; fewer when the server is busy.",
)
@click.option(
    "--max-active", type=click.IntRange(1), metavar="N", help="Unfinished Jobs of the group at most."
)
@click.option(
    "--retry-budget",
    type=Duration(),
    default="15m",
    show_default=True,
    help="Give an item up after this time of failures.",
)
@click.option(
    "--on-exists",
    type=click.Choice(["fail", "skip", "replace", "recreate"]),
    default="fail",
    show_default=True,
    help="When something else has the name.",
)
@click.option(
    "--on-quota",
    type=click.Choice(["wait", "fail", "skip"]),
    default="wait",
    show_default=True,
    help="When a quota has no room.",
)
@click.option("--quota-timeout", type=Duration(), help="Hold an item for quota so long.  [default: for ever]")
@click.option("--kueue", "queue", metavar="QUEUE", help="Hand the Jobs to this queue of Kueue, suspended.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run of the same command stopped.")
@click.option("--state", metavar="DIR", help="Where journals are kept.  [default: among your state]")
@click.option(
    "--dry-run", type=click.Choice(["none", "client", "server"]), default="none", help="Only pretend."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What is printed of each item.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing of items that arrived (text).")
def command(arguments: tuple[str, ...], **flags: Any) -> int:
    """Create a batch of objects in a cluster, each exactly once, at the speed the server allows.

    Give manifests (files, folders, - for standard input), or a template and its items as for `expand`. What
    is refused for load is tried again, what has no room in a quota waits, and a journal per group remembers
    what arrived.
    """
    from expander.cli.selection import batch_of
    from expander.cli.submit_output import SubmitPicture, SubmitReport
    from expander.cluster.asking import ClusterError
    from expander.pipeline.pretend import pretend
    from expander.pipeline.submit import Submit
    from expander.pipeline.tally import Tally

    settings = _settings(flags)
    errors, tally = ItemErrors(), Tally()
    manifests = batch_of(arguments, flags, errors)
    report = SubmitReport(tally, as_json=flags["output"] == "json", quiet=flags["quiet"])
    if flags["dry_run"] == "client":
        for settled in pretend(manifests, settings, errors):
            report.show(settled)
        return _end(report, errors, interrupted=False)
    submit = Submit(settings, errors, say)
    with _Signals(submit) as signals, SubmitPicture(submit, tally) as picture:
        try:
            for settled in submit.outcomes(_until_stopped(manifests, signals)):
                picture.clear()
                report.show(settled)
        except ClusterError:
            report.finish(interrupted=True)
            say("stopped before the end: the same command with --resume goes on")
            raise
        interrupted = signals.seen
    return _end(report, errors, interrupted)


def _settings(flags: dict[str, Any]) -> Settings:
    from expander.cluster.retry import Retry
    from expander.cluster.terms import Terms
    from expander.pipeline.state import state_folder
    from expander.pipeline.submit import Settings

    if flags["burst"] is not None and flags["qps"] is None:
        raise UsageError("--burst goes with --qps")
    terms = Terms(
        Retry(budget=float(flags["retry_budget"])),
        flags["on_exists"],
        flags["on_quota"],
        flags["quota_timeout"],
        flags["dry_run"] == "server",
    )
    return Settings(
        flags["kubeconfig"],
        flags["context"],
        flags["group_label"],
        flags["queue"],
        flags["qps"],
        flags["burst"],
        flags["in_flight"],
        terms,
        flags["max_active"],
        None if flags["dry_run"] == "server" else state_folder("submit", flags["state"]),
        flags["resume"],
    )


def _until_stopped(manifests: Iterator[Manifest], signals: _Signals) -> Iterator[Manifest]:
    for manifest in manifests:
        if signals.seen:
            return
        yield manifest


def _end(report: SubmitReport, errors: ItemErrors, interrupted: bool) -> int:
    report.finish(interrupted)
    errors.finish()
    if interrupted:
        say("interrupted: the same command with --resume goes on")
        return 130
    return 1 if report.tally.failed or errors.count else 0


class _Signals:
    """SIGINT and SIGTERM end a submission in order; the second one ends it at once."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit
        self.seen = False

    def __enter__(self) -> _Signals:
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in self._before:
            signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, *_: object) -> None:
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True
        self._submit.stop()
