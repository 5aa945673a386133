"""Many requests at once by one thread, against small servers."""

import json
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from expander.client import exchanges as module
from expander.client.exchanges import Answer, Exchanges
from expander.client.transport import ConnectionLost, Response, Transport
from tests.client.stubs import certificate, stub

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@contextmanager
def exchanges(folder: Path, port: int, scheme: str = "http", **cluster: str) -> Iterator[Exchanges[int]]:
    tree = {
        "clusters": [{"name": "c", "cluster": {"server": f"{scheme}://127.0.0.1:{port}", **cluster}}],
        "contexts": [{"name": "x", "context": {"cluster": "c"}}],
        "current-context": "x",
    }
    (folder / "kubeconfig").write_text(json.dumps(tree))
    transport = Transport(str(folder / "kubeconfig"))
    found = Exchanges[int](transport)
    try:
        yield found
        assert transport.waits.longest(0.0) is None
    finally:
        found.close()
        transport.close()


@contextmanager
def server(serve: Callable[[socket.socket, int], None]) -> Iterator[int]:
    """The port of a server that calls ``serve`` with each connection and its number, in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    clients: list[socket.socket] = []

    def run(client: socket.socket, number: int) -> None:
        with client:
            serve(client, number)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            clients.append(client)
            threads.append(threading.Thread(target=run, args=(client, len(threads)), daemon=True))
            threads[-1].start()

    threads.append(threading.Thread(target=accept, daemon=True))
    threads[0].start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for client in clients:
            with suppress(OSError):  # it has ended
                client.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def request_of(client: socket.socket) -> bytes:
    """The path of the next request, with its body read; empty when there is none."""
    found = b""
    while b"\r\n\r\n" not in found:
        if not (piece := client.recv(1 << 16)):
            return b""
        found += piece
    head, _, rest = found.partition(b"\r\n\r\n")
    _, is_long, length = head.partition(b"Content-Length: ")
    left = int(length.split(b"\r\n")[0]) - len(rest) if is_long else 0
    while left > 0:
        left -= len(client.recv(1 << 16))
    return head.split(b" ")[1]


def answers(of: Exchanges[int], count: int) -> dict[int, Answer[int]]:
    found: dict[int, Answer[int]] = {}
    while len(found) < count:
        found |= {each.key: each for each in of.wait(None)}
    return found


def body(answer: Answer[int]) -> bytes:
    assert isinstance(answer.response, Response), answer.response
    return answer.response.body


@pytest.mark.parametrize("tls", [False, True])
def test_requests_are_answered_by_their_keys(tmp_path: Path, tls: bool) -> None:
    context, cluster = None, {}
    if tls:
        cert, key = certificate(tmp_path, "server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        cluster = {"certificate-authority": str(cert)}

    def respond(method: str, path: str, headers: Mapping[str, str], sent: bytes) -> tuple[int, bytes]:
        return 200, method.encode() + path.encode() * 3000 + sent

    with (
        stub(respond, context) as found,
        exchanges(tmp_path, found.port, "https" if tls else "http", **cluster) as of,
    ):
        for _ in range(3):
            for number in range(20):
                of.start(number, "POST", f"/{number}", b"x" * number)
            for number, each in answers(of, 20).items():
                assert body(each) == b"POST" + f"/{number}".encode() * 3000 + b"x" * number
    assert len(found.asked) == 60


def test_connections_are_used_again_until_the_server_closes_them(tmp_path: Path) -> None:
    served = []

    def serve(client: socket.socket, number: int) -> None:
        for _ in range(2):
            served.append((number, request_of(client)))
            client.sendall(WHOLE)

    with server(serve) as port, exchanges(tmp_path, port) as of:
        for number in range(6):
            of.start(number, "GET", f"/{number}")
            assert body(answers(of, 1)[number]) == b"hello"
            if number % 2:
                while of._idle:
                    of.wait(None)  # until the end of the connection is seen
    assert len({number for number, _ in served}) == 3


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "response",
    [
        WHOLE,
        b"HTTP/1.1 103 Early\r\n\r\n" + WHOLE,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nT: x\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ],
)
@pytest.mark.parametrize("slow", [module.SLOW_SECONDS, 0.0])
def test_a_response_may_come_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, response: bytes, size: int, slow: float
) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", slow)

    def serve(client: socket.socket, number: int) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request_of(client)
        for at in range(0, len(response), size):
            client.sendall(response[at : at + size])

    with server(serve) as port, exchanges(tmp_path, port) as of:
        of.start(1, "GET", "/")
        assert body(answers(of, 1)[1]) == b"hello"


def test_long_requests_and_responses_hold_no_others_up(tmp_path: Path) -> None:
    go = threading.Event()

    def serve(client: socket.socket, number: int) -> None:
        while path := request_of(client):
            if path == b"/long":
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 2_000_000)
                go.wait(30)
                client.sendall(b"x" * 1_000_000)
            else:
                client.sendall(WHOLE)

    with server(serve) as port, exchanges(tmp_path, port) as of:
        of.start(0, "GET", "/")
        answers(of, 1)
        of.start(1, "POST", "/long", b"x" * 5_000_000)
        for number in range(2, 9):
            of.start(number, "GET", "/")
            assert list(answers(of, 1)) == [number]
        go.set()
        assert body(answers(of, 1)[1]) == b"x" * 3_000_000


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (b"", "connection lost"),
        (WHOLE[:-1], "connection lost"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "connection lost"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the response is not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "the response has no valid length"),
    ],
)
def test_what_is_no_response_is_a_lost_connection(tmp_path: Path, response: bytes, words: str) -> None:
    def serve(client: socket.socket, number: int) -> None:
        if request_of(client) != b"/good":
            client.sendall(response)
        else:
            client.sendall(WHOLE)

    with server(serve) as port, exchanges(tmp_path, port) as of:
        of.start(1, "GET", "/")
        of.start(2, "GET", "/good")
        found = answers(of, 2)
        assert isinstance(found[1].response, ConnectionLost)
        assert str(found[1].response) == words
        assert body(found[2]) == b"hello"


def test_a_server_that_says_nothing_and_one_that_is_not_there_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(client: socket.socket, number: int) -> None:
        while path := request_of(client):
            if path == b"/told":
                client.sendall(WHOLE)

    with server(serve) as port, exchanges(tmp_path, port) as of:
        of.start(1, "GET", "/told")
        assert body(answers(of, 1)[1]) == b"hello"
        for _ in range(2):  # over a kept connection, and over a new one
            of.start(1, "GET", "/", seconds=0.05)
            assert str(answers(of, 1)[1].response) == "timed out"
        monkeypatch.setattr(module, "RESPONSE_TIMEOUT_SECONDS", 0.05)
        of.start(1, "GET", "/", seconds=3600.0)
        assert str(answers(of, 1)[1].response) == "timed out"
    with exchanges(tmp_path, port) as of:
        of.start(1, "GET", "/")
        assert str(answers(of, 1)[1].response) == "connection refused"


def test_no_answer_waits_while_others_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWERS", 1)

    def serve(client: socket.socket, number: int) -> None:
        while request_of(client):
            client.sendall(WHOLE)

    with server(serve) as port, exchanges(tmp_path, port) as of:
        for key in range(3):
            of.start(key, "GET", "/")
        answers(of, 3)
        for key in range(3):
            of.start(key, "GET", "/")
        found: list[int] = []
        while len(found) < 3:
            for number in of._reading:
                select.select([number], [], [])  # all have an answer
            found += [each.key for each in of.wait(None)]
            of.start(9, "GET", "/")
        assert sorted(found) == [0, 1, 2]
        answers(of, 1)
        while of._reading:
            of.wait(None)


def test_what_goes_before_a_request_may_fail(tmp_path: Path) -> None:
    def fail() -> None:
        raise FileNotFoundError("logs")

    with exchanges(tmp_path, 1) as of:
        of.start(1, "GET", "/", before=fail)
        assert isinstance(answers(of, 1)[1].response, FileNotFoundError)


def test_a_wait_ends_when_it_is_woken_before_or_meanwhile(tmp_path: Path) -> None:
    with exchanges(tmp_path, 1) as of:
        of.wake()
        assert of.wait(None) == []
        threading.Timer(0.01, of.wake).start()
        assert of.wait(None) == []
        assert of.wait(0.001) == []
