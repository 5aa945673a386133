"""``expander queue consume`` and ``work``: run a command with items of a queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.base.text import counted
from expander.cli.options.params import Duration, all_of
from expander.cli.options.queue import broker_options, opened
from expander.cli.output.streams import say
from expander.cli.pages.page import Page

if TYPE_CHECKING:
    from expander.queues.worker import Worker

worker_options = all_of(
    click.argument("words", metavar="[--] CMD [ARG]...", nargs=-1, type=click.UNPROCESSED),
    click.option("--as-arg", is_flag=True, help="Append the item to CMD as its last argument."),
    click.option(
        "--lease",
        type=Duration(fractions=True),
        default="60s",
        show_default=True,
        help="Redis: how long an item is leased; renewed while CMD runs.",
    ),
    click.option("--wait", is_flag=True, help="Wait for items forever."),
    click.option(
        "--root",
        metavar="DIGEST",
        envvar="EXPANDER_QUEUE_ROOT",
        help="Run only the messages of this batch, with the commands they carry.  [env: EXPANDER_QUEUE_ROOT]",
    ),
)
"""The command and the options of a worker."""


@contextmanager
def _worker(
    flags: dict[str, Any], *, wait: bool, timeout: float | None, strict: bool = False
) -> Iterator[Worker]:
    """The worker that the options of a command describe, on a queue that is open."""
    from expander.queues.signals import Signals
    from expander.queues.worker import ItemCommand, Worker, WorkerOptions

    if wait and timeout is not None:
        raise UsageError("--wait cannot be used with --timeout")
    name = flags["name"]
    command = ItemCommand(flags["words"], flags["as_arg"], name, flags["root"])
    command.check()
    options = WorkerOptions(flags["lease"], flags["max_attempts"], None if wait else timeout or 0, strict)
    with Signals() as signals, opened(flags["url"], name, signals) as queue:
        yield Worker(queue, command, options, signals, say)


CONSUME_EXAMPLES = """
\b
Examples:
  expander queue consume --url $BROKER_URL --queue job1 -- ./worker.py
  expander queue consume --url redis://redis --queue job2 -- convert {} {}.png
  expander queue consume --url redis://redis --queue rows -- train --rate {rate} --seed {seed}

\b
CMD gets the item on standard input, as with amqp-consume, or in its arguments: {} is the item, {column} a
column of it. Variables: EXPANDER_ITEM, EXPANDER_ITEM_<COLUMN>, EXPANDER_ITEM_ID (the same in every attempt),
EXPANDER_ATTEMPT (from 1), EXPANDER_QUEUE. Arguments and variables that a message carries are ignored, as
whoever can write to the broker could run code with them; workers that --as queue=... makes get a --root and
run the messages of their own batch only.

\b
RabbitMQ takes an item away that is worked on for longer than its consumer_timeout, 30 minutes unless
configured; it is then given up, as it would be taken away again. `queue fill --consumer-timeout` sets the
limit of a queue.

\b
The item is acknowledged when CMD exits with 0, and requeued otherwise or when this worker dies: delivery is
at least once. SIGTERM and SIGINT are forwarded to CMD, and the item is requeued.

\b
Exit codes: CMD's own (128+N when signal N ended it), 3 no item (a pod without an item must not count as
complete), 1 the item was lost to another worker (the connection broke, or the lease expired), 2 wrong usage
or no broker, 126 CMD cannot be run.
"""


@click.command(
    cls=Page,
    epilog=CONSUME_EXAMPLES,
    context_settings={"allow_interspersed_args": False},
    short_help="Run a command with one item.",
)
@broker_options
@worker_options
@click.option(
    "--timeout",
    type=Duration(fractions=True),
    help="How long to wait for an item.  [default: until the queue is empty and no worker is busy]",
)
@click.option(
    "--max-attempts", type=click.IntRange(1), metavar="N", help="Give up on an item after N attempts."
)
@click.option(
    "--empty-exit-code",
    type=click.IntRange(0, 255),
    default=3,
    show_default=True,
    help="Exit code when there is no item.",
)
def consume(wait: bool, timeout: float | None, empty_exit_code: int, **flags: Any) -> int:
    """Take one item from a work queue and run CMD with it; acknowledge it when CMD exits with 0."""
    from expander.queues.worker import EMPTY_EXIT_CODE

    with _worker(flags, wait=wait, timeout=timeout, strict=timeout is not None) as worker:
        code = worker.one()
    if code == EMPTY_EXIT_CODE and not worker.counts and not worker.stopped:
        say(f"{flags['name']}: no item (a Job with more completions than messages ends so)")
        return empty_exit_code
    return code


WORK_EXAMPLES = """
\b
Examples:
  expander queue work --url redis://redis --queue job2 -- ./worker.py
  expander queue work --url redis://redis --queue rows --lease 10m --max-attempts 3 -- train --rate {rate}
  expander queue work --url $BROKER_URL --queue job1 --timeout 30s -- ./worker.py

\b
CMD gets its item as with `expander queue consume`. An item is done when CMD exits with 0; otherwise it is
requeued at the end of the queue, and given up after --max-attempts with the reason. Items are done at least
once: again, when a worker dies between the work and its acknowledgement.

\b
The queue is empty when nothing waits and no worker holds an item; until then idle workers stay, as another
one may die. With RabbitMQ this is known only of items that `expander queue fill` added and expander's workers
process: otherwise a worker ends after 10 s without an item. Workers that start before the queue is filled
need --timeout or --wait.

\b
Exit codes: 0 the queue is empty and everything is done, 1 it is empty and some items were given up, 2 wrong
usage or no broker, 130 or 143 stopped by SIGINT or SIGTERM (the current item is back in the queue).
"""


@click.command(
    cls=Page,
    epilog=WORK_EXAMPLES,
    context_settings={"allow_interspersed_args": False},
    short_help="Run a command with each item until the queue is empty.",
)
@broker_options
@worker_options
@click.option(
    "--timeout",
    type=Duration(fractions=True),
    default="0s",
    show_default=True,
    help="Stop after the queue has been empty for this long.",
)
@click.option(
    "--max-attempts",
    type=click.IntRange(1),
    default=6,
    show_default=True,
    metavar="N",
    help="Give up on an item after N attempts.",
)
def work(wait: bool, timeout: float, **flags: Any) -> int:
    """Run CMD with each item of a work queue, one by one, until the queue is empty."""
    name = flags["name"]
    with _worker(flags, wait=wait, timeout=timeout or None) as worker:
        code = worker.all()
        given_up = 0 if code else worker.given_up()
    counts = ", ".join(f"{number:,} {WORDS[what]}" for what, number in worker.counts.items())
    say(f"{name}: {counts or 'nothing to do'}")
    if given_up:
        say(f"{name}: {counted(given_up, 'item')} given up, see `expander queue drain --failed`")
    return code or (1 if given_up else 0)


WORDS = {
    "done": "done",
    "again": "requeued",
    "failed": "given up",
    "duplicates": "done twice",
    "lost": "lost to other workers",
    "returned": "returned",
}
