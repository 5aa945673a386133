"""Nobody else may talk to the server, and no request breaks it."""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.apiserver.serving import Server, job

JOBS = "/apis/batch/v1/namespaces/default/jobs"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of plain HTTP."""
    state = tmp_path_factory.mktemp("plain") / "state"
    started = Server(state, ("--runtime", "process", "--no-tls")).start()
    yield started
    assert started.stop() == 0


def test_a_server_speaks_tls_unless_it_is_told_otherwise(server: Server, plain: Server) -> None:
    assert (server.scheme, plain.scheme) == ("https", "http")


def test_over_tls_a_request_without_a_token_is_refused(server: Server) -> None:
    answer = server.request("GET", JOBS, anonymous=True)
    assert answer.code == 401
    assert answer.json["reason"] == "Unauthorized"


def test_over_tls_the_token_of_the_kubeconfig_opens(server: Server) -> None:
    assert server.request("GET", JOBS).code == 200


@pytest.mark.parametrize(
    "word", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic TOKEN", "TOKEN", "Bearer TOKENx"]
)
@pytest.mark.parametrize("kind", ["plain", "tls"])
def test_a_wrong_token_is_refused(server: Server, plain: Server, word: str, kind: str) -> None:
    asked = server if kind == "tls" else plain
    header = word.replace("TOKEN", asked.token)
    assert asked.request("GET", JOBS, headers={"Authorization": header}).code == 401


def test_without_tls_this_user_needs_no_token(plain: Server) -> None:
    assert plain.request("GET", JOBS).code == 200


TRIES = 200

CLOSER = r"""
import encodings.idna, os, socket, sys
os.setgid(65533), os.setuid(65533)
port, count = int(sys.argv[1]), int(sys.argv[2])
for number in range(count):
    body = sys.argv[3].replace("NAME", f"stolen-{number}").encode()
    head = f"POST {sys.argv[4]} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    link = socket.create_connection(("127.0.0.1", port))
    if number % 2:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(head.encode())
        link.sendall(body)
    else:
        link.sendall(head.encode() + body)
    link.close()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_who_closes_at_once_runs_nothing(plain: Server) -> None:
    """The kernel reports uid 0 for a closed socket; the server of this test runs as root."""
    arguments = [str(plain.port), str(TRIES), json.dumps(job("NAME")), JOBS]
    subprocess.run([sys.executable, "-c", CLOSER, *arguments], check=True, timeout=120)
    plain.request("GET", JOBS)
    names = [each["metadata"]["name"] for each in plain.request("GET", JOBS).json["items"]]
    assert [name for name in names if name.startswith("stolen-")] == []


def test_a_page_of_this_server_may_ask(server: Server) -> None:
    own = {"Origin": f"https://127.0.0.1:{server.port}", "Sec-Fetch-Site": "same-origin"}
    assert server.request("GET", JOBS, headers=own).code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.", "[::2]"]
)
def test_a_foreign_host_is_refused(server: Server, host: str) -> None:
    answer = server.request("GET", JOBS, host=host)
    assert answer.code in (400, 403)


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8080", "LOCALHOST"])
def test_the_names_of_this_machine_are_welcome(server: Server, host: str) -> None:
    assert server.request("GET", JOBS, host=host).code == 200


@pytest.mark.parametrize("header", [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")])
def test_what_a_page_in_a_browser_asks_for_is_refused(server: Server, header: tuple[str, str]) -> None:
    answer = server.request("POST", JOBS, job("by-a-page"), headers=dict([header]))
    assert answer.code == 403
    assert server.request("GET", f"{JOBS}/by-a-page").code == 404


def test_no_answer_allows_other_origins(server: Server) -> None:
    headers = server.request("OPTIONS", JOBS, headers={"Access-Control-Request-Method": "POST"}).headers
    assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_body_that_a_form_can_send_is_refused(server: Server, media: str) -> None:
    answer = server.request("POST", JOBS, job("by-a-form"), headers={"Content-Type": media})
    assert (answer.code, answer.json["reason"]) == (415, "UnsupportedMediaType")


def test_a_body_of_more_than_three_mebibytes_is_refused(server: Server) -> None:
    answer = server.request("POST", JOBS, b" " * (3 * 1024 * 1024 + 1))
    assert (answer.code, answer.json["reason"]) == (413, "RequestEntityTooLarge")


def test_a_large_body_in_chunks_is_refused(plain: Server) -> None:
    with socket.create_connection(("127.0.0.1", plain.port), timeout=120) as connection:
        head = f"POST {JOBS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall((head + "Transfer-Encoding: chunked\r\n\r\n").encode())
        chunk = b" " * 65536
        try:
            for _ in range(64):
                connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            connection.sendall(b"0\r\n\r\n")
            answer = connection.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            return
        assert b" 413 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"42",
        b'"text"',
        b"\xff\xfe\x00",
        b'{"apiVersion": 1}',
        b'{"metadata": []}',
        b'{"spec": {"template": null}}',
        b'{"a": NaN}',
        b'{"metadata": {"name": "\\ud800"}}',
        b"[" * 100_000,
        b'{"spec":' * 50_000,
        b'{"spec":' * 400 + b"1" + b"}" * 400,
    ],
)
@pytest.mark.parametrize(
    "media", ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]
)
def test_a_malformed_body_is_the_clients_fault(server: Server, body: bytes, media: str) -> None:
    answer = server.request("POST", JOBS, body, headers={"Content-Type": media})
    assert answer.code in (400, 415, 422)
    assert answer.json["status"] == "Failure"


@pytest.mark.parametrize(
    "path",
    [
        "/apis/batch/v1/namespaces/default/jobs/..",
        "/apis/batch/v1/../../api/v1/secrets",
        "/apis/batch/v1/namespaces/default/jobs/%2e%2e/%2e%2e/secrets",
        "/apis/batch/v1/namespaces/default%2fjobs",
        "/apis/batch/v1/namespaces/default/jobs/a%2Fb",
        "/apis/batch/v1/namespaces/default/jobs/a%00b",
        "/apis/batch/v1/namespaces/default/jobs/a%0d%0ab",
        "/apis/batch/v1/namespaces/default/jobs/%ff",
        "/apis//batch/v1/jobs",
        "//apis/batch/v1/jobs",
        "/apis/batch/v1/namespaces//jobs",
        "/apis/batch/v1/namespaces/default/jobs/x/log",
        "/api/v1/namespaces/default/pods/x/exec",
        "/api/v1/nodes/x/proxy/etc/passwd",
        "/" + "a" * 5000,
        "/etc/passwd",
    ],
)
def test_a_crooked_path_leads_nowhere(server: Server, path: str) -> None:
    assert server.request("GET", path).code == 404


def test_the_files_with_secrets_are_this_users_alone(server: Server) -> None:
    names = ("token", "tls.key", "tls.crt", "ca.key", "ca.crt")
    for path in (server.kubeconfig, *(server.folder / name for name in names)):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_an_address_that_others_reach_needs_tls(state: Path) -> None:
    with pytest.raises(AssertionError, match="--no-tls"):
        Server(state, ("--runtime", "process", "--no-tls", "--host", "0.0.0.0")).start()


def test_the_log_of_a_pod_cannot_be_steered_to_another_file(server: Server) -> None:
    path = "/api/v1/namespaces/default/pods/x/log?container=../../../../etc/passwd"
    assert server.request("GET", path).code == 404
