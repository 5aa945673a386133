"""``expander queue fill``: items become messages."""

from __future__ import annotations

import json
from typing import Any

import click

from expander.base.errors import UsageError
from expander.cli.batch_options import item_options
from expander.cli.help import Page
from expander.cli.messages import Output, say
from expander.cli.queue_options import broker_options, opened
from expander.cli.selection import spec_of

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
