"""``expander queue drain``: everything out of a work queue."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack

import click

from expander.base.errors import OutputError, UsageError
from expander.cli.help import Page
from expander.cli.messages import say
from expander.cli.queue_options import broker_options, opened
from expander.sinks.stream import StreamSink

EXAMPLES = """
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


@click.command(cls=Page, epilog=EXAMPLES)
@broker_options
@click.option("-o", "--output", metavar="FILE|-", help="Write the items as JSON Lines; FILE must be new.")
@click.option("--failed", is_flag=True, help="Only items that were given up.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(url: str, name: str, output: str | None, failed: bool, yes: bool) -> int:
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
