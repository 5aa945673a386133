"""Accepts connections, so that those that prove nothing cannot crowd out the owner's.

A connection is pending until a request on it was authenticated. Pending ones are few and short-lived: the
oldest makes room for a new one, and none lasts longer than `PENDING_SECONDS`. So a flood of half-open or idle
connections uses up neither file descriptors nor memory, and a client with the token gets through. What goes
wrong on a pending connection is nobody's news: nothing is logged.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from aiohttp.http_exceptions import HttpProcessingError

from expander.base.log import Log

log = Log("local")

MAX_PENDING: Final = 256
"""Connections that have proven nothing yet."""

PENDING_SECONDS: Final = 10.0
"""How long one of them may take to prove something."""

BACKLOG: Final = 1024
"""Connections that wait in the kernel to be accepted."""

RETRY_ACCEPT_SECONDS: Final = 0.2
"""The wait after the system had no descriptor for a connection."""

MAX_REQUEST_BYTES: Final = 1 << 16
"""So much is read of a request in the clear."""

FAILED_BEFORE_COLLECTION: Final = 256
"""Connections that came to nothing before their memory is collected. A TLS handshake that fails leaves up to
300 KiB in objects that refer to themselves; those of a flood would pile up to hundreds of megabytes.
"""

NOT_TLS: Final = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
"""What net/http of Go answers, which clients know."""

Address = tuple[Any, ...]


class _Pending:
    """A connection that has proven nothing: its task until it is set up, then its transport."""

    def __init__(self, task: asyncio.Task[None], timer: asyncio.TimerHandle) -> None:
        self.task = task
        self.timer = timer
        self.transport: asyncio.BaseTransport | None = None

    def abort(self) -> None:
        """End the connection without waiting for the other side."""
        self.timer.cancel()
        self.task.cancel()
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


class Listener:
    """Listens on ``sock`` and hands connections to protocols that ``factory`` makes.

    With ``context`` they speak TLS. The limits are for connections that have proven nothing.
    """

    def __init__(
        self,
        sock: socket.socket,
        factory: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext | None,
        *,
        max_pending: int = MAX_PENDING,
        pending_seconds: float = PENDING_SECONDS,
    ) -> None:
        self._socket = sock
        self._factory = factory
        self._context = context
        self._max_pending = max_pending
        self._pending_seconds = pending_seconds
        self._pending: dict[Address, _Pending] = {}
        """By the address of the other side, oldest first."""
        self._failed = 0

    def start(self) -> None:
        """Begin to accept; called within the loop."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._accept())

    async def stop(self) -> None:
        """End: no connection is accepted any more, and pending ones are cut."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._socket.close()
        for address in list(self._pending):
            self._drop(address)

    def authenticated(self, address: object) -> None:
        """A request of the connection from ``address`` was authenticated: it may stay."""
        if isinstance(address, tuple) and (pending := self._pending.pop(address, None)) is not None:
            pending.timer.cancel()

    async def _accept(self) -> None:
        while True:
            try:
                connection, address = await self._loop.sock_accept(self._socket)
            except OSError as error:
                log.debug("a connection could not be accepted: %(error)s", error=error)
                await asyncio.sleep(RETRY_ACCEPT_SECONDS)
                continue
            while len(self._pending) >= self._max_pending:
                self._drop(next(iter(self._pending)))
            task = self._loop.create_task(self._set_up(connection, address))
            timer = self._loop.call_later(self._pending_seconds, self._drop, address)
            self._pending[address] = _Pending(task, timer)
            await asyncio.sleep(0)

    async def _set_up(self, connection: socket.socket, address: Address) -> None:
        """Do the handshake and hand the connection over; forget it when that fails."""
        connection.setblocking(False)
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._context is not None and await self._speaks_http(connection):
                connection.send(NOT_TLS)
                raise ConnectionAbortedError
            transport, _ = await self._loop.connect_accepted_socket(
                self._factory, connection, ssl=self._context
            )
        except (OSError, ssl.SSLError, asyncio.CancelledError):
            connection.close()
            if (pending := self._pending.pop(address, None)) is not None:
                pending.timer.cancel()
                self._count_failed()
            return
        if (pending := self._pending.get(address)) is not None:
            pending.transport = transport

    async def _speaks_http(self, connection: socket.socket) -> bool:
        """Whether the first that comes is a request in the clear; it stays to be read if not."""
        readable = asyncio.Event()
        self._loop.add_reader(connection, readable.set)
        try:
            await readable.wait()
        finally:
            self._loop.remove_reader(connection)
        if not connection.recv(1, socket.MSG_PEEK).isalpha():
            return False
        connection.recv(MAX_REQUEST_BYTES)  # what was not read would reset the connection before the answer
        return True

    def _drop(self, address: Address) -> None:
        if (pending := self._pending.pop(address, None)) is not None:
            pending.abort()
            self._count_failed()

    def _count_failed(self) -> None:
        self._failed += 1
        if self._failed == FAILED_BEFORE_COLLECTION:
            self._failed = 0
            gc.collect()


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens at this address; OSError when it cannot be had."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def quiet_logs() -> None:
    """Keep out of the log what anybody could fill it with: what is not HTTP, connections that end early."""
    logging.getLogger("aiohttp.server").addFilter(_is_news)
    logging.getLogger("asyncio").setLevel(logging.ERROR)


def _is_news(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
