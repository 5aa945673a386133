"""``expander queue status``: the numbers of a work queue."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from expander.cli.help import Page
from expander.cli.messages import Output
from expander.cli.queue_options import broker_options, opened

EXAMPLES = """
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


@click.command(cls=Page, epilog=EXAMPLES)
@broker_options
@click.option("-o", "--output", type=click.Choice(["json"]), help="One JSON object.")
def command(url: str, name: str, output: str | None) -> int:
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
