"""Many requests under way at once, with one thread that sends them and reads the responses.

Between two waits nothing blocks. What may (credentials, connecting, a long request, a response that is long
or slow) gets a thread of its own, which gives the connection back.
"""

from __future__ import annotations

import math
import select
import socket
import time
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from expander.base.named_tuple import NamedTuple
from expander.client.http import (
    CONNECT_SECONDS,
    MIN_SECONDS,
    Connection,
    Endpoint,
    HttpResponse,
    RequestEncoder,
)
from expander.client.transport import RESPONSE_TIMEOUT_SECONDS, Response, Transport, log_response, lost

MAX_BUFFERED_BYTES: Final = 1 << 16
"""Bytes of a response that is not complete after which a thread reads the rest."""

MAX_ANSWERS: Final = 8
"""Responses that are read at a time, so that the server gets new requests while others are read."""

SLOW_SECONDS: Final = 1.0
"""Seconds after the first bytes of a response that is not complete after which a thread reads the rest."""

Key = TypeVar("Key")


class Answer(NamedTuple, Generic[Key]):
    """What a request came to: a response, or an error; `ConnectionLost` when no response arrived.

    ``encoder`` has the credentials that were used, None when there were none.
    """

    key: Key
    response: Response | Exception
    encoder: RequestEncoder | None


class _Incomplete(Exception):
    """The rest of a response has not arrived yet."""


class _Later:
    """A `Source` of what has not arrived yet."""

    def recv(self, most: int, /) -> bytes:
        raise _Incomplete


class _Ended:
    """A `Source` after the end."""

    def recv(self, most: int, /) -> bytes:
        return b""


_LATER: Final = _Later()
_ENDED: Final = _Ended()


class _Exchange(Generic[Key]):
    """A request under way; at ``deadline`` its response is late.

    It may take ``seconds`` from when its credentials are known to the first bytes of the response.
    """

    __slots__ = (
        *("began", "connection", "deadline", "encoder", "key", "method", "received", "request", "seconds"),
        *("until", "wait"),
    )

    def __init__(
        self, key: Key, request: tuple[str, str, bytes | None, str | None], wait: object, seconds: float
    ) -> None:
        self.key = key
        self.method = request[0]
        self.request = request
        self.wait = wait
        self.seconds = seconds
        self.until = math.inf
        self.began = time.monotonic()
        self.encoder: RequestEncoder | None = None
        self.connection: Connection | None = None
        self.received = b""
        self.deadline = math.inf

    def encoded(self) -> bytes:
        """The whole request, whose time begins."""
        assert self.encoder is not None
        self.until = time.monotonic() + self.seconds
        return self.encoder.encode(*self.request)

    def left(self) -> float:
        """The seconds that are left of its time."""
        return max(MIN_SECONDS, self.until - time.monotonic())


