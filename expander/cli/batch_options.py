"""Options that say which batch a command is about, shared by commands that take a template and items.

``--as``, and what goes with it: the shape of a batch, and where the messages of a work queue go.

The batch that the arguments and options of a command mean.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from expander.base.errors import UsageError
from expander.cli.output import say
from expander.cli.params import Duration, KeyValue, LabelKey, read_values, unique

if TYPE_CHECKING:
    from expander.batch.request import BatchRequest
    from expander.items import ItemSpec
    from expander.render.template_file import TemplateFile
    from expander.shapes.shape import Shape
    from expander.shapes.work_queue import Queued

SECRET = "expander-queue"
"""The Secret with the broker's URL, where nobody names one."""

CREATE = f"kubectl create secret generic {SECRET} --from-literal=url=URL"

OPTIONS = [
    click.option(
        "--as",
        "shape",
        default="jobs",
        show_default=True,
        metavar="SHAPE",
        help="jobs, indexed, chunks=N, queue=redis or queue=rabbitmq.",
    ),
    click.option(
        "--parallelism",
        type=click.IntRange(1),
        metavar="N",
        help="Pods at a time of an Indexed Job or of workers.",
    ),
    click.option(
        "--queue-url",
        metavar="URL",
        envvar="EXPANDER_QUEUE_URL",
        help="The broker: redis://HOST or amqp://HOST.  [env: EXPANDER_QUEUE_URL]",
    ),
    click.option(
        "--queue-secret", metavar="NAME", help="The Secret whose key `url` tells workers the broker's URL."
    ),
    click.option("--queue-name", metavar="NAME", help="The queue.  [default: the Job's name]"),
]


def shape_of(flags: Mapping[str, Any]) -> Shape:
    """What ``--as`` and the options that go with it ask for. Raises UsageError for what does not fit."""
    from expander.shapes.shape import parse_shape

    shape = parse_shape(flags["shape"])
    if flags["parallelism"] and shape.kind not in ("indexed", "queue"):
        raise UsageError("--parallelism goes with --as indexed or --as queue=...")
    shape = replace(shape, parallelism=flags["parallelism"], group_label=flags["group_label"])
    if shape.kind != "queue":
        for name in ("queue_secret", "queue_name"):
            if flags[name] is not None:
                raise UsageError(f"--{name.replace('_', '-')} goes with --as queue=...")
        return shape
    return _with_broker(shape, flags)


def _with_broker(shape: Shape, flags: Mapping[str, Any]) -> Shape:
    from expander.queues.open import RABBITMQ, REDIS
    from expander.queues.queue import has_password, without_password

    url, secret, runs_here = flags["queue_url"], flags["queue_secret"], "runtime" in flags
    shape = replace(shape, queue=flags["queue_name"])
    if url is None:
        if runs_here:
            raise UsageError(f"--as {shape} needs a broker", hint="--queue-url URL tells where it is")
        return replace(shape, secret=secret or SECRET)
    schemes = REDIS if shape.broker == "redis" else RABBITMQ
    if url.partition("://")[0].lower() not in schemes:
        shown = without_password(url)
        raise UsageError(f"{shown!r} is no URL of {shape.broker}: expected {schemes[0]}://HOST")
    if runs_here:  # workers get the URL that the queue is filled with, and no other machine sees it
        return replace(shape, url=url, secret=SECRET)
    if secret is None and has_password(url):
        raise UsageError(
            "the URL has a password, and would stand in the manifest for all to read",
            hint=f"{CREATE}, and --queue-secret {SECRET}",
        )
    return replace(shape, url=None if secret else url, secret=secret)


def into_broker(flags: Mapping[str, Any], again: bool = False) -> Callable[[Queued], None]:
    """What fills the queue before its workers are made."""
    url = flags["queue_url"]

    def fill_queue(queued: Queued) -> None:
        from expander.batch.queue_fill import fill

        if url is None:
            raise UsageError(
                "the queue has to be filled before its workers are made",
                hint="--queue-url tells where the broker is for this command; workers use --queue-secret",
            )
        if "runtime" in flags:
            _be_found()
        filled = fill(queued, url, again)
        there = f", {filled.skipped:,} were there already" if filled.skipped else ""
        say(f"queue {queued.queue}: {filled.added:,} messages added{there}")

    return fill_queue


