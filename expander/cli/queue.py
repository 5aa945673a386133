"""``expander queue``: a group of commands, each loaded when it is called."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "fill": "Put items into a work queue, each once.",
    "status": "Say how many items wait, are worked on, are done.",
    "consume": "Take one item and run a command for it: one item per pod.",
    "work": "Take items and run a command for each until the queue is empty.",
    "drain": "Take everything out of a work queue.",
}
"""Commands and what ``--help`` says of them; ``expander.cli.queue_NAME`` has the function ``command``."""


class QueueCommands(click.Group):
    """The commands of `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"expander.cli.queue_{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


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


@click.group(cls=QueueCommands, no_args_is_help=True, epilog=EXAMPLES)
def command() -> None:
    """Work queues in Redis and RabbitMQ: items become messages, workers take them."""
