"""The connection to a cluster, and the credentials that are shown to it.

Requests go as prepared bytes over kept connections, since the official client's typed calls cost several
times as much. Credentials that lie in files are read by `access`; the official client runs exec plugins and
providers and reads the service account of a pod (see `official`). Nothing here prints or keeps credentials.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from expander.base.errors import InputError
from expander.client.http import Endpoint, RequestEncoder
from expander.client.kubeconfig import ClientConfig, client_config, load_context
from expander.client.proxy import ProxyError

CREDENTIAL_TTL_SECONDS: Final = 30.0
"""Seconds for which the headers that authenticate are used without asking for them again."""

CREDENTIAL_RETRY_SECONDS: Final = 2.0
"""Seconds after credentials could not be had in which that is not tried again."""

RESPONSE_TIMEOUT_SECONDS: Final = 60.0
"""Seconds to wait for an answer: what a server does not answer in that time is lost."""


class ConnectionLost(Exception):
    """There was no answer: the request may have taken effect or not."""


class HttpError(ConnectionLost):
    """The answer is an error instead of what was asked for: its ``status`` and ``body``."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Requests to one cluster from any number of threads.

    ``kubeconfig`` and ``context`` are what kubectl's options of those names mean; without a kubeconfig
    anywhere the service account of the pod this runs in is used. ``server`` is the URL as it may be shown.
    Raises InputError when there is neither, or the credentials cannot be had.
    """

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        self._asked = kubeconfig, context
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._session = _session(*self._asked)
        self._stale = False
        self._failed: tuple[float, str] = (-CREDENTIAL_RETRY_SECONDS, "")
        self.server: str = self._session.access.shown
        self.namespace: str = self._session.access.namespace

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None
    ) -> Response:
        """One request; ``path`` may have a query. Raises Lost when no answer came.

        ``content_type`` is what ``body`` is: JSON, or a merge patch of a PATCH, unless it is told.
        Credentials that cannot be had again are the answer 401.
        """
        session = self._current()
        if session is None:
            return _denied(self._failed[1])
        try:
            connection = session.endpoint.take()
        except OSError as error:
            raise ConnectionLost(_words(error)) from None
        try:
            answer = connection.ask(
                method, session.request(method, path, body, content_type), RESPONSE_TIMEOUT_SECONDS
            )
            reply = Response(answer.status, answer.headers, answer.read())
        except OSError as error:
            connection.close()
            raise ConnectionLost(_words(error)) from None
        except BaseException:
            connection.close()
            raise
        if answer.will_close:
            connection.close()
        else:
            session.endpoint.give(connection)
        return reply

    def watch(self, path: str) -> Iterator[bytes]:
        """The lines of an answer that stays open; ends when the server ends it. Raises Lost."""
        left = b""
        for chunk in self.stream(path):
            *lines, left = (left + chunk).split(b"\n")
            yield from (line for line in lines if line)

    def stream(self, path: str, silence: float = RESPONSE_TIMEOUT_SECONDS) -> Iterator[bytes]:
        """The body of an answer, in pieces as they come; ends when the server ends it.

        ``silence`` is how many seconds may pass without a piece. Raises NotGiven when the answer is an error,
        Lost when there is no answer or it breaks off.
        """
        session = self._current()
        if session is None:
            raise HttpError(401, _denied(self._failed[1]).body)
        connection = None
        try:
            connection = session.endpoint.take()
            answer = connection.ask("GET", session.request("GET", path), silence)
            if answer.status != 200:
                raise HttpError(answer.status, answer.read(1 << 16))
            yield from answer.pieces()
        except OSError as error:
            raise ConnectionLost(_words(error)) from None
        finally:
            if connection is not None:
                connection.close()

    def refresh(self) -> None:
        """Ask for the credentials again before the next request: those of this thread's last were refused."""
        with self._lock:
            self._stale = self._stale or getattr(self._mine, "session", None) is self._session

    def close(self) -> None:
        """Keep no connection from now on: whatever is asked later has one of its own."""
        with self._lock:
            self._session.endpoint.close()

    def _current(self) -> RequestEncoder | None:
        """What the next request uses; None when the credentials cannot be had."""
        now = time.monotonic()
        with self._lock:
            if self._stale or now - self._session.since >= CREDENTIAL_TTL_SECONDS:
                if now - self._failed[0] < CREDENTIAL_RETRY_SECONDS:
                    return None
                try:
                    self._renew()
                except InputError as error:
                    self._failed = time.monotonic(), error.problems[0].message
                    return None
            self._mine.session = self._session
            return self._session

    def _renew(self) -> None:
        old = self._session
        if not self._stale:
            self._session = RequestEncoder(old.access, old.endpoint)
            return
        self._session = _session(*self._asked)
        self._stale = False
        old.endpoint.close()


def _session(kubeconfig: str | None, context: str | None) -> RequestEncoder:
    access = _access(kubeconfig, context)
    return RequestEncoder(access, Endpoint(access))


def _access(kubeconfig: str | None, context: str | None) -> ClientConfig:
    source = kubeconfig or os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")
    inside = "KUBERNETES_SERVICE_HOST" in os.environ
    if kubeconfig is None and inside and not any(map(os.path.exists, source.split(os.pathsep))):
        from expander.client import auth_plugins

        return auth_plugins.in_cluster_config()
    chosen = load_context(source, context)
    if chosen.is_static:
        return client_config(chosen)
    from expander.client import auth_plugins

    return auth_plugins.context_config(source, chosen)


def _denied(why: str) -> Response:
    status = {"kind": "Status", "reason": "Unauthorized", "message": why, "code": 401}
    return Response(401, {}, json.dumps(status).encode())


def _words(error: BaseException) -> str:
    """What went wrong with a connection, without what some errors carry of the request."""
    text = str(error)
    if isinstance(error, ProxyError):
        return text
    for sign in ("Connection refused", "timed out", "certificate verify failed", "Name or service not known"):
        if sign in text:
            return sign[0].lower() + sign[1:]
    return "connection lost"
