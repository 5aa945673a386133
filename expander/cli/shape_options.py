"""``--as``, and what goes with it: the shape of a batch, and where the messages of a work queue go."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.cli.messages import say

if TYPE_CHECKING:
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
