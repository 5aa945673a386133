"""The work queue in RabbitMQ: leases are deliveries that are not acknowledged, counts are messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from amqp.exceptions import AccessRefused  # type: ignore[import-untyped]

from expander.base.errors import BrokerError
from expander.queues.queue import (
    BrokerTimeout,
    Fate,
    Filled,
    Lease,
    LeaseLost,
    Message,
    Status,
    decode,
    redact_url,
)
from expander.queues.rabbitmq_connection import (
    ATTEMPTS_HEADER,
    CONNECTION_ERRORS,
    REASON_HEADER,
    Names,
    RabbitConnection,
    body_of,
    broker_errors,
    consumer_timeout_in,
)
from expander.queues.rabbitmq_fill import fill


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


ACKNOWLEDGE_MESSAGES = 100
"""Messages after which what was taken is acknowledged."""


def drained(link: RabbitConnection, names: Names, *, failed_only: bool) -> Iterator[dict[str, Any]]:
    """See `expander.queues.queue.Queue.drain`. What is in the hands of workers stays with them."""
    for queue in (names.failed,) if failed_only else (names.work, names.failed):
        if link.count(queue) is None:
            continue
        link.ensure(names.taken)
        taken = 0
        while (arrived := link.channel.basic_get(queue)) is not None:
            headers = arrived.properties.get("application_headers") or {}
            found = {**decode(body_of(arrived)).as_json(), "attempts": int(headers.get(ATTEMPTS_HEADER, 0))}
            failed = {"state": "failed", "reason": headers.get(REASON_HEADER, "")}
            yield {**found, **(failed if queue == names.failed else {"state": "ready"})}
            link.channel.basic_ack(arrived.delivery_tag)
            if failed_only:
                link.publish(names.taken, found["id"].encode())
            taken += 1
            if taken % ACKNOWLEDGE_MESSAGES == 0:
                link.commit()
        link.commit()
    if not failed_only:
        for queue in names[1:]:
            link.channel.queue_delete(queue)


PRESENCE_SECONDS = 10.0
"""Seconds within which a worker shows that it is alive, well below any heartbeat."""

MAX_SEARCHES = 5
SEARCH_SECONDS = 0.2
"""An item that the broker took away is at the head of the queue as soon as the broker has put it there."""

Answer = TypeVar("Answer")


class RabbitQueue:
    """The work queue ``name`` of a RabbitMQ server; see `expander.queues.queue.Queue`.

    A lease is an unacknowledged message: it holds as long as the connection does. When that breaks, the
    broker has handed the message on, so the lease is lost at once; the next call connects again.

    A worker that has a message is a consumer of the queue ``busy``, in which nothing ever stands: so others
    see that something may come back. Messages are fetched one by one, never ahead.
    """

    def __init__(
        self,
        url: str,
        name: str,
        patience: BrokerTimeout | None = None,
        consumer_timeout: float | None = None,
    ) -> None:
        self.name = name
        self._consumer_timeout = consumer_timeout
        self._url = url
        self._where = redact_url(url)
        self._names = Names.of(name)
        self._link: RabbitConnection | None = None
        self._patience = patience or BrokerTimeout()
        self._busy: str | None = None
        self._taken_back = ""
        """The id of an item that the broker took back because its work has lasted too long."""

    def fill(self, messages: Iterable[Message], group: str, again: bool) -> Filled:
        with broker_errors(self._where):
            try:
                return fill(self._connected(), self._names, messages, group, again, self._consumer_timeout)
            except BaseException:
                self.close()
                raise

    def take(self, seconds: float, attempts: int | None) -> Lease | None:
        return self._ask(lambda link: self._take(link, attempts))

    def keep(self, lease: Lease) -> None:
        try:
            self._held(lease)[0].listen(0)
        except CONNECTION_ERRORS as error:
            self.close()
            reason = consumer_timeout_in(error)
            self._taken_back = lease.message.id if reason else ""
            raise LeaseLost(reason) from error

    def complete(self, lease: Lease) -> bool:
        def done(link: RabbitConnection, arrived: Any) -> bool:
            link.publish(self._names.done, lease.message.id.encode(), needed=False)
            return self._acknowledge(link, arrived)

        def late(link: RabbitConnection) -> None:
            link.publish(self._names.late, lease.message.id.encode(), needed=False)
            link.commit()

        if self._ask_held(lease, done):
            return True
        with suppress(BrokerError):
            self._ask(late)
        return False

    def fail(self, lease: Lease, reason: str, attempts: int | None) -> Fate:
        def failed(link: RabbitConnection, arrived: Any) -> Fate:
            return self._put_back(link, arrived, lease.attempt, attempts, reason)

        fate = self._ask_held(lease, failed)
        if fate is None and self._taken_back == lease.message.id:
            with suppress(BrokerError):
                fate = self._fail_requeued(lease, reason, attempts)
        return fate or "lost"

    def release(self, lease: Lease) -> None:
        self._ask_held(lease, lambda link, arrived: self._give_back(link, arrived, lease.attempt - 1))

    def empty(self) -> bool | None:
        filling, busy, status = self._ask(
            lambda link: (link.count(self._names.filling), link.count(self._names.busy), self._status(link))
        )
        if status.ready or (filling is not None and filling[1]):
            return False
        if status.leased == 0:
            return True
        return False if busy is not None and busy[1] else None

    def status(self) -> Status:
        return self._ask(self._status)

    def drain(self, *, failed_only: bool) -> Iterator[Mapping[str, Any]]:
        with broker_errors(self._where):
            yield from drained(self._connected(), self._names, failed_only=failed_only)

    def close(self) -> None:
        link, self._link, self._busy = self._link, None, None
        if link is not None:
            link.close()

    def _take(self, link: RabbitConnection, attempts: int | None) -> Lease | None:
        link.listen(0)
        if self._busy is None:
            found = link.count(self.name)
            if found is None:
                link.ensure(self.name)
            if not found or not found[0]:
                return None
            link.ensure(self._names.busy, *self._names.beside)
            self._busy = link.channel.basic_consume(
                self._names.busy, callback=self._not_busy, on_cancel=self._not_busy
            )
        arrived = link.channel.basic_get(self.name)
        if arrived is None:
            self._idle(link)
            return None
        attempt = _attempts(arrived) + 1
        if not arrived.delivery_info["redelivered"]:
            return Lease(decode(body_of(arrived)), attempt, (link, arrived), PRESENCE_SECONDS)
        reason = f"the worker vanished in attempt {attempt}: its connection ended"
        self._put_back(link, arrived, attempt, attempts, reason)
        return None

    def _not_busy(self, _: object) -> None:
        """The queue ``busy`` is no more: somebody drained the work queue."""
        self._busy = None

    def _idle(self, link: RabbitConnection) -> None:
        busy, self._busy = self._busy, None
        if busy is not None:
            link.channel.basic_cancel(busy)

    def _put_back(
        self, link: RabbitConnection, arrived: Any, attempt: int, attempts: int | None, reason: str
    ) -> Fate:
        """After an attempt in vain: to the end of the queue, or to those that were given up."""
        if attempts is None or attempt < attempts:
            self._give_back(link, arrived, attempt)
            return "again"
        _copy(link, self._names.failed, arrived, {ATTEMPTS_HEADER: attempt, REASON_HEADER: reason[:1000]})
        self._acknowledge(link, arrived)
        return "failed"

    def _give_back(self, link: RabbitConnection, arrived: Any, attempts: int) -> bool:
        """A copy that says how often it was attempted takes the message's place, at the end."""
        _copy(link, self.name, arrived, {ATTEMPTS_HEADER: attempts})
        link.publish(self._names.redelivered, decode(body_of(arrived)).id.encode(), needed=False)
        return self._acknowledge(link, arrived)

    def _acknowledge(self, link: RabbitConnection, arrived: Any) -> bool:
        link.channel.basic_ack(arrived.delivery_tag)
        link.commit()
        return True

    def _fail_requeued(self, lease: Lease, reason: str, attempts: int | None) -> Fate:
        """End the attempt of an item that the broker has taken back, if no other worker has it by now."""

        def find(link: RabbitConnection) -> Fate | None:
            arrived = link.channel.basic_get(self.name)
            if arrived is None:
                return None
            if decode(body_of(arrived)).id == lease.message.id and arrived.delivery_info["redelivered"]:
                link.ensure(*self._names.beside)
                return self._put_back(link, arrived, lease.attempt, attempts, reason)
            self._give_back(link, arrived, _attempts(arrived))
            return None

        for _ in range(MAX_SEARCHES):
            fate = self._ask(find)
            if fate is not None:
                return fate
            time.sleep(SEARCH_SECONDS)
        return "lost"

    def _status(self, link: RabbitConnection) -> Status:
        return status_of(self._names, {queue: link.count(queue) for queue in self._names})

    def _held(self, lease: Lease) -> tuple[RabbitConnection, Any]:
        if lease.token[0] is not self._link:
            raise LeaseLost
        return lease.token  # type: ignore[no-any-return]

    def _ask_held(self, lease: Lease, question: Callable[[RabbitConnection, Any], Answer]) -> Answer | None:
        """The answer, None when the connection of the lease is no more."""
        try:
            return question(*self._held(lease))
        except LeaseLost:
            return None
        except CONNECTION_ERRORS:
            self.close()
            return None

    def _ask(self, question: Callable[[RabbitConnection], Answer]) -> Answer:
        with broker_errors(self._where):
            if self._link is not None:
                try:
                    return question(self._link)
                except CONNECTION_ERRORS:
                    self.close()
            return question(self._connected())

    def _connected(self) -> RabbitConnection:
        if self._link is None:
            self._link = self._patience.ask(
                lambda: RabbitConnection(self._url), CONNECTION_ERRORS, (AccessRefused,)
            )
        return self._link


def _attempts(arrived: Any) -> int:
    """How often the message was attempted before, as far as its header says."""
    headers = arrived.properties.get("application_headers") or {}
    found = headers.get(ATTEMPTS_HEADER, 0)
    return found if isinstance(found, int) else 0


def _copy(link: RabbitConnection, queue: str, arrived: Any, headers: Mapping[str, Any]) -> None:
    properties = {**arrived.properties, "delivery_mode": 2}
    properties["application_headers"] = {**(properties.get("application_headers") or {}), **headers}
    link.publish(queue, body_of(arrived), **properties)
