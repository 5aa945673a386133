"""Credentials from the auth providers of kubeconfigs (oidc, gcp, azure), which came before exec plugins.

This is the only module that imports ``kubernetes``, the official client, which the extra ``auth-provider``
installs. It logs that a provider failed: here that is an error.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from expander.base.errors import InputError
from expander.base.extras import install_command
from expander.client.exec_plugin import redact, waiting_for
from expander.client.kubeconfig import ClientConfig, Context, client_config, no_cluster_error
from expander.client.waits import PLUGINS


def provider_config(source: str, context: Context) -> ClientConfig:
    """The configuration of a context whose provider is asked.

    Raises InputError, with the provider's own message, when that gives no credentials.
    """
    client, config = _client()
    settings = client.Configuration()
    with _CapturedErrors() as captured, PLUGINS.begin(waiting_for(context)):
        try:
            config.load_kube_config(source, context.name, client_configuration=settings, temp_file_path=None)
        except config.ConfigException as error:
            raise no_cluster_error(redact(str(error))) from None
        except Exception as error:  # of a provider, whose settings or libraries are not what it expects
            raise no_cluster_error(f"cannot get credentials: {type(error).__name__}") from None
    if captured.messages:
        raise InputError(f"no credentials for context {context.name!r}: {redact(captured.messages[-1])}")
    return replace(client_config(context), authorization=_authorization(settings, waiting_for(context)))


def _client() -> tuple[Any, Any]:
    """The untyped modules ``client`` and ``config`` of ``kubernetes``."""
    try:
        from kubernetes import client, config
    except ImportError:
        raise no_cluster_error(
            f"the auth-provider of the user requires: {install_command('auth-provider')}"
        ) from None
    return client, config


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
