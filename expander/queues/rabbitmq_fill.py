"""Fills a queue of RabbitMQ so that each item is in it once, also when a fill dies and is run again.

A batch of messages and the ids of its items are one transaction: the broker takes all of it or nothing when
the filler dies. When the broker itself dies during a commit it may come back with a part; that this may have
happened shows by a message of ours that no broker keeps over a restart. Then the last batch is put in again:
some items may be there twice, none is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Any

from amqp.exceptions import AccessRefused  # type: ignore[import-untyped]

from expander.base.digests import blake2b
from expander.base.errors import BrokerError
from expander.queues.queue import Filled, Message
from expander.queues.rabbitmq_connection import Names, RabbitConnection

TRANSACTION_MESSAGES = 1000
"""Messages of one transaction."""


def fill(
    link: RabbitConnection,
    names: Names,
    messages: Iterable[Message],
    group: str,
    again: bool,
    consumer_timeout: float | None = None,
) -> Filled:
    """Put in what is not there; see `expander.queues.queue.Queue.fill`.

    The ids of all items are kept in memory while it runs, some 90 bytes each.
    """
    link.ensure(names.work, consumer_timeout=consumer_timeout)
    link.ensure(names.filled)
    known = _known(link, names, TRANSACTION_MESSAGES if _lock(link, names) else 0)
    added = asked = 0
    stream = iter(messages)
    while batch := list(islice(stream, TRANSACTION_MESSAGES)):
        asked += len(batch)
        for message in batch:
            key = blake2b(f"{group}\0{message.id}".encode(), digest_size=10).digest()
            if key in known and not again:
                continue
            known.add(key)
            body = message.encode()
            kind = "application/json" if body.startswith(b"{") else "text/plain"
            link.publish(names.work, body, message_id=message.id, content_type=kind)
            link.publish(names.filled, key)
            added += 1
        link.commit()
        link.listen(0)
    link.channel.queue_delete(names.filling)
    return Filled(added, asked - added)


def _lock(link: RabbitConnection, names: Names) -> bool:
    """Keep other fills out; whether the last batch of an earlier one is in doubt.

    The queue ``filling`` has two messages while a fill is not finished, of which the broker forgets one when
    it restarts. It goes when a fill ends; as long as it is in doubt, so is what was written last.
    """
    link.ensure(names.filling)
    found = link.count(names.filling)
    try:
        link.channel.basic_consume(names.filling, callback=_ignore, exclusive=True, on_cancel=_ignore)
    except AccessRefused as error:
        raise BrokerError(f"another fill of queue {names.work!r} is under way") from error
    if found is None or found[0] == 0:
        link.publish(names.filling, b"a fill began")
        link.publish(names.filling, b"the broker has not restarted since", delivery_mode=1)
        link.commit()
    return found is not None and found[0] == 1


def _ignore(_: object) -> None:
    """The queue is only a lock: what is in it, and its end, tell us nothing."""


def _known(link: RabbitConnection, names: Names, without: int) -> set[bytes]:
    """The keys of all items that were filled but for the last ones; they stay in the broker."""
    found = link.count(names.filled)
    total = found[0] if found else 0
    if not total:
        return set()
    channel = link.another_channel()
    read: deque[Any] = deque()
    keys: list[bytes] = []
    channel.basic_consume(names.filled, callback=read.append)
    for _ in range(total):
        while not read:
            link.listen(1)
        keys.append(bytes(read.popleft().body))
    channel.close()
    return set(keys[: len(keys) - without])
