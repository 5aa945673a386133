"""The brokers that hold work queues: their URLs, who speaks to them, and how their workers work.

An installed package adds a broker by an entry point in the group ``expander.queues``, which is a `Broker`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from expander.base.dataclass import dataclass
from expander.base.errors import UsageError

ENTRY_POINTS = "expander.queues"


@dataclass(frozen=True, slots=True)
class Broker:
    """One kind of broker.

    ``name`` is that of ``--as queue=NAME``. ``schemes`` are those of its URLs, ``example`` is one of them.
    ``queue`` is the ``module:class`` of its `expander.queues.queue.Queue`, loaded when a queue is opened, and
    ``client`` the Python package that this needs.

    ``one_item`` says that a pod takes one item and ends (the coarse pattern), so that ``completions`` is the
    number of items; otherwise each worker takes items until none is left. ``failed_code`` is the exit code of
    a worker after which the Job has failed: of an empty queue from which items were given up, or of one that
    is empty though not all pods have had an item.
    """

    name: str
    schemes: tuple[str, ...]
    example: str
    queue: str
    client: str
    one_item: bool = False
    failed_code: int = 1


BUILT_IN: Mapping[str, Broker] = {
    broker.name: broker
    for broker in (
        Broker(
            "redis",
            ("redis", "rediss", "unix"),
            "redis://HOST[:6379][/DB]",
            "expander.queues.redis_queue:RedisQueue",
            "redis",
        ),
        Broker(
            "rabbitmq",
            ("amqp", "amqps"),
            "amqp://USER:PASSWORD@HOST[:5672][/VHOST]",
            "expander.queues.rabbitmq_queue:RabbitQueue",
            "amqp",
            one_item=True,
            failed_code=203,
        ),
    )
}
"""The brokers that come with expander."""


def brokers() -> Iterator[Broker]:
    """All brokers, those of expander first."""
    yield from BUILT_IN.values()
    from importlib.metadata import entry_points

    for found in entry_points(group=ENTRY_POINTS):
        if found.name not in BUILT_IN:
            yield found.load()


def find_broker(name: str) -> Broker:
    """The broker called ``name``. Raises UsageError when there is none."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    for broker in brokers():
        if broker.name == name:
            return broker
    raise UsageError(f"unknown broker {name!r}; expected one of {', '.join(each.name for each in brokers())}")


def broker_of(url: str) -> Broker | None:
    """The broker that the scheme of ``url`` means; None when there is none."""
    scheme, found, _ = url.partition("://")
    wanted = scheme.lower() if found else ""
    return next((each for each in brokers() if wanted in each.schemes), None)
