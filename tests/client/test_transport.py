"""Credentials, certificates, proxies and contexts, against small servers."""

import base64
import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import InputError, Unreachable
from expander.client import kubeconfig as kubeconfig_module
from expander.client import transport as module
from expander.client.client import ApiClient
from expander.client.exec_plugin import redact
from expander.client.kubeconfig import ClientConfig
from expander.client.retry import Retry
from expander.client.tls import tls_context
from expander.client.transport import ConnectionLost, NoCredentials, Transport
from tests.client.stubs import certificate, plugin, proxy, stub

Reach = Callable[..., Transport]
"""Opens a transport that is closed when the test is over."""

SECRET = "s3cr3t-t0ken-that-nobody-may-see"


def config(folder: Path, server: str, user: Any, name: str = "config", **cluster: Any) -> str:
    tree = {
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        "current-context": "x",
    }
    path = folder / name
    path.write_text(json.dumps(tree))
    return str(path)


def credential(**status: str) -> str:
    tree = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"echo '{json.dumps(tree)}'"


def only(accepted: str) -> Any:
    """A server that wants this Authorization."""

    def respond(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        return (200, b"{}") if headers.get("authorization") == accepted else (401, b"{}")

    return respond


def welcome(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    return 200, b"{}"


@pytest.fixture
def reach() -> Iterator[Reach]:
    opened: list[Transport] = []

    def reach(*arguments: Any, **options: Any) -> Transport:
        opened.append(Transport(*arguments, **options))
        return opened[-1]

    yield reach
    for each in opened:
        each.close()


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ({"token": "abc"}, "Bearer abc"),
        ({"token": "abc", "tokenFile": "token"}, "Bearer from-file"),
        ({"username": "me", "password": "word"}, "Basic " + base64.b64encode(b"me:word").decode()),
    ],
)
def test_static_credentials_are_shown(reach: Reach, tmp_path: Path, user: Any, shown: str) -> None:
    (tmp_path / "token").write_text("from-file\n")
    with stub(only(shown)) as server:
        transport = reach(config(tmp_path, f"http://127.0.0.1:{server.port}", user))
        assert transport.namespace == "team"
        assert transport.request("GET", "/api").status == 200


def test_who_is_acted_as_is_told(reach: Reach, tmp_path: Path) -> None:
    user = {"token": "t", "as": "jane", "as-groups": ["a"], "as-user-extra": {"why": ["test"]}}
    with stub(welcome) as server:
        reach(config(tmp_path, f"http://127.0.0.1:{server.port}", user)).request("GET", "/api")
        _, _, headers = server.asked[0]
    assert headers["impersonate-user"] == "jane"
    assert headers["impersonate-group"] == "a"
    assert headers["impersonate-extra-why"] == "test"


