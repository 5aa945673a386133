"""No request breaks the server, fills its log, or keeps others from being served."""

import gzip
import json
import random
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from expander.kube import schemas
from expander.kube.scheme import BY_KIND
from tests.local.apiserver.security.hostile import anything
from tests.local.apiserver.serving import Answer, Server, job

JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "map"}, "data": {"a": "b"}}
GATED_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "hostile"},
    "spec": {"schedulingGates": [{"name": "a.b/c"}], "containers": [{"name": "main", "image": "x"}]},
}
CRON_JOB = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "hostile"},
    "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job("x")["spec"]}},
}


def log_of(server: Server) -> str:
    return Path(f"{server.folder}.errors").read_text()


def check_alive(server: Server, before: str) -> None:
    """Others are served, Jobs run, and nothing is in the log that was not there ``before``."""
    name = f"canary-{time.monotonic_ns()}"
    assert server.request("POST", JOBS, job(name)).code == 201
    end = time.monotonic() + 60
    while not server.request("GET", f"{JOBS}/{name}").json["status"].get("succeeded"):
        assert time.monotonic() < end, log_of(server)
        time.sleep(0.02)
    for path in (JOBS, PODS, "/apis/batch/v1/namespaces/default/cronjobs"):
        assert server.request("GET", path, headers=TABLE).code == 200
    assert log_of(server) == before


def is_in_order(answer: Answer) -> bool:
    """Whether the server knew what it did. It says 500 to strategic patches that cannot be, as upstream does."""
    return answer.code < 500 or "Internal error" not in answer.json["message"]


