"""The tcpSocket and httpGet handlers of probes and hooks, on sockets that do not block (pkg/probe)."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from expander.local.kubelet.probes import Result

if TYPE_CHECKING:
    import ssl

POLL_SECONDS = (0.002, 0.05)
"""Seconds between two looks at a socket: the first, and the longest."""
MAX_HEAD_BYTES = 64 * 1024
"""Bytes of an answer that are read to find its status."""


class TcpSocketAttempt:
    """A connection to a port; `HttpGetAttempt` goes on from there."""

    def __init__(self, host: str, port: int, timeout: float, now: float) -> None:
        self.place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.due = now
        self._until = now + timeout
        self._pause = POLL_SECONDS[0]
        self._error: str | None = None
        self._connected = False
        self.socket: socket.socket | ssl.SSLSocket | None = None
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self.socket = socket.socket(family, socket.SOCK_STREAM)
            self.socket.setblocking(False)
            self.socket.connect_ex(address)
        except OSError as error:
            self._error = f"dial tcp {self.place}: {_words(error)}"

    def poll(self, now: float) -> Result | None:
        try:
            found = self._poll()
        except OSError as error:
            found = Result(False, self.failure(f"dial tcp {self.place}: connect: {_words(error)}"))
        if found is None and now >= self._until:
            found = Result(False, self.failure(self.too_late()))
        if found is not None:
            self.cancel()
            return found
        self.due = min(now + self._pause, self._until)
        self._pause = min(self._pause * 2, POLL_SECONDS[1])
        return None

    def _poll(self) -> Result | None:
        if self._error is not None or self.socket is None:
            return Result(False, self.failure(self._error or "no socket"))
        if not self._connected:
            if not _ready(self.socket, select.POLLOUT):
                return None
            number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, "")
            self._connected = True
        return self.connected()

    def connected(self) -> Result | None:
        """What comes of it once there is a connection."""
        return Result(True)

    def failure(self, what: str) -> str:
        """A failure in the kubelet's words."""
        return what

    def too_late(self) -> str:
        return f"dial tcp {self.place}: i/o timeout"

    def cancel(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def _ready(of: socket.socket, what: int) -> bool:
    poll = select.poll()
    poll.register(of, what)
    return bool(poll.poll(0))


def _words(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)


class HttpGetAttempt(TcpSocketAttempt):
    """An HTTP request; redirects are not followed, and certificates not checked.

    ``strict``: the status decides, as in a probe; otherwise any answer is a success, as in a hook.
    """

    def __init__(
        self,
        url: tuple[str, str, int, str],
        headers: Sequence[tuple[str, str]],
        strict: bool,
        timeout: float,
        now: float,
    ) -> None:
        scheme, host, port, path = url
        super().__init__(host, port, timeout, now)
        self._url = f"{scheme.lower()}://{self.place}{path}"
        self._secure = scheme.upper() == "HTTPS"
        self._strict = strict
        self._answer = b""
        self._shaken = False
        given = {name.lower() for name, _ in headers}
        usual = [
            ("Host", self.place),
            ("User-Agent", "kube-probe/1.36"),
            ("Accept", "*/*"),
            ("Connection", "close"),
        ]
        lines = [f"GET {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in usual if name.lower() not in given]
        lines += [f"{name}: {value}" for name, value in headers]
        self._left = ("\r\n".join(lines) + "\r\n\r\n").encode()

    def connected(self) -> Result | None:
        try:
            return self._exchange()
        except BlockingIOError:
            return None
        except OSError as error:
            if self._secure and _is_patient(error):
                return None
            raise

    def _exchange(self) -> Result | None:
        """Send what is left of the request, read what there is of the answer."""
        assert self.socket is not None
        if self._secure and not self._shaken:
            self.socket = _secured(self.socket)
            self.socket.do_handshake()
            self._shaken = True
        while self._left:
            self._left = self._left[self.socket.send(self._left) :]
        while b"\r\n" not in self._answer and len(self._answer) < MAX_HEAD_BYTES:
            data = self.socket.recv(4096)
            if not data:
                return Result(False, self.failure("EOF"))
            self._answer += data
        words = self._answer.split(b"\r\n", 1)[0].split()
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
            return Result(False, self.failure("malformed HTTP response"))
        status = int(words[1])
        if 200 <= status < 400 or not self._strict:
            return Result(True)
        return Result(False, f"HTTP probe failed with statuscode: {status}")

    def failure(self, what: str) -> str:
        return f'Get "{self._url}": {what}'

    def too_late(self) -> str:
        return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


def _is_patient(error: OSError) -> bool:
    """Whether TLS only waits for the other side."""
    import ssl

    return isinstance(error, (ssl.SSLWantReadError, ssl.SSLWantWriteError))


def _secured(plain: socket.socket | ssl.SSLSocket) -> ssl.SSLSocket:
    """The socket with TLS over it, once."""
    import ssl

    if isinstance(plain, ssl.SSLSocket):
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, do_handshake_on_connect=False)
