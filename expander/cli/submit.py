"""``expander submit``: a batch into a cluster.

Options that say how a batch is sent to a cluster.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import click

from expander.base.errors import ExpanderError, UsageError
from expander.cli.batch_options import (
    into_broker,
    item_options,
    request_of,
    selector_option,
    template_options,
    warn,
)
from expander.cli.output import ItemErrors, say
from expander.cli.params import Duration, filled
from expander.cli.progress import Interrupts
from expander.cli.resume import Remembered, resumed, run_of, same_cluster

if TYPE_CHECKING:
    from expander.cli.submit_output import SubmitReport
    from expander.manifests.manifest import Manifest
    from expander.submit.submit import Submitter

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = [
    click.option("--kubeconfig", metavar="FILE", help="The kubeconfig.  [default: as kubectl]"),
    click.option("--context", metavar="NAME", help="The context in it.  [default: the current one]"),
    click.option(
        "--qps", type=click.FloatRange(0, min_open=True), help="Requests a second.  [default: no limit]"
    ),
    click.option("--burst", type=click.IntRange(1), help="Requests at once after a pause, with --qps."),
    click.option(
        "--max-in-flight",
        type=click.IntRange(1, 256),
        default=32,
        show_default=True,
        help="Requests under way at most; fewer when the server is busy.",
    ),
    click.option(
        "--max-active",
        type=click.IntRange(1),
        metavar="N",
        help="Unfinished Jobs of the group at most. Those of another submitter count once they are heard of.",
    ),
    click.option(
        "--retry-budget",
        type=Duration(),
        default="15m",
        show_default=True,
        help="Give an item up after this time of failures.",
    ),
    click.option(
        "--on-exists",
        type=click.Choice(["fail", "skip", "replace", "recreate"]),
        default="fail",
        show_default=True,
        help="When something else has the name.",
    ),
    click.option(
        "--on-quota",
        type=click.Choice(["wait", "fail", "skip"]),
        default="wait",
        show_default=True,
        help="When a quota has no room.",
    ),
    click.option(
        "--quota-timeout", type=Duration(), help="Hold an item for quota so long.  [default: for ever]"
    ),
    click.option("--server-side", is_flag=True, help="Apply on the server's side instead of creating."),
    click.option(
        "--force-conflicts", is_flag=True, help="With --server-side: take fields of other managers over."
    ),
    click.option(
        "--kueue", "queue", metavar="QUEUE", help="Hand the Jobs to this queue of Kueue, suspended."
    ),
    click.option(
        "--delete-finished",
        is_flag=True,
        help="Collect what finished Jobs put out, then delete them; wait for all.",
    ),
    click.option(
        "--results", metavar="DIR", help="Where that is collected.  [default: results, beside the journal]"
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Go on where an earlier run stopped: the same command, or only --group.",
    ),
    click.option("--state", metavar="DIR", help="Where journals are kept.  [default: among your state]"),
    click.option(
        "--dry-run", type=click.Choice(["none", "client", "server"]), default="none", help="Only pretend."
    ),
    click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="What is printed of each item.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print nothing of items that arrived (text)."),
]


def submit_options(command: Command) -> Command:
    """The options that say how a batch is sent."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


EXAMPLES = """
\b
Examples:
  expander submit job-tmpl.yaml apple banana cherry
  expander submit jobs/ --context prod --qps 50
  expander submit render.yaml -i frames.csv --group night --max-active 500
  expander submit render.yaml -i frames.csv --group night --max-active 500 --delete-finished --results out/
  expander submit --resume --group night

\b
Exit codes: 0 the cluster has every item, 1 some were refused or given up, 2 wrong usage or input,
130 interrupted: --resume goes on.
"""

NOTES = {"none": "", "client": " (dry run)", "server": " (server dry run)"}
"""What stands behind outcomes, by --dry-run, as kubectl says it."""


