"""The connection to a cluster: the only place that imports ``kubernetes``.

The official client reads kubeconfig files, contexts, certificates, exec plugins and proxies; requests go as
bytes through its connection pool, since its typed calls cost several times as much. Nothing here prints or
keeps credentials.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from expander.base.errors import InputError

FRESH: Final = 30.0
"""Seconds for which the headers that authenticate are used without asking the client for them again."""

CONNECT: Final = 10.0
ANSWER: Final = 60.0
"""Seconds to wait for a connection and for an answer: what a server does not answer in that time is lost."""

MERGE_PATCH: Final = "application/merge-patch+json"
"""What the body of a PATCH is."""

_NAMESPACE: Final = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


class Lost(Exception):
    """There was no answer: the request may have taken effect or not."""


class NotGiven(Lost):
    """The answer is an error instead of what was asked for: its ``status`` and ``body``."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Requests to one cluster from up to ``connections`` threads at a time.

    ``kubeconfig`` and ``context`` are what kubectl's options of those names mean; without a kubeconfig
    anywhere the service account of the pod this runs in is used. Raises InputError when there is neither.
    """

    def __init__(
        self, kubeconfig: str | None = None, context: str | None = None, connections: int = 32
    ) -> None:
        from kubernetes import client, config

        logging.getLogger().addHandler(logging.NullHandler())  # an exec plugin's words are not for our logs
        settings = client.Configuration()
        self.namespace = _load(config, settings, kubeconfig, context)
        settings.connection_pool_maxsize = connections + 4
        api = client.ApiClient(settings)
        self.server: str = settings.host
        self._settings = settings
        self._prefix = urlsplit(settings.host).path.rstrip("/")
        self._manager: Any = api.rest_client.pool_manager
        self._proxied = bool(getattr(self._manager, "proxy", None))
        self._pool: Any = None if self._proxied else self._manager.connection_from_url(settings.host)
        self._lock = threading.Lock()
        self._headers: dict[str, str] = {}
        self._known_at = -FRESH

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """One request; ``path`` may have a query. Raises Lost when no answer came."""
        answer = self._open(method, path, body, stream=False)
        return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.data)

    def watch(self, path: str) -> Iterator[bytes]:
        """The lines of an answer that stays open; ends when the server ends it. Raises Lost."""
        left = b""
        for chunk in self.stream(path):
            *lines, left = (left + chunk).split(b"\n")
            yield from (line for line in lines if line)

    def stream(self, path: str, silence: float = ANSWER) -> Iterator[bytes]:
        """The body of an answer, in pieces as they come; ends when the server ends it.

        ``silence`` is how many seconds may pass without a piece. Raises NotGiven when the answer is an error,
        Lost when there is no answer or it breaks off.
        """
        import urllib3

        answer = self._open("GET", path, None, stream=True, silence=silence)
        try:
            if answer.status != 200:
                raise NotGiven(answer.status, answer.read(1 << 16))
            yield from answer.stream(1 << 16)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Lost(type(error).__name__) from None
        finally:
            answer.close()

    def refresh(self) -> None:
        """Ask for the credentials again before the next request: they were not accepted."""
        with self._lock:
            self._known_at = -FRESH

    def _open(self, method: str, path: str, body: bytes | None, stream: bool, silence: float = ANSWER) -> Any:
        import urllib3

        headers = self._authentication()
        if body is not None:
            headers = {**headers, "Content-Type": MERGE_PATCH if method == "PATCH" else "application/json"}
        target = self._prefix + path
        via = self._pool
        if self._proxied:
            parts = urlsplit(self.server)
            via, target = self._manager, f"{parts.scheme}://{parts.netloc}{target}"
        try:
            return via.urlopen(
                method,
                target,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=CONNECT, read=silence),
                preload_content=not stream,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Lost(_words(error)) from None

    def _authentication(self) -> dict[str, str]:
        with self._lock:
            if time.monotonic() - self._known_at >= FRESH:
                found: Any = self._settings.auth_settings().values()
                self._headers = {
                    **{each["key"]: each["value"] for each in found if each["in"] == "header"},
                    "Accept": "application/json",
                    "User-Agent": "expander",
                }
                self._known_at = time.monotonic()
            return self._headers


def _load(config: Any, settings: Any, kubeconfig: str | None, context: str | None) -> str:
    """Fill ``settings``; gives the namespace of the context."""
    default = os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")
    inside = "KUBERNETES_SERVICE_HOST" in os.environ
    try:
        if kubeconfig is None and inside and not any(map(os.path.exists, default.split(os.pathsep))):
            config.load_incluster_config(client_configuration=settings)
            with open(_NAMESPACE, encoding="utf-8") as file:
                return file.read().strip() or "default"
        source = kubeconfig or default
        config.load_kube_config(source, context, client_configuration=settings)
        contexts, current = config.list_kube_config_contexts(source)
    except (config.ConfigException, OSError, ValueError, TypeError, KeyError) as error:
        words = str(error) if isinstance(error, config.ConfigException) else type(error).__name__
        raise InputError(
            f"no cluster to speak to: {words}",
            hint="--kubeconfig FILE or $KUBECONFIG says where one is; `expander serve` makes one",
        ) from None
    chosen = next((each for each in contexts if each["name"] == context), current)
    return str(chosen["context"].get("namespace") or "default")


def _words(error: BaseException) -> str:
    """What went wrong with a connection, without the headers that some errors carry."""
    text = str(error)
    for sign in ("Connection refused", "timed out", "certificate verify failed", "Name or service not known"):
        if sign in text:
            return sign[0].lower() + sign[1:]
    return "connection lost"
