"""One server from start to end, as an asyncio task of its own process."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import secrets
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError, SourceLocation, UsageError
from expander.base.regex import regex
from expander.local.apiextensions.install import install_definitions
from expander.local.apiserver import codecs
from expander.local.apiserver.access.authentication import OWNER, Authenticator
from expander.local.apiserver.access.rbac import Authorizer
from expander.local.apiserver.access.tokens import ServiceAccountTokens
from expander.local.apiserver.app import App
from expander.local.apiserver.certificates import server_certificate, ssl_context
from expander.local.apiserver.fault_injection import Faults
from expander.local.apiserver.kubeconfig_file import Endpoint, Merged, write_kubeconfig, write_private
from expander.local.apiserver.listener import Listener, listening_socket, quiet_logs
from expander.local.apiserver.routing import Backend
from expander.local.apiserver.storage import ExecutorLoop, Storage
from expander.local.kubelet.api_access import API_NAMES

EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that stand for all of this machine, each with one that leads there."""

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MAX_LINE_BYTES: Final = 128 * 1024
"""The longest first line of a request: the command of an exec is part of it."""

SESSION_SECONDS: Final = 2.0
"""How long sessions in containers have to tell their clients how they ended, when the server stops."""

SHUTDOWN_SECONDS: Final = 0.5
"""How long requests may take to end when the server does."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where a server listens and what it writes.

    ``port`` 0 takes the ``preferred`` one if that is free, else any. ``names`` are further names under which
    clients reach it. ``use_context`` makes its context the current one of a kubeconfig that has another.
    ``most`` is the number of requests answered at a time, None for no limit; ``rbac``: service accounts may
    do what roles allow, and no more. ``definitions`` are CustomResourceDefinitions that are there from the
    start, with the places they are from.
    """

    folder: Path
    kubeconfig: Path
    host: str = "127.0.0.1"
    port: int = 0
    preferred: int = 0
    encrypted: bool = True
    names: tuple[str, ...] = ()
    use_context: bool = False
    faults: Faults = field(default_factory=Faults)
    most: int | None = None
    rbac: bool = False
    definitions: tuple[tuple[Mapping[str, Any], SourceLocation], ...] = ()


async def serve(storage: Storage, options: ServerOptions, ready: Callable[[str, Merged], None]) -> None:
    """Serve ``storage`` until SIGINT, SIGTERM or SIGHUP; then end its pods, at once after a second signal.

    ``ready`` gets the URL and what was written into the kubeconfig, once requests are answered. Raises
    ExpanderError when the address cannot be had or the kubeconfig cannot be written.
    """
    stopped, killed = _stop_events(asyncio.get_running_loop())
    if not options.encrypted and not is_loopback(options.host):
        words = f"plain HTTP at {options.host} could be read by other machines"
        raise UsageError(words, hint="leave out --no-tls")
    hosts = {options.host, "127.0.0.1", "localhost", "::1", *API_NAMES, *options.names}
    certificate = server_certificate(options.folder, hosts) if options.encrypted else None
    token = token_of(options.folder)
    executor_loop = ExecutorLoop(storage)
    scheme = "https" if options.encrypted else "http"
    backend = Backend(storage, executor_loop)
    issuer = ServiceAccountTokens(token.encode(), storage.find, backend.clock)
    known = issuer.authenticate
    authenticator = Authenticator(token, hosts, trust_user=certificate is None, scheme=scheme, known=known)
    authorizer = Authorizer(storage, OWNER, enforced=options.rbac)
    app = App(
        backend, authenticator, authorizer=authorizer, issuer=issuer, faults=options.faults, most=options.most
    )
    quiet_logs()
    handlers = web.Server(
        app,
        request_factory=_request,
        access_log=None,
        auto_decompress=False,
        max_line_size=MAX_LINE_BYTES,
    )
    sock = _bind(options)
    listener = Listener(sock, handlers, ssl_context(certificate) if certificate else None)
    app.on_authenticated = listener.authenticated
    try:
        url = url_of(options, int(sock.getsockname()[1]))
        authority = certificate.authority.read_bytes() if certificate else None
        address = str(sock.getsockname()[0])
        address = EVERYWHERE.get(address, address)
        trusted = authority.decode() if authority is not None else None
        storage.reached_at(address, int(sock.getsockname()[1]), trusted, issuer.of_pod)
        endpoint = Endpoint(url, token, authority, options.folder)
        merged = write_kubeconfig(options.kubeconfig, endpoint, use_context=options.use_context)
        gc.freeze()  # what is there by now stays, and collections of a flood's garbage need not look at it
        executor_loop.start()
        install_definitions(backend, options.definitions)
        listener.start()
        ready(url, merged)
        await stopped.wait()
        await executor_loop.end_pods(killed)
        if backend.sessions:  # their commands have ended with the pods: clients are to hear how
            await asyncio.wait(backend.sessions, timeout=SESSION_SECONDS)
    finally:
        with suppress(AttributeError):
            executor_loop.stop()
        with suppress(AttributeError):
            await listener.stop()
        sock.close()
        await handlers.shutdown(SHUTDOWN_SECONDS)


def _stop_events(loop: asyncio.AbstractEventLoop) -> tuple[asyncio.Event, asyncio.Event]:
    """What the first signal sets, and what the second does."""
    stopped, killed = asyncio.Event(), asyncio.Event()
    for number in STOP_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as it is under nohup
            loop.add_signal_handler(number, lambda: (killed if stopped.is_set() else stopped).set())
    return stopped, killed


def _bind(options: ServerOptions) -> socket.socket:
    """The socket to listen on."""
    ports = [options.port] if options.port else [*([options.preferred] if options.preferred else []), 0]
    for number, port in enumerate(ports, 1):
        try:
            return listening_socket(options.host, port)
        except OSError as error:
            if number == len(ports):
                where = f"{options.host} port {port}"
                raise ExpanderError(f"cannot listen at {where}: {error.strerror or error}") from error
    raise AssertionError


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


is_token: Final = regex(r"[A-Za-z0-9_-]{43}").fullmatch


def token_of(folder: Path) -> str:
    """The token of a state folder, made when there is none, or one that was damaged and may be guessed."""
    path = folder / "token"
    token = path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""
    if not is_token(token):
        token = secrets.token_urlsafe(32)
        write_private(path, token)
    return token


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url_of(options: ServerOptions, port: int) -> str:
    """Where clients find the server."""
    host = EVERYWHERE.get(options.host, options.host)
    if ":" in host:
        host = f"[{host}]"
    return f"{'https' if options.encrypted else 'http'}://{host}:{port}"