@click.command(cls=Remembered, epilog=EXAMPLES)
@click.argument("arguments", metavar="PATH... | TEMPLATE [ITEM]...", nargs=-1)
@item_options
@template_options
@selector_option
@submit_options
def command(arguments: tuple[str, ...], **flags: Any) -> int:
    """Create a batch of objects in a cluster, each exactly once, at the speed the server allows.

    Give manifests (files, folders, - for standard input), or a template and its items as for `expand`. What
    is refused for load is tried again, what has no room in a quota waits, and a journal per group remembers
    what arrived.
    """
    from expander.base.state_dir import state_folder
    from expander.cli.progress import ItemCount, SubmitPicture
    from expander.cli.submit_output import SubmitReport
    from expander.submit.options import SubmitOptions
    from expander.submit.submit import Counts, Submitter, dry_run_outcomes

    run: Mapping[str, Any]
    if arguments:
        run = run_of(flags, arguments)
    elif flags["resume"]:
        arguments, flags, run = resumed(state_folder("submit", flags["state"]), flags)
    else:
        raise UsageError("there is nothing to submit: name manifests, or a template and its items")
    options = filled(SubmitOptions, {**flags, "run": run})
    options.check(_option_name)
    errors, tally = ItemErrors(), Counts()
    picture = SubmitPicture(tally, ItemCount(arguments, flags))
    report = SubmitReport(
        tally,
        as_json=flags["output"] == "json",
        quiet=flags["quiet"],
        note=NOTES[flags["dry_run"]],
        say=picture.say,
    )
    on_queue = into_broker(flags) if flags["dry_run"] == "none" else None
    manifests = request_of(arguments, flags, on_queue).manifests(errors, warn)
    if flags["dry_run"] == "client":
        for settled in dry_run_outcomes(manifests, options, errors):
            report.show(settled)
        return _end(report, errors)
    submit = Submitter(options, errors, picture.say)
    same_cluster(run, submit.server)
    reading = _Reading(submit)
    with Interrupts(reading.interrupted, _interrupt) as interrupts, picture:
        picture.watch(submit)
        try:
            with closing(submit.outcomes(reading.through(manifests))) as outcomes:
                for settled in outcomes:
                    picture.clear()
                    report.show(settled)
        except ExpanderError as error:
            picture.clear()
            if tally.counts and not error.silent:
                report.finish(submit, interrupted=True)
                say(f"stopped before the end: {_again(submit, flags)}")
            raise
    if interrupts.seen:
        return _interrupted(report, errors, submit, flags)
    return _end(report, errors, submit)


def _option_name(field: str) -> str:
    """The option of this command that fills a field of `SubmitOptions`."""
    return "--kueue" if field == "queue" else f"--{field.replace('_', '-')}"


def _end(report: SubmitReport, errors: ItemErrors, submit: Submitter | None = None) -> int:
    report.finish(submit)
    errors.finish()
    left = submit is not None and submit.finishing is not None and submit.finishing.left
    return 1 if report.tally.failed or errors.count or left else 0


def _interrupted(
    report: SubmitReport, errors: ItemErrors, submit: Submitter, flags: Mapping[str, Any]
) -> int:
    report.finish(submit, interrupted=True)
    errors.finish()
    waiting = submit.submission.on_the_way
    words = f"interrupted with {waiting:,} items that wait" if waiting else "interrupted"
    say(f"{words}: {_again(submit, flags)}")
    return 130


def _again(submit: Submitter, flags: Mapping[str, Any]) -> str:
    """How to go on."""
    words = ["expander", "submit", "--resume", "--group", submit.group or "batch"]
    words += ["--state", flags["state"]] if flags["state"] else []
    words += ["--kubeconfig", flags["kubeconfig"]] if flags["kubeconfig"] else []
    words += ["--context", flags["context"]] if flags["context"] else []
    return f"`{shlex.join(words)}` goes on, or the same command with --resume"


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
        """Stop; a signal handler may not use the buffer of standard error, which may be in use."""
        self._over = True
        self._submit.stop()
        os.write(2, b"\nstopping: what was sent is waited for; Ctrl-C again ends at once\n")
        if self._waits:
            raise KeyboardInterrupt


def _interrupt() -> None:
    raise KeyboardInterrupt
