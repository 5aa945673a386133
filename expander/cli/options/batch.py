"""Options of commands that take a template and items or manifests, and the batch that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.cli.options.items import check_standard_input, items_of, spec_of
from expander.cli.options.params import (
    Duration,
    KeyValue,
    Namespace,
    all_of,
    crds_option,
    group_label_option,
    group_option,
    label_selector_option,
    policies_option,
    read_values,
    unique,
)
from expander.cli.options.shape import shape_of, shape_options

if TYPE_CHECKING:
    from expander.batch.request import BatchRequest
    from expander.render.template_file import TemplateFile
    from expander.shapes.work_queue import QueueBatch

template_options = all_of(
    group_option("Name of the batch, a label on each object and pod."),
    click.option(
        "--key",
        multiple=True,
        metavar="COLUMN",
        help="Column that names items in views, logs and folders; repeat for several.  [default: the first "
        "unique one]",
    ),
    group_label_option(),
    click.option(
        "--label",
        "labels",
        multiple=True,
        type=KeyValue("label"),
        help="Add a label to every object and pod.",
    ),
    click.option(
        "--annotation",
        "annotations",
        multiple=True,
        type=KeyValue("annotation"),
        help="Add an annotation to every object and pod.",
    ),
    click.option(
        "--overwrite", is_flag=True, help="Let --label and --annotation replace values of the template."
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        type=KeyValue("value"),
        help="Set a value of the template; takes precedence over columns.",
    ),
    click.option(
        "--values",
        "value_files",
        multiple=True,
        metavar="FILE",
        help="Read values of the template from a YAML or JSON file.",
    ),
    click.option(
        "--envsubst",
        is_flag=True,
        help="Also fill ${NAME} and $NAME from --set and --values, as envsubst.",
    ),
    click.option(
        "--ttl", type=Duration(), help="Delete finished Jobs after this time (ttlSecondsAfterFinished)."
    ),
    click.option("-n", "--namespace", type=Namespace(), metavar="NAME", help="Namespace of every object."),
    click.option(
        "--engine",
        type=click.Choice(["item", "jinja2", "text"]),
        help="Template engine.  [default: by the file name]",
    ),
    click.option(
        "--text",
        is_flag=True,
        help="Substitute in plain text: --engine text, for templates that are not YAML.",
    ),
    *shape_options,
    click.option(
        "--shell",
        type=click.Choice(["check", "env"]),
        default="check",
        help="How values reach scripts: check refuses what could be code, env passes variables.",
    ),
    click.option("--allow-shell", is_flag=True, help="Allow items to change what shell scripts do."),
    click.option("--no-validate", is_flag=True, help="Skip validation."),
    click.option(
        "--kubernetes-version",
        metavar="1.xx",
        help="Validate for this Kubernetes version.  [default: the newest known]",
    ),
    crds_option,
    policies_option,
)
"""Options of what is made of a template."""

selector_option = label_selector_option("Use only objects that match this label selector.")

rerun_option = click.option(
    "--rerun",
    type=click.Choice(["failed", "changed", "all"]),
    help="Run again what failed, also complete Jobs whose manifest has changed, or all.  "
    "[default: changed Jobs that are not complete]",
)
"""The option that says what of an earlier run or submission runs again."""

SAME_NAMES = (
    "group",
    "group_label",
    "overwrite",
    "ttl",
    "namespace",
    "allow_shell",
    "shell",
    "envsubst",
    "crds",
    "policies",
    "key",
    "items_schema",
)
"""Options that are fields of a `BatchRequest` as they are."""


def request_of(
    arguments: tuple[str, ...],
    flags: Mapping[str, Any],
    on_queue: Callable[[QueueBatch], None] | None = None,
    *,
    template: bool | TemplateFile = False,
) -> BatchRequest:
    """The batch that ``PATH...``, ``TEMPLATE [ITEM]...`` or ``[ITEM]... -- CMD`` and the options mean.

    ``template`` says that the first argument is a template whatever is in it, or is that one, read already.
    ``on_queue`` gets the messages of a work queue before its workers come.
    """
    from expander.batch.load import is_template
    from expander.batch.request import BatchRequest
    from expander.render.template_file import TemplateFile

    if flags["text"] and flags["engine"] not in (None, "text"):
        raise UsageError(f"--text means --engine text, not {flags['engine']}")
    batch: TemplateFile | tuple[str, ...] = arguments
    spec = None
    found = None
    if flags["command"]:
        from expander.cli.options.command import template_of

        spec = spec_of(arguments, flags)
        if spec is None:
            raise UsageError(
                "no items for the command", hint="specify them before --, or with -i (- reads standard input)"
            )
        batch = template_of(flags)
        found = items_of(spec, batch)
    elif template or flags["engine"] or is_template(arguments, bool(flags["sources"] or flags["include"])):
        spec = spec_of(arguments[1:], flags)
        check_standard_input(arguments[0], spec)
        batch = template if isinstance(template, TemplateFile) else TemplateFile(arguments[0])
        found = None if spec is None else items_of(spec, batch)
    return BatchRequest(
        batch=batch,
        items=found,
        engine="text" if flags["text"] else flags["engine"],
        values=read_values(flags["value_files"]),
        overrides=unique(flags["overrides"], "--set"),
        labels=unique(flags["labels"], "--label"),
        annotations=unique(flags["annotations"], "--annotation"),
        validate=not flags["no_validate"],
        version=flags["kubernetes_version"],
        shape=shape_of(flags),
        selector=flags.get("selector"),
        on_queue=on_queue,
        **{name: flags[name] for name in SAME_NAMES},
    )
