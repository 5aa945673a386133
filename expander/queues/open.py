"""Opens the queue that a URL means."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from expander.base.errors import UsageError
from expander.base.extras import install_command
from expander.queues.queue import BrokerTimeout, Queue, redact_url
from expander.shapes.broker import BUILT_IN, broker_of, brokers


def open_queue(
    url: str, name: str, patience: BrokerTimeout | None = None, consumer_timeout: float | None = None
) -> Queue:
    """The queue called ``name`` of the broker at ``url``; nothing is asked of the broker yet.

    ``patience`` is how long to wait for a broker that does not answer, ``consumer_timeout`` (RabbitMQ) how
    many seconds an item may be worked on in a queue that is made.

    Raises UsageError for a URL of no known broker, a name that cannot be one, or a client that is not
    installed.
    """
    broker = broker_of(url)
    if broker is None:
        examples = " or ".join(each.example for each in brokers())
        raise UsageError(
            f"found {redact_url(url)!r}, expected the URL of a broker",
            hint=f"{examples}; rediss:// and amqps:// use TLS",
        )
    if not name or len(name.encode()) > 200 or not name.isprintable():
        raise UsageError(f"invalid queue name {name!r}; expected up to 200 bytes")
    if find_spec(broker.client) is None:
        raise UsageError(
            f"{broker.name} brokers require the Python package {broker.client!r}, which is not installed",
            hint=install_command("queue") if broker.name in BUILT_IN else f"pip install {broker.client}",
        )
    options: dict[str, Any] = {}
    if consumer_timeout is not None:
        if broker.name != "rabbitmq":
            raise UsageError("--consumer-timeout requires RabbitMQ: other brokers renew leases")
        options["consumer_timeout"] = consumer_timeout
    module, _, made = broker.queue.partition(":")
    queue: Queue = getattr(import_module(module), made)(url, name, patience, **options)
    return queue
