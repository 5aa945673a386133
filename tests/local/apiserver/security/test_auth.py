"""Who is let in, decided without a server."""

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from expander.base.errors import UsageError
from expander.kube.served_kinds import BUILT_IN
from expander.local.apiserver.access import authentication, peer_uid
from expander.local.apiserver.access.authentication import OWNER, Authenticator, AuthResult, User, host_of
from expander.local.apiserver.certificates import server_certificate, ssl_context
from expander.local.apiserver.routing import steps, target
from expander.local.apiserver.server import is_token, token_of

LOCAL = {"Host": "127.0.0.1:8001"}


class Connection:
    """What asyncio tells of a connection."""

    def __init__(self, peer: object, server: object) -> None:
        self._said = {"peername": peer, "sockname": server}

    def get_extra_info(self, name: str) -> object:
        return self._said[name]


def guard(trust_user: bool = True) -> Authenticator:
    return Authenticator("the-token", ["127.0.0.1", "localhost"], trust_user=trust_user)


def test_the_user_at_the_other_end_of_a_connection_is_found() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert peer_uid.peer_uid(client.getsockname(), server.getsockname()) == os.getuid()
        assert peer_uid.peer_uid(("127.0.0.1", 1), server.getsockname()) is None


def test_a_connection_that_nobody_knows_needs_the_token() -> None:
    connection = Connection(("127.0.0.1", 1), ("127.0.0.1", 8001))
    assert guard().judge("/api", LOCAL, connection) is AuthResult.UNAUTHORIZED
    headers = {**LOCAL, "Authorization": "Bearer the-token"}
    assert guard().judge("/api", headers, connection) == OWNER


def test_a_token_that_expires_during_a_request_does_not_become_the_owners() -> None:
    account, asked = User("system:serviceaccount:a:b", "1", ()), list[str]()

    def known(token: str, audiences: Sequence[str]) -> authentication.Known | None:
        asked.append(token)
        return (account, tuple(audiences)) if len(asked) == 1 else None

    authenticator = Authenticator("the-token", ["127.0.0.1"], trust_user=False, known=known)
    headers = {**LOCAL, "Authorization": "Bearer another"}
    assert authenticator.judge("/api", headers, None) == account
    assert asked == ["another"]


def test_another_users_connection_needs_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "peer_uid", lambda peer, server: os.getuid() + 4242)
    connection = Connection(("127.0.0.1", 1), ("127.0.0.1", 8001))
    assert guard().judge("/api", LOCAL, connection) is AuthResult.UNAUTHORIZED


def test_where_users_are_not_trusted_the_connection_is_not_looked_at() -> None:
    assert guard(trust_user=False).judge("/api", LOCAL, None) is AuthResult.UNAUTHORIZED


def test_anybody_on_this_machine_may_ask_for_health() -> None:
    assert guard(trust_user=False).judge("/healthz", LOCAL, None) is AuthResult.OPEN
    assert guard(trust_user=False).judge("/healthz", {"Host": "elsewhere"}, None) is AuthResult.FOREIGN


