"""Where a broker is: the URL, and the queue it means."""

from __future__ import annotations

from importlib.util import find_spec

from expander.base.errors import UsageError
from expander.queues.queue import Patience, Queue, without_password

REDIS = ("redis", "rediss", "unix")
RABBITMQ = ("amqp", "amqps")


def open_queue(
    url: str, name: str, patience: Patience | None = None, consumer_timeout: float | None = None
) -> Queue:
    """The queue called ``name`` of the broker at ``url``; nothing is asked of the broker yet.

    ``patience`` is how long to wait for a broker that does not answer, ``consumer_timeout`` (RabbitMQ) how
    many seconds an item may be worked on in a queue that is made.

    Raises UsageError for a URL of no known broker, a name that cannot be one, or a client that is not
    installed.
    """
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme not in (*REDIS, *RABBITMQ):
        raise UsageError(
            f"found {without_password(url)!r}, expected the URL of a broker",
            hint="redis://HOST[:6379][/DB] or amqp://USER:PASSWORD@HOST[:5672][/VHOST]; "
            "rediss:// and amqps:// use TLS",
        )
    if not name or len(name.encode()) > 200 or not name.isprintable():
        raise UsageError(f"found the queue {name!r}, expected a name of up to 200 bytes")
    client = "redis" if scheme in REDIS else "amqp"
    if find_spec(client) is None:
        raise UsageError(
            f"the Python package {client!r} is not installed, which speaks to {scheme}:// brokers",
            hint="pip install 'kube-expander[queue]'",
        )
    if consumer_timeout is not None and scheme not in RABBITMQ:
        raise UsageError("--consumer-timeout is for RabbitMQ: in other brokers leases are renewed")
    if client == "redis":
        from expander.queues.redis_queue import RedisQueue

        return RedisQueue(url, name, patience)
    from expander.queues.rabbitmq_queue import RabbitQueue

    return RabbitQueue(url, name, patience, consumer_timeout)
