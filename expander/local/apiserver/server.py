"""The kubeconfig file that leads kubectl and client libraries to the server.

One server from its start to its end, as an asyncio task of its own process.

Whether a server is there for a state folder, and how others find and end it.

The lock of the folder says whether one is there; ``server.json`` in it says where.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import os
import secrets
import signal
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from expander.base.errors import ExpanderError, OutputError, UsageError
from expander.base.yaml.writer import dump
from expander.local.apiserver import auth, codecs
from expander.local.apiserver.app import App
from expander.local.apiserver.auth import Guard
from expander.local.apiserver.fault_injection import Faults
from expander.local.apiserver.routing import Service
from expander.local.apiserver.storage import Cluster, Driver
from expander.local.state import lock_holder

CONTEXT_NAME: Final = "expander"
"""The name of the cluster, the user and the context."""


def kubeconfig(url: str, token: str, authority: bytes | None) -> str:
    """The text of the file; ``authority`` is the PEM certificate to trust, None over plain HTTP."""
    cluster: dict[str, str] = {"server": url}
    if authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT_NAME, "cluster": cluster}],
        "users": [{"name": CONTEXT_NAME, "user": {"token": token}}],
        "contexts": [
            {
                "name": CONTEXT_NAME,
                "context": {"cluster": CONTEXT_NAME, "user": CONTEXT_NAME, "namespace": "default"},
            }
        ],
        "current-context": CONTEXT_NAME,
    }
    return dump(tree)


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, as a whole or not at all; OutputError when it cannot be."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(beside, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


HANDLED = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a server listens and what it writes.

    ``port`` 0 takes the ``preferred`` one if that is free, else any. ``names`` are further names under which
    clients reach it. ``most`` is the number of requests answered at a time, None for no limit.
    """

    folder: Path
    kubeconfig: Path
    host: str = "127.0.0.1"
    port: int = 0
    preferred: int = 0
    encrypted: bool = False
    names: tuple[str, ...] = ()
    faults: Faults = field(default_factory=Faults)
    most: int | None = None


async def serve(cluster: Cluster, settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve ``cluster`` until SIGINT or SIGTERM; ``ready`` gets the URL once requests are answered.

    Raises ExpanderError when the address cannot be had or the kubeconfig cannot be written.
    """
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in HANDLED:
        loop.add_signal_handler(number, stopped.set)
    if not settings.encrypted and not is_loopback(settings.host):
        raise UsageError(f"other machines could read what is said to {settings.host}", hint="add --tls")
    token = token_of(settings.folder)
    hosts = {settings.host, "127.0.0.1", "localhost", "::1", *settings.names}
    files = auth.certificate(settings.folder, hosts) if settings.encrypted else None
    driver = Driver(cluster)
    guard = Guard(token, hosts, trust_user=files is None and is_loopback(settings.host))
    app = App(Service(cluster, driver), guard, faults=settings.faults, most=settings.most)
    server = web.Server(app, request_factory=_request, access_log=None)
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await _listen(runner, settings, auth.context(*files) if files else None)
        url = url_of(settings, int(runner.addresses[0][1]))
        authority = files[0].read_bytes() if files else None
        write_private(settings.kubeconfig, kubeconfig(url, token, authority))
        driver.start()
        ready(url)
        await stopped.wait()
    finally:
        with suppress(AttributeError):
            driver.stop()
        await runner.cleanup()


async def _listen(runner: web.ServerRunner, settings: Settings, context: ssl.SSLContext | None) -> None:
    ports = [settings.port] if settings.port else [settings.preferred, 0]
    for number, port in enumerate(ports, 1):
        site = web.TCPSite(runner, settings.host, port, ssl_context=context)
        try:
            await site.start()
            return
        except OSError as error:
            if number == len(ports):
                where = f"{settings.host} port {port}"
                raise ExpanderError(f"{where} cannot be served: {error.strerror or error}") from error


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """A request that may be as large as the API allows."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=codecs.LARGEST)


def token_of(folder: Path) -> str:
    """The token of a state folder, made when there is none."""
    path = folder / "token"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url_of(settings: Settings, port: int) -> str:
    """Where clients find the server."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    if ":" in host:
        host = f"[{host}]"
    return f"{'https' if settings.encrypted else 'http'}://{host}:{port}"


NAME: Final = "server.json"
POLL: Final = 0.05


@dataclass(frozen=True, slots=True)
class Presence:
    """A server: its process, its address, and the kubeconfig that leads to it."""

    pid: int
    url: str
    kubeconfig: str

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rpartition(":")[2])


def announce(folder: Path, presence: Presence) -> None:
    """Write down where the server of this folder is."""
    write_private(folder / NAME, json.dumps(asdict(presence)))


def last(folder: Path) -> Presence | None:
    """The server that was there last, whether or not it still is; None when nobody knows."""
    try:
        return Presence(**json.loads((folder / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def current(folder: Path) -> Presence | None:
    """The server that is there now, or None."""
    found = last(folder)
    return found if found is not None and lock_holder(folder) == found.pid else None


def stop(folder: Path, timeout: float = 15.0) -> Presence | None:
    """End the server of this folder and wait until it has; None when there was none.

    Raises ExpanderError when it has not ended within ``timeout`` seconds.
    """
    found = current(folder)
    if found is None:
        return None
    with suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    end = time.monotonic() + timeout
    while lock_holder(folder) == found.pid:
        if time.monotonic() > end:
            raise ExpanderError(f"process {found.pid} has not ended within {timeout:g} seconds")
        time.sleep(POLL)
    return found
