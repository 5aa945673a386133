"""One server from start to end, as an asyncio task of its own process."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import signal
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from expander.base.errors import ExpanderError, UsageError
from expander.local.apiserver import certificates, codecs
from expander.local.apiserver.app import App
from expander.local.apiserver.auth import Authenticator
from expander.local.apiserver.fault_injection import Faults
from expander.local.apiserver.kubeconfig_file import kubeconfig, write_private
from expander.local.apiserver.routing import Backend
from expander.local.apiserver.storage import ExecutorLoop, Storage

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class ServerOptions:
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


async def serve(storage: Storage, settings: ServerOptions, ready: Callable[[str], None]) -> None:
    """Serve ``cluster`` until SIGINT or SIGTERM; ``ready`` gets the URL once requests are answered.

    Raises ExpanderError when the address cannot be had or the kubeconfig cannot be written.
    """
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stopped.set)
    if not settings.encrypted and not is_loopback(settings.host):
        raise UsageError(f"other machines could read what is said to {settings.host}", hint="add --tls")
    token = token_of(settings.folder)
    hosts = {settings.host, "127.0.0.1", "localhost", "::1", *settings.names}
    files = certificates.certificate(settings.folder, hosts) if settings.encrypted else None
    executor_loop = ExecutorLoop(storage)
    guard = Authenticator(token, hosts, trust_user=files is None and is_loopback(settings.host))
    app = App(Backend(storage, executor_loop), guard, faults=settings.faults, most=settings.most)
    server = web.Server(app, request_factory=_request, access_log=None)
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await _listen(runner, settings, certificates.ssl_context(*files) if files else None)
        url = url_of(settings, int(runner.addresses[0][1]))
        authority = files[0].read_bytes() if files else None
        write_private(settings.kubeconfig, kubeconfig(url, token, authority))
        executor_loop.start()
        ready(url)
        await stopped.wait()
    finally:
        with suppress(AttributeError):
            executor_loop.stop()
        await runner.cleanup()


async def _listen(runner: web.ServerRunner, settings: ServerOptions, context: ssl.SSLContext | None) -> None:
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
    return web.BaseRequest(
        message, payload, protocol, writer, task, loop, client_max_size=codecs.MAX_BODY_BYTES
    )


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


def url_of(settings: ServerOptions, port: int) -> str:
    """Where clients find the server."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    if ":" in host:
        host = f"[{host}]"
    return f"{'https' if settings.encrypted else 'http'}://{host}:{port}"
