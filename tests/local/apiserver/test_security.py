"""Nobody else may talk to the server, and no request breaks it."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.apiserver.serving import Server, job

JOBS = "/apis/batch/v1/namespaces/default/jobs"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with TLS."""
    state = tmp_path_factory.mktemp("guarded") / "state"
    started = Server(state, ("--runtime", "process", "--tls")).start()
    yield started
    assert started.stop() == 0


def test_over_tls_a_request_without_a_token_is_refused(guarded: Server) -> None:
    answer = guarded.request("GET", JOBS)
    assert answer.code == 401
    assert answer.json["reason"] == "Unauthorized"


def test_over_tls_the_token_of_the_kubeconfig_opens(guarded: Server) -> None:
    assert guarded.request("GET", JOBS, headers={"Authorization": f"Bearer {guarded.token}"}).code == 200


@pytest.mark.parametrize(
    "word", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic TOKEN", "TOKEN", "Bearer TOKENx"]
)
@pytest.mark.parametrize("kind", ["plain", "tls"])
def test_a_wrong_token_is_refused(server: Server, guarded: Server, word: str, kind: str) -> None:
    asked = guarded if kind == "tls" else server
    header = word.replace("TOKEN", asked.token)
    assert asked.request("GET", JOBS, headers={"Authorization": header}).code == 401


def test_without_tls_this_user_needs_no_token(server: Server) -> None:
    assert server.request("GET", JOBS).code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.", "[::2]"]
)
def test_a_foreign_host_is_refused(server: Server, host: str) -> None:
    answer = server.request("GET", JOBS, host=host, headers={"Authorization": f"Bearer {server.token}"})
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


def test_a_large_body_in_chunks_is_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
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
    for path in (server.kubeconfig, server.folder / "token"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_an_address_that_others_reach_needs_tls(state: Path) -> None:
    with pytest.raises(AssertionError, match="--tls"):
        Server(state, ("--runtime", "process", "--host", "0.0.0.0")).start()


def test_the_log_of_a_pod_cannot_be_steered_to_another_file(server: Server) -> None:
    path = "/api/v1/namespaces/default/pods/x/log?container=../../../../etc/passwd"
    assert server.request("GET", path).code == 404