HEAD = b"Host: 127.0.0.1\r\nConnection: close\r\n"
NOT_HTTP = [
    b"GET /api HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n",
    b"GET /api HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \xed\xa0\x80\r\nConnection: close\r\n\r\n",
    b"GET /api HTTP/1.1\r\nHost: \xff\r\nConnection: close\r\n\r\n",
    b"GET /api HTTP/1.1\r\n" + HEAD + b"Origin: \xff\r\n\r\n",
    b"GET /api\xff HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET /a\0b HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET /api HTTP/1.1\r\n" + HEAD + b"X: a\0b\r\n\r\n",
    b"GET /api HTTP/1.1\r\n" + HEAD + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    b"GET /api HTTP/1.1\r\n" + HEAD + b"".join(b"X%d: a\r\n" % n for n in range(2000)) + b"\r\n",
    b"GET /api HTTP/1.1\nHost: 127.0.0.1\n\n",
    b"GET /api\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET https://127.0.0.1/api HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"POST /api HTTP/1.1\r\n" + HEAD + b"Content-Length: -5\r\n\r\n",
    b"POST /api HTTP/1.1\r\n" + HEAD + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /api HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"\0" * 5000,
    (b"GET /api HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 200) + b"\xff\r\n\r\n",
]


def exchange(server: Server, sent: bytes) -> bytes:
    """What the server answers to these bytes, over TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    answer = b""
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=60)) as link:
        try:
            link.sendall(sent)
            while data := link.recv(65536):
                answer += data
        except (ConnectionError, ssl.SSLError):
            pass
    return answer


def test_whoever_has_no_token_gets_no_error_and_no_line_in_the_log(server: Server) -> None:
    before = log_of(server)
    for sent in NOT_HTTP:
        answer = exchange(server, sent)
        assert b" 50" not in answer.partition(b"\r\n")[0], sent[:200]
        assert b" 200 " not in answer, sent[:200]
    check_alive(server, before)


def deep(levels: int) -> bytes:
    return b'{"f:a":' * levels + b"{}" + b"}" * levels


def managed(fields: bytes) -> bytes:
    entry = (
        b'{"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":%s}'
        % fields
    )
    metadata = b'{"name":"managed","managedFields":[%s]}' % entry
    return b'{"apiVersion":"v1","kind":"ConfigMap","metadata":%s}' % metadata


BODIES = [
    managed(deep(240)),
    managed(deep(400)),
    managed(deep(50_000)),
    json.dumps({**CONFIG_MAP, "metadata": {"name": "a" * 100_000}}).encode(),
    json.dumps({**CONFIG_MAP, "metadata": {"name": "wide"}} | {f"x{n}": 1 for n in range(3000)}).encode(),
    b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice"},"data":{%s}}'
    % b",".join([b'"a":"1"'] * 3000),
    b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n","generation":%s}}' % (b"9" * 5000),
    b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n","generation":1e400}}',
    b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n","x\\r\\nSet-Cookie: a":1}}',
    b"5",
    b'{"preconditions":5}',
    b'{"preconditions":[]}',
    b'{"gracePeriodSeconds":1%s}' % (b"0" * 400),
    b'{"gracePeriodSeconds":1e400}',
    b'{"deleteOptions":5}',
]
MEDIA = (
    ("POST", MAPS, "application/json"),
    ("POST", MAPS, "application/yaml"),
    ("PUT", f"{MAPS}/map", "application/json"),
    ("PATCH", f"{MAPS}/map", "application/merge-patch+json"),
    ("PATCH", f"{MAPS}/map", "application/strategic-merge-patch+json"),
    ("PATCH", f"{MAPS}/map", "application/json-patch+json"),
    ("PATCH", f"{MAPS}/map?fieldManager=m&force=true", "application/apply-patch+yaml"),
    ("DELETE", f"{MAPS}/map", "application/json"),
    ("DELETE", f"{MAPS}?labelSelector=no", "application/json"),
    ("POST", f"{PODS}/hostile/eviction", "application/json"),
)


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_no_body_is_an_internal_error_for_any_verb(server: Server, number: int) -> None:
    before = log_of(server)
    server.request("POST", PODS, GATED_POD)
    for method, path, media in MEDIA:
        server.request("POST", MAPS, CONFIG_MAP)
        answer = server.request(method, path, BODIES[number], headers={"Content-Type": media})
        assert is_in_order(answer), (method, media, answer.data[:500])
    assert log_of(server) == before


@pytest.mark.parametrize(
    "query", ["sinceSeconds=1" + "0" * 400, "sinceTime=x", "tailLines=x", "limitBytes=-"]
)
def test_odd_parameters_of_a_log_are_the_clients_fault(server: Server, query: str) -> None:
    server.request("POST", PODS, GATED_POD)
    assert server.request("GET", f"{PODS}/hostile/log?{query}").code == 400


def test_compressed_and_broken_bodies_are_the_clients_fault(server: Server) -> None:
    """As with an API server, which takes no compressed bodies: there is nothing that could blow up."""
    for encoding, body in (
        ("gzip", gzip.compress(b" " * 100_000_000)),
        ("gzip", b"x"),
        ("deflate", b"x"),
        ("br", b"x"),
    ):
        answer = server.request(
            "POST", MAPS, body, headers={"Content-Encoding": encoding, "Content-Type": "application/json"}
        )
        assert answer.code == 400
    head = f"POST {MAPS} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {server.token}\r\n"
    sent = f"{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{{}}   ZZZ\r\n".encode()
    assert b" 400 " in exchange(server, sent)


def bomb(start: Any, *copies: tuple[str, str]) -> bytes:
    operations = [{"op": "add", "path": "/data/a", "value": start}]
    return json.dumps(
        operations + [{"op": "copy", "from": source, "path": to} for source, to in copies]
    ).encode()


@pytest.mark.parametrize(
    "patch",
    [
        bomb(["x" * 100], *[("/data/a", "/data/a/-")] * 40),
        bomb({}, *[("/data", f"/data/c{n}") for n in range(40)]),
        bomb("x" * 1000, *[("/data/a", f"/data/c{n}") for n in range(9000)]),
        bomb({}, *[("/data/a", "/data/a/b")] * 500),
    ],
)
def test_a_patch_that_doubles_itself_is_refused_before_it_is_large(server: Server, patch: bytes) -> None:
    server.request("POST", MAPS, CONFIG_MAP)
    answer = server.request(
        "PATCH", f"{MAPS}/map", patch, headers={"Content-Type": "application/json-patch+json"}
    )
    assert answer.code in (400, 422)


def test_many_warnings_make_no_header_that_clients_refuse(server: Server) -> None:
    obj = {**CONFIG_MAP, "metadata": {"name": "warned"}} | {f"field{n}" + "x" * 2000: 1 for n in range(500)}
    answer = server.request("POST", MAPS, obj)  # http.client refuses lines of more than 64 KiB
    assert (answer.code, answer.headers["Warning"].count("unknown field")) == (201, 16)


KINDS = {
    "Job": (JOBS, job("hostile", suspend=True)),
    "Pod": (PODS, GATED_POD),
    "CronJob": ("/apis/batch/v1/namespaces/default/cronjobs", CRON_JOB),
    "Node": ("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "hostile"}}),
    "Namespace": (
        "/api/v1/namespaces",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hostile"}},
    ),
    "ResourceQuota": (
        "/api/v1/namespaces/default/resourcequotas",
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "hostile"},
            "spec": {"hard": {"pods": "900"}},
        },
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_status_that_a_client_writes_stops_the_others(server: Server, kind: str) -> None:
    """It is kept as Go's decoder would have it, so that whoever reads it finds what must be there."""
    path, obj = KINDS[kind]
    before, chance = log_of(server), random.Random(kind)
    row = BY_KIND[kind]
    schema = schemas.root(row.api_version, kind)
    for number in range(16):
        server.request("POST", path, obj)
        there = server.request("GET", f"{path}/hostile").json
        status = anything(schemas.child(schema, "status") if schema else None, chance)
        answer = server.request("PUT", f"{path}/hostile/status", {**there, "status": status})
        assert is_in_order(answer), (status, answer.data)
        if number % 8 == 7:
            assert is_in_order(server.request("DELETE", f"{path}/hostile"))
    check_alive(server, before)