def test_a_socket_that_was_closed_is_nobodys() -> None:
    """The kernel says uid 0 of it, which must not be taken for root."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        peer = client.getsockname()
        client.close()
        with accepted:
            assert accepted.recv(1) == b"", "the server has heard of it"
            assert peer_uid.peer_uid(peer, server.getsockname()) is None


def test_root_needs_the_token_of_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    monkeypatch.setattr(authentication, "peer_uid", lambda peer, server: 0)
    connection = Connection(("127.0.0.1", 1), ("127.0.0.1", 8001))
    assert guard().judge("/api", LOCAL, connection) is AuthResult.UNAUTHORIZED


@pytest.mark.parametrize(
    ("headers", "result"),
    [
        ({"Origin": "http://127.0.0.1:8001"}, OWNER),
        ({"Origin": "http://127.0.0.1:8001", "Sec-Fetch-Site": "same-origin"}, OWNER),
        ({"Sec-Fetch-Site": "none"}, OWNER),
        ({"Origin": "http://127.0.0.1:8002"}, AuthResult.FOREIGN),
        ({"Origin": "https://127.0.0.1:8001"}, AuthResult.FOREIGN),
        ({"Origin": "null"}, AuthResult.FOREIGN),
        ({"Sec-Fetch-Site": "same-site"}, AuthResult.FOREIGN),
        ({"Sec-Fetch-Site": "cross-site"}, AuthResult.FOREIGN),
        ({"Origin": "http://127.0.0.1:8001", "Sec-Fetch-Site": "cross-site"}, AuthResult.FOREIGN),
    ],
)
def test_a_browser_may_ask_for_pages_of_this_server_only(
    headers: dict[str, str], result: User | AuthResult
) -> None:
    given = {**LOCAL, "Authorization": "Bearer the-token", **headers}
    assert guard().judge("/api", given, None) is result


@pytest.mark.parametrize(
    ("header", "host"),
    [("a:1", "a"), ("A", "a"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("", ""), (":80", ""), ("a.:80", "a.")],
)
def test_a_host_header_is_taken_without_its_port(header: str, host: str) -> None:
    assert host_of(header) == host


@pytest.mark.parametrize(
    ("path", "plural", "namespace", "name", "part"),
    [
        ("/api/v1/pods", "pods", "", "", ""),
        ("/api/v1/namespaces/a/pods/b/log", "pods", "a", "b", "log"),
        ("/apis/batch/v1/namespaces/a/jobs/b/", "jobs", "a", "b", ""),
        ("/api/v1/namespaces/a", "namespaces", "", "a", ""),
        ("/api/v1/namespaces/a/status", "namespaces", "", "a", "status"),
        ("/api/v1/namespaces/a/finalize", "namespaces", "", "a", "finalize"),
        ("/api/v1/nodes/a", "nodes", "", "a", ""),
    ],
)
def test_a_path_leads_to_a_part_of_an_object(
    path: str, plural: str, namespace: str, name: str, part: str
) -> None:
    found = target(steps(path) or [], BUILT_IN)
    assert found is not None
    assert (found.resource.plural, found.namespace, found.name, found.part) == (plural, namespace, name, part)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/pods/a",
        "/api/v1/namespaces/a/nodes/b",
        "/api/v2/pods",
        "/apis/batch/v1/pods",
        "/api/v1/namespaces/a/pods/b/proxy",
        "/api/v1/namespaces/a/pods/b/log/c",
        "/api/v1",
        "/apis/batch",
    ],
)
def test_other_paths_lead_to_no_object(path: str) -> None:
    assert target(steps(path) or [], BUILT_IN) is None


@pytest.mark.parametrize("damaged", [b"", b"\n", b"short", b"\xff" * 43, b"a" * 42 + b"\0", b"a" * 5000])
def test_a_damaged_token_is_replaced_and_opens_nothing(tmp_path: Path, damaged: bytes) -> None:
    """An empty one would let in whoever sends `Authorization: Bearer`."""
    (tmp_path / "token").write_bytes(damaged)
    token = token_of(tmp_path)
    assert is_token(token)
    assert token_of(tmp_path) == token
    authenticator = Authenticator(token, ["localhost"], trust_user=False)
    for said in (damaged.decode(errors="surrogateescape"), ""):
        headers = {"Host": "localhost", "Authorization": f"Bearer {said}"}
        assert authenticator.judge("/api", headers, None) is AuthResult.UNAUTHORIZED


@pytest.mark.parametrize("name", ["tls.crt", "tls.key", "tls.names"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[:40], lambda data: b"\xff" + data[1:], lambda data: b""]
)
def test_a_damaged_certificate_is_made_anew_or_named(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    server_certificate(tmp_path, ["localhost"])
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    said = ""
    try:
        ssl_context(server_certificate(tmp_path, ["localhost"]))
    except UsageError as error:
        said = str(error)
    assert not said or "damaged" in said