def test_a_token_file_is_read_again_when_its_token_is_refused(reach: Reach, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    with stub(only("Bearer new")) as server:
        user = {"tokenFile": str(token)}
        transport = reach(config(tmp_path, f"http://127.0.0.1:{server.port}", user))
        assert transport.request("GET", "/api").status == 401
        token.write_text("new")
        assert transport.request("GET", "/api").status == 401, "nobody said that it was refused"
        transport.refresh()
        assert transport.request("GET", "/api").status == 200


def test_a_plugin_is_run_again_only_when_its_token_is_refused(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "first").write_text("x")
    script = f"if rm {tmp_path}/first 2>/dev/null; then {credential(token='old')}; exit; fi"
    user = plugin(tmp_path, f"echo x >> {tmp_path}/runs; {script}; {credential(token='new')}")
    with stub(only("Bearer new")) as server:
        transport = reach(config(tmp_path, f"http://127.0.0.1:{server.port}", user))
        assert transport.request("GET", "/api").status == 401
        transport.refresh()
        for _ in range(3):
            assert transport.request("GET", "/api").status == 200
    assert (tmp_path / "runs").read_text().count("x") == 2


def test_a_plugin_that_fails_at_first_is_an_error_with_its_words_and_without_secrets(
    reach: Reach, tmp_path: Path
) -> None:
    user = plugin(tmp_path, f"echo 'the session has expired, token={SECRET}' >&2; exit 3")
    with pytest.raises(InputError) as caught:
        reach(config(tmp_path, "http://127.0.0.1:1", user))
    assert "the session has expired" in str(caught.value)
    assert "exited with 3: the session has expired" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_plugin_that_is_not_there_is_named(reach: Reach, tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/nowhere/get-token"}}
    with pytest.raises(InputError, match="cannot run /nowhere/get-token: No such file or directory"):
        reach(config(tmp_path, "http://127.0.0.1:1", user))


def test_a_plugin_that_fails_later_is_told_with_its_words_and_run_again_after_a_while(
    reach: Reach, tmp_path: Path
) -> None:
    user = plugin(tmp_path, credential(token="old"))
    with stub(only("Bearer new")) as server:
        transport = reach(config(tmp_path, f"http://127.0.0.1:{server.port}", user))
        plugin(tmp_path, f"echo x >> {tmp_path}/runs; echo 'log in again' >&2; exit 1")
        assert transport.request("GET", "/api").status == 401
        for _ in range(4):
            transport.refresh()
            with pytest.raises(NoCredentials, match="exited with 1: log in again"):
                transport.request("GET", "/api")
        with pytest.raises(NoCredentials, match="log in again"):
            list(transport.stream("/api"))
    assert (tmp_path / "runs").read_text().count("x") < 5


@pytest.mark.parametrize(
    "text",
    [
        f"token: {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f'"password": "{SECRET}"',
        f"got {SECRET}",
        "eyJhbGciOi.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    ],
)
def test_the_words_of_a_plugin_are_shown_without_what_may_be_a_secret(text: str) -> None:
    shown = redact(f"could not log in: {text}")
    assert SECRET not in shown
    assert "c2lnbmF0dXJl" not in shown


def test_a_client_certificate_is_shown_from_data_and_from_files(reach: Reach, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    mine, my_key = certificate(tmp_path, "me")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(mine)
    context.verify_mode = ssl.CERT_REQUIRED
    encoded = {
        f"client-{name}-data": base64.b64encode(path.read_bytes()).decode()
        for name, path in {"certificate": mine, "key": my_key}.items()
    }
    files = {"client-certificate": "me.crt", "client-key": str(my_key)}
    exec_user = plugin(
        tmp_path,
        credential(clientCertificateData=mine.read_text(), clientKeyData=my_key.read_text()).replace(
            "\\n", "\\\\n"
        ),
    )
    with stub(welcome, context) as server:
        url = f"https://127.0.0.1:{server.port}"
        for user in (encoded, files, exec_user):
            path = config(tmp_path, url, user, **{"certificate-authority": "server.crt"})
            assert reach(path).request("GET", "/api").status == 200
        with pytest.raises(ConnectionLost):
            reach(config(tmp_path, url, {}, **{"certificate-authority": "server.crt"})).request("GET", "/")
    with pytest.raises(InputError, match="certificate or key"):
        reach(config(tmp_path, url, {"client-certificate": "me.crt", "client-key": "server.key"}))


def test_a_server_is_trusted_by_authority_or_name_or_not_at_all(reach: Reach, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "cluster.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with stub(welcome, context) as server:
        url = f"https://127.0.0.1:{server.port}"
        trusted = {"certificate-authority": str(cert)}
        for more in (
            trusted,
            {**trusted, "tls-server-name": "cluster.example"},
            {"insecure-skip-tls-verify": True},
        ):
            assert reach(config(tmp_path, url, {}, **more)).request("GET", "/api").status == 200
        for wrong in ({}, {**trusted, "tls-server-name": "other.example"}):
            with pytest.raises(ConnectionLost, match="certificate verify failed"):
                reach(config(tmp_path, url, {}, **wrong)).request("GET", "/api")


def test_authorities_are_read_only_for_a_server_that_is_verified() -> None:
    stranger = ClientConfig("https://localhost", verify=False)
    assert tls_context(stranger).cert_store_stats()["x509_ca"] == 0
    assert tls_context(stranger).verify_mode == ssl.CERT_NONE
    assert tls_context(ClientConfig("https://localhost")).verify_mode == ssl.CERT_REQUIRED


def test_the_path_of_a_server_goes_before_every_path(reach: Reach, tmp_path: Path) -> None:
    with stub(welcome) as server:
        transport = reach(config(tmp_path, f"http://127.0.0.1:{server.port}/k8s/clusters/c-1/", {}))
        transport.request("GET", "/api?x=y")
        transport.request("POST", "/apis/batch/v1/jobs", b"{}")
    assert [path for _, path, _ in server.asked] == [
        "/k8s/clusters/c-1/api?x=y",
        "/k8s/clusters/c-1/apis/batch/v1/jobs",
    ]


def test_of_several_kubeconfigs_the_first_to_say_something_wins(
    reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stub(only("Bearer one")) as server:
        url = f"http://127.0.0.1:{server.port}"
        first = config(tmp_path, url, {"token": "one"}, "first")
        second = config(tmp_path, "http://127.0.0.1:1", {"token": "two"}, "second")
        tree = json.loads(Path(second).read_text())
        tree["contexts"].append({"name": "y", "context": {"cluster": "c", "user": "u"}})
        tree["current-context"] = "y"
        Path(second).write_text(json.dumps(tree))
        monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "missing"), first, second]))
        assert reach().namespace == "team"
        other = reach(context="y")
        assert other.namespace == "default"
        assert other.request("GET", "/api").status == 200
        with pytest.raises(InputError, match=r"context 'z' not found.*contexts: x, y"):
            reach(context="z")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{[", "is not valid YAML"),
        (f"token: {SECRET}: x", "is not valid YAML"),
        ("[]", "is not a kubeconfig"),
        ("current-context: x", "context 'x' not found"),
        ("contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x", "has no server"),
        ("", "no current context"),
    ],
)
def test_a_kubeconfig_that_makes_no_sense_is_named(
    reach: Reach, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(InputError) as caught:
        reach(str(tmp_path / "config"))
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("cluster", "user", "words"),
    [
        ("server: 'http://[::1'", "", "is not a URL"),
        ("server: 'http://h:99999999'", "", "is not a URL"),
        ("server: 'http://h:abc'", "", "is not a URL"),
        ("server: 'ftp://h:1'", "", "is not a URL"),
        ("server: '127.0.0.1:8080'", "", "is not a URL"),
        ("server: 5", "", "is not a URL"),
        ('server: "http://h/a\\r\\nX: y"', "", "is not a URL"),
        ("server: 'http://h', proxy-url: 'http://x:abc'", "", "unsupported proxy"),
        ("server: 'https://h', certificate-authority-data: 5", "", "is not valid base64"),
        ("server: 'http://h'", "as-groups: 5", "as-groups or as-user-extra"),
        ("server: 'http://h'", "as-user-extra: [x]", "as-groups or as-user-extra"),
        ("server: 'http://h'", "tokenFile: 5", "is not a kubeconfig"),
        ("server: 'http://h'", 'token: "a\\r\\nX: y"', "line break"),
    ],
)
def test_values_of_a_kubeconfig_that_cannot_be_are_named(
    reach: Reach, tmp_path: Path, cluster: str, user: str, words: str
) -> None:
    (tmp_path / "config").write_text(
        f"clusters: [{{name: c, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
    )
    with pytest.raises(InputError, match=words):
        reach(str(tmp_path / "config"))


def test_in_a_pod_the_service_account_is_used(
    reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = certificate(tmp_path, "server")
    (tmp_path / "token").write_text("pod\n")
    (tmp_path / "namespace").write_text("mine\n")
    cert.rename(tmp_path / "ca.crt")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.crt", key)
    with stub(only("Bearer pod"), context) as server:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
        monkeypatch.setattr(kubeconfig_module, "SERVICE_ACCOUNT", str(tmp_path))
        transport = reach()
        assert transport.namespace == "mine"
        assert transport.request("GET", "/api").status == 200
    (tmp_path / "token").unlink()
    with pytest.raises(InputError, match=r"cannot read .*/token"):
        reach()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_of_the_kubeconfig_is_gone_through(reach: Reach, tmp_path: Path, scheme: str) -> None:
    cert, key = certificate(tmp_path, "cluster.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with stub(only("Bearer t"), context if scheme == "https" else None) as server, proxy(server.port) as way:
        more = {"proxy-url": f"http://user:{SECRET}@127.0.0.1:{way.port}", "certificate-authority": str(cert)}
        transport = reach(config(tmp_path, f"{scheme}://cluster.example:6443", {"token": "t"}, **more))
        for _ in range(2):
            assert transport.request("GET", "/api").status == 200
    assert len(way.asked) == 1
    assert "cluster.example:6443" in way.asked[0]
    assert ("Bearer" in way.asked[0]) == (scheme == "http"), "a tunnel hides what is said"
    assert "Proxy-Authorization: Basic" in way.asked[0]


def test_a_proxy_of_the_environment_is_gone_through_but_for_what_is_spared(
    reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stub(welcome) as server, proxy(server.port) as way:
        monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{way.port}")
        path = config(tmp_path, "http://cluster.invalid", {})
        assert reach(path).request("GET", "/api").status == 200
        monkeypatch.setenv("NO_PROXY", "x.example, .invalid")
        with pytest.raises(ConnectionLost):
            reach(path).request("GET", "/api")
        monkeypatch.delenv("NO_PROXY")
        assert (
            reach(config(tmp_path, f"http://127.0.0.1:{server.port}", {})).request("GET", "/").status == 200
        )
    assert len(way.asked) == 1


def test_a_proxy_that_refuses_is_told_of_without_its_password(reach: Reach, tmp_path: Path) -> None:
    with proxy(1, refuse=True) as way:
        more = {"proxy-url": f"http://user:{SECRET}@127.0.0.1:{way.port}"}
        with pytest.raises(ConnectionLost) as caught:
            reach(config(tmp_path, "https://cluster.example", {}, **more)).request("GET", "/api")
    assert SECRET not in str(caught.value)
    assert "the proxy answered 403" in str(caught.value)


def test_a_proxy_of_another_kind_is_refused(reach: Reach, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unsupported proxy"):
        reach(config(tmp_path, "https://cluster.example", {}, **{"proxy-url": "ftp://127.0.0.1"}))


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(reach: Reach, tmp_path: Path) -> None:
    with stub(welcome) as first:
        port = first.port
        transport = reach(config(tmp_path, f"http://127.0.0.1:{port}", {}))
        assert transport.request("GET", "/api").status == 200
        (idle,) = transport._encoder.endpoint._idle
        idle._socket.shutdown(socket.SHUT_RDWR)
        assert transport.request("GET", "/api").status == 200


def test_a_proxy_that_is_not_there_is_named_without_its_password(reach: Reach, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    more = {"proxy-url": f"http://user:{SECRET}@127.0.0.1:{port}"}
    with pytest.raises(ConnectionLost) as caught:
        reach(config(tmp_path, "https://cluster.example", {}, **more)).request("GET", "/api")
    assert str(caught.value) == f"proxy 127.0.0.1:{port}: connection refused"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_scheme_that_the_server_does_not_speak_is_named(reach: Reach, tmp_path: Path, scheme: str) -> None:
    cert, key = certificate(tmp_path, "cluster.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with stub(welcome, context if scheme == "http" else None) as server:
        transport = reach(config(tmp_path, f"{scheme}://127.0.0.1:{server.port}", {}))
        with pytest.raises(Unreachable) as caught:
            ApiClient(transport, Retry(budget=0.1), lambda: False).get("/api")
    (problem,) = caught.value.problems
    assert f"the kubeconfig says {scheme}://" in f"{problem.message} {problem.hint}"


def test_lines_of_a_watch_come_whole_and_one_without_an_end_is_no_answer(
    reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stub(lambda *_: (200, b"\n".join([b"a" * 200_000, b"", b"b", b"c" * 70_000]) + b"\nd")) as server:
        transport = reach(config(tmp_path, f"http://127.0.0.1:{server.port}", {}))
        assert [len(line) for line in transport.watch("/x")] == [200_000, 1, 70_000]
        monkeypatch.setattr(module, "MAX_BODY_BYTES", 100_000)
        with pytest.raises(ConnectionLost, match="longer than"):
            list(transport.watch("/x"))


def test_a_stream_ends_when_the_transport_is_closed(reach: Reach, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        transport = reach(config(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}", {}))
        stream = transport.stream("/x")
        ends: list[Exception] = []

        def follow() -> None:
            try:
                list(stream)
            except ConnectionLost as error:
                ends.append(error)

        reader = threading.Thread(target=follow)
        reader.start()
        with server.accept()[0] as theirs:
            theirs.recv(1 << 16)
            theirs.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            transport.close()
            reader.join()
    assert len(ends) == 1
