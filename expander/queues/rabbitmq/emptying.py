"""Takes everything out of a queue of RabbitMQ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from expander.queues.message import decode
from expander.queues.rabbitmq.link import Link, body_of
from expander.queues.rabbitmq.names import ATTEMPTS, REASON, Names

BATCH = 100
"""Messages after which what was taken is acknowledged."""


def drained(link: Link, names: Names, *, failed_only: bool) -> Iterator[dict[str, Any]]:
    """See `expander.queues.queue.Queue.drain`. What is in the hands of workers stays with them."""
    for queue in (names.failed,) if failed_only else (names.work, names.failed):
        if link.count(queue) is None:
            continue
        link.ensure(names.taken)
        taken = 0
        while (arrived := link.channel.basic_get(queue)) is not None:
            headers = arrived.properties.get("application_headers") or {}
            found = {**decode(body_of(arrived)).as_json(), "attempts": int(headers.get(ATTEMPTS, 0))}
            failed = {"state": "failed", "reason": headers.get(REASON, "")}
            yield {**found, **(failed if queue == names.failed else {"state": "ready"})}
            link.channel.basic_ack(arrived.delivery_tag)
            if failed_only:
                link.publish(names.taken, found["id"].encode())
            taken += 1
            if taken % BATCH == 0:
                link.commit()
        link.commit()
    if not failed_only:
        for queue in names[1:]:
            link.channel.queue_delete(queue)
