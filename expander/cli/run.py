"""``expander run``: run a batch of Jobs on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.base.text import counted
from expander.cli.options.batch import request_of, rerun_option, selector_option, template_options
from expander.cli.options.command import BatchPage, local_command_options
from expander.cli.options.escalation import policy_of, policy_options
from expander.cli.options.executor import execute, executor_options, executor_settings, next_steps, pack
from expander.cli.options.group import forget_group, remember_group, report_option, save_report
from expander.cli.options.items import item_options
from expander.cli.options.notify import notifier_of, notify_option
from expander.cli.options.once import Once
from expander.cli.options.params import Duration, filled, output_option
from expander.cli.options.shape import into_broker
from expander.cli.output.streams import ItemErrors, OutcomeLines, Output, say, warn

if TYPE_CHECKING:
    from pathlib import Path

    from expander.cli.output.run import JobOutput
    from expander.group.saved_logs import EarlierLogs
    from expander.local.executor import Executor
    from expander.manifests.manifest import Manifest
    from expander.run.escalation import Escalation
    from expander.run.origin import GroupOrigin
    from expander.run.retries import Retries
    from expander.run.run import Halt, RunEnd

EXAMPLES = """
\b
Examples:
  expander run job-tmpl.yaml apple banana cherry
  expander run jobs/ --jobs 4
  expander run render.yaml -i frames.csv --runtime sandbox --halt soon,fail=10%
  expander expand job.yaml -i items.txt | expander run - --group night
  expander run *.log --jobs 2 -- gzip -9 {}

