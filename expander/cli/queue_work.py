"""``expander queue work``: items until the queue is empty."""

from __future__ import annotations

import click

from expander.base.errors import UsageError
from expander.cli.help import Page
from expander.cli.messages import say
from expander.cli.parameters import Duration
from expander.cli.queue_options import broker_options, opened, worker_options

WORK_EXAMPLES = """
\b
Examples:
  expander queue work --url redis://redis --queue job2 -- ./worker.py
  expander queue work --url redis://redis --queue rows --lease 10m --max-attempts 3 -- train --rate {rate}
  expander queue work --url $BROKER_URL --queue job1 --timeout 30s -- ./worker.py

\b
CMD gets its item as with `expander queue consume`. An item is done when CMD ends with 0; otherwise it is
handed out again, at the end of the queue, and given up after --max-attempts with the reason. Items are done
at least once: again, when a worker dies between the work and the word that it is done.

\b
The queue is empty when nothing waits and no worker has an item; until then idle workers stay, as one of the
others may die. With RabbitMQ that is certain only of what `expander queue fill` put in and our workers did:
else a worker ends after 10 s without an item. Workers that start before the queue is filled need --timeout or
--wait.

\b
Exit codes: 0 the queue is empty and all is done, 1 it is empty and some items were given up, 2 wrong usage
or no broker, 130 or 143 stopped by SIGINT or SIGTERM: what CMD worked on is back in the queue.
"""


@click.command(cls=Page, epilog=WORK_EXAMPLES, context_settings={"allow_interspersed_args": False})
@broker_options
@worker_options
@click.option(
    "--timeout",
    type=Duration(fractions=True),
    default="0s",
    show_default=True,
    help="End when the queue has been empty for so long.",
)
@click.option(
    "--max-attempts",
    type=click.IntRange(1),
    default=6,
    show_default=True,
    metavar="N",
    help="Give an item up after N attempts.",
)
def work(
    words: tuple[str, ...],
    url: str,
    name: str,
    as_arg: bool,
    lease: float,
    wait: bool,
    timeout: float,
    max_attempts: int,
) -> int:
    """Take items from a work queue one by one and run CMD with each, until the queue is empty."""
    from expander.queues.signals import Signals
    from expander.queues.worker import Feeding, Terms, Worker

    if wait and timeout:
        raise UsageError("--wait is for ever, --timeout is not; give one of them")
    feeding = Feeding(words, as_arg, name)
    feeding.check()
    terms = Terms(lease, max_attempts, None if wait else timeout)
    with Signals() as signals, opened(url, name, signals) as queue:
        worker = Worker(queue, feeding, terms, signals, say)
        code = worker.all()
        given_up = 0 if code else queue.status().failed
    counts = ", ".join(f"{number:,} {WORDS[what]}" for what, number in worker.counts.items())
    say(f"{name}: {counts or 'there was nothing to do'}")
    if given_up:
        say(f"{name}: {given_up:,} items were given up: expander queue drain --failed -o FILE takes them out")
    return code or (1 if given_up else 0)


WORDS = {
    "done": "done",
    "again": "to be done again",
    "failed": "given up",
    "duplicates": "done too late",
    "lost": "lost to other workers",
    "returned": "given back",
}
