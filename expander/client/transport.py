"""Requests to one cluster with credentials that are kept fresh.

Requests are prepared bytes over kept connections, since typed calls of the official client cost several times
as much. `kubeconfig` reads credentials in files, `exec_plugin` runs the programs that give them. Nothing here
prints or keeps credentials.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Final

from expander.base.dataclass import dataclass
from expander.base.errors import InputError
from expander.base.log import Log
from expander.base.regex import regex
from expander.client.http import (
    CONNECT_SECONDS,
    ENDED_EARLY,
    MAX_BODY_BYTES,
    TOO_LONG,
    Connection,
    Endpoint,
    MalformedResponse,
    RequestEncoder,
)
from expander.client.kubeconfig import (
    ClientConfig,
    client_config,
    kubeconfig_files,
    load_context,
    service_account_config,
)
from expander.client.proxy import ProxyError
from expander.client.waits import Waits

log = Log("client")

CREDENTIAL_TTL_SECONDS: Final = 30.0
"""How long credentials are used before their source is read again."""

CREDENTIAL_RETRY_SECONDS: Final = 2.0
"""How long credentials that could not be had are not asked for again."""

RESPONSE_TIMEOUT_SECONDS: Final = 60.0
"""How long to wait for a response, or its next bytes."""


LOST: Final = "connection lost"
"""What is said of a connection that the server closed before its response was complete."""


class ConnectionLost(Exception):
    """No response arrived: the request may have taken effect or not."""


class NoCredentials(ConnectionLost):
    """No request was sent, as credentials could not be renewed; they may be had later.

    A plugin or file that gives none when the program begins is an InputError.
    """


class HttpError(ConnectionLost):
    """The response to a streaming request is an error; names of ``headers`` are in lower case."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Response:
    """A response; names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def warnings(self) -> tuple[str, ...]:
        """The texts of its Warning headers (299, as API servers send them)."""
        found = _WARNING.findall(text) if (text := self.headers.get("warning")) else ()
        return tuple(re.sub(r"\\(.)", r"\1", text) for text in found)


_WARNING: Final = regex(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class Transport:
    """Sends requests to one cluster; safe for threads.

    ``kubeconfig`` and ``context`` are kubectl's options of those names; without a kubeconfig anywhere the
    service account of this pod is used. ``server`` is the URL without credentials, ``namespace`` that of the
    context, ``waits`` are the requests under way. Raises InputError when no cluster is configured or there
    are no credentials.
    """

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        self._source = kubeconfig, context
        self.waits = Waits()
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._encoder = _encoder(*self._source)
        self._rejected = False
        self._streams: set[Connection] = set()
        self._failed: tuple[float, str] = (-CREDENTIAL_RETRY_SECONDS, "")
        self.server: str = self._encoder.config.shown
        self.local_state: str = self._encoder.config.local_state
        self.namespace: str = self._encoder.config.namespace

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str | None = None,
        seconds: float = RESPONSE_TIMEOUT_SECONDS,
    ) -> Response:
        """One request; ``path`` may have a query. Raises ConnectionLost when no response arrives.

        ``content_type`` is that of ``body``, by default JSON, or a merge patch for PATCH; ``seconds`` are how
        long the server may say nothing, `RESPONSE_TIMEOUT_SECONDS` at most. Raises `NoCredentials` when they
        cannot be renewed.
        """
        with self.waits.begin():
            return self._request(method, path, body, content_type, min(seconds, RESPONSE_TIMEOUT_SECONDS))

    def _request(
        self, method: str, path: str, body: bytes | None, content_type: str | None, seconds: float
    ) -> Response:
        began = time.monotonic()
        encoder = self.encoder()
        try:
            connection = encoder.endpoint.acquire(min(CONNECT_SECONDS, seconds))
        except OSError as error:
            raise lost(method, path, error) from None
        try:
            head = connection.exchange(method, encoder.encode(method, path, body, content_type), seconds)
            response = Response(head.status, head.headers, head.read())
        except OSError as error:
            connection.close()
            raise lost(method, path, error) from None
        except BaseException:
            connection.close()
            raise
        if head.will_close:
            connection.close()
        else:
            encoder.endpoint.release(connection)
        log_response(method, path, response, began)
        return response

    def watch(self, path: str) -> Iterator[bytes]:
        """The lines of a response that stays open, until the server ends it. Raises ConnectionLost."""
        parts: list[bytes] = []
        size = 0
        for chunk in self.stream(path):
            *lines, rest = chunk.split(b"\n")
            if lines:
                lines[0] = b"".join([*parts, lines[0]])
                parts, size = [], 0
                yield from (line for line in lines if line)
            parts.append(rest)
            size += len(rest)
            if size > MAX_BODY_BYTES:
                raise ConnectionLost(TOO_LONG)

    def stream(self, path: str, timeout: float = RESPONSE_TIMEOUT_SECONDS) -> Iterator[bytes]:
        """The body of a response in pieces as they arrive, until the server ends it.

        ``timeout`` is the longest time between pieces, in seconds. Raises HttpError when the response is an
        error, ConnectionLost when there is none or it breaks off; see `request` for `NoCredentials`.
        """
        encoder = self.encoder()
        connection = None
        try:
            connection = encoder.endpoint.acquire()
            self._streams.add(connection)
            head = connection.exchange("GET", encoder.encode("GET", path), timeout)
            log.debug("GET %(path)s %(status)d, streaming", path=path, status=head.status)
            if head.status != 200:
                raise HttpError(head.status, head.read(1 << 16), head.headers)
            yield from head.pieces()
        except OSError as error:
            raise lost("GET", path, error) from None
        finally:
            if connection is not None:
                self._streams.discard(connection)
                connection.close()

    def refresh(self, used: RequestEncoder | None = None) -> None:
        """Renew credentials before the next request: those of ``used`` were rejected.

        Without ``used`` those of this thread's last request were.
        """
        with self._lock:
            last = used or getattr(self._thread, "encoder", None)
            self._rejected = self._rejected or last is self._encoder

    def close(self) -> None:
        """End streams, close idle connections, and others once their response was read."""
        with self._lock:
            self._encoder.endpoint.close()
        for connection in tuple(self._streams):
            connection.end()

    @property
    def fresh_encoder(self) -> RequestEncoder | None:
        """The encoder for the next request, unless credentials have to be renewed first."""
        now, encoder = time.monotonic(), self._encoder
        return None if self._rejected or now - encoder.since >= CREDENTIAL_TTL_SECONDS else encoder

    def encoder(self) -> RequestEncoder:
        """The encoder for the next request, which may take a while. Raises `NoCredentials`."""
        with self._lock:
            if self.fresh_encoder is None:
                failed_at, why = self._failed
                if time.monotonic() - failed_at < CREDENTIAL_RETRY_SECONDS:
                    raise NoCredentials(why)
                try:
                    self._renew()
                except InputError as error:
                    why = error.problems[0].message
                    log.info("%(why)s", why=why)
                    self._failed = time.monotonic(), why
                    raise NoCredentials(why) from None
            self._thread.encoder = self._encoder
            return self._encoder

    def _renew(self) -> None:
        old = self._encoder
        if not self._rejected:
            self._encoder = RequestEncoder(old.config, old.endpoint)
            return
        log.info("credentials were rejected: reading them again")
        self._encoder = _encoder(*self._source)
        self._rejected = False
        old.endpoint.close()


def _encoder(kubeconfig: str | None, context: str | None) -> RequestEncoder:
    config = _config(kubeconfig, context)
    return RequestEncoder(config, Endpoint(config))


def _config(kubeconfig: str | None, name: str | None) -> ClientConfig:
    source = kubeconfig_files(kubeconfig)
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
    if kubeconfig is None and in_pod and not any(map(os.path.exists, source.split(os.pathsep))):
        return service_account_config()
    context = load_context(source, name)
    if context.user.get("exec"):
        from expander.client.exec_plugin import plugin_config

        return plugin_config(context)
    if context.user.get("auth-provider"):
        from expander.client.auth_provider import provider_config

        return provider_config(source, context)
    return client_config(context)


_ERRORS: Final = {
    "Connection refused": "connection refused",
    "timed out": "timed out",
    "certificate verify failed": "certificate verify failed",
    "WRONG_VERSION_NUMBER": "the server does not speak HTTPS, and the kubeconfig says https://",
    "RECORD_LAYER_FAILURE": "the server does not speak HTTPS, and the kubeconfig says https://",
    "No route to host": "no route to host",
    "Network is unreachable": "network is unreachable",
    "Address family not supported": "address family not supported",
}
"""What is said of a connection error, by a part of its text."""


def log_response(method: str, path: str, response: Response, began: float) -> None:
    """Log a response to a request that began at a time of `time.monotonic`."""
    if log.enabled():
        log.debug(
            "%(method)s %(path)s %(status)d, %(bytes)d bytes, %(milliseconds).0f ms",
            method=method,
            path=path,
            status=response.status,
            bytes=len(response.body),
            milliseconds=(time.monotonic() - began) * 1000,
        )


def lost(method: str, path: str, error: OSError) -> ConnectionLost:
    """The error of a request whose connection failed."""
    words = describe(error)
    log.debug("%(method)s %(path)s: %(error)s", method=method, path=path, error=words)
    return ConnectionLost(words)


def describe(error: OSError) -> str:
    """What went wrong with a connection, without what some errors carry of the request."""
    text = str(error)
    if isinstance(error, ProxyError):
        return text
    if isinstance(error, MalformedResponse):
        return LOST if text == ENDED_EARLY else text
    if isinstance(error, socket.gaierror):
        return "no such host"
    return next((words for sign, words in _ERRORS.items() if sign in text), LOST)
