"""Credentials from a program: the exec plugins of kubeconfigs (client-go: ``plugin/pkg/client/auth/exec``).

What a plugin prints as an error goes into our message, without what may be a secret.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from expander.base.child_processes import ended_by_signals, ends_with_us
from expander.base.errors import InputError
from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.client.kubeconfig import ClientConfig, Context, client_config
from expander.client.waits import PLUGINS
from expander.kube.time import unix

VERSIONS: Final = tuple(f"client.authentication.k8s.io/{each}" for each in ("v1", "v1beta1"))
EXTENSION: Final = "client.authentication.k8s.io/exec"
"""The extension of a cluster whose content a plugin gets as its configuration."""

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


def redact(text: str) -> str:
    """The output of a plugin on one line, without what may be a credential."""
    return _SECRET.sub(" ***", " ".join(text.split()))[:MAX_MESSAGE_LENGTH]


def waiting_for(context: Context) -> str:
    """What is said while the plugin of a context runs."""
    plugin = context.user.get("exec")
    name = plugin.get("command") if isinstance(plugin, Mapping) else None
    return f"waiting for the credentials of context {context.name!r}" + (f" from {name}" if name else "")


def plugin_config(context: Context) -> ClientConfig:
    """The configuration of a context whose user has a plugin, which is run. Raises InputError."""
    static = client_config(context)
    plugin = ExecPlugin(context, static.authority)
    found = plugin.credential
    return replace(
        static,
        authorization=plugin.authorization,
        certificate=found.certificate or static.certificate,
        key=found.key or static.key,
    )


def _output(command: list[str], environment: Mapping[str, str], interactive: bool) -> tuple[int, str, str]:
    """The exit code of a plugin and what it prints.

    One that may ask questions keeps our terminal, as in the background it would be stopped when it reads. Any
    other has a session of its own, and is killed with all that it has started when this program ends.
    """
    plugin = ends_with_us(
        command,
        first=True,
        env=environment,
        stdin=None if interactive else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if interactive else subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=not interactive,
    )
    with plugin as process:
        out, err = process.communicate()
    return process.returncode, out, err or ""


class Credential(NamedTuple):
    """What a plugin gave: a token, or a certificate and its key as PEM; ``expires`` is seconds since 1970."""

    token: str
    certificate: str
    key: str
    expires: float | None


class ExecPlugin:
    """The plugin of a context's user; safe for threads. It is run again when what it gave has expired.

    ``authority`` is what the cluster's certificates are trusted by, as a PEM text, empty for none.
    """

    def __init__(self, context: Context, authority: str = "") -> None:
        self._context = context
        self._authority = authority
        self._lock = threading.Lock()
        self._credential: Credential | None = None

    @property
    def credential(self) -> Credential:
        """What the plugin gives. Raises InputError, with its own message, when that is nothing."""
        with self._lock:
            found = self._credential
            if found is None or (found.expires is not None and found.expires <= time.time()):
                found = self._credential = self._run()
            return found

    def authorization(self) -> str:
        """The value of the Authorization header; empty where a certificate says who it is."""
        token = self.credential.token
        return f"Bearer {token}" if token else ""

    def _run(self) -> Credential:
        plugin = self._context.user["exec"]
        try:
            version, command = plugin["apiVersion"], [plugin["command"], *(plugin.get("args") or ())]
            variables = {each["name"]: each["value"] for each in plugin.get("env") or ()}
        except (TypeError, KeyError, AttributeError):
            raise self._error("the exec of the user has no command and apiVersion, or is malformed") from None
        if version not in VERSIONS:
            raise self._error(f"apiVersion {version} of the plugin is not one of {', '.join(VERSIONS)}")
        interactive = self._interactive(plugin.get("interactiveMode") or "IfAvailable")
        spec: dict[str, Any] = {"interactive": interactive}
        if plugin.get("provideClusterInfo"):
            spec["cluster"] = self._cluster()
        info = {"apiVersion": version, "kind": "ExecCredential", "spec": spec}
        environment = {**os.environ, **variables, "KUBERNETES_EXEC_INFO": json.dumps(info)}
        try:
            with PLUGINS.begin(waiting_for(self._context)), ended_by_signals():
                code, out, err = _output(command, environment, interactive)
        except (OSError, TypeError, ValueError) as error:
            why = getattr(error, "strerror", None) or "the command, args or env are malformed"
            raise self._error(f"cannot run {command[0]}: {why}", plugin.get("installHint")) from None
        if code:
            said = redact(err)
            raise self._error(f"{command[0]} exited with {code}" + (f": {said}" if said else ""))
        return self._read(out, version)

    def _interactive(self, mode: str) -> bool:
        """Whether the plugin may ask questions: it gets this terminal."""
        there = sys.stdin is not None and sys.stdin.isatty()
        if mode == "Always" and not there:
            raise self._error("the plugin asks questions, and standard input is no terminal")
        return there and mode != "Never"

    def _cluster(self) -> dict[str, Any]:
        """The cluster as plugins get it: with its authority as data, and their configuration."""
        given = self._context.cluster
        names = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url")
        found = {name: given[name] for name in names if given.get(name)}
        if self._authority:
            found["certificate-authority-data"] = base64.b64encode(self._authority.encode()).decode()
        for each in given.get("extensions") or ():
            if isinstance(each, Mapping) and each.get("name") == EXTENSION:
                found["config"] = each.get("extension")
        return found

    def _read(self, text: str, version: str) -> Credential:
        try:
            answer = json.loads(text)
            if (answer["kind"], answer["apiVersion"]) != ("ExecCredential", version):
                raise self._error(
                    f"the plugin gave {answer['apiVersion']} {answer['kind']}, not an ExecCredential"
                )
            status = answer["status"]
            fields = ("token", "clientCertificateData", "clientKeyData")
            token, certificate, key = (str(status.get(name) or "") for name in fields)
            until = status.get("expirationTimestamp")
            expires = None if until is None else unix(until)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise self._error("the plugin did not give an ExecCredential") from None
        if not token and not (certificate and key):
            raise self._error("the plugin gave neither a token nor a certificate with its key")
        return Credential(token, certificate, key, expires)

    def _error(self, why: str, hint: object = None) -> InputError:
        return InputError(
            f"no credentials for context {self._context.name!r}: {why}",
            hint=str(hint) if hint else "run the command in users[].user.exec of the kubeconfig to see why",
        )
