"""A connection to RabbitMQ, and the queues that stand beside a work queue and count."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from amqp import Connection, Message  # type: ignore[import-untyped]
from amqp.exceptions import AccessRefused, AMQPError, NotFound  # type: ignore[import-untyped]

from expander.base.errors import BrokerError, UsageError
from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.queues.queue import redact_url

HEARTBEAT_SECONDS = 60
"""Seconds after which the broker takes a silent worker for dead; a URL may say ``?heartbeat=N``."""

CONNECTION_ERRORS = (AMQPError, OSError)
"""What the client raises when the connection is no more."""


class RabbitConnection:
    """A connection with one channel, on which everything is part of a transaction until `commit`."""

    def __init__(self, url: str) -> None:
        self.where = redact_url(url)
        self._connection = _connect(url, self.where)
        self.channel = self._connection.channel()
        self._asking = self._connection.channel()
        self.channel.tx_select()

    def count(self, queue: str) -> tuple[int, int] | None:
        """Messages that wait in a queue and consumers of it; None when there is no such queue."""
        try:
            found = self._asking.queue_declare(queue, passive=True)
        except NotFound:  # the broker closed the channel for that, and the client opened it again
            return None
        return found.message_count, found.consumer_count

    def ensure(self, *queues: str, consumer_timeout: float | None = None) -> None:
        """Make durable queues where they are missing; one that is there stays as it is.

        ``consumer_timeout`` is how many seconds an item may be worked on. The broker refuses one that differs
        from that of a queue which is there.
        """
        arguments = {} if consumer_timeout is None else {"x-consumer-timeout": round(consumer_timeout * 1000)}
        for queue in queues:
            if arguments or self.count(queue) is None:
                self.channel.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments)

    def publish(self, queue: str, body: bytes, *, needed: bool = True, **properties: Any) -> None:
        """A message on its way: with the next `commit` it is in the queue, on disk.

        When there is no such queue any more, a message that is not ``needed`` is dropped.
        """
        properties.setdefault("delivery_mode", 2)
        self.channel.basic_publish(Message(body, **properties), routing_key=queue, mandatory=needed)

    def commit(self) -> None:
        """Wait until the broker has everything that was published and acknowledged since the last time."""
        self.channel.tx_commit()

    def another_channel(self) -> Any:
        """A channel without transactions."""
        return self._connection.channel()

    def listen(self, seconds: float) -> None:
        """Take in what the broker sends, for so long at most, and show that we are alive."""
        with suppress(TimeoutError):
            self._connection.drain_events(timeout=seconds)
        self._connection.heartbeat_tick()

    def close(self) -> None:
        """End the connection; what was not acknowledged goes back to its queue."""
        with suppress(*CONNECTION_ERRORS):
            self._connection.close()


def body_of(arrived: Any) -> bytes:
    """The bytes of a message; the client decodes what says it has an encoding."""
    body = arrived.body
    return body.encode() if isinstance(body, str) else bytes(body)


@contextmanager
def broker_errors(where: str) -> Iterator[None]:
    """Turns what the client raises into a BrokerError."""
    try:
        yield
    except AccessRefused as error:
        raise BrokerError(f"RabbitMQ at {where} refuses: {error.reply_text}") from error
    except CONNECTION_ERRORS as error:
        raise BrokerError(f"cannot use RabbitMQ at {where}: {_words(error)}") from error


_TIMED_OUT = regex(r"delivery acknowledgement on channel \d+ timed out\. Timeout value used: (\d+) ms")


def consumer_timeout_in(error: BaseException) -> str:
    """Why the broker took an item away, when ``error`` says that its work has lasted too long; else nothing.

    RabbitMQ ends the channel of a delivery that is not acknowledged within ``consumer_timeout``.
    """
    found = _TIMED_OUT.search(_words(error))
    if found is None:
        return ""
    return (
        f"longer than RabbitMQ's consumer_timeout ({int(found[1]):,} ms): raise it in rabbitmq.conf, or for "
        "the queue with `expander queue fill --consumer-timeout` (RabbitMQ 3.12 or newer)"
    )


def _connect(url: str, where: str) -> Any:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "localhost", parts.port
        options = parse_qs(parts.query)
        heartbeat = int(options.get("heartbeat", [str(HEARTBEAT_SECONDS)])[0])
    except ValueError as error:
        raise UsageError(f"cannot use the URL {where}: {error}") from error
    secure = parts.scheme.lower() == "amqps"
    tls: dict[str, Any] | None = None
    if secure:
        tls = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": host}
        if "cafile" in options:
            tls["ca_certs"] = options["cafile"][0]
    connection = Connection(
        f"[{host}]:{port or 5672}" if ":" in host else f"{host}:{port or (5671 if secure else 5672)}",
        userid=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        login_method="PLAIN",
        virtual_host=unquote(parts.path[1:]) or "/",
        heartbeat=heartbeat,
        connect_timeout=10,
        socket_settings={socket.TCP_USER_TIMEOUT: 60_000} if hasattr(socket, "TCP_USER_TIMEOUT") else None,
        ssl=tls or False,
    )
    connection.connect()
    return connection


def _words(error: BaseException) -> str:
    text = getattr(error, "reply_text", None) or getattr(error, "strerror", None) or str(error)
    return str(text) or type(error).__name__


class Names(NamedTuple):
    """``work`` holds what waits and ``failed`` what was given up.

    ``filled`` has a key of each item that was put in, ``done`` the id of each that was completed,
    ``redelivered`` of each that was requeued, ``late`` of each completion that the broker may not
    have heard of, ``taken`` of each that was taken out after it was given up. ``filling`` is there while a
    fill is not finished, ``busy`` has a consumer for each worker that has an item.
    """

    work: str
    filled: str
    done: str
    failed: str
    redelivered: str
    late: str
    taken: str
    filling: str
    busy: str

    @classmethod
    def of(cls, name: str) -> Names:
        """The names that go with the work queue ``name``."""
        return cls(name, *[f"{name}.{field}" for field in cls._fields[1:]])

    @property
    def beside(self) -> tuple[str, ...]:
        """The queues that workers write to."""
        return self.done, self.failed, self.redelivered, self.late


ATTEMPTS_HEADER = "x-expander-attempts"
"""The header with how often a message was attempted before."""

REASON_HEADER = "x-expander-reason"
"""The header that says why a message was given up."""
