"""Options of commands that take a template and items or manifests, and the batch that they make."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.base.text import counted
from expander.cli.options.crds import crds_option, policies_option
from expander.cli.options.once import Once
from expander.cli.options.params import (
    Duration,
    KeyValue,
    Namespace,
    all_of,
    group_label_option,
    group_option,
    label_selector_option,
    read_values,
    unique,
)
from expander.cli.output.streams import say

if TYPE_CHECKING:
    from expander.batch.request import BatchRequest
    from expander.items.item import Item
    from expander.items.load import ItemSpec
    from expander.render.template_file import TemplateFile
    from expander.run.escalation import Escalation
    from expander.shapes.shape import Shape
    from expander.shapes.work_queue import QueueBatch

SECRET = "expander-queue"
"""The default Secret with the broker's URL."""

CREATE = f"kubectl create secret generic {SECRET} --from-literal=url=URL"

OPTIONS = [
    click.option(
        "--as",
        "shape",
        cls=Once,
        noun="shape",
        default="jobs",
        show_default=True,
        metavar="SHAPE",
        help="Shape of the batch: jobs, indexed, chunks=N, queue=redis or queue=rabbitmq.",
    ),
    click.option(
        "--parallelism",
        type=click.IntRange(1),
        metavar="N",
        help="Concurrent pods of an Indexed Job, or queue workers.",
    ),
    click.option(
        "--queue-url",
        metavar="URL",
        envvar="EXPANDER_QUEUE_URL",
        help="Broker URL: redis://HOST or amqp://HOST.  [env: EXPANDER_QUEUE_URL]",
    ),
    click.option(
        "--queue-secret", metavar="NAME", help="Secret with the broker URL for workers, in the key `url`."
    ),
    click.option("--queue-name", metavar="NAME", help="Name of the queue.  [default: the Job's name]"),
]


def shape_of(flags: Mapping[str, Any]) -> Shape:
    """The shape of ``--as`` and its options. Raises UsageError for options that do not fit."""
    from expander.shapes.shape import SHAPES, parse_shape

    shape = parse_shape(flags["shape"])
    for field, option in (
        ("parallelism", "parallelism"),
        ("secret", "queue_secret"),
        ("queue", "queue_name"),
    ):
        if flags[option] is not None and field not in shape.type.options:
            forms = [form for each in SHAPES.values() if field in each.options for form in each.forms]
            raise UsageError(f"--{option.replace('_', '-')} requires --as {' or '.join(forms)}")
    shape = replace(shape, parallelism=flags["parallelism"], group_label=flags["group_label"])
    if "url" not in shape.type.options:
        return shape
    return _with_broker(shape, flags)


def _with_broker(shape: Shape, flags: Mapping[str, Any]) -> Shape:
    from expander.queues.queue import has_password, redact_url
    from expander.shapes.broker import broker_of, find_broker

    url, secret, runs_here = flags["queue_url"], flags["queue_secret"], "runtime" in flags
    shape = replace(shape, queue=flags["queue_name"])
    if url is None:
        if runs_here:
            raise UsageError(f"--as {shape} requires a broker", hint="specify --queue-url URL")
        return replace(shape, secret=secret or SECRET)
    broker = find_broker(shape.broker or "")
    if broker_of(url) != broker:
        shown = redact_url(url)
        raise UsageError(f"invalid {broker.name} URL {shown!r}; expected {broker.schemes[0]}://HOST")
    if runs_here:  # workers get the URL that the queue is filled with, and no other machine sees it
        return replace(shape, url=url, secret=SECRET)
    if secret is None and has_password(url):
        raise UsageError(
            "--queue-url has a password, which the manifest would reveal",
            hint=f"{CREATE}, then use --queue-secret {SECRET}",
        )
    return replace(shape, url=None if secret else url, secret=secret)