class Exchanges(Generic[Key]):
    """Requests over ``transport``: `start` them, and `wait` for answers. For one thread, but for `wake`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._poll = select.poll()
        self._reading: dict[int, _Exchange[Key]] = {}
        self._idle: dict[int, tuple[Connection, Endpoint]] = {}
        self._returned: deque[tuple[_Exchange[Key], Answer[Key] | None]] = deque()
        """What threads are done with: with the answer, or to be read."""
        self._answers: list[Answer[Key]] = []
        self._deadline = math.inf
        """No response is late before; it may be that of one that has come."""
        self._ready: list[tuple[int, int]] = []
        """Connections with news that were not looked at yet; all have their turn before any has another."""
        self._alarm, self._waker = socket.socketpair()
        for end in (self._alarm, self._waker):
            end.setblocking(False)
        self._poll.register(self._alarm, select.POLLIN)
        self._sleeps = False
        self._woken = False

    def start(
        self,
        key: Key,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str | None = None,
        before: Callable[[], None] | None = None,
        seconds: float = math.inf,
    ) -> None:
        """Send a request, see `Transport.request`; ``before`` is called first and may take a while.

        It is lost when no response begins within ``seconds`` after that, `RESPONSE_TIMEOUT_SECONDS` at most.
        """
        wait, seconds = self._transport.waits.add(), min(seconds, RESPONSE_TIMEOUT_SECONDS)
        exchange = _Exchange(key, (method, path, body, content_type), wait, seconds)
        encoder = self._transport.fresh_encoder
        connection = None if encoder is None or before is not None else self._kept(encoder.endpoint)
        if connection is None:
            self._in_thread(self._open, exchange, before)
            return
        exchange.encoder, exchange.connection = encoder, connection
        request = exchange.encoded()
        try:
            sent = connection.send_now(request)
        except OSError as error:
            self._lose(exchange, error)
            return
        if sent < len(request):
            self._in_thread(self._send_rest, exchange, request[sent:])
        else:
            self._expect(exchange)

    def wait(self, seconds: float | None) -> list[Answer[Key]]:
        """The answers that have come; when there are none, after `wake` or so many seconds at the latest."""
        if not self._ready:
            self._sleeps = True
            self._ready = self._poll.poll(self._timeout(seconds))
            self._sleeps = self._woken = False
        events, self._ready = self._ready[:MAX_ANSWERS], self._ready[MAX_ANSWERS:]
        for number, _ in events:
            if (exchange := self._reading.get(number)) is not None:
                self._read(exchange)
            elif number in self._idle:  # the server has closed it
                self._idle[number][0].close()
                self._forget(number)
            elif number == self._alarm.fileno():
                self._alarm.recv(1 << 12)
        while self._returned:
            exchange, answer = self._returned.popleft()
            if answer is not None:
                self._settle(exchange, answer.response)
                continue
            assert exchange.connection is not None
            exchange.connection.wait_never()
            self._poll.register(exchange.connection, select.POLLIN)
            self._expect(exchange)
        if self._deadline <= time.monotonic():
            self._give_up_late()
        answers, self._answers = self._answers, []
        return answers

    def _give_up_late(self) -> None:
        """Look for responses whose deadline has come."""
        now = time.monotonic()
        for exchange in [each for each in self._reading.values() if each.deadline <= now]:
            if exchange.received:
                self._in_thread(self._read_rest, exchange)
            else:
                self._lose(exchange, TimeoutError("timed out"))
        self._deadline = min((each.deadline for each in self._reading.values()), default=math.inf)

    def wake(self) -> None:
        """Have `wait` return, the next one if there is none now. Safe for threads and in signal handlers."""
        self._woken = True
        if self._sleeps:
            self._sleeps = False
            with suppress(OSError):  # it is full of such bytes, or closed
                self._waker.send(b"x")

    def close(self) -> None:
        """Give the connections back; nothing is under way any more."""
        while self._idle:
            _, (connection, endpoint) = self._idle.popitem()
            endpoint.release(connection)
        self._alarm.close()
        self._waker.close()

    def _timeout(self, seconds: float | None) -> float | None:
        """How many milliseconds may be waited for news."""
        if self._woken or self._returned or self._answers:
            return 0
        left = min(self._deadline - time.monotonic(), math.inf if seconds is None else seconds)
        return None if left == math.inf else max(0.0, left * 1000)

    def _kept(self, endpoint: Endpoint) -> Connection | None:
        """An idle connection to ``endpoint``."""
        while self._idle:
            number, (connection, its_endpoint) = self._idle.popitem()
            if its_endpoint is endpoint:
                return connection
            self._poll.unregister(number)
            its_endpoint.release(connection)
        return None

    def _expect(self, exchange: _Exchange[Key]) -> None:
        """The request was sent: read the response when it comes."""
        assert exchange.connection is not None
        self._end_by(exchange, exchange.until)
        self._reading[exchange.connection.fileno()] = exchange

    def _end_by(self, exchange: _Exchange[Key], deadline: float) -> None:
        exchange.deadline = deadline
        self._deadline = min(self._deadline, deadline)

    def _read(self, exchange: _Exchange[Key]) -> None:
        """Read what has arrived of a response."""
        connection = exchange.connection
        assert connection is not None
        try:
            while (piece := connection.receive_now()) is not None:
                is_first = not exchange.received
                exchange.received += piece
                try:
                    source = _LATER if piece else _ENDED
                    head = HttpResponse(source, exchange.method, rest=exchange.received)
                    response = Response(head.status, head.headers, head.read())
                except _Incomplete:
                    if is_first:
                        self._end_by(exchange, time.monotonic() + SLOW_SECONDS)
                    continue
                self._keep(exchange, head.will_close)
                self._settle(exchange, response)
                return
        except OSError as error:
            self._lose(exchange, error)
            return
        if len(exchange.received) > MAX_BUFFERED_BYTES:
            self._in_thread(self._read_rest, exchange)

    def _keep(self, exchange: _Exchange[Key], will_close: bool) -> None:
        """The response was read: the connection is free, unless it ``will_close``."""
        connection, encoder = exchange.connection, exchange.encoder
        assert connection is not None
        assert encoder is not None
        if will_close:
            self._drop(exchange)
        else:
            number = connection.fileno()
            del self._reading[number]
            self._idle[number] = (connection, encoder.endpoint)

    def _settle(self, exchange: _Exchange[Key], response: Response | Exception) -> None:
        self._transport.waits.remove(exchange.wait)
        if isinstance(response, Response):
            log_response(exchange.method, exchange.request[1], response, exchange.began)
        self._answers.append(Answer(exchange.key, response, exchange.encoder))

    def _lose(self, exchange: _Exchange[Key], error: OSError) -> None:
        self._drop(exchange)
        self._settle(exchange, lost(exchange.method, exchange.request[1], error))

    def _drop(self, exchange: _Exchange[Key]) -> None:
        """Close the connection of an exchange."""
        assert exchange.connection is not None
        self._forget(exchange.connection.fileno())
        exchange.connection.close()

    def _forget(self, number: int) -> None:
        """A connection is no longer ours."""
        self._poll.unregister(number)
        self._reading.pop(number, None)
        self._idle.pop(number, None)

    def _in_thread(self, work: Callable[..., Any], exchange: _Exchange[Key], *arguments: Any) -> None:
        """Do what may block; after that the exchange is `_returned`."""
        if exchange.connection is not None:
            self._forget(exchange.connection.fileno())

        def run() -> None:
            response: Response | Exception | None
            try:
                response = work(exchange, *arguments)
            except OSError as error:
                if exchange.connection is not None:
                    exchange.connection.close()
                response = lost(exchange.method, exchange.request[1], error)
            except Exception as error:
                response = error
            answer = None if response is None else Answer(exchange.key, response, exchange.encoder)
            self._returned.append((exchange, answer))
            self.wake()

        start_new_thread(run, ())  # one of `threading` would be waited for until it runs

    def _open(
        self, exchange: _Exchange[Key], before: Callable[[], None] | None
    ) -> Response | Exception | None:
        if before is not None:
            try:
                before()
            except Exception as error:
                return error
        exchange.encoder = self._transport.encoder()
        request = exchange.encoded()
        exchange.connection = exchange.encoder.endpoint.acquire(min(CONNECT_SECONDS, exchange.left()))
        exchange.connection.send(request, exchange.left())
        return None

    def _send_rest(self, exchange: _Exchange[Key], rest: bytes) -> None:
        assert exchange.connection is not None
        exchange.connection.send(rest, exchange.left())

    def _read_rest(self, exchange: _Exchange[Key]) -> Response:
        connection, encoder = exchange.connection, exchange.encoder
        assert connection is not None
        assert encoder is not None
        head = connection.response(exchange.method, RESPONSE_TIMEOUT_SECONDS, exchange.received)
        response = Response(head.status, head.headers, head.read())
        if head.will_close:
            connection.close()
        else:
            encoder.endpoint.release(connection)
        return response
