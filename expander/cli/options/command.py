"""A command in place of a template: ``[ITEM]... -- CMD [ARG]...`` and the options of its Jobs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from expander.base.errors import InputError, UsageError
from expander.cli.options.once import Once
from expander.cli.options.params import IMAGE_HELP, KeyValue, Variable, all_of, unique
from expander.cli.output.streams import Output
from expander.cli.pages.page import Page

if TYPE_CHECKING:
    from expander.render.template_file import TemplateFile

OPTIONS: Final = {
    "image": "--image",
    "env": "--env",
    "requests": "--requests",
    "limits": "--limits",
    "restart": "--restart",
    "name": "--name",
    "backoff_limit": "--backoff-limit",
    "print_template": "--print-template",
}
"""The options that only a command has, by the names of their parameters."""

ENGINES: Final = ("podman", "docker")
"""Runtimes that need an image."""


class Resources(click.ParamType):  # type: ignore[type-arg]
    """Quantities by resource, as ``kubectl set resources`` takes them: ``cpu=1,memory=1Gi``."""

    name = "resources"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        from expander.kube.quantity import fault

        if isinstance(value, dict):
            return value
        found: dict[str, str] = {}
        for part in str(value).split(","):
            resource, equals, amount = part.strip().partition("=")
            if not resource or not equals:
                self.fail(f"{part!r} is not RESOURCE=QUANTITY; expected a list as cpu=1,memory=1Gi", param)
            if wrong := fault(amount):
                self.fail(f"{resource}: {amount!r} {wrong}", param)
            if found.setdefault(resource, amount) != amount:
                self.fail(f"{resource} is there twice", param)
        return found


class ImageOrFolder(KeyValue):
    """``IMAGE``, or ``NAME=FILES`` for the files of an image: references of images have no ``=``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple) or "=" in str(value):
            return super().convert(value, param, ctx)
        if not value:
            self.fail("the image has no name", param)
        return str(value)


_COMMON = (
    *(
        click.option(
            f"--{name}",
            cls=Once,
            noun="list",
            joined=True,
            type=Resources(),
            metavar="cpu=N,...",
            help=f"Resource {name}.",
        )
        for name in ("requests", "limits")
    ),
    click.option(
        "--restart",
        type=click.Choice(["Never", "OnFailure"]),
        default="Never",
        show_default=True,
        help="The restartPolicy.",
    ),
    click.option(
        "--name", metavar="NAME", help="First part of the Jobs' names, and the group.  [default: CMD's name]"
    ),
    click.option(
        "--backoff-limit",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Retries of a failed pod (backoffLimit).",
    ),
    click.option("--print-template", is_flag=True, help="Print the template made of CMD; do nothing else."),
)
command_options = all_of(
    click.option(
        "--image", cls=Once, noun="image", metavar="IMAGE", help="Image that has CMD; CMD requires it."
    ),
    click.option(
        "-e",
        "--env",
        multiple=True,
        type=Variable(),
        metavar="NAME[=VALUE]",
        help="Set a variable; NAME alone takes its value from here.",
    ),
    *_COMMON,
)
"""Options of ``-- CMD`` for clusters."""
local_command_options = all_of(
    click.option(
        "--image",
        "images",
        multiple=True,
        type=ImageOrFolder("value"),
        metavar="IMAGE | NAME=FILES",
        help="Image of CMD; without one CMD runs in the current folder of this machine. With NAME=FILES: "
        + IMAGE_HELP[0].lower()
        + IMAGE_HELP[1:],
    ),
    *_COMMON,
)
"""The same where ``--env`` and ``--image NAME=FILES`` are for all containers."""


class BatchPage(Page):
    """A command with a batch: ``PATH...``, ``TEMPLATE [ITEM]...``, or items and a command behind ``--``.

    ``command`` among the parameters are the words of that command, ``arguments`` what stands before it.
    """

    needs_arguments = True
    """Whether nothing at all is an error of the command line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = [*args]
        rest = super().parse_args(ctx, args)
        params = ctx.params
        if "images" in params:
            names = [each for each in params["images"] if isinstance(each, str)]
            params["images"] = tuple(each for each in params["images"] if not isinstance(each, str))
            if len(names) > 1:
                raise UsageError(f"--image is there twice: {names[0]} and {names[1]}")
            params["image"] = names[0] if names else None
        arguments = params.get("arguments") or ()
        params["arguments"], params["command"] = split_command(arguments, words)
        if not ctx.resilient_parsing:
            _check(ctx, words)
            if self.needs_arguments and not params["arguments"] and not params["command"]:
                argument = next(each for each in self.params if each.name == "arguments")
                raise click.MissingParameter(ctx=ctx, param=argument)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        if not ctx.params["command"]:
            return super().invoke(ctx)
        if ctx.params["print_template"]:
            _print_template(ctx.params)
            return 0
        try:
            return super().invoke(ctx)
        except InputError as error:
            raise _without_places(error) from None


def split_command(
    arguments: tuple[str, ...], words: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands before ``--`` and the command behind it; no command where a template has items there.

    ``words`` are the whole command line, ``arguments`` its words that are neither options nor their values.
    A file, folder or ``-`` of manifests in front of the others keeps the old meaning of ``--``: no options
    follow.
    """
    for at, word in enumerate(words):
        behind = tuple(words[at + 1 :])
        if word == "--" and behind and arguments[len(arguments) - len(behind) :] == behind:
            before = arguments[: len(arguments) - len(behind)]
            break
    else:
        return arguments, ()
    if _names_manifests(behind[0]) or (before and _is_template(before)):
        return arguments, ()
    return before, behind


