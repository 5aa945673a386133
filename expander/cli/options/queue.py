"""Options of the commands of ``expander queue``, and the queue that they mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from expander.cli.options.params import all_of

if TYPE_CHECKING:
    from expander.queues.queue import Queue
    from expander.queues.signals import Signals

broker_options = all_of(
    click.option(
        "--url",
        required=True,
        envvar=["EXPANDER_QUEUE_URL", "BROKER_URL"],
        metavar="URL",
        help="Broker URL: redis://... or amqp://...  [env: EXPANDER_QUEUE_URL, BROKER_URL]",
    ),
    click.option(
        "--queue",
        "name",
        required=True,
        envvar=["EXPANDER_QUEUE", "QUEUE"],
        metavar="NAME",
        help="Name of the queue.  [env: EXPANDER_QUEUE, QUEUE]",
    ),
)
"""Options of the broker and the queue."""


@contextmanager
def opened(
    url: str, name: str, signals: Signals | None = None, consumer_timeout: float | None = None
) -> Iterator[Queue]:
    """The queue, closed at the end. A worker, with its ``signals``, waits for an unreachable broker."""
    from expander.queues.open import open_queue
    from expander.queues.queue import WORKER_TIMEOUT_SECONDS, BrokerTimeout

    patience = None if signals is None else BrokerTimeout(WORKER_TIMEOUT_SECONDS, lambda: signals.received)
    queue = open_queue(url, name, patience, consumer_timeout)
    try:
        yield queue
    finally:
        queue.close()
