"""``expander queue``: a group of commands, each loaded when it is called.

Options that commands of ``expander queue`` share.

``expander queue consume``: one item, one run of a command.

``expander queue drain``: everything out of a work queue.

``expander queue fill``: items become messages.

``expander queue status``: the numbers of a work queue.

``expander queue work``: items until the queue is empty.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from expander.base.errors import OutputError, UsageError
from expander.cli.batch_options import item_options, spec_of
from expander.cli.help import Page
from expander.cli.output import Output, say
from expander.cli.params import Duration
from expander.sinks.stream import StreamSink

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


DRAIN_EXAMPLES = """
\b
Examples:
  expander queue drain --url redis://redis --queue job2 -o left.jsonl
  expander queue drain --url redis://redis --queue job2 --failed -o failed.jsonl --yes
  expander queue fill --url redis://redis --queue job2 --again -i failed.jsonl

\b
A line is {"item", "id", "state": "ready|leased|failed", "attempts", "reason"}; `fill` reads it. An item is
written before it goes. Redis: what workers have in hands is taken from them (their work counts as a
duplicate); RabbitMQ: it stays with them.
"""


@click.command(cls=Page, epilog=DRAIN_EXAMPLES)
@broker_options
@click.option("-o", "--output", metavar="FILE|-", help="Write the items as JSON Lines; FILE must be new.")
@click.option("--failed", is_flag=True, help="Only items that were given up.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drain(url: str, name: str, output: str | None, failed: bool, yes: bool) -> int:
    """Take all items out of a work queue, and forget its counts and what was filled."""
    with ExitStack() as stack:
        queue = stack.enter_context(opened(url, name))
        if not yes:
            status = queue.status()
            _ask(f"{status.failed:,} given up" if failed else f"{status.ready:,} waiting", name)
        put = _writer(output, stack)
        count = 0
        for entry in queue.drain(failed_only=failed):
            put(json.dumps(entry, ensure_ascii=False) + "\n")
            count += 1
    say(f"{name}: {count:,} items taken out")
    return 0


def _ask(what: str, name: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at", hint="--yes empties the queue without asking")
    click.confirm(f"Take all items out of {name} ({what}) and forget them?", abort=True, err=True)


def _writer(output: str | None, stack: ExitStack) -> Callable[[str], object]:
    """Writes a line so that it is in the hands of the system before the next one is asked for."""
    if output is None:
        return lambda _: None
    stream = sys.stdout.buffer
    if output != "-":
        try:
            stream = stack.enter_context(open(output, "xb"))  # noqa: SIM115
        except OSError as error:
            raise OutputError(f"cannot make the file {output!r}: {error.strerror}") from error
    sink = StreamSink(stream)

    def write(line: str) -> None:
        sink.write(line.encode("utf-8", "surrogateescape"))
        sink.flush()

    return write


FILL_EXAMPLES = """
\b
Examples:
  expander queue fill --url amqp://guest:guest@rabbitmq-service:5672 --queue job1 apple banana cherry
  expander queue fill --url redis://redis --queue job2 -i samples.csv
  find . -name '*.png' -print0 | expander queue fill --url redis://redis --queue pngs -i nul:-

\b
An item is put in once: the same command again adds nothing, and after an interruption it goes on with what
is missing; an item that occurs twice is one message. --group NAME makes another set of the same items,
--again puts all in whatever was there. Redis: each item exactly once, whatever dies. RabbitMQ: likewise when
this command dies; when the broker itself dies in the middle, up to 1,000 items may be there twice, none is
missing. Messages are on disk as the broker is set up to: durable queue and persistent messages in RabbitMQ,
in Redis an append-only file (appendonly yes).
"""


@click.command(cls=Page, epilog=FILL_EXAMPLES)
@click.argument("arguments", metavar="[ITEM]...", nargs=-1)
@broker_options
@item_options
@click.option("--group", default="", metavar="NAME", help="A name for these items; others of it are others.")
@click.option("--again", is_flag=True, help="Put in all items, also those that were put in before.")
@click.option("-o", "--output", type=click.Choice(["json"]), help="The numbers on standard output.")
def fill(arguments: tuple[str, ...], url: str, name: str, **flags: Any) -> int:
    """Put each ITEM as a message into a work queue that is made where it is missing.

    A plain item is the body of its message. An item with columns is a JSON object {"item": {...}, "id": ...}.
    """
    from expander.items import items
    from expander.queues.queue import Message

    spec = spec_of(arguments, flags)
    if spec is None:
        raise UsageError("there are no items", hint="name them, or give a source: -i FILE")
    with opened(url, name) as queue:
        stream = (Message.of(item.value) for item in items(spec))
        filled = queue.fill(stream, flags["group"], flags["again"])
    if flags["output"]:
        out = Output()
        out.put(json.dumps({"queue": name, "added": filled.added, "skipped": filled.skipped}) + "\n")
        out.finish()
        return 0
    there = f", {filled.skipped:,} were there already (--again adds them too)" if filled.skipped else ""
    say(f"{name}: {filled.added:,} items added{there}")
    return 0


STATUS_EXAMPLES = """
\b
Numbers:
  ready        items that wait
  leased       items that workers have; unknown (null) when others than `fill` put messages in
  done         items that were completed
  failed       items that were given up after their last attempt
  workers      workers that were heard of within their lease; RabbitMQ: that have an item
  filled       items that `fill` put in
  redelivered  items handed out again, because a worker failed, died or was stopped
  duplicates   completions that came when the item had gone to another worker: it may be done twice
RabbitMQ counts only what expander's own workers do, as AMQP says only how many messages wait.

\b
Exit codes: 0, 1 when items failed, 2 wrong usage or no broker.
"""


@click.command(cls=Page, epilog=STATUS_EXAMPLES)
@broker_options
@click.option("-o", "--output", type=click.Choice(["json"]), help="One JSON object.")
def status(url: str, name: str, output: str | None) -> int:
    """Say how many items of a work queue wait, are worked on, are done."""
    with opened(url, name) as queue:
        status = queue.status()
    numbers = asdict(status)
    out = Output()
    if output:
        out.put(json.dumps({"queue": name, **numbers}) + "\n")
    else:
        for key, number in numbers.items():
            out.put(f"{key:<12}{'unknown' if number is None else f'{number:,}'}\n")
    out.finish()
    return 1 if status.failed else 0


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

EXAMPLES = """
\b
Examples:
  expander queue fill --url amqp://guest:guest@rabbitmq-service:5672 --queue job1 apple banana cherry
  expander queue consume --url $BROKER_URL --queue job1 -- ./worker.py
  expander queue fill --url redis://redis --queue job2 -i samples.csv
  expander queue work --url redis://redis --queue job2 -- process {sample}

\b
Items are handed out at least once: what a worker had in hands when it died is done again. An item that a
plain program should see is the message itself, so amqp-publish, amqp-consume and redis-cli work on the same
queues; items with columns are JSON objects {"item": ..., "id": ...}.
Brokers: redis:// rediss:// (TLS) unix:// for Redis and Valkey, amqp:// amqps:// (TLS) for RabbitMQ.
They need: pip install 'expander[queue]'.
"""


class _InOrder(click.Group):
    """Lists its commands in the order they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, no_args_is_help=True, epilog=EXAMPLES)
def command() -> None:
    """Work queues in Redis and RabbitMQ: items become messages, workers take them."""


for _command in (fill, status, consume, work, drain):
    command.add_command(_command)
