"""Probes over the network, against servers of this machine."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from expander.local.kubelet.probe_http import HttpGetAttempt, TcpSocketAttempt
from expander.local.kubelet.probes import Result


class Page(BaseHTTPRequestHandler):
    """Answers with the status that the path asks for."""

    def do_GET(self) -> None:
        if self.headers["X-Probe"] != "yes" and self.path == "/header":
            self.send_error(400)
            return
        self.send_response(int(self.path.strip("/")) if self.path != "/header" else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a server."""
    with HTTPServer(("127.0.0.1", 0), Page) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made.server_port
        made.shutdown()
        thread.join()


@pytest.fixture
def closed() -> int:
    """A port where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where somebody listens and never answers."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield int(one.getsockname()[1])


def result(attempt: TcpSocketAttempt) -> Result:
    """What comes of it; looked for as often as it wants to be."""
    while True:
        found = attempt.poll(time.time())
        if found is not None:
            return found
        time.sleep(max(0.0, attempt.due - time.time()))


def get(port: int, path: str, strict: bool = True, timeout: float = 120.0, scheme: str = "HTTP") -> Result:
    headers = [("X-Probe", "yes")]
    return result(HttpGetAttempt((scheme, "127.0.0.1", port, path), headers, strict, timeout, time.time()))


def test_a_port_that_is_open_is_a_success(silent: int, closed: int) -> None:
    assert result(TcpSocketAttempt("127.0.0.1", silent, 5, time.time())) == Result(True)
    refused = result(TcpSocketAttempt("127.0.0.1", closed, 5, time.time()))
    assert refused == Result(False, f"dial tcp 127.0.0.1:{closed}: connect: connection refused")


@pytest.mark.parametrize(
    ("path", "ok"), [("/200", True), ("/302", True), ("/404", False), ("/500", False), ("/header", True)]
)
def test_the_status_of_a_page_decides(server: int, path: str, ok: bool) -> None:
    message = "" if ok else f"HTTP probe failed with statuscode: {path[1:]}"
    assert get(server, path) == Result(ok, message)


def test_any_answer_is_a_success_for_a_hook(server: int) -> None:
    assert get(server, "/500", strict=False) == Result(True)


def test_what_goes_wrong_is_told(silent: int, closed: int) -> None:
    url = f'Get "http://127.0.0.1:{closed}/200": '
    assert get(closed, "/200") == Result(
        False, f"{url}dial tcp 127.0.0.1:{closed}: connect: connection refused"
    )
    late = get(silent, "/", timeout=0.5)
    assert late.ok is False
    assert late.message.endswith("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")


def test_a_server_without_tls_fails_a_probe_with_it(server: int) -> None:
    found = get(server, "/200", scheme="HTTPS")
    assert found.ok is False
    assert found.message.startswith('Get "https://127.0.0.1')