def into_broker(flags: Mapping[str, Any], again: bool = False) -> Callable[[QueueBatch], None]:
    """Fills the queue before its workers are created."""
    url = flags["queue_url"]

    def fill_queue(queued: QueueBatch) -> None:
        from expander.batch.queue_fill import fill

        if url is None:
            raise UsageError(
                "the queue must be filled before its workers are created",
                hint="specify --queue-url for this command; workers use --queue-secret",
            )
        if "runtime" in flags:
            _be_found()
        filled = fill(queued, url, again)
        there = f", {filled.skipped:,} already there" if filled.skipped else ""
        say(f"queue {queued.queue}: {counted(filled.added, 'message')} added{there}")

    return fill_queue


def _be_found() -> None:
    """Let workers on this machine find this program, also when it was called by its path."""
    import shutil

    folder = os.path.dirname(os.path.abspath(sys.argv[0]))
    if shutil.which("expander") is None and os.access(os.path.join(folder, "expander"), os.X_OK):
        os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), folder])


def into_file(flags: Mapping[str, Any], folder: str | None) -> Callable[[QueueBatch], None]:
    """Writes the messages to a file beside the folder of the manifests."""

    def write(queued: QueueBatch) -> None:
        from pathlib import Path

        from expander.batch.queue_fill import write_messages

        stem = folder.rstrip("/") if folder else queued.queue.replace("/", "-")
        path = Path(f"{stem}-messages.jsonl")
        write_messages(queued, path)
        say(
            f"{counted(len(queued.messages), 'message')} in {path}; before creating the Job, run:\n"
            f"  expander queue fill --url URL --queue {queued.queue} -i {path}"
        )
        if flags["queue_url"] is None and flags["queue_secret"] is None:
            say(f"workers read the broker's URL from a Secret:\n  {CREATE}")

    return write


def spec_of(arguments: tuple[str, ...], flags: Mapping[str, Any]) -> ItemSpec | None:
    """The items asked for; None when no option or argument is about items."""
    from expander.items.load import ItemSpec

    spec = ItemSpec(
        arguments=arguments,
        sources=flags["sources"],
        combine=flags["combine"],
        include=flags["include"],
        exclude=flags["exclude"],
        slice=flags["slice"],
        limit=flags["limit"],
        unique=flags["unique"],
        delimiter=flags["delimiter"],
        no_header=flags["no_header"],
        columns=tuple(flags["columns"].split(",")) if flags["columns"] else (),
    )
    return spec if spec.arguments or spec.sources or spec.include else None


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
        found = _items_of(spec, batch)
    elif template or flags["engine"] or is_template(arguments, bool(flags["sources"] or flags["include"])):
        spec = spec_of(arguments[1:], flags)
        check_standard_input(arguments[0], spec)
        batch = template if isinstance(template, TemplateFile) else TemplateFile(arguments[0])
        found = None if spec is None else _items_of(spec, batch)
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


def _items_of(spec: ItemSpec, template: TemplateFile) -> Iterator[Item]:
    """The items, with a warning where an item, or a row, is probably meant for something else."""
    from expander.base.urls import without_credentials
    from expander.items.load import items
    from expander.items.source_spec import as_range, holds_items
    from expander.render.placeholder import COMMAND_SOURCE

    if len(spec.arguments) == 1 and not spec.sources:
        only = spec.arguments[0]
        if wanted := as_range(only):
            warn(f"{only!r} is the only item; -i {wanted} makes an item of each number")
        elif template.source != COMMAND_SOURCE and holds_items(only):
            shown = without_credentials(only)
            warn(f"{shown!r} is the only item; -i {shown} reads the items in the file")

    def on_header(source: str, names: list[str]) -> None:
        if len(names) == 1 and names[0] not in template.text:
            warn(f"{source}: the first row, {names[0]!r}, names the column; --no-header makes it an item")

    empty: set[str] = set()

    def on_empty(source: str) -> None:
        if source not in empty:  # a product reads a source again and again
            empty.add(source)
            warn(f"{source}: no items")

    return items(
        spec,
        on_header=on_header,
        on_dropped=lambda count: say(f"{counted(count, 'repeated item')} dropped"),
        on_empty=on_empty,
    )


def check_standard_input(template: str, spec: ItemSpec | None) -> None:
    """Raise UsageError when both the template and the items are to be read from standard input."""
    if template == "-" and spec is not None and reads_standard_input(spec.sources):
        raise UsageError("cannot read both the template and the items from standard input")


