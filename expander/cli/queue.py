"""``expander queue``: fill, inspect and empty work queues; workers are in `queue_worker`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import OutputError, UsageError
from expander.base.text import counted
from expander.cli.options.items import item_options, spec_of
from expander.cli.options.params import Duration, group_option
from expander.cli.options.queue import broker_options, opened
from expander.cli.output.streams import ItemErrors, Output, say
from expander.cli.output.table import table
from expander.cli.pages.page import GroupPage, Page
from expander.cli.queue_worker import consume, work
from expander.sinks.stream import StreamSink

if TYPE_CHECKING:
    pass

FILL_EXAMPLES = """
\b
Examples:
  expander queue fill --url amqp://guest:guest@rabbitmq-service:5672 --queue job1 apple banana cherry
  expander queue fill --url redis://redis --queue job2 -i samples.csv
  find . -name '*.png' -print0 | expander queue fill --url redis://redis --queue pngs -i nul:-

\b
Each item is added once: repeating the command adds nothing, or what is missing after an interruption;
duplicate items become one message. --group NAME makes another set of the same items, --again adds all items
regardless. Redis: each item exactly once, whatever fails. RabbitMQ: likewise when this command dies; when the
broker dies, up to 1,000 items may be there twice and none is missing. Messages are as durable as the broker:
a durable queue and persistent messages in RabbitMQ, an append-only file (appendonly yes) in Redis.
"""


@click.command(cls=Page, epilog=FILL_EXAMPLES, short_help="Add items to a queue.")
@click.argument("arguments", metavar="[ITEM]...", nargs=-1)
@broker_options
@item_options
@group_option("Name of this set of items.", default="")
@click.option("--again", is_flag=True, help="Add all items, also those added before.")
@click.option(
    "--consumer-timeout",
    type=Duration(),
    help="RabbitMQ 3.12: how long an item may be worked on, for a new queue.  [default: the broker's, 30m]",
)
@click.option("-o", "--output", type=click.Choice(["json"]), help="Print the counts as JSON.")
def fill(arguments: tuple[str, ...], url: str, name: str, **flags: Any) -> int:
    """Add each ITEM as a message to a work queue, creating the queue if needed.

    A plain item is the body of its message. An item with columns is a JSON object {"item": {...}, "id": ...}.
    """
    from expander.items.load import items
    from expander.items.source import usable
    from expander.queues.queue import Message

    spec = spec_of(arguments, flags)
    if spec is None:
        raise UsageError("no items", hint="specify them as arguments or with -i SOURCE")
    errors = ItemErrors()
    with opened(url, name, consumer_timeout=flags["consumer_timeout"]) as queue:
        stream = (Message.of(item.value) for item in usable(items(spec), errors))
        filled = queue.fill(stream, flags["group"], flags["again"])
    errors.finish()
    if flags["output"]:
        out = Output()
        out.put(json.dumps({"queue": name, "added": filled.added, "skipped": filled.skipped}) + "\n")
        out.finish()
        return 1 if errors.count else 0
    there = f", {filled.skipped:,} already there (--again adds them too)" if filled.skipped else ""
    say(f"{name}: {counted(filled.added, 'item')} added{there}")
    return 1 if errors.count else 0


STATUS_EXAMPLES = """
\b
Numbers:
  ready        items waiting
  leased       items that workers hold; unknown (null) when others than `fill` added messages
  done         items completed
  failed       items given up after their last attempt
  workers      workers seen within their lease; RabbitMQ: workers that hold an item
  filled       items added by `fill`
  redelivered  items delivered again, because a worker failed, died or was stopped
  duplicates   completions after the item had gone to another worker: it may have been done twice
RabbitMQ: only the work of expander's own workers is counted, as AMQP tells only how many messages wait.

\b
Exit codes: 0 success, 1 some items failed, 2 wrong usage or no broker.
"""


@click.command(cls=Page, epilog=STATUS_EXAMPLES, short_help="Show the counts of a queue.")
@broker_options
@click.option("-o", "--output", type=click.Choice(["json"]), help="Print one JSON object.")
def status(url: str, name: str, output: str | None) -> int:
    """Show how many items of a work queue are waiting, in progress and done."""
    with opened(url, name) as queue:
        status = queue.status()
    numbers = asdict(status)
    out = Output()
    if output:
        out.put(json.dumps({"queue": name, **numbers}) + "\n")
    else:
        out.put("".join(table([(k, "unknown" if n is None else f"{n:,}") for k, n in numbers.items()])))
    out.finish()
    return 1 if status.failed else 0


DRAIN_EXAMPLES = """
\b
Examples:
  expander queue drain --url redis://redis --queue job2 -o left.jsonl
  expander queue drain --url redis://redis --queue job2 --failed -o failed.jsonl --yes
  expander queue fill --url redis://redis --queue job2 --again -i failed.jsonl

\b
A line is {"item", "id", "state": "ready|leased|failed", "attempts", "reason"}, which `fill` reads. An item is
written before it is removed. Redis: items that workers hold are taken too (their work counts as a duplicate);
RabbitMQ: workers keep them.
"""


@click.command(cls=Page, epilog=DRAIN_EXAMPLES, short_help="Remove all items from a queue.")
@broker_options
@click.option("-o", "--output", metavar="FILE|-", help="Write the items as JSON Lines; FILE must not exist.")
@click.option("--failed", is_flag=True, help="Only items that were given up.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def drain(url: str, name: str, output: str | None, failed: bool, yes: bool) -> int:
    """Remove all items from a work queue, with its counts and the record of what was filled."""
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
    say(f"{name}: {counted(count, 'item')} removed")
    return 0


def _ask(what: str, name: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("no terminal to ask for confirmation", hint="use --yes to empty the queue")
    click.confirm(f"Remove all items from {name} ({what})?", abort=True, err=True)


def _writer(output: str | None, stack: ExitStack) -> Callable[[str], object]:
    """Writes a line so that the system has it before the next item is removed."""
    if output is None:
        return lambda _: None
    stream = sys.stdout.buffer
    if output != "-":
        try:
            stream = stack.enter_context(open(output, "xb"))  # noqa: SIM115
        except OSError as error:
            raise OutputError(f"cannot create {output!r}: {error.strerror}") from error
    sink = StreamSink(stream)

    def write(line: str) -> None:
        sink.write(line.encode("utf-8", "surrogateescape"))
        sink.flush()

    return write


EXAMPLES = """
\b
Examples:
  expander queue fill --url amqp://guest:guest@rabbitmq-service:5672 --queue job1 apple banana cherry
  expander queue consume --url $BROKER_URL --queue job1 -- ./worker.py
  expander queue fill --url redis://redis --queue job2 -i samples.csv
  expander queue work --url redis://redis --queue job2 -- process {sample}

\b
Delivery is at least once: the item of a worker that dies is delivered again. A plain item is the body of its
message, so amqp-publish, amqp-consume and redis-cli work on the same queues; an item with columns is a JSON
object {"item": ..., "id": ...}.
Brokers: redis:// rediss:// (TLS) unix:// for Redis and Valkey, amqp:// amqps:// (TLS) for RabbitMQ.
Requires: pip install 'kube-expander[queue]'.
"""


@click.group(cls=GroupPage, no_args_is_help=True, epilog=EXAMPLES)
def command() -> None:
    """Fill, inspect, process and empty work queues in Redis and RabbitMQ."""


for _command in (fill, status, consume, work, drain):
    command.add_command(_command)
