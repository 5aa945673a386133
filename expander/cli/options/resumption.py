"""``submit --resume --group NAME``: the journal of a group records the command line of its last run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from expander.base.errors import InputError, UsageError
from expander.cli.options.command import BatchPage
from expander.cli.pages.page import ARGUMENTS

BROKER = "--queue-url"
"""The option whose value may contain a password."""

NOTIFY = "--notify"
"""The option whose values are secrets."""

PATHS = ("kubeconfig", "state", "results")
"""Options that name a file: made absolute, as the working folder changes."""


class Remembered(BatchPage):
    """A command whose command line may be that of its last run."""

    needs_arguments = False


def run_of(flags: Mapping[str, Any], arguments: tuple[str, ...]) -> dict[str, Any]:
    """What the journal records of this run; without a broker's password and without ``--notify``, whose URLs
    are secrets too: these must be given again."""
    words = [word for word in click.get_current_context().meta[ARGUMENTS] if word != "--resume"]
    if flags["notify"]:
        words = _without(NOTIFY, words, lambda _: True)
    if flags["queue_url"] is not None:
        from expander.queues.queue import has_password

        words = _without(BROKER, words, has_password)
    read = {source.rpartition(":")[2].rpartition("=")[2] for source in flags["sources"]}
    stdin = "-" in {*arguments, *flags["value_files"]} | read
    resume = bool(flags["resume"])
    return {"arguments": words, "folder": os.getcwd(), "standardInput": stdin, "resume": resume}


def _without(option: str, words: list[str], is_secret: Callable[[str], bool]) -> list[str]:
    """A command line without ``option`` where its value is a secret."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*kept, word, *rest]
        value = next(rest, "") if word == option else word.removeprefix(f"{option}=")
        if word.partition("=")[0] != option or not is_secret(value):
            kept += [word, value] if word == option else [word]
    return kept


def resumed(
    folder: Path, flags: Mapping[str, Any]
) -> tuple[tuple[str, ...], dict[str, Any], Mapping[str, Any]]:
    """The arguments and options of the earlier run of ``--group``, and what its journal recorded.

    Options given now take precedence. The working folder becomes that of the earlier run. Raises UsageError
    without a group, InputError when its journal is missing, damaged or of another cluster.
    """
    from expander.submit.journal import journals, last_run

    group = flags["group"]
    if group is None:
        raise UsageError("--resume requires --group NAME, or the arguments of the earlier run")
    found = {path: run for path in journals(folder, group) if (run := last_run(path)) is not None}
    if not found and (damaged := journals(folder, group)):
        raise InputError(
            f"journal {damaged[0]} is damaged",
            hint="repeat the whole command with --resume: what the cluster has is kept",
        )
    if not found:
        known = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        hint = (
            f"groups with a journal: {', '.join(known)}"
            if known
            else "specify the folder of journals with --state"
        )
        raise InputError(f"no journal of group {group!r} in {folder}", hint=hint)
    run = _chosen(found, flags)
    if run["standardInput"]:
        raise InputError(
            f"group {group!r} was read from standard input, which is gone",
            hint="repeat the command with the same input and --resume",
        )
    given = _given(flags)
    try:
        os.chdir(run["folder"])
    except OSError as error:
        raise InputError(f"cannot resume in {run['folder']}: {error.strerror}") from error
    here = click.get_current_context()
    there = here.command.make_context(here.info_name, list(run["arguments"]), parent=here.parent)
    return there.params["arguments"], {**there.params, **given, "resume": True}, run


def same_cluster(run: Mapping[str, Any], server: str) -> None:
    """Raise InputError when the earlier run was for another cluster than the one at ``server``."""
    before = run.get("server")
    if before not in (None, server):
        raise InputError(
            f"the group was sent to {before}, but the current cluster is {server}",
            hint="specify --context or --kubeconfig; to start anew here, give the arguments of the group",
        )


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the command line, with paths that mean the same in every folder."""
    context = click.get_current_context()
    given = {
        name: value
        for name, value in flags.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    return {**given, **{name: os.path.abspath(given[name]) for name in PATHS if given.get(name)}}


def _chosen(found: Mapping[Path, Mapping[str, Any]], flags: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(found) == 1:
        return next(iter(found.values()))
    from expander.client.transport import Transport

    server = Transport(flags["kubeconfig"], flags["context"]).server
    for run in found.values():
        if run.get("server") == server:
            return run
    servers = ", ".join(str(run.get("server")) for run in found.values())
    raise InputError(
        f"group {flags['group']!r} was sent to {servers}, not to {server}",
        hint="specify --context or --kubeconfig",
    )
