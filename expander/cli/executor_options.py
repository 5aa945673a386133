"""The options of commands that run containers on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from expander.cli.batch_options import Command
from expander.cli.params import Amount, Duration, KeyValue, Variable, unique

_OPTIONS = [
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1),
        metavar="N",
        help="Pods that run at a time.  [default: by requests]",
    ),
    click.option(
        "--runtime",
        type=click.Choice(["best", "process", "sandbox", "podman", "docker"]),
        default="best",
        show_default=True,
        help="How containers are run.",
    ),
    click.option(
        "--image",
        "images",
        multiple=True,
        type=KeyValue("value"),
        help="NAME=DIR: a root file system for an image.",
    ),
    click.option(
        "--claim",
        "claims",
        multiple=True,
        type=KeyValue("value"),
        help="NAME=DIR: a folder for a PersistentVolumeClaim.",
    ),
    click.option(
        "-e",
        "--env",
        "variables",
        multiple=True,
        type=Variable(),
        help="NAME=VALUE, or NAME of this environment, for all containers.",
    ),
    click.option(
        "--cpus",
        type=click.FloatRange(0, min_open=True),
        help="Cores that requests are held against.  [default: all]",
    ),
    click.option("--memory", type=Amount(), help="Memory likewise, as a quantity: 8Gi.  [default: all]"),
    click.option(
        "--backoff-base",
        type=Duration(fractions=True),
        default="10s",
        show_default=True,
        help="First wait after a failed pod.",
    ),
]


def executor_options(command: Command) -> Command:
    """Give a command the options of an executor."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def executor_settings(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `local.executor.Executor` that the options set."""
    plain = ("runtime", "jobs", "cpus", "memory", "backoff_base")
    return {name: flags[name] for name in plain} | {
        "variables": unique(flags["variables"], "--env"),
        "images": unique(flags["images"], "--image"),
        "claims": {name: Path(path) for name, path in unique(flags["claims"], "--claim").items()},
    }
