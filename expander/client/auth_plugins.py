"""What the official client does for us: exec plugins, providers of tokens, the service account of a pod.

It is the only place that imports ``kubernetes``, which takes as long as sending hundreds of Jobs; credentials
that lie in files do without it. The client only logs that a plugin failed: here that is an error.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable
from typing import Any, Final

from expander.base.errors import InputError
from expander.client.kubeconfig import ClientConfig, Context, impersonation, no_cluster_error

NAMESPACE_FILE: Final = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

MAX_MESSAGE_LENGTH: Final = 300
"""Characters at most of what a plugin says."""

_SECRET: Final = re.compile(
    r"(?i)\b(?:bearer|basic)\s+\S+"
    r"|(?<=[\"']:)\s*(?:\"[^\"]*\"|'[^']*')"
    r"|(?<==)\S+"
    r"|(?:(?<=token:)|(?<=password:)|(?<=secret:)|(?<=key:))\s*\S+"
    r"|[A-Za-z0-9_\-]{4,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+"
    r"|[A-Za-z0-9+_\-=]{20,}"
)
"""What may be a credential in the words of a plugin: rather too much than too little."""


def in_cluster_config() -> ClientConfig:
    """The service account of the pod this runs in; InputError when there is none."""
    client, config = _client()
    settings = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=settings)
    except (config.ConfigException, OSError) as error:
        raise no_cluster_error(str(error)) from None
    namespace = "default"
    if os.path.exists(NAMESPACE_FILE):
        with open(NAMESPACE_FILE, encoding="utf-8") as file:
            namespace = file.read().strip() or namespace
    return _access(settings, namespace)


def context_config(source: str, chosen: Context) -> ClientConfig:
    """The access of a context, after its plugin or provider was asked.

    Raises InputError, with what a plugin said, when that gives no credentials.
    """
    client, config = _client()
    settings = client.Configuration()
    with _CapturedErrors() as overheard:
        try:
            config.load_kube_config(source, chosen.name, client_configuration=settings, temp_file_path=None)
        except config.ConfigException as error:
            raise no_cluster_error(redact(str(error))) from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise no_cluster_error(type(error).__name__) from None
    if overheard.said:
        raise InputError(
            f"no credentials for context {chosen.name!r}: {redact(overheard.said[-1])}",
            hint="run the command of users[].user.exec in the kubeconfig by hand to see why",
        )
    return _access(settings, chosen.namespace, impersonation(chosen.user), chosen.proxy)


def _client() -> tuple[Any, Any]:
    """The modules ``client`` and ``config`` of ``kubernetes``, which are not typed."""
    from kubernetes import client, config

    return client, config


def redact(text: str) -> str:
    """The words of a plugin, in one line, without what may be a credential."""
    return _SECRET.sub(" ***", " ".join(text.split()))[:MAX_MESSAGE_LENGTH]


def _access(
    settings: Any, namespace: str, acting_as: tuple[tuple[str, str], ...] = (), proxy: str = ""
) -> ClientConfig:
    return ClientConfig(
        settings.host.rstrip("/"),
        namespace,
        _authorization(settings),
        _text(settings.ssl_ca_cert),
        _text(settings.cert_file),
        _text(settings.key_file),
        settings.verify_ssl,
        settings.tls_server_name or "",
        acting_as,
        proxy,
    )


def _authorization(settings: Any) -> Callable[[], str]:
    def shown() -> str:
        with _CapturedErrors() as overheard:
            found = settings.auth_settings().values()  # asks a plugin again when its token has expired
        if overheard.said:
            raise InputError(f"the credentials cannot be renewed: {redact(overheard.said[-1])}")
        return next((str(each["value"]) for each in found if each["in"] == "header"), "")

    return shown


def _text(path: str | None) -> str:
    if not path:
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


class _CapturedErrors(logging.Filter):
    """Takes what this thread logs as an error meanwhile: it is for our message, and may hold a secret."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._thread = threading.get_ident()
        self._silent = logging.NullHandler()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread or record.levelno < logging.ERROR:
            return True
        self.said.append(record.getMessage())
        return False

    def __enter__(self) -> _CapturedErrors:
        root = logging.getLogger()
        root.addFilter(self)
        root.addHandler(self._silent)  # without any handler, logging would make one that prints
        return self

    def __exit__(self, *_: object) -> None:
        root = logging.getLogger()
        root.removeFilter(self)
        root.removeHandler(self._silent)
