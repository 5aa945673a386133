"""Credentials from exec plugins, auth providers and the service account of a pod.

This is the only module that imports ``kubernetes``, the official client, which takes as long as sending
hundreds of Jobs; credentials in files do not need it. It logs that a plugin failed: here that is an error.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any, Final

from expander.base.errors import InputError
from expander.base.regex import regex
from expander.client.kubeconfig import ClientConfig, Context, impersonation, no_cluster_error
from expander.client.waits import PLUGINS

NAMESPACE_FILE: Final = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

MAX_MESSAGE_LENGTH: Final = 300
"""Characters of a plugin's error message that are shown."""

_SECRET: Final = regex(
    r"(?i)\b(?:bearer|basic)\s+\S+"
    r"|(?<=[\"']:)\s*(?:\"[^\"]*\"|'[^']*')"
    r"|(?<==)\S+"
    r"|(?:(?<=token:)|(?<=password:)|(?<=secret:)|(?<=key:))\s*\S+"
    r"|[A-Za-z0-9_\-]{4,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+"
    r"|[A-Za-z0-9+_\-=]{20,}"
)
"""What may be a credential in the output of a plugin: too much rather than too little."""


def in_cluster_config() -> ClientConfig:
    """The service account of this pod. Raises InputError when there is none."""
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
    return _config(settings, namespace)


def context_config(source: str, context: Context) -> ClientConfig:
    """The configuration of a context whose plugin or provider is run.

    Raises InputError, with the plugin's own message, when that gives no credentials.
    """
    client, config = _client()
    settings = client.Configuration()
    with _CapturedErrors() as captured, PLUGINS.begin(_waiting_for(context)):
        try:
            config.load_kube_config(source, context.name, client_configuration=settings, temp_file_path=None)
        except config.ConfigException as error:
            raise no_cluster_error(redact(str(error))) from None
        except Exception as error:  # of a provider, whose settings or libraries are not what it expects
            raise no_cluster_error(f"cannot get credentials: {type(error).__name__}") from None
    if captured.messages:
        raise InputError(
            f"no credentials for context {context.name!r}: {redact(captured.messages[-1])}",
            hint="run the command in users[].user.exec of the kubeconfig to see why",
        )
    words = _waiting_for(context)
    return _config(settings, context.namespace, impersonation(context.user), context.proxy, words)


def _waiting_for(context: Context) -> str:
    """What is said while the plugin of a context runs."""
    plugin = context.user.get("exec")
    name = plugin.get("command") if isinstance(plugin, dict) else None
    return f"waiting for the credentials of context {context.name!r}" + (f" from {name}" if name else "")


def _client() -> tuple[Any, Any]:
    """The untyped modules ``client`` and ``config`` of ``kubernetes``."""
    from kubernetes import client, config

    return client, config


def redact(text: str) -> str:
    """The output of a plugin on one line, without what may be a credential."""
    return _SECRET.sub(" ***", " ".join(text.split()))[:MAX_MESSAGE_LENGTH]


def _config(
    settings: Any,
    namespace: str,
    impersonated: tuple[tuple[str, str], ...] = (),
    proxy: str = "",
    waiting: str = "waiting for credentials",
) -> ClientConfig:
    return ClientConfig(
        settings.host.rstrip("/"),
        namespace,
        _authorization(settings, waiting),
        _text(settings.ssl_ca_cert),
        _text(settings.cert_file),
        _text(settings.key_file),
        settings.verify_ssl,
        settings.tls_server_name or "",
        impersonated,
        proxy,
    )


def _authorization(settings: Any, waiting: str) -> Callable[[], str]:
    def header() -> str:
        with _CapturedErrors() as captured, PLUGINS.begin(waiting):
            try:
                found = settings.auth_settings().values()  # asks a plugin again when its token has expired
            except Exception as error:
                raise InputError(f"cannot renew the credentials: {type(error).__name__}") from None
        if captured.messages:
            raise InputError(f"cannot renew the credentials: {redact(captured.messages[-1])}")
        return next((str(each["value"]) for each in found if each["in"] == "header"), "")

    return header


def _text(path: str | None) -> str:
    if not path:
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


class _CapturedErrors(logging.Filter):
    """Captures what this thread logs as an error: it goes into our message, and may hold a secret."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        self._thread = threading.get_ident()
        self._silent = logging.NullHandler()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread or record.levelno < logging.ERROR:
            return True
        self.messages.append(record.getMessage())
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