def _names_manifests(word: str) -> bool:
    """Whether no program is called so."""
    from expander.base.yaml.documents import EXTENSIONS
    from expander.render.template_file import TemplateFile

    named = word == "-" or word.lower().endswith(EXTENSIONS) or TemplateFile.is_jinja(word)
    return named or os.path.isdir(word)


def _is_template(arguments: Sequence[str]) -> bool:
    from expander.batch.load import is_template

    try:
        return arguments[0] == "-" or is_template(arguments, has_items=False)
    except InputError:  # a file that is no text
        return False


def _holds_manifests(arguments: Sequence[str]) -> bool:
    """Whether the first of ``arguments`` is a template or a file of manifests."""
    return os.path.exists(arguments[0]) and (_names_manifests(arguments[0]) or _is_template(arguments))


def _check(ctx: click.Context, words: Sequence[str]) -> None:
    """Raise UsageError where options and a command do not fit together."""
    params, arguments, command = ctx.params, ctx.params["arguments"], ctx.params["command"]
    given = [
        option
        for name, option in OPTIONS.items()
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        or (name == "image" and params["image"])
    ]
    if not command:
        file = arguments[0] if arguments and _holds_manifests(arguments) else None
        if file is not None and "--" in words and any("{}" in word for word in arguments[1:]):
            hint = f"-i reads them from a file: -i {file}"
            raise UsageError(f"{file} is a template, so what follows are items, not a command", hint=hint)
        if given and file is not None:
            raise UsageError(
                f"{given[0]} is for a command after --, and {file} is a template", hint=f"edit {file} instead"
            )
        if given:
            raise UsageError(
                f"no command: {given[0]} is for one", hint="specify it at the end: -- CMD [ARG]..."
            )
        return
    if params["engine"] or params["text"]:
        raise UsageError("--engine and --text are for templates, not for a command")
    if params["image"]:
        return
    if "runtime" not in params:
        raise UsageError("a command in a cluster requires an image", hint="specify --image IMAGE")
    if params["runtime"] in ENGINES:
        raise UsageError(f"--runtime {params['runtime']} requires an image", hint="specify --image IMAGE")


def _job_of(flags: Mapping[str, Any]) -> dict[str, Any]:
    from expander.batch.command_template import command_job

    variables = flags["variables"] if "variables" in flags else flags["env"]
    return command_job(
        flags["command"],
        {
            "image": flags["image"],
            "name": flags["name"],
            "env": unique(variables, "--env"),
            "requests": flags["requests"] or {},
            "limits": flags["limits"] or {},
            "restart": flags["restart"],
            "backoff_limit": flags["backoff_limit"],
            "group_label": flags["group_label"],
        },
        None if flags["image"] else os.getcwd(),
    )


def template_of(flags: Mapping[str, Any]) -> TemplateFile:
    """The template that the command and its options make. Raises UsageError."""
    from expander.batch.command_template import template_text
    from expander.render.placeholder import COMMAND_SOURCE
    from expander.render.template_file import TemplateFile

    return TemplateFile.of(template_text(_job_of(flags)), COMMAND_SOURCE)


def _print_template(flags: Mapping[str, Any]) -> None:
    """Print the template with the labels, the time to live and so on that options add to every Job."""
    from expander.batch.command_template import constant, template_text
    from expander.manifests.edits import Edits, apply_edits

    job = _job_of(flags)
    annotations = {
        key: constant(value) for key, value in unique(flags["annotations"], "--annotation").items()
    }
    edits = Edits(
        group=flags["group"],
        group_label=flags["group_label"],
        labels=unique(flags["labels"], "--label"),
        annotations=annotations,
        overwrite=flags["overwrite"],
        ttl=flags["ttl"],
        namespace=flags["namespace"],
    )
    apply_edits(job, edits)
    out = Output()
    out.put(template_text(job))
    out.finish()


def _without_places(error: InputError) -> InputError:
    """The same of a template that nobody sees: without lines, and each problem once."""
    from expander.render.placeholder import COMMAND_SOURCE

    found = dict.fromkeys(
        replace(each, where=None) if each.where is not None and each.where.file == COMMAND_SOURCE else each
        for each in error.problems
    )
    return type(error)([*found])
