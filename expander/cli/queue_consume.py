"""``expander queue consume``: one item, one run of a command."""

from __future__ import annotations

import click

from expander.base.errors import UsageError
from expander.cli.help import Page
from expander.cli.messages import say
from expander.cli.parameters import Duration
from expander.cli.queue_options import broker_options, opened, worker_options

CONSUME_EXAMPLES = """
\b
Examples:
  expander queue consume --url $BROKER_URL --queue job1 -- ./worker.py
  expander queue consume --url redis://redis --queue job2 -- convert {} {}.png
  expander queue consume --url redis://redis --queue rows -- train --rate {rate} --seed {seed}

\b
The item is on CMD's standard input, as amqp-consume does it, or in CMD's words: {} is the item, {column} a
column of it. Variables: EXPANDER_ITEM, EXPANDER_ITEM_<COLUMN>, EXPANDER_ITEM_ID (the same in every attempt),
EXPANDER_ATTEMPT (from 1), EXPANDER_QUEUE. A message may bring words and variables of its own: they are added,
and without CMD they are the command.

\b
The item is acknowledged when CMD ends with 0 and handed out again otherwise; so it is when this worker dies,
with what CMD did by then: at least once. SIGTERM and SIGINT go to CMD, the item goes back.

\b
Exit codes: CMD's own (128+N when signal N ended it), 3 when there was no item, 1 when the item was lost to
another worker meanwhile (the connection broke, or we were silent for longer than the lease), 2 wrong usage
or no broker, 126 when CMD cannot be run. As a Job has one pod per item, a pod without an item should not
count as completed: so 3 is not 0.
"""


@click.command(cls=Page, epilog=CONSUME_EXAMPLES, context_settings={"allow_interspersed_args": False})
@broker_options
@worker_options
@click.option(
    "--timeout",
    type=Duration(fractions=True),
    help="Wait so long for an item.  [default: until the queue is empty and nobody works]",
)
@click.option("--max-attempts", type=click.IntRange(1), metavar="N", help="Give an item up after N attempts.")
@click.option(
    "--empty-exit-code", type=click.IntRange(0, 255), default=3, show_default=True, help="Instead of 3."
)
def consume(
    words: tuple[str, ...],
    url: str,
    name: str,
    as_arg: bool,
    lease: float,
    wait: bool,
    timeout: float | None,
    max_attempts: int | None,
    empty_exit_code: int,
) -> int:
    """Take one item from a work queue, run CMD with it, and acknowledge it when CMD ends with 0."""
    from expander.queues.signals import Signals
    from expander.queues.worker import EMPTY, Feeding, Terms, Worker

    if wait and timeout is not None:
        raise UsageError("--wait is for ever, --timeout is not; give one of them")
    feeding = Feeding(words, as_arg, name)
    feeding.check()
    terms = Terms(lease, max_attempts, None if wait else timeout or 0, strict=timeout is not None)
    with Signals() as signals, opened(url, name, signals) as queue:
        worker = Worker(queue, feeding, terms, signals, say)
        code = worker.one()
    if code == EMPTY and not worker.counts and not signals.received:
        say(f"{name}: there is no item")
        return empty_exit_code
    return code
