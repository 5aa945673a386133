"""Options that say which batch a command is about, shared by commands that take a template and items."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from expander.base.errors import ItemError, UsageError
from expander.cli.messages import say
from expander.cli.parameters import Duration, KeyValue, LabelKey, read_values, unique
from expander.cli.shape_options import OPTIONS, shape_of

if TYPE_CHECKING:
    from expander.items import ItemSpec
    from expander.manifests.edits import Edits
    from expander.manifests.manifest import Manifest
    from expander.shapes.queue import Queued

Command = TypeVar("Command", bound=Callable[..., Any])

_ITEMS = [
    click.option(
        "-i",
        "--items",
        "sources",
        multiple=True,
        metavar="SOURCE",
        help="Items from a source (repeat to combine).",
    ),
    click.option(
        "--combine",
        type=click.Choice(["product", "zip", "chain"]),
        default="product",
        show_default=True,
        help="How several sources become one.",
    ),
    click.option(
        "--include", multiple=True, metavar="K=V,...", help="Add or extend combinations, as CI matrices do."
    ),
    click.option("--exclude", multiple=True, metavar="K=V,...", help="Drop combinations that match."),
    click.option("--slice", metavar="START:STOP[:STEP]", help="Only these items, counted from 0."),
    click.option("--limit", type=click.IntRange(0), metavar="N", help="At most N items."),
]
_TEMPLATE = [
    click.option("--group", metavar="NAME", help="The batch's name, a label on each Job and its pods."),
    click.option(
        "--group-label",
        type=LabelKey(),
        default="jobgroup",
        show_default=True,
        metavar="KEY",
        help="The key of that label.",
    ),
    click.option(
        "--label", "labels", multiple=True, type=KeyValue("label"), help="A label for every object and pod."
    ),
    click.option(
        "--annotation",
        "annotations",
        multiple=True,
        type=KeyValue("annotation"),
        help="An annotation likewise.",
    ),
    click.option("--overwrite", is_flag=True, help="--label and --annotation replace what the template has."),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        type=KeyValue("value"),
        help="A text for the template; wins over columns.",
    ),
    click.option(
        "--values",
        "value_files",
        multiple=True,
        metavar="FILE",
        help="Values for the template, YAML or JSON.",
    ),
    click.option(
        "--ttl", type=Duration(), help="Delete finished Jobs after this time: ttlSecondsAfterFinished."
    ),
    click.option("-n", "--namespace", metavar="NAME", help="The namespace of every object."),
    click.option(
        "--engine",
        type=click.Choice(["item", "jinja2", "text"]),
        help="How to read TEMPLATE; else its name says.",
    ),
    click.option(
        "--text",
        is_flag=True,
        help="Substitute in plain text (--engine text), for templates that are not YAML.",
    ),
    *OPTIONS,
    click.option("--allow-shell", is_flag=True, help="Let items put anything into shell scripts."),
    click.option("--no-validate", is_flag=True, help="Do not check manifests as an API server would."),
    click.option(
        "--kubernetes-version", metavar="1.xx", help="That server's version.  [default: the newest known]"
    ),
]


def item_options(command: Command) -> Command:
    """The options that say which items there are."""
    for option in reversed(_ITEMS):
        command = option(command)
    return command


def template_options(command: Command) -> Command:
    """The options that say what is made of a template."""
    for option in reversed(_TEMPLATE):
        command = option(command)
    return command


def spec_of(arguments: tuple[str, ...], flags: Mapping[str, Any]) -> ItemSpec | None:
    """The items asked for; None when there is not a word about items."""
    from expander.items import ItemSpec

    spec = ItemSpec(
        arguments=arguments,
        sources=flags["sources"],
        combine=flags["combine"],
        include=flags["include"],
        exclude=flags["exclude"],
        slice=flags["slice"],
        limit=flags["limit"],
    )
    return spec if spec.arguments or spec.sources or spec.include else None


def edits_of(flags: Mapping[str, Any], default_group: str | None = None) -> Edits:
    """The changes to every manifest. Raises UsageError for a group that is no label's value."""
    from expander.manifests.edits import Edits
    from expander.pipeline.expand import checked_group

    return Edits(
        group=checked_group(flags["group"]),
        default_group=default_group,
        group_label=flags["group_label"],
        labels=unique(flags["labels"], "--label"),
        annotations=unique(flags["annotations"], "--annotation"),
        overwrite=flags["overwrite"],
        ttl=flags["ttl"],
        namespace=flags["namespace"],
    )


def template_settings(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `pipeline.expand.prepare` that the options set."""
    if flags["text"] and flags["engine"] not in (None, "text"):
        raise UsageError(f"--text means --engine text, not {flags['engine']}")
    return {
        "engine": "text" if flags["text"] else flags["engine"],
        "values": read_values(flags["value_files"]),
        "overrides": unique(flags["overrides"], "--set"),
        "allow_shell": flags["allow_shell"],
        "validate": not flags["no_validate"],
        "version": flags["kubernetes_version"],
        "shape": shape_of(flags),
    }


def check_standard_input(template: str, spec: ItemSpec | None) -> None:
    """Raise UsageError when both the template and the items would be read from standard input."""
    sources = spec.sources if spec is not None else ()
    if template == "-" and "-" in {source.rpartition(":")[2].rpartition("=")[2] for source in sources}:
        raise UsageError("the template and the items cannot both come from standard input")


def _warn(words: str) -> None:
    say(f"warning: {words}")


def batch_of(
    arguments: tuple[str, ...],
    flags: Mapping[str, Any],
    on_error: Callable[[ItemError], None],
    on_queue: Callable[[Queued], None] | None = None,
) -> Iterator[Manifest]:
    """The batch that ``PATH...`` or ``TEMPLATE [ITEM]...`` and the options mean.

    ``on_queue`` gets the messages of a work queue before its workers come.
    """
    from expander.pipeline.batch import from_paths, from_template, group_of_paths, is_template, only_paths
    from expander.pipeline.templates import TemplateFile

    spec = spec_of(arguments[1:], flags)
    if is_template(arguments, bool(flags["sources"] or flags["include"])):
        from expander.items import items

        check_standard_input(arguments[0], spec)
        stream = None if spec is None else items(spec)
        file = TemplateFile(arguments[0])
        settings = {**template_settings(flags), "on_queue": on_queue}
        return from_template(file, stream, edits_of(flags), on_error, _warn, output="json", **settings)
    only_paths(arguments)
    if flags["shape"] != "jobs":
        raise UsageError(f"--as {flags['shape']} is for a template and its items, not for manifests")
    edits = edits_of(flags, group_of_paths(arguments))
    return from_paths(
        arguments, edits, on_error, validate=not flags["no_validate"], version=flags["kubernetes_version"]
    )