\b
Exit codes: 0 all Jobs are complete, 1 some failed (or the run was halted or timed out), 2 wrong usage
or input, 130 interrupted (the same command resumes).
"""


@click.command(cls=BatchPage, epilog=EXAMPLES)
@click.argument("arguments", metavar="PATH... | TEMPLATE [ITEM]... | [ITEM]... -- CMD", nargs=-1)
@local_command_options
@item_options
@template_options
@selector_option
@executor_options
@click.option("--fail-fast", is_flag=True, help="Stop at the first failed Job: --halt now,fail=1.")
@click.option(
    "--halt",
    cls=Once,
    noun="condition",
    metavar="WHEN,WHAT=N",
    help="Stop now or soon once N or N% of Jobs match WHAT: fail, success or done.",
)
@click.option("--timeout", type=Duration(fractions=True), help="Stop the run after this time.")
@click.option(
    "--state",
    "state",
    metavar="DIR",
    help="Folder for state and logs.  [default: ~/.local/state/expander]",
)
@click.option(
    "--simulate",
    metavar="UNTIL",
    help="List what CronJobs would start until a time, or for a duration such as 36h; run nothing.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be run; start nothing.")
@click.option("--keep", is_flag=True, help="Keep the contents of volumes in the state folder.")
@rerun_option
@policy_options
@click.option("--fresh", is_flag=True, help="Discard the state of an earlier run of the group.")
@output_option("text: output of the Jobs; json: an object per outcome, then a summary.")
@click.option("-q", "--quiet", is_flag=True, help="Do not print the output of the Jobs.")
@click.option("--timestamps", is_flag=True, help="Prefix each line of output with its time.")
@click.option(
    "-k", "--keep-order", is_flag=True, help="Print output in the order of items, not as it is written."
)
@click.option("--group-output", is_flag=True, help="Print the output of a container when it has ended.")
@click.option("--raw", is_flag=True, help="Do not escape control sequences when printing to a terminal.")
@report_option
@notify_option
def command(arguments: tuple[str, ...], **flags: Any) -> int:
    """Run a batch of Jobs on this machine, as a cluster would, and print their output line by line.

    Takes manifests (files, folders, - for standard input), a template and items as `expand` does, or items
    and a command: CMD [ARG]... is run once for each item, without a shell. {} and $ITEM in its words are the
    item, ${ITEM.column} a column; without them the item is the last word. State and logs are kept for each
    group: after an interruption the same command resumes. A CronJob is run once.
    """
    halt = _halt(flags)
    if flags["command"] and flags["rerun"] is None:
        flags["rerun"] = "changed"  # another command, or the same in another folder, is meant to run
    out = Output()
    lines = OutcomeLines(out) if flags["output"] == "json" else None
    errors = ItemErrors(None if lines is None else lines.invalid)
    on_queue = None if flags["dry_run"] else into_broker(flags, again=flags["fresh"])
    request = request_of(arguments, flags, on_queue)
    batch = request.manifests(errors, warn, warn, started_here=True)
    if flags["simulate"]:
        from expander.cli.output.run import forecast

        forecast(batch, flags["simulate"])
        return _end(errors)
    return _run(batch, halt, out, lines, errors, {**flags, "arguments": arguments})


def _run(
    batch: Iterator[Manifest],
    halt: Halt | None,
    out: Output,
    lines: OutcomeLines | None,
    errors: ItemErrors,
    flags: Mapping[str, Any],
) -> int:
    from expander.base.state_dir import state_folder
    from expander.batch.load import used_here
    from expander.run.origin import ORIGIN_FILE, GroupOrigin

    policy = policy_of(flags)
    manifests = used_here(batch, warn)
    first = next(manifests, None)
    if first is None:
        return _nothing(lines, errors)
    group = _group(first.tree, flags["group_label"])
    folder = state_folder(group, flags["state"])
    origin = GroupOrigin(first, group, folder / ORIGIN_FILE, chosen=bool(flags["group"]))
    if flags["dry_run"]:
        _dry_run(origin, folder, chain([first], manifests), out, lines, errors, flags)
        return _end(errors)
    remember_group(flags, group, local=True)
    if flags["fresh"]:
        from expander.local.state import remove_state

        remove_state(folder)
    executor = _executor(folder, flags)

    from expander.cli.output.run import JobOutput, OutputOptions
    from expander.group.saved_logs import EarlierLogs
    from expander.notify.notification import Counts, ending
    from expander.notify.notifier import notifying
    from expander.run.kept_options import keep_options
    from expander.run.rerun import EarlierRun

    logs = EarlierLogs(group, flags["state"])
    origin.keep()
    keep_options(folder, executor_settings(flags))
    say(f"{origin.title}: {executor.note}")
    find = partial(executor.find, "Job")
    output = JobOutput(out, folder, find, errors, filled(OutputOptions, flags), lines)
    settings = {
        "earlier": EarlierRun(executor, output.refused, flags["rerun"], logs, folder),
        "retries": policy and _retries(executor, policy, logs),
        "halt": halt,
        "timeout": flags["timeout"],
    }
    namespace = first.tree["metadata"].get("namespace") or "default"
    with notifying(notifier_of(flags, "run", local=True, group=group, namespace=namespace)) as notifier:
        output.notifier = notifier
        result = execute(executor, chain([first], manifests), output, **settings)
        counts = Counts.of_run(result.counts, errors.count)
        notifier.done(ending(result.stopped) or counts.outcome, counts)
        return _conclude(group, folder, result, output, errors, logs, flags)


def _retries(executor: Executor, policy: Escalation, logs: EarlierLogs) -> Retries:
    from expander.run.retries import Retries

    return Retries(executor, policy, logs)


def _halt(flags: Mapping[str, Any]) -> Halt | None:
    """When to stop, if that is asked for."""
    if flags["fail_fast"] and flags["halt"]:
        raise UsageError("--fail-fast cannot be used with --halt")
    if not flags["fail_fast"] and not flags["halt"]:
        return None
    from expander.run.run import FIRST_FAILURE, Halt

    return FIRST_FAILURE if flags["fail_fast"] else Halt.parse(flags["halt"])


def _conclude(
    group: str,
    folder: Path,
    result: RunEnd,
    output: JobOutput,
    errors: ItemErrors,
    logs: EarlierLogs,
    flags: Mapping[str, Any],
) -> int:
    """Say what became of it; the exit code."""
    from expander.cli.output.progress import ItemCount
    from expander.run.refused import keep_refused

    if not any(result.counts.values()):
        forget_group()
    output.finish()
    errors.finish()
    keep_refused(folder, errors.refused)
    output.summary(result, ItemCount(flags["arguments"], flags))
    if output.lines is not None:
        output.lines.finish(
            interrupted=result.stopped == "interrupted", left=output.left, stopped=result.stopped
        )
    _say_where(group, folder, logs, flags)
    if result.counts["failed"]:
        say(next_steps(group, flags, logs=output.failed_have_logs, remedies=output.remedies))
    return end_of_run(folder, result, errors, output.unfinished)


def _executor(folder: Path, flags: Mapping[str, Any]) -> Executor:
    from expander.local.runtime.supervisor_start import StartedSupervisor

    supervisor = StartedSupervisor(folder)  # it comes up while the executor is loaded

    from expander.group.known.summaries import summary_of
    from expander.local.executor import Executor

    settings = {"keep_volumes": flags["keep"], "hold": True, **executor_settings(flags)}
    return Executor(folder, summarize=summary_of, supervisor=supervisor, **settings)


def end_of_run(folder: Path, result: RunEnd, errors: ItemErrors, unfinished: str) -> int:
    """The exit code of a run; an interrupted one is told to go on, of another the logs are packed.

    ``unfinished`` is what has not ended, as ``2 items``; empty if all has.
    """
    if held := result.counts.get("suspended"):
        say(f"{counted(held, 'Job')} suspended; `expander resume` lets them go on")
    if result.stopped == "interrupted":
        left = f", {unfinished} left" if unfinished else ""
        resumes = unfinished or held or not result.exhausted
        say(f"Interrupted{left}. {'Run the same command to resume.' if resumes else 'All Jobs have ended.'}")
        return 130
    pack(folder)
    return 1 if result.counts["failed"] or result.stopped or errors.count else 0


def _say_where(group: str, folder: Path, logs: EarlierLogs, flags: Mapping[str, Any]) -> None:
    """Say where earlier logs and volumes are; write the report."""
    if logs.folder is not None:
        say(f"earlier logs are in {logs.folder}")
    if flags["keep"] and (folder / "pods").is_dir():
        say(f"volumes are in {folder / 'pods'}")
    if flags["report"]:
        from expander.group.open import GroupSelector, open_source

        wanted = GroupSelector(group, local=True, state=flags["state"])
        save_report(open_source(wanted), wanted, flags["report"])


def _dry_run(
    origin: GroupOrigin,
    folder: Path,
    manifests: Iterator[Manifest],
    out: Output,
    lines: OutcomeLines | None,
    errors: ItemErrors,
    flags: Mapping[str, Any],
) -> None:
    from expander.cli.output.dry_run import show_dry_run
    from expander.local.executor import describe_executor

    say(f"{origin.title}: {describe_executor(**executor_settings(flags))}")
    show_dry_run(manifests, None if flags["fresh"] else folder, flags["rerun"], out, lines, errors)


def _nothing(lines: OutcomeLines | None, errors: ItemErrors) -> int:
    """There is nothing to run."""
    if lines is not None:
        lines.finish()
    code = _end(errors)
    say("nothing to run")
    return code


def _end(errors: ItemErrors) -> int:
    """Print what is left of the errors; the exit code if nothing ran."""
    errors.finish()
    return 1 if errors.count else 0


def _group(tree: Mapping[str, Any], label: str) -> str:
    labels = tree.get("metadata", {}).get("labels")
    found = labels.get(label) if isinstance(labels, Mapping) else None
    return found if isinstance(found, str) and found else "batch"
