"""HTTP/1.1 to one server: kept connections, prepared requests, and a reader of responses.

A request is one write of prepared bytes over a kept connection, which costs a fifth of what a general HTTP
library takes: http.client parses headers as those of mail.
"""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias
from urllib.parse import SplitResult, urlsplit

from expander.base.errors import InputError
from expander.client.kubeconfig import ClientConfig, no_cluster_error
from expander.client.proxy import authorization, connect, proxy_for

if TYPE_CHECKING:
    from ssl import SSLContext

MAX_HEADER_BYTES: Final = 1 << 17
"""Bytes of headers after which a response is malformed."""

MAX_BODY_BYTES: Final = 1 << 26
"""Bytes of a body, decompressed, after which a response is malformed; streamed bodies have no limit."""

MAX_INTERIM_RESPONSES: Final = 100
"""Interim responses (1xx) after which a response is malformed."""

BODY_SECONDS: Final = 300.0
"""The longest time that a body which is read as a whole may take."""

LINE_SECONDS: Final = 60.0
"""The longest time from the first byte of a line, or of a head, to its last."""

READ_BYTES: Final = 1 << 16
LARGE_READ_BYTES: Final = 1 << 20
"""Bytes that are read at once at most, of what may come and of a body that is as long: a thread that reads
beside a busy one has to wait each time.
"""

CONNECT_SECONDS: Final = 10.0

_WITHOUT_FAMILY: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.ENETUNREACH)
"""What a machine without IPv4, or IPv6, says of an address of it; of no use beside what another one says."""

MIN_SECONDS: Final = 0.001
"""The shortest time for a step of a request; 0 would mean to wait for nothing."""

ADDRESS_SECONDS: Final = 10.0
"""How long the addresses of a server are used before its name is looked up again."""

ENDED_EARLY: Final = "the response ended early"

TOO_LONG: Final = f"the response is longer than {MAX_BODY_BYTES >> 20} MiB"

WouldBlock: TypeAlias = tuple[type[OSError], ...]

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
"""The default content type of a PATCH; that of other bodies is JSON."""


class MalformedResponse(OSError):
    """What arrived is not a response, or ended early."""


class Source(Protocol):
    """Where the bytes of a response come from, such as a socket."""

    def recv(self, most: int, /) -> bytes:
        """Some bytes, none at the end. Raises OSError."""


class HttpResponse:
    """The response to a ``method``: its status and headers (names in lower case); the body is read later.

    The head has to come within ``timeout`` seconds; ``rest`` is what was read of it before. Every method
    raises MalformedResponse and OSError.
    """

    def __init__(
        self, source: Source, method: str, timeout: float = CONNECT_SECONDS, rest: bytes = b""
    ) -> None:
        self._source = source
        self._rest = rest
        self._deadline = time.monotonic() + timeout
        self.status, heads = 100, 0
        while self.status < 200:  # interim responses
            self._read_head()
            heads += 1
            if heads > MAX_INTERIM_RESPONSES:
                raise MalformedResponse("too many interim responses")
        self._deadline = math.inf
        self._chunked = self.headers.get("transfer-encoding", "").lower().endswith("chunked")
        self._length: int | None = None
        if method == "HEAD" or self.status in (204, 304):
            self._length, self._chunked = 0, False
        elif not self._chunked and "content-length" in self.headers:
            self._length = _number(self.headers["content-length"].encode(), 10)
        self.will_close = (
            "close" in self.headers.get("connection", "").lower()
            or not self._keeps_alive
            or (self._length is None and not self._chunked)
        )

    def read(self, most: int | None = None) -> bytes:
        """The whole body, or about its first ``most`` bytes; decompressed where a proxy compressed it."""
        is_there = len(self._rest) == self._length  # as of most responses
        body = self._rest if is_there else self._received(most)
        return _gunzip(body) if self.headers.get("content-encoding", "").lower() == "gzip" else body

    def _received(self, most: int | None) -> bytes:
        found: list[bytes] = []
        size = 0
        self._deadline = time.monotonic() + BODY_SECONDS
        for piece in self.pieces():
            found.append(piece)
            size += len(piece)
            if most is not None and size >= most:
                break
            if size > MAX_BODY_BYTES:
                raise MalformedResponse(TOO_LONG)
        return b"".join(found)

    def pieces(self) -> Iterator[bytes]:
        """The body in pieces, as it arrives."""
        if self._chunked:
            yield from self._chunks()
        elif self._length is not None:
            yield from self._exactly(self._length)
            self.will_close = self.will_close or bool(self._rest)
        else:
            if self._rest:
                yield self._rest
            while piece := self._some():
                yield piece

    def _read_head(self) -> None:
        head = self._until(b"\r\n\r\n", MAX_HEADER_BYTES)
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1.") or not (rest[:3].isascii() and rest[:3].isdigit()):
            raise MalformedResponse("the response is not HTTP/1.1")
        self._keeps_alive = version != "HTTP/1.0"
        self.status = int(rest[:3])
        found = [_header(line) for line in lines]
        self.headers: dict[str, str] = dict(found)
        if "warning" in self.headers:  # of which there may be several
            self.headers["warning"] = ", ".join(value for name, value in found if name == "warning")

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = _number(self._until(b"\r\n", MAX_HEADER_BYTES).partition(b";")[0].strip(), 16)
            if size == 0:
                size = MAX_HEADER_BYTES
                while trailer := self._until(b"\r\n", size):
                    size -= len(trailer)
                return
            yield from self._exactly(size)
            if self._until(b"\r\n", MAX_HEADER_BYTES):
                raise MalformedResponse("a chunk is longer than its size")

    def _exactly(self, count: int) -> Iterator[bytes]:
        while count:
            piece = self._rest or self._receive(count)
            self._rest = piece[count:]
            piece = piece[:count]
            count -= len(piece)
            yield piece

    def _until(self, end: bytes, most: int) -> bytes:
        """What comes before ``end``."""
        found, before = self._rest, self._deadline
        while (at := found.find(end)) < 0:
            if found.startswith(b"\x15\x03"):  # a TLS alert
                raise MalformedResponse("the server expects HTTPS, and the kubeconfig says http://")
            if len(found) > most:
                raise MalformedResponse("a header line does not end")
            found += self._receive()
            self._deadline = min(self._deadline, time.monotonic() + LINE_SECONDS)
        self._rest, self._deadline = found[at + len(end) :], before
        return found[:at]

    def _receive(self, most: int = 0) -> bytes:
        piece = self._some(most)
        if not piece:
            raise MalformedResponse(ENDED_EARLY)
        return piece

    def _some(self, most: int = 0) -> bytes:
        """Some bytes; of ``most`` that are to come as many at once as `LARGE_READ_BYTES` are."""
        if time.monotonic() > self._deadline:
            raise TimeoutError("timed out")
        return self._source.recv(max(READ_BYTES, min(most, LARGE_READ_BYTES)))


