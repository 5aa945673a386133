"""Responses are read however they arrive."""

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from expander.client import http
from expander.client.http import Endpoint, HttpResponse, MalformedResponse
from expander.client.kubeconfig import ClientConfig


def answer(*sent: bytes, method: str = "GET") -> tuple[HttpResponse, bytes]:
    """What is made of ``sent`` in these pieces, and the body."""
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def send() -> None:
            with suppress(OSError):  # who reads may have seen enough
                for piece in sent:
                    theirs.sendall(piece)
                theirs.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            found = HttpResponse(ours, method)
            return found, found.read()
        finally:
            ours.close()
            thread.join()


def bytewise(text: bytes) -> list[bytes]:
    return [text[at : at + 1] for at in range(len(text))]


PLAIN = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-LENGTH: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n"


def test_an_answer_of_known_length_leaves_the_connection_open() -> None:
    for pieces in ([PLAIN], bytewise(PLAIN)):
        found, body = answer(*pieces)
        assert (found.status, body) == (201, b"{}")
        assert found.headers["content-type"] == "application/json"
        assert not found.will_close


def test_chunks_are_joined() -> None:
    for pieces in ([CHUNKED], bytewise(CHUNKED)):
        found, body = answer(*pieces)
        assert body == b"abcde"
        assert not found.will_close


@pytest.mark.parametrize(
    ("text", "body"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", b"a"),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\na", b"a"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc", b"a"),
    ],
)
def test_a_connection_that_has_an_end_or_too_much_is_not_used_again(text: bytes, body: bytes) -> None:
    found, read = answer(text)
    assert read == body
    assert found.will_close


def test_what_has_no_body_is_over_at_once() -> None:
    assert answer(b"HTTP/1.1 204 No Content\r\n\r\n")[1] == b""
    assert answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", method="HEAD")[1] == b""
    assert answer(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN)[0].status == 201


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
    ],
)
def test_what_is_no_answer_or_half_of_one_is_an_error(text: bytes) -> None:
    with pytest.raises(MalformedResponse):
        answer(text)


def compressed(text: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)


def test_a_body_that_a_proxy_compressed_is_read() -> None:
    assert answer(compressed(gzip.compress(b'{"a": 1}')))[1] == b'{"a": 1}'


@pytest.mark.parametrize(
    "body", [b"", b"{}", gzip.compress(b"{}", mtime=0)[:-4]], ids=["empty", "plain", "cut"]
)
def test_a_body_that_is_said_to_be_compressed_and_is_not_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedResponse, match="gzip"):
        answer(compressed(body))


def test_every_warning_header_is_kept() -> None:
    head = b'HTTP/1.1 201 Created\r\nWarning: 299 - "a, b"\r\nwarning: 299 - "c"\r\nContent-Length: 0\r\n\r\n'
    assert answer(head)[0].headers["warning"] == '299 - "a, b", 299 - "c"'


def test_an_answer_in_tls_is_named() -> None:
    with pytest.raises(MalformedResponse, match="the server expects HTTPS"):
        answer(b"\x15\x03\x01\x00\x02\x02\x46")


@pytest.mark.parametrize(
    "text",
    [
        compressed(gzip.compress(bytes(1 << 20))),
        b"HTTP/1.1 200 OK\r\n\r\n" + bytes(1 << 17),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n" + bytes(1 << 17),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n" + bytes(0xFFFFF),
    ],
    ids=["gzip", "no length", "length", "chunk"],
)
def test_a_body_of_any_length_takes_bounded_memory(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 1 << 16)
    with pytest.raises(MalformedResponse, match="the response is longer than"):
        answer(text)


def test_interim_responses_come_to_an_end() -> None:
    with pytest.raises(MalformedResponse, match="too many interim responses"):
        answer(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + PLAIN)


def test_a_head_and_a_body_have_to_come_within_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\nX: y")
        with pytest.raises(TimeoutError):
            HttpResponse(ours, "GET", timeout=-1.0)
    monkeypatch.setattr(http, "BODY_SECONDS", -1.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        found = HttpResponse(ours, "GET")
        theirs.sendall(b"{}")
        with pytest.raises(TimeoutError):
            found.read()


ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"


def test_trailers_come_to_an_end() -> None:
    with pytest.raises(MalformedResponse, match="does not end"):
        answer(ENDLESS + b"X: y\r\n" * (1 << 16))


@pytest.mark.parametrize("rest", [b"0", b"X", b""], ids=["size", "trailer", "whole"])
def test_a_line_has_to_come_within_a_time(monkeypatch: pytest.MonkeyPatch, rest: bytes) -> None:
    monkeypatch.setattr(http, "LINE_SECONDS", -1.0)
    start = ENDLESS[:-3] if rest == b"0" else ENDLESS
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(start)
        found = HttpResponse(ours, "GET")
        theirs.sendall(rest or b"\r\n")
        if rest:
            with pytest.raises(TimeoutError):
                list(found.pieces())
        else:
            assert list(found.pieces()) == [b"{}"]


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A server on this machine is looked up by its name; the ports that such lookups find, the last for good."""
    found: list[int] = []
    look_up = socket.getaddrinfo

    def next_port(*_: object, **__: object) -> list[Any]:
        asked.append(found[0] if len(found) == 1 else found.pop(0))
        return look_up("127.0.0.1", asked[-1], type=socket.SOCK_STREAM)

    asked: list[int] = []
    monkeypatch.setattr(socket, "getaddrinfo", next_port)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found.append(server.getsockname()[1])
        yield found
    assert asked


def test_a_name_is_looked_up_once_for_connections_made_at_about_the_same_time(looked_up: list[int]) -> None:
    right = looked_up[0]
    endpoint = Endpoint(ClientConfig("http://somewhere"))
    connections = [endpoint.acquire()]
    looked_up[:] = [right + 1]
    connections += [endpoint.acquire() for _ in range(5)]
    for connection in connections:
        connection.close()


def test_a_name_is_looked_up_again_when_its_address_does_not_answer(looked_up: list[int]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        looked_up.insert(0, gone.getsockname()[1])
    endpoint = Endpoint(ClientConfig("http://somewhere"))
    with pytest.raises(ConnectionRefusedError):
        endpoint.acquire()
    endpoint.acquire().close()


def test_an_address_that_is_silent_takes_no_more_than_its_share_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares: list[float] = []

    class Socket(socket.socket):
        def connect(self, address: Any) -> None:
            shares.append(self.gettimeout() or 0.0)
            if len(shares) == 1:
                raise TimeoutError
            super().connect(address)

    with socket.create_server(("127.0.0.1", 0)) as server:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", server.getsockname())]
        unknown = [(255, socket.SOCK_STREAM, 0, "", server.getsockname())]
        monkeypatch.setattr(socket, "socket", Socket)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*found, *unknown, *found])
        Endpoint(ClientConfig("http://somewhere")).acquire(9.0).close()
    assert shares[0] <= 3.0
    assert len(shares) == 2


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_addresses_the_one_of_a_family_that_is_not_there_says_the_least(
    monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    refused, unknown = [(family, socket.SOCK_STREAM, 0, "", address) for family in (socket.AF_INET, 255)]
    monkeypatch.setattr(Endpoint, "_addresses", lambda _: [refused, unknown][::order])
    with pytest.raises(ConnectionRefusedError):
        Endpoint(ClientConfig("http://somewhere")).acquire()
    monkeypatch.setattr(Endpoint, "_addresses", lambda _: [unknown])
    with pytest.raises(OSError, match="Address family not supported"):
        Endpoint(ClientConfig("http://somewhere")).acquire()
