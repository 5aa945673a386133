"""Reads answers of HTTP/1.1 from a connection: what servers and proxies of Kubernetes send, and no more.

http.client reads headers as those of mail, which takes longer than all else that is done for a request.

Connections to a server that are kept: one request at a time on each, with as little work as possible.

What is sent is one write of prepared bytes, which with `answers` costs a fifth of what a general HTTP library
takes.

Requests as bytes: what is the same for all that are made with the same credentials is made once.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from expander.base.errors import InputError
from expander.client.kubeconfig import ClientConfig, no_cluster_error
from expander.client.proxy import authorization, connect, proxy_for

MAX_HEADER_BYTES: Final = 1 << 17
"""Bytes of headers after which an answer is none."""

READ_BYTES: Final = 1 << 16


class MalformedResponse(OSError):
    """What came is not an answer, or ended in the middle of one."""


class HttpResponse:
    """The answer to a ``method``: its status and headers (names in lower case); the body is still to be read.

    Raises Malformed and OSError, as all of its methods do.
    """

    def __init__(self, sock: socket.socket, method: str) -> None:
        self._socket = sock
        self._rest = b""
        self.status = 100
        while self.status < 200:  # 100 and its like announce the answer
            self._read_head()
        coded = self.headers.get("transfer-encoding", "").lower()
        self._chunked = coded.endswith("chunked")
        self._length: int | None = None
        if method == "HEAD" or self.status in (204, 304):
            self._length, self._chunked = 0, False
        elif not self._chunked and "content-length" in self.headers:
            self._length = _number(self.headers["content-length"].encode(), 10)
        self.will_close = (
            "close" in self.headers.get("connection", "").lower()
            or not self._newer
            or (self._length is None and not self._chunked)
        )

    def read(self, most: int | None = None) -> bytes:
        """The whole body, or about its first ``most`` bytes."""
        found: list[bytes] = []
        size = 0
        for piece in self.pieces():
            found.append(piece)
            size += len(piece)
            if most is not None and size >= most:
                break
        return b"".join(found)

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes."""
        if self._chunked:
            yield from self._chunks()
        elif self._length is not None:
            yield from self._exactly(self._length)
            self.will_close = self.will_close or bool(self._rest)
        else:
            if self._rest:
                yield self._rest
            while piece := self._socket.recv(READ_BYTES):
                yield piece

    def _read_head(self) -> None:
        head = self._until(b"\r\n\r\n", MAX_HEADER_BYTES)
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise MalformedResponse("the answer is not HTTP/1.1")
        self._newer = version != "HTTP/1.0"
        self.status = int(rest[:3])
        self.headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = _number(self._until(b"\r\n", MAX_HEADER_BYTES).partition(b";")[0].strip(), 16)
            if size == 0:
                while self._until(b"\r\n", MAX_HEADER_BYTES):
                    pass  # trailers
                return
            yield from self._exactly(size)
            if self._until(b"\r\n", MAX_HEADER_BYTES):
                raise MalformedResponse("a chunk is longer than it says")

    def _exactly(self, count: int) -> Iterator[bytes]:
        while count:
            piece = self._rest or self._receive()
            self._rest = piece[count:]
            piece = piece[:count]
            count -= len(piece)
            yield piece

    def _until(self, end: bytes, most: int) -> bytes:
        """What comes before ``end``."""
        found = self._rest
        while (at := found.find(end)) < 0:
            if len(found) > most:
                raise MalformedResponse("a line of the answer does not end")
            found += self._receive()
        self._rest = found[at + len(end) :]
        return found[:at]

    def _receive(self) -> bytes:
        piece = self._socket.recv(READ_BYTES)
        if not piece:
            raise MalformedResponse("the answer ended too early")
        return piece


