"""Connections that prove nothing, however many, keep nobody else out."""

import asyncio
import gc
import socket
import threading
from asyncio.sslproto import SSLProtocol
from contextlib import suppress
from pathlib import Path

import pytest

from expander.local.apiserver import listener as listener_module
from expander.local.apiserver.certificates import server_certificate, ssl_context
from expander.local.apiserver.listener import MAX_PENDING, Listener, listening_socket
from tests.local.apiserver.serving import Server

JOBS = "/apis/batch/v1/namespaces/default/jobs"
SENT = (b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"\0" * 100)


def flood(port: int, stop: threading.Event, opened: list[int]) -> None:
    """Open connections and send a little, until ``stop``; half of them stay open for a while."""
    links: list[socket.socket] = []
    while not stop.is_set():
        with suppress(OSError):
            link = socket.create_connection(("127.0.0.1", port), timeout=5)
            link.sendall(SENT[opened[0] % len(SENT)])
            opened[0] += 1
            links.append(link)
        if len(links) > 600:
            for link in links[:300]:
                link.close()
            del links[:300]
    for link in links:
        link.close()


def test_the_owner_gets_through_a_flood_and_the_log_stays_empty(tmp_path: Path) -> None:
    state = tmp_path / "state"
    server = Server(state).start()
    stop, opened = threading.Event(), [0]
    attacker = threading.Thread(target=flood, args=(server.port, stop, opened))
    before = Path(f"{state}.errors").stat().st_size
    attacker.start()
    try:
        answers = [server.request("GET", JOBS).code for _ in range(50)]
    finally:
        stop.set()
        attacker.join()
    assert answers == [200] * 50
    assert opened[0] > MAX_PENDING
    assert Path(f"{state}.errors").stat().st_size == before
    assert server.stop() == 0


class Silent(asyncio.Protocol):
    """Says nothing, and puts itself among those who are connected."""

    def __init__(self, there: set[asyncio.Protocol]) -> None:
        self._there = there

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._there.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._there.discard(self)


def test_pending_connections_make_room_for_new_ones_and_do_not_last() -> None:
    async def scenario() -> None:
        sock = listening_socket("127.0.0.1", 0)
        there: set[asyncio.Protocol] = set()
        listener = Listener(sock, lambda: Silent(there), None, max_pending=3, pending_seconds=0.5)
        listener.start()
        port = sock.getsockname()[1]
        owner = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.05)
        listener.authenticated(owner[1].get_extra_info("sockname"))
        others = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        ends = await asyncio.wait_for(asyncio.gather(*(each[0].read() for each in others)), 30)
        assert ends == [b""] * 5
        assert len(there) == 1, "the owner's connection stays"
        await listener.stop()
        for _, writer in (owner, *others):
            writer.close()

    asyncio.run(scenario())


def test_the_memory_of_handshakes_that_failed_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They refer to themselves, so that only a collection frees them."""
    monkeypatch.setattr(listener_module, "FAILED_BEFORE_COLLECTION", 20)

    async def scenario() -> None:
        sock = listening_socket("127.0.0.1", 0)
        context = ssl_context(server_certificate(tmp_path, ["127.0.0.1"]))
        listener = Listener(sock, asyncio.Protocol, context, max_pending=5)
        listener.start()
        for _ in range(100):
            _, writer = await asyncio.open_connection("127.0.0.1", sock.getsockname()[1])
            writer.write(SENT[1])
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        await listener.stop()

    gc.freeze()  # what is there already is not looked at in each collection
    gc.disable()
    try:
        asyncio.run(scenario())
        assert sum(isinstance(each, SSLProtocol) for each in gc.get_objects()) < 50
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_request_in_the_clear_hears_that_the_server_speaks_tls(tmp_path: Path) -> None:
    async def scenario() -> None:
        sock = listening_socket("127.0.0.1", 0)
        listener = Listener(sock, asyncio.Protocol, ssl_context(server_certificate(tmp_path, ["127.0.0.1"])))
        listener.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", sock.getsockname()[1])
        writer.write(b"GET /api HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 30)
        assert answer.startswith(b"HTTP/1.0 400 ")
        assert b"Client sent an HTTP request to an HTTPS server." in answer
        writer.close()
        await listener.stop()

    asyncio.run(scenario())
