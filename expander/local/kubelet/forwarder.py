"""Carries connections to addresses of this machine on to others, in a thread of its own.

The thread begins with the first address. A connection goes to one target after the other in turn, and to the
next one where nobody answers; with none left it is reset.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final
from zlib import crc32

from expander.base.log import Log

log = Log("local")

BACKLOG: Final = 128
CHUNK_BYTES: Final = 64 * 1024
MAX_DESCRIPTORS: Final = 65536
"""Files that this process has open at a time: half of them are those of connections, which take two each."""

RETRY_SECONDS: Final = 0.2
"""The wait after the system had no descriptor for a connection."""

Address = tuple[str, int]


class _Listener:
    """A socket that listens; its connections go to ``targets``, all of one client to one if ``sticky``."""

    def __init__(self, sock: socket.socket, targets: Sequence[Address], sticky: bool) -> None:
        self.socket = sock
        self.targets, self.sticky = targets, sticky
        self.closed = False
        self._turn = 0

    def order(self, client: str) -> Sequence[Address]:
        """The targets, beginning with the one whose turn it is."""
        targets = self.targets
        self._turn = crc32(client.encode()) if self.sticky else self._turn + 1
        at = self._turn % max(1, len(targets))
        return [*targets[at:], *targets[:at]]


class Forwarder:
    """Listens at addresses; of all that belongs to it nothing is left after `stop`."""

    def __init__(self) -> None:
        self._listeners: dict[Address, _Listener] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self, at: Address, targets: Sequence[Address], *, sticky: bool = False) -> None:
        """Carry connections to an address on to these from now on. Raises OSError when it cannot be had."""
        known = self._listeners.get(at)
        if known is not None:
            known.targets, known.sticky = targets, sticky
            return
        sock = socket.create_server(at, backlog=BACKLOG)
        sock.setblocking(False)
        listener = self._listeners[at] = _Listener(sock, targets, sticky)
        self._run(self._accept(listener), sock)

    def close(self, at: Address) -> None:
        """Listen there no more; connections that are open go on."""
        listener = self._listeners.pop(at, None)
        if listener is not None:
            listener.closed = True
            with suppress(OSError):
                listener.socket.shutdown(socket.SHUT_RDWR)  # the port is free from here on

    def addresses(self) -> list[Address]:
        """Where it listens."""
        return list(self._listeners)

    def stop(self) -> None:
        """End, with all connections."""
        for at in self.addresses():
            self.close(at)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop = None

    def _run(self, coroutine: Coroutine[Any, Any, None], sock: socket.socket) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._room = asyncio.Semaphore(_raise_descriptor_limit() // 4)
            self._tasks: set[asyncio.Task[None]] = set()
            self._thread = threading.Thread(
                target=_run_loop, args=(self._loop,), name="service-proxy", daemon=True
            )
            self._thread.start()
        loop = self._loop
        loop.call_soon_threadsafe(lambda: self._hold(loop.create_task(coroutine), sock))

    def _hold(self, task: asyncio.Task[None], sock: socket.socket) -> None:
        """Close ``sock`` after a task, one that was cancelled before its first step too."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: sock.close())

    async def _accept(self, listener: _Listener) -> None:
        loop = asyncio.get_running_loop()
        while not listener.closed:
            await self._room.acquire()
            try:
                client, peer = await loop.sock_accept(listener.socket)
            except OSError as error:
                self._room.release()
                if not listener.closed:
                    log.debug("a connection could not be accepted: %(error)s", error=error)
                    await asyncio.sleep(RETRY_SECONDS)
                continue
            task = loop.create_task(_carry(client, listener.order(str(peer[0]))))
            self._hold(task, client)
            task.add_done_callback(lambda _: self._room.release())


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    finally:
        loop.close()


def _raise_descriptor_limit() -> int:
    """Let this process have as many files open as it may, at most `MAX_DESCRIPTORS`; how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        most = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
        soft = max(soft, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


async def _carry(client: socket.socket, targets: Sequence[Address]) -> None:
    """Carry one connection until both sides have ended it, or one of them breaks it off."""
    server = await _connect(targets)
    if server is None:
        _reset(client)
        return
    with server:
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(client, server))
                both.create_task(_copy(server, client))
        except* OSError:
            _reset(client)
            _reset(server)


async def _connect(targets: Sequence[Address]) -> socket.socket | None:
    """A connection to the first target that answers."""
    for target in targets:
        made = socket.socket()
        try:
            made.setblocking(False)
            await asyncio.get_running_loop().sock_connect(made, target)
        except BaseException as error:
            made.close()
            if not isinstance(error, OSError):
                raise
        else:
            return made
    return None


async def _copy(source: socket.socket, sink: socket.socket) -> None:
    """Pass on all that one side says, and its end."""
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, CHUNK_BYTES):
        await loop.sock_sendall(sink, data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _reset(sock: socket.socket) -> None:
    """Have the other side hear of a broken connection, not of an end, when the socket is closed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
