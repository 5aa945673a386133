"""Options that commands of ``expander queue`` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from expander.cli.parameters import Duration

if TYPE_CHECKING:
    from expander.queues.queue import Queue
    from expander.queues.signals import Signals

Command = TypeVar("Command", bound=Callable[..., Any])

_BROKER = [
    click.option(
        "--url",
        required=True,
        envvar=["EXPANDER_QUEUE_URL", "BROKER_URL"],
        metavar="URL",
        help="The broker: redis://... or amqp://...  [env: EXPANDER_QUEUE_URL, BROKER_URL]",
    ),
    click.option(
        "--queue",
        "name",
        required=True,
        envvar=["EXPANDER_QUEUE", "QUEUE"],
        metavar="NAME",
        help="The work queue.  [env: EXPANDER_QUEUE, QUEUE]",
    ),
]
_WORKER = [
    click.argument("words", metavar="[--] CMD [ARG]...", nargs=-1, type=click.UNPROCESSED),
    click.option("--as-arg", is_flag=True, help="Give the item as the last argument of CMD."),
    click.option(
        "--lease",
        type=Duration(fractions=True),
        default="60s",
        show_default=True,
        help="Redis: how long an item stays ours when we fall silent; it is renewed while CMD runs.",
    ),
    click.option("--wait", is_flag=True, help="Wait for items for ever."),
]


def broker_options(command: Command) -> Command:
    """The options that say which queue it is about."""
    for option in reversed(_BROKER):
        command = option(command)
    return command


def worker_options(command: Command) -> Command:
    """The command that is run, and how long an item is held."""
    for option in reversed(_WORKER):
        command = option(command)
    return command


@contextmanager
def opened(url: str, name: str, signals: Signals | None = None) -> Iterator[Queue]:
    """The queue, closed in the end. A worker, with its ``signals``, waits for a broker that is not there."""
    from expander.queues.open import open_queue
    from expander.queues.queue import LONG, Patience

    patience = None if signals is None else Patience(LONG, lambda: signals.received)
    queue = open_queue(url, name, patience)
    try:
        yield queue
    finally:
        queue.close()