def _number(text: bytes, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise MalformedResponse("the answer has no length")
    return number


CONNECT_SECONDS: Final = 10.0
"""Seconds to wait for a connection."""


class Endpoint:
    """A server and the connections to it; safe for threads.

    ``prefix`` goes before the path of each request, ``head`` has the first lines after the request line.
    Raises InputError for unusable certificates and proxies.
    """

    def __init__(self, access: ClientConfig) -> None:
        parts = urlsplit(access.server)
        self._context = tls(access) if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._context else 80)
        self._name = access.server_name or self._host
        self._idle: list[Connection] = []
        self._closed = False
        self._proxy = proxy_for(access.server, access.proxy, os.environ)
        place = parts.netloc.rpartition("@")[2]
        self.prefix = parts.path.rstrip("/")
        self.head = f"Host: {place}\r\n"
        if self._proxy.startswith("http:") and self._context is None:
            self.prefix = f"http://{place}{self.prefix}"
            self.head += authorization(self._proxy)

    def take(self) -> Connection:
        """A connection for one request; `give` it back when the answer was read. Raises OSError."""
        while self._idle:
            try:
                found = self._idle.pop()
            except IndexError:
                break
            if found.is_open():
                return found
            found.close()
        plain = self._connect()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            return Connection(plain)
        try:
            return Connection(self._context.wrap_socket(plain, server_hostname=self._name))
        except BaseException:
            plain.close()
            raise

    def _connect(self) -> socket.socket:
        if not self._proxy:
            return socket.create_connection((self._host, self._port), CONNECT_SECONDS)
        return connect(self._proxy, self._host, self._port, CONNECT_SECONDS, tunnel=self._context is not None)

    def give(self, connection: Connection) -> None:
        """Keep a connection for the next request, unless there is to be none."""
        self._idle.append(connection)
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close what is not in use now, and later what is in use."""
        self._closed = True
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return


class Connection:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def is_open(self) -> bool:
        """Whether the server has kept it: it says nothing before it is asked, but for its end."""
        return not self._poll.poll(0)

    def ask(self, method: str, request: bytes, silence: float) -> HttpResponse:
        """Send a whole request; the beginning of its answer. Raises OSError."""
        self._socket.settimeout(silence)
        self._socket.sendall(request)
        return HttpResponse(self._socket, method)

    def close(self) -> None:
        """Give it up."""
        self._socket.close()


def tls(access: ClientConfig) -> ssl.SSLContext:
    """The settings of TLS for a server. Raises InputError when a certificate or key cannot be used."""
    try:
        context = ssl.create_default_context(cadata=access.authority or None)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # kubectl accepts authorities that lack extensions
        if not access.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if access.certificate:
            _load_certificate(context, access)
    except (ssl.SSLError, ValueError, OSError):
        raise no_cluster_error("a certificate or key of the kubeconfig cannot be used") from None
    return context


def _load_certificate(context: ssl.SSLContext, access: ClientConfig) -> None:
    """OpenSSL takes a private key from a file only: it is there, for this user alone, while it is read."""
    with tempfile.TemporaryDirectory(prefix="expander-") as folder:
        path = os.path.join(folder, "pem")
        with open(path, "w", encoding="utf-8", opener=_private) as file:
            file.write(f"{access.certificate}\n{access.key}\n")
        context.load_cert_chain(path, password="")  # never ask on the terminal


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
"""What a body is unless it is told: that of a PATCH, and any other."""


class RequestEncoder:
    """An endpoint, and what is shown to it. ``since`` is when the credentials were read, on `time.monotonic`.

    Raises InputError when the credentials cannot be had.
    """

    def __init__(self, access: ClientConfig, endpoint: Endpoint) -> None:
        self.access = access
        self.endpoint = endpoint
        self.since = time.monotonic()
        shown = access.authorization()
        headers = [("Authorization", shown)] if shown else []
        headers += [*access.impersonation, ("Accept", JSON), ("User-Agent", "expander")]
        if any("\r" in value or "\n" in value for _, value in headers):
            raise InputError("the credentials have a line break in them")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self._head = f" HTTP/1.1\r\n{endpoint.head}{lines}".encode()

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None
    ) -> bytes:
        """A whole request. A ``body`` is JSON, or a merge patch of a PATCH, unless ``content_type`` tells."""
        first = f"{method} {self.endpoint.prefix}{path}".encode()
        if body is None:
            return first + self._head + b"\r\n"
        kind = content_type or (MERGE_PATCH if method == "PATCH" else JSON)
        about = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        return first + self._head + about + body
