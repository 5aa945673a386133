"""Connections to a server that are kept: one request at a time on each, with as little work as possible.

What is sent is one write of prepared bytes, which with `answers` costs a fifth of what a general HTTP library
takes.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import tempfile
from typing import Final
from urllib.parse import urlsplit

from expander.cluster.access import Access, no_cluster
from expander.cluster.answers import Answer
from expander.cluster.proxies import authorization, connect, proxy_for

CONNECT: Final = 10.0
"""Seconds to wait for a connection."""


class Endpoint:
    """A server and the connections to it; safe for threads.

    ``prefix`` goes before the path of each request, ``head`` has the first lines after the request line.
    Raises InputError for unusable certificates and proxies.
    """

    def __init__(self, access: Access) -> None:
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
            return socket.create_connection((self._host, self._port), CONNECT)
        return connect(self._proxy, self._host, self._port, CONNECT, tunnel=self._context is not None)

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

    def ask(self, method: str, request: bytes, silence: float) -> Answer:
        """Send a whole request; the beginning of its answer. Raises OSError."""
        self._socket.settimeout(silence)
        self._socket.sendall(request)
        return Answer(self._socket, method)

    def close(self) -> None:
        """Give it up."""
        self._socket.close()


def tls(access: Access) -> ssl.SSLContext:
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
        raise no_cluster("a certificate or key of the kubeconfig cannot be used") from None
    return context


def _load_certificate(context: ssl.SSLContext, access: Access) -> None:
    """OpenSSL takes a private key from a file only: it is there, for this user alone, while it is read."""
    with tempfile.TemporaryDirectory(prefix="expander-") as folder:
        path = os.path.join(folder, "pem")
        with open(path, "w", encoding="utf-8", opener=_private) as file:
            file.write(f"{access.certificate}\n{access.key}\n")
        context.load_cert_chain(path, password="")  # never ask on the terminal


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