def _be_found() -> None:
    """Let workers on this machine find this program also when it was called by its path."""
    folder = os.path.dirname(os.path.abspath(sys.argv[0]))
    if shutil.which("expander") is None and os.access(os.path.join(folder, "expander"), os.X_OK):
        os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), folder])


def into_file(flags: Mapping[str, Any], folder: str | None) -> Callable[[Queued], None]:
    """What writes the messages, beside the folder of the manifests: not in it, as they are no manifests."""

    def write(queued: Queued) -> None:
        from expander.batch.queue_fill import write_messages

        stem = folder.rstrip("/") if folder else queued.queue.replace("/", "-")
        path = Path(f"{stem}-messages.jsonl")
        write_messages(queued, path)
        say(
            f"{len(queued.messages):,} messages are in {path}; before the Job is created:\n"
            f"  expander queue fill --url URL --queue {queued.queue} -i {path}"
        )
        if flags["queue_url"] is None and flags["queue_secret"] is None:
            say(f"workers find the broker by a Secret:\n  {CREATE}")

    return write


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


def request_of(
    arguments: tuple[str, ...],
    flags: Mapping[str, Any],
    on_queue: Callable[[Queued], None] | None = None,
    *,
    template: bool = False,
) -> BatchRequest:
    """The batch that ``PATH...`` or ``TEMPLATE [ITEM]...`` and the options mean.

    ``template`` says that the first argument is a template whatever is in it. ``on_queue`` gets the messages
    of a work queue before its workers come.
    """
    from expander.batch.load import is_template
    from expander.batch.request import BatchRequest
    from expander.items import items
    from expander.render.template_file import TemplateFile

    if flags["text"] and flags["engine"] not in (None, "text"):
        raise UsageError(f"--text means --engine text, not {flags['engine']}")
    batch: TemplateFile | tuple[str, ...] = arguments
    spec = None
    if template or is_template(arguments, bool(flags["sources"] or flags["include"])):
        spec = spec_of(arguments[1:], flags)
        check_standard_input(arguments[0], spec)
        batch = TemplateFile(arguments[0])
    return BatchRequest(
        batch=batch,
        items=None if spec is None else items(spec),
        engine="text" if flags["text"] else flags["engine"],
        values=read_values(flags["value_files"]),
        overrides=unique(flags["overrides"], "--set"),
        group=flags["group"],
        group_label=flags["group_label"],
        labels=unique(flags["labels"], "--label"),
        annotations=unique(flags["annotations"], "--annotation"),
        overwrite=flags["overwrite"],
        ttl=flags["ttl"],
        namespace=flags["namespace"],
        allow_shell=flags["allow_shell"],
        shell=flags["shell"],
        validate=not flags["no_validate"],
        version=flags["kubernetes_version"],
        shape=shape_of(flags),
        selector=flags.get("selector"),
        on_queue=on_queue,
    )


def check_standard_input(template: str, spec: ItemSpec | None) -> None:
    """Raise UsageError when both the template and the items would be read from standard input."""
    sources = spec.sources if spec is not None else ()
    if template == "-" and "-" in {source.rpartition(":")[2].rpartition("=")[2] for source in sources}:
        raise UsageError("the template and the items cannot both come from standard input")


def warn(words: str) -> None:
    """Tell the user what is allowed and probably not meant."""
    say(f"warning: {words}")


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
    click.option(
        "--shell",
        type=click.Choice(["check", "env"]),
        default="check",
        help="Values in scripts: check refuses what could be code, env passes them as variables.",
    ),
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


def selector_option(command: Command) -> Command:
    """The option that leaves objects of a batch out by their labels."""
    words = "Only objects with these labels, as kubectl's -l."
    return click.option("-l", "--selector", metavar="SELECTOR", help=words)(command)
