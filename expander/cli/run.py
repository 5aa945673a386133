"""``expander run``: a batch of Jobs on this machine."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import click

from expander.base.errors import UsageError
from expander.cli.messages import ItemErrors, Output, say
from expander.cli.parameters import Amount, Duration, KeyValue, Variable, unique
from expander.cli.selection import item_options, template_options

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


@click.command(epilog=EXAMPLES)
@click.argument("arguments", metavar="PATH... | TEMPLATE [ITEM]...", nargs=-1, required=True)
@item_options
@template_options
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Pods that run at a time.  [default: by requests]",
)
@click.option(
    "--runtime",
    type=click.Choice(["best", "process", "sandbox", "podman", "docker"]),
    default="best",
    show_default=True,
    help="How containers are run.",
)
@click.option(
    "--image",
    "images",
    multiple=True,
    type=KeyValue("value"),
    help="NAME=DIR: a root file system for an image.",
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    type=KeyValue("value"),
    help="NAME=DIR: a folder for a PersistentVolumeClaim.",
)
@click.option(
    "-e",
    "--env",
    "variables",
    multiple=True,
    type=Variable(),
    help="NAME=VALUE, or NAME of this environment, for all containers.",
)
@click.option(
    "--cpus",
    type=click.FloatRange(0, min_open=True),
    help="Cores that requests are held against.  [default: all]",
)
@click.option("--memory", type=Amount(), help="Memory likewise, as a quantity: 8Gi.  [default: all]")
@click.option(
    "--backoff-base",
    type=Duration(fractions=True),
    default="10s",
    show_default=True,
    help="First wait after a failed pod.",
)
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
@click.option("--fresh", is_flag=True, help="Forget an earlier run of the group.")
@click.option("-q", "--quiet", is_flag=True, help="Do not print the output of the Jobs.")
def command(arguments: tuple[str, ...], **flags: Any) -> int:
    """Run a batch of Jobs here, as a cluster would, and print what they print.

    Give manifests (files, folders, - for standard input), or a template and its items as for `expand`. State
    and logs are kept per group, so that the same command after an interruption goes on with what is left. A
    CronJob is run once.
    """
    from expander.cli.selection import batch_of
    from expander.local.executor import Executor
    from expander.pipeline.batch import used_here
    from expander.pipeline.halt import FIRST_FAILURE, Halt
    from expander.pipeline.run import Run, forget, state_folder

    if flags["fail_fast"] and flags["halt"]:
        raise UsageError("--fail-fast is a --halt of its own; give one of them")
    halt = FIRST_FAILURE if flags["fail_fast"] else Halt.parse(flags["halt"]) if flags["halt"] else None
    errors = ItemErrors()
    manifests = used_here(batch_of(arguments, flags, errors), lambda words: say(f"warning: {words}"))
    if flags["simulate"]:
        from expander.cli.forecast import forecast

        forecast(batch_of(arguments, flags, errors), flags["simulate"])
        errors.finish()
        return 1 if errors.count else 0
    first = next(manifests, None)
    if first is None:
        errors.finish()
        say("there is nothing to run")
        return 1 if errors.count else 0
    group = _group(first.tree, flags["group_label"])
    folder = state_folder(group, flags["state"])
    if flags["fresh"]:
        forget(folder)
    executor = Executor(
        folder,
        runtime=flags["runtime"],
        jobs=flags["jobs"],
        cpus=flags["cpus"],
        memory=flags["memory"],
        backoff_base=flags["backoff_base"],
        images=unique(flags["images"], "--image"),
        variables=unique(flags["variables"], "--env"),
        claims={name: Path(path) for name, path in unique(flags["claims"], "--claim").items()},
    )
    say(f"group {group}: {executor.note}")
    from expander.cli.progress import Progress
    from expander.cli.run_output import JobOutput

    output = JobOutput(Output(), folder, quiet=flags["quiet"])
    with executor, Progress() as progress:
        run = Run(
            executor,
            chain([first], manifests),
            on_finished=output.finished,
            on_turn=progress.show,
            on_error=errors,
            on_note=say,
            halt=halt,
            timeout=flags["timeout"],
        )
        with _Signals(run):
            result = run.go()
    output.finish()
    errors.finish()
    output.summary(result)
    if result.stopped == "interrupted":
        say(f"interrupted with {result.unfinished:,} Jobs left: the same command goes on with them")
        return 130
    return 1 if result.counts["failed"] or result.stopped or errors.count else 0


def _group(tree: Mapping[str, Any], label: str) -> str:
    labels = tree.get("metadata", {}).get("labels")
    found = labels.get(label) if isinstance(labels, Mapping) else None
    return found if isinstance(found, str) and found else "batch"


class _Signals:
    """SIGINT and SIGTERM end a run in order: the first drains it, the second stops it."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def __enter__(self) -> None:
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        signal.signal(signal.SIGINT, self._first)
        signal.signal(signal.SIGTERM, self._now)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _first(self, *_: object) -> None:
        say("draining: what runs is waited for; Ctrl-C again stops it")
        self._run.interrupt()

    def _now(self, *_: object) -> None:
        self._run.interrupt()
        self._run.interrupt()