@lru_cache(maxsize=256)
def _header(line: str) -> tuple[str, str]:
    """The name of a header, in lower case, and its value; most are the same in each response."""
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def _number(text: bytes, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise MalformedResponse("the response has no valid length")
    return number


def _gunzip(body: bytes) -> bytes:
    """The content of a gzip body, which was not asked for: some proxies compress all the same."""
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = decompressor.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise MalformedResponse("the response is not valid gzip") from None
    if len(content) > MAX_BODY_BYTES:
        raise MalformedResponse(TOO_LONG)
    if not decompressor.eof:
        raise MalformedResponse("the response is not valid gzip")
    return content


class Endpoint:
    """A server and the idle connections to it; safe for threads.

    ``prefix`` goes before the path of each request; ``head`` has the header lines that every request has.
    Raises InputError for unusable certificates and proxies.
    """

    def __init__(self, config: ClientConfig) -> None:
        parts = _server_url(config.server)
        self._context: SSLContext | None = None
        self._would_block: WouldBlock = (BlockingIOError,)
        if parts.scheme == "https":
            from expander.client import tls  # only who needs it pays for it

            self._context, self._would_block = tls.tls_context(config), tls.WOULD_BLOCK
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._context else 80)
        self._name = config.server_name or self._host
        self._found: tuple[float, list[Any]] = (-math.inf, [])
        self._idle: list[Connection] = []
        self._closed = False
        self._proxy = proxy_for(config.server, config.proxy, os.environ)
        authority = parts.netloc.rpartition("@")[2]
        self.prefix = parts.path.rstrip("/")
        self.head = f"Host: {authority}\r\n"
        if self._proxy.startswith("http:") and self._context is None:
            self.prefix = f"http://{authority}{self.prefix}"
            self.head += authorization(self._proxy)

    def acquire(self, seconds: float = CONNECT_SECONDS) -> Connection:
        """A connection for one request, made within ``seconds``; `release` it once the response was read.

        Raises OSError.
        """
        while self._idle:
            try:
                found = self._idle.pop()
            except IndexError:
                break
            if found.is_open():
                return found
            found.close()
        plain = self._connect(seconds)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            return Connection(plain, self._would_block)
        try:
            wrapped = self._context.wrap_socket(plain, server_hostname=self._name)
            return Connection(wrapped, self._would_block)
        except BaseException:
            plain.close()
            raise

    def _connect(self, seconds: float) -> socket.socket:
        if self._proxy:
            return connect(self._proxy, self._host, self._port, seconds, tunnel=self._context is not None)
        until, failed = time.monotonic() + seconds, OSError("no address")
        found = self._addresses()
        for number, (family, kind, protocol, _, address) in enumerate(found):
            share = (until - time.monotonic()) / (len(found) - number)  # one may be silent
            try:
                return _connected(family, kind, protocol, address, max(share, MIN_SECONDS))
            except OSError as error:
                if not number or error.errno not in _WITHOUT_FAMILY:
                    failed = error
        self._found = (-math.inf, [])
        raise failed

    def _addresses(self) -> list[Any]:
        """The addresses of the server, looked up once for connections made at about the same time."""
        now = time.monotonic()
        since, found = self._found
        if now - since >= ADDRESS_SECONDS:
            # a text would be brought to IDNA first, with tables that take long to load
            host: Any = self._host.encode() if self._host.isascii() else self._host
            found = socket.getaddrinfo(host, self._port, type=socket.SOCK_STREAM)
            self._found = now, found
        return found

    def release(self, connection: Connection) -> None:
        """Keep a connection for the next request; after `close` it is closed."""
        self._idle.append(connection)
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close idle connections now, and those in use when they are released."""
        self._closed = True
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return


def _server_url(server: str) -> SplitResult:
    """The parts of the URL of a server. Raises InputError when it is none."""
    try:
        parts = urlsplit(server)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:  # the port or an IPv6 address
        good = False
    if not good or not server.isprintable() or " " in server:
        raise no_cluster_error("the server of the kubeconfig is not a URL; expected https://HOST:PORT")
    return parts


def _connected(family: int, kind: int, protocol: int, address: Any, seconds: float) -> socket.socket:
    plain = socket.socket(family, kind, protocol)
    try:
        plain.settimeout(seconds)
        plain.connect(address)
    except BaseException:
        plain.close()
        raise
    return plain


class Connection:
    """One connection, for one request at a time; its socket raises ``would_block`` instead of waiting."""

    def __init__(self, sock: socket.socket, would_block: WouldBlock) -> None:
        self._socket = sock
        self._would_block = would_block
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def is_open(self) -> bool:
        """Whether the server has kept it: an idle connection becomes readable only when it ends."""
        return not self._poll.poll(0)

    def fileno(self) -> int:
        """The descriptor of its socket."""
        return self._socket.fileno()

    def exchange(self, method: str, request: bytes, timeout: float) -> HttpResponse:
        """Send a whole request; the head of its response. ``timeout`` is per read. Raises OSError."""
        self.send(request, timeout)
        return self.response(method, timeout)

    def send(self, request: bytes, timeout: float) -> None:
        """Send a whole request, or the rest of one. Raises OSError."""
        self._socket.settimeout(timeout)
        self._socket.sendall(request)

    def response(self, method: str, timeout: float, rest: bytes = b"") -> HttpResponse:
        """The head of the response, of which ``rest`` was read before. Raises OSError."""
        self._socket.settimeout(timeout)
        return HttpResponse(self._socket, method, timeout, rest)

    def wait_never(self) -> None:
        """From now on `send_now` and `receive_now` are used."""
        self._socket.settimeout(0)

    def send_now(self, request: bytes) -> int:
        """How many bytes could be sent at once. Raises OSError."""
        try:
            return self._socket.send(request)
        except self._would_block:
            return 0

    def receive_now(self) -> bytes | None:
        """What has arrived, None when that is nothing; no bytes at the end. Raises OSError."""
        try:
            return self._socket.recv(READ_BYTES)
        except self._would_block:
            return None

    def end(self) -> None:
        """Let whoever reads from it, in another thread, see its end."""
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # beneath TLS, safe for threads

    def close(self) -> None:
        """Close it."""
        self._socket.close()


class RequestEncoder:
    """Encodes requests to an endpoint with one set of credentials, whose header lines are made once.

    ``since`` is when the credentials were read (`time.monotonic`). Raises InputError when they cannot be had.
    """

    def __init__(self, config: ClientConfig, endpoint: Endpoint) -> None:
        self.config = config
        self.endpoint = endpoint
        self.since = time.monotonic()
        credentials = config.authorization()
        headers = [("Authorization", credentials)] if credentials else []
        headers += [*config.impersonation, ("Accept", JSON), ("User-Agent", "expander")]
        if any("\r" in value or "\n" in value for _, value in headers):
            raise InputError("the credentials contain a line break")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self._head = f" HTTP/1.1\r\n{endpoint.head}{lines}".encode()

    def encode(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None
    ) -> bytes:
        """A whole request. A ``body`` is JSON, or a merge patch of a PATCH, unless ``content_type`` tells."""
        first = f"{method} {self.endpoint.prefix}{path}".encode()
        if body is None:
            return first + self._head + b"\r\n"
        kind = content_type or (MERGE_PATCH if method == "PATCH" else JSON)
        about = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        return first + self._head + about + body
