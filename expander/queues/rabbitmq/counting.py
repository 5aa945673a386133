"""The numbers of a queue in RabbitMQ, from how many messages stand where."""

from __future__ import annotations

from collections.abc import Mapping

from expander.queues.queue import Status
from expander.queues.rabbitmq.names import Names


def status_of(names: Names, counts: Mapping[str, tuple[int, int] | None]) -> Status:
    """``counts`` has messages that wait and consumers of each queue, None for a queue that is not there.

    What workers hold is what was filled less what waits, is done or was given up. That is not known when
    nothing was filled by us, and wrong when others put messages in or take them out. A broker that is killed
    forgets the last acknowledgements, not what was written of them: more is done than was filled then, and
    the rest are duplicates.
    """

    def messages(queue: str) -> int:
        found = counts[queue]
        return found[0] if found else 0

    ready, done, failed = messages(names.work), messages(names.done), messages(names.failed)
    filled = messages(names.filled)
    ended = done + failed + messages(names.taken)
    surplus = max(0, ended - filled) if filled else 0
    leased = filled - ready - (ended - surplus)
    workers = [found[1] for found in (counts[names.work], counts[names.busy]) if found]
    return Status(
        ready=ready,
        leased=leased if filled and leased >= 0 else None,
        done=max(0, done - surplus),
        failed=failed,
        workers=sum(workers),
        filled=filled,
        redelivered=messages(names.redelivered),
        duplicates=messages(names.late) + surplus,
    )
