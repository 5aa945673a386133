"""Options of commands that run containers on this machine, and the run itself."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from expander.base.errors import UsageError
from expander.base.text import counted
from expander.cli.options.group import remember_at_once
from expander.cli.options.once import Once
from expander.cli.options.params import (
    IMAGE_HELP,
    MAX_INT32,
    Amount,
    Duration,
    KeyValue,
    Positive,
    Variable,
    all_of,
    unique,
)
from expander.cli.output.interrupts import Interrupts
from expander.cli.output.streams import say
from expander.run.limits import MIN_MEMORY

if TYPE_CHECKING:
    from expander.cli.output.run import JobOutput
    from expander.local.executor import Executor
    from expander.manifests.manifest import Manifest
    from expander.run.run import RunEnd

images_option = click.option(
    "--image",
    "images",
    multiple=True,
    type=KeyValue("value"),
    metavar="NAME=FILES",
    help=IMAGE_HELP,
)
"""The option of files for images where it is for nothing else."""
executor_options = all_of(
    click.option(
        "-j",
        "--jobs",
        cls=Once,
        noun="number",
        type=click.IntRange(1, MAX_INT32),
        metavar="N",
        help="Maximum running pods.  [default: one per core, or as CPU requests allow; serve: 110]",
    ),
    click.option(
        "--runtime",
        type=click.Choice(["best", "process", "sandbox", "podman", "docker"]),
        default="best",
        show_default=True,
        help="How to run containers.",
    ),
    click.option(
        "--image-command",
        "image_commands",
        multiple=True,
        type=KeyValue("value"),
        metavar="NAME=CMD",
        help="The command line of the image NAME, for containers without a command.",
    ),
    click.option(
        "--claim",
        "claims",
        multiple=True,
        type=KeyValue("value"),
        metavar="NAME=DIR",
        help="Use the folder DIR for the PersistentVolumeClaim NAME.",
    ),
    click.option(
        "-e",
        "--env",
        "variables",
        multiple=True,
        type=Variable(),
        metavar="NAME[=VALUE]",
        help="Set a variable in all containers; NAME alone takes its value from here.",
    ),
    click.option(
        "--cpus",
        type=Positive(),
        help="CPU available to Jobs (sum of requests).  [default: all]",
    ),
    click.option(
        "--memory", type=Amount(MIN_MEMORY), help="Memory available to Jobs, such as 8Gi.  [default: all]"
    ),
    click.option(
        "--backoff-base",
        type=Duration(fractions=True),
        default="10s",
        show_default=True,
        help="Back-off after the first failed pod; doubles with each failure.",
    ),
    click.option(
        "--grace",
        type=Duration(fractions=True),
        help="Maximum time for stopped pods to end.  [default: terminationGracePeriodSeconds]",
    ),
)
"""Add the options of an executor to a command; ``--image`` is not among them."""


def executor_settings(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `local.executor.Executor` that the options set."""
    plain = ("runtime", "jobs", "cpus", "memory", "backoff_base")
    return {name: flags[name] for name in plain} | {
        "stop_grace": flags["grace"],
        "on_note": say,
        "variables": unique(flags["variables"], "--env"),
        "images": unique(flags["images"], "--image"),
        "image_commands": unique(flags["image_commands"], "--image-command"),
        "claims": {name: Path(path) for name, path in unique(flags["claims"], "--claim").items()},
    }


LOCAL_ONLY: Final = (
    "jobs",
    "runtime",
    "images",
    "image_commands",
    "claims",
    "variables",
    "cpus",
    "memory",
    "backoff_base",
    "grace",
    "timeout",
)
"""The options of `executor_options`, and the timeout of a run."""


_SETTINGS: Final = {"grace": "stop_grace"}
"""The executor's arguments that are not named as their options."""


def typed_settings() -> set[str]:
    """The arguments of the executor that the command line gives."""
    context = click.get_current_context()
    return {
        _SETTINGS.get(name, name)
        for name in LOCAL_ONLY
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }


def next_steps(group: str, flags: Mapping[str, Any], *, logs: bool, remedies: Iterable[str]) -> str:
    """The commands for what has failed in a group on this machine, to be pasted; ``logs``: it has output.

    ``remedies`` are options of `retry` that help; one that the run had is not proposed, since it did not.
    """
    which = ["--group", group, *(["--state", flags["state"]] if flags["state"] else ["--local"])]
    which += ["--group-label", flags["group_label"]] if flags["group_label"] != "jobgroup" else []
    more: list[str] = []
    for option in sorted(remedies):
        more += [option, "x2"] if flags[option[2:].replace("-", "_")] is None else []
    commands = [["logs", "--failed", *which]] if logs else []
    commands += [["retry", *which, *more], ["report", *which]]
    first, *others = (shlex.join(["expander", *command]) for command in commands)
    return "\n      ".join([f"next: {first}", *others])


def refuse_local_options() -> None:
    """Raise UsageError if an option was given that has no meaning in a cluster."""
    context = click.get_current_context()
    given = [
        parameter.opts[-1]
        for parameter in context.command.params
        if parameter.name in LOCAL_ONLY
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise UsageError(
            f"{' and '.join(given)} can only be used with --local",
            hint="in a cluster the Job controller and the scheduler decide",
        )


def execute(executor: Executor, work: Iterator[Manifest], reporter: JobOutput, **settings: Any) -> RunEnd:
    """Run to the end, with progress; interrupts drain, then stop what runs, then kill it.

    ``settings`` are those of `run.run.Run`.
    """
    from expander.cli.output.progress import Progress
    from expander.run.run import Run

    with executor, Progress(reporter.step):
        run = Run(executor, work, reporter, **settings)
        reporter.on_begun = remember_at_once
        reporter.start()

        def interrupted(number: int) -> None:
            run.interrupt()
            if number == signal.SIGINT:
                pods = counted(executor.running, "running pod")
                if not executor.running or executor.all_wait:
                    return  # nothing to wait for: it ends at once
                say(f"Interrupted: waiting for {pods}, starting no others (Ctrl-C again to stop now)")
            else:
                run.interrupt()

        def again() -> None:
            run.interrupt()
            if run.interrupts == 2:
                say("Stopping running pods (Ctrl-C again to kill them)")

        with Interrupts(interrupted, again):
            end = run.go()
        reporter.end()
        return end


def pack(state: Path) -> None:
    """Pack the logs in a state folder, when nobody reads them by their path any more; Ctrl-C ends it."""
    from expander.local.log_packing import pack_logs

    with suppress(KeyboardInterrupt):
        pack_logs(state)