def reads_standard_input(sources: Iterable[str]) -> bool:
    """Whether one of the sources is standard input."""
    return "-" in {source.rpartition(":")[2].rpartition("=")[2] for source in sources}


def warn(words: str) -> None:
    """Tell the user what is allowed and probably not meant."""
    say(f"warning: {words}")


item_options = all_of(
    click.option(
        "-i",
        "--items",
        "sources",
        multiple=True,
        metavar="SOURCE",
        help="Read items from a source: a file (.txt, .csv, .tsv, .json, .jsonl, .yaml, .parquet, .arrow, "
        ".feather), FORMAT:FILE with lines, nul, csv, tsv, json, jsonl, yaml, parquet or arrow, "
        "a URL of one, - for standard input, a range 0-99:5, 'rows 1..1000 by 100', a pattern '*.png' "
        "(columns path, dir, name, stem, ext), or NAME=A,B,C (list:A for one). NAME=SOURCE names its column. "
        "Repeat to combine sources.",
    ),
    click.option(
        "--delimiter",
        cls=Once,
        noun="character",
        metavar="CHAR",
        help="Column separator of -i, such as ';' or '\\t'.",
    ),
    click.option(
        "--no-header", is_flag=True, help="Treat the first row of a table as an item; columns are 1, 2, ..."
    ),
    click.option(
        "--columns",
        cls=Once,
        noun="list of columns",
        joined=True,
        metavar="A,B,...",
        help="Column names of a table without a header.",
    ),
    click.option(
        "--items-schema",
        cls=Once,
        noun="file",
        metavar="FILE",
        help="Refuse items that do not match a JSON Schema.  [default: the one that the template names]",
    ),
    click.option("--unique", is_flag=True, help="Drop repeated items, keeping the first."),
    click.option(
        "--combine",
        type=click.Choice(["product", "zip", "chain"]),
        default="product",
        show_default=True,
        help="How to combine several sources.",
    ),
    click.option(
        "--include", multiple=True, metavar="K=V,...", help="Add or extend combinations, as CI matrices do."
    ),
    click.option("--exclude", multiple=True, metavar="K=V,...", help="Remove matching combinations."),
    click.option(
        "--slice",
        cls=Once,
        noun="slice",
        metavar="START:STOP[:STEP]",
        help="Use only these items, counted from 0.",
    ),
    click.option(
        "--limit",
        cls=Once,
        noun="number",
        type=click.IntRange(0),
        metavar="N",
        help="Use at most N items.",
    ),
)
"""Options of the items."""
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
    *OPTIONS,
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

policy_options = all_of(
    click.option(
        "--on-oom",
        cls=Once,
        noun="growth",
        metavar="xF[,max=LIMIT]",
        help="Retry items that run out of memory, with F times the memory.",
    ),
    click.option(
        "--on-timeout",
        cls=Once,
        noun="growth",
        metavar="xF[,max=TIME]",
        help="Retry items that time out, with F times the time.",
    ),
    click.option(
        "--on-exit",
        "on_exit",
        multiple=True,
        metavar="CODE=retry:N",
        help="Retry items that exit with CODE, at most N times before the Job's own backoffLimit.",
    ),
)
"""The options that say which failed items are tried again, and with what."""


def policy_of(flags: Mapping[str, Any]) -> Escalation | None:
    """What `policy_options` say; None when they say nothing.

    Raises UsageError for what is no policy, and for exit codes that no pod of the shape ends with.
    """
    if flags["on_oom"] is None and flags["on_timeout"] is None and not flags["on_exit"]:
        return None
    from expander.run.escalation import Escalation

    policy = Escalation.parse(flags["on_oom"], flags["on_timeout"], flags["on_exit"])
    if policy and policy.exits and flags.get("shape", "").partition("=")[0] == "chunks":
        raise UsageError(
            "--on-exit cannot be used with --as chunks: a pod does several items and has one exit code",
            hint="items that fail are tried again in their pod, as often as backoffLimit says; "
            "--as jobs and --as indexed take --on-exit",
        )
    return policy
