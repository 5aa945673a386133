"""The option ``--as`` and what belongs to it: the shape of a batch, and where the messages of a queue go."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.base.text import counted
from expander.cli.options.once import Once
from expander.cli.output.streams import say

if TYPE_CHECKING:
    from expander.shapes.shape import Shape
    from expander.shapes.work_queue import QueueBatch

SECRET = "expander-queue"
"""The default Secret with the broker's URL."""

CREATE = f"kubectl create secret generic {SECRET} --from-literal=url=URL"

shape_options = [
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
