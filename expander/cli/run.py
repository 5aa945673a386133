"""``expander run``: a batch of Jobs on this machine."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from itertools import chain
from typing import Any

import click

from expander.base.errors import UsageError
from expander.cli.batch_options import item_options, selector_option, template_options
from expander.cli.executor_options import executor_options, executor_settings
from expander.cli.help import Page
from expander.cli.messages import ItemErrors, Output, say
from expander.cli.outcome_lines import OutcomeLines
from expander.cli.parameters import Duration
from expander.cli.report_option import report_option, save_report
from expander.cli.shape_options import into_broker
from expander.cli.signals import Interrupts

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
    from expander.cli.selection import batch_of
    from expander.local.executor import Executor
    from expander.run.run import FIRST_FAILURE, Halt, Run, forget

    if flags["fail_fast"] and flags["halt"]:
        raise UsageError("--fail-fast is a --halt of its own; give one of them")
    halt = FIRST_FAILURE if flags["fail_fast"] else Halt.parse(flags["halt"]) if flags["halt"] else None
    out = Output()
    lines = OutcomeLines(out) if flags["output"] == "json" else None
    errors = ItemErrors(None if lines is None else lines.invalid)
    batch = batch_of(arguments, flags, errors, into_broker(flags, again=flags["fresh"]))
    if flags["simulate"]:
        from expander.cli.forecast import forecast

        forecast(batch, flags["simulate"])
        errors.finish()
        return 1 if errors.count else 0
    manifests = used_here(batch, lambda words: say(f"warning: {words}"))
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
        forget(folder)
    executor = Executor(folder, keep_volumes=flags["keep"], **executor_settings(flags))
    say(f"group {group}: {executor.note}")
    from expander.cli.progress import Progress
    from expander.cli.run_output import JobOutput

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
        from expander.group.open import Wanted, open_source

        save_report(open_source(Wanted(group, local=True, state=flags["state"])), flags["report"], group)
    if result.stopped == "interrupted":
        say(f"interrupted with {result.unfinished:,} Jobs left: the same command goes on with them")
        return 130
    return 1 if result.counts["failed"] or result.stopped or errors.count else 0


def _group(tree: Mapping[str, Any], label: str) -> str:
    labels = tree.get("metadata", {}).get("labels")
    found = labels.get(label) if isinstance(labels, Mapping) else None
    return found if isinstance(found, str) and found else "batch"
