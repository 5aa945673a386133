"""Start and stop the server of the page."""

from __future__ import annotations

import asyncio
import secrets
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from expander.base.errors import ExpanderError
from expander.run.serve import import_aiohttp
from expander.ui.places import GroupPlace, Places

if TYPE_CHECKING:
    from expander.group.open import GroupSelector

HOST: Final = "127.0.0.1"
HOSTS: Final = (HOST, "localhost")
"""The names of the server; it listens on loopback only."""

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHUTDOWN_SECONDS: Final = 0.5


def run_ui(
    options: GroupSelector,
    ready: Callable[[str], None],
    *,
    port: int | None = None,
    stopping: Callable[[list[str]], None] = lambda groups: None,
) -> None:
    """Serve the page until SIGINT, SIGTERM or SIGHUP; a second one kills what still works.

    ``options`` say where groups are; one that it names is shown at once. ``ready`` gets the address with the
    token once it is served. ``port`` None takes a free one. The token is another one at each start: who takes
    the port of a server that has ended gets one that is worth nothing. ``stopping`` gets the groups on which
    commands still work, which are ended then. Raises ExpanderError when the address cannot be had.
    """
    import_aiohttp()
    asyncio.run(_serve(options, ready, port, stopping))


async def _serve(
    options: GroupSelector,
    ready: Callable[[str], None],
    port: int | None,
    stopping: Callable[[list[str]], None],
) -> None:
    from aiohttp import web

    from expander.local.apiserver.access.authentication import Authenticator
    from expander.local.apiserver.listener import Listener, listening_socket, quiet_logs
    from expander.ui.server import App

    token = secrets.token_urlsafe(32)
    places = Places(options)
    app = App(places, Authenticator(token, HOSTS, trust_user=False))
    quiet_logs()
    handlers = web.Server(app, access_log=None)
    try:
        sock = listening_socket(HOST, port or 0)
    except OSError as error:
        raise ExpanderError(f"cannot listen at {HOST} port {port or 0}: {error.strerror}") from error
    listener = Listener(sock, handlers, None)
    app.on_authenticated = listener.authenticated
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in STOP_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as SIGHUP is under nohup
                loop.add_signal_handler(number, lambda: app.kill() if stopped.is_set() else stopped.set())
    try:
        listener.start()
        ready(address(sock.getsockname()[1], token, places.named))
        await stopped.wait()
        await app.stop(stopping)
    finally:
        await listener.stop()
        await handlers.shutdown(SHUTDOWN_SECONDS)


def start_ui(options: GroupSelector, ready: Callable[[str], None]) -> None:
    """Serve the page in a thread, as long as this process lasts; see `run_ui`."""
    work = _serve(options, ready, None, lambda groups: None)
    threading.Thread(target=asyncio.run, args=(work,), daemon=True).start()


def address(port: int, token: str, place: GroupPlace | None) -> str:
    """The address of the page, with the token and the group to show in its fragment."""
    from urllib.parse import urlencode

    found = {"token": token}
    if place is not None:
        found |= {"local": str(place.local).lower(), "namespace": place.namespace, "group": place.group}
    return f"http://{HOST}:{port}/#{urlencode(found)}"
