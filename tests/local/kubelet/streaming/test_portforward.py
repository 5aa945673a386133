"""port-forward: connections to ports of pods, as kubectl and python clients make them."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.stream import portforward

from tests.local.apiserver.serving import Server
from tests.local.kubelet.streaming.connection import open_files, pod, start, wait_until

ECHO = """
import asyncio, os, sys
async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write(b"bye")
    writer.close()
async def main():
    servers = [await asyncio.start_server(echo, os.environ[sys.argv[1]], int(port)) for port in sys.argv[2:]]
    print("listening", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
ENV = [
    {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    {"name": "LOCAL", "value": "127.0.0.1"},
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def port(server: Server) -> int:
    """A port at which the pod ``echo`` listens: at its own address."""
    return listening(server, "echo", "IP")


def listening(server: Server, name: str, address: str) -> int:
    """Start a pod that listens at the address in this variable; its port."""
    found = free_port()
    command = ["python3", "-c", ECHO, address, str(found)]
    path = start(server, pod(name, container={"command": command, "env": ENV}))
    wait_until(lambda: server.request("GET", f"{path}/log").data == b"listening\n")
    return found


@contextmanager
def forwarded(kubectl: str, server: Server, name: str, port: int) -> Iterator[tuple[int, Any]]:
    """kubectl forwards a port: that of this side, and its process."""
    environment = {**os.environ, "KUBECONFIG": str(server.kubeconfig), "HOME": str(server.folder.parent)}
    command = [kubectl, "port-forward", name, f":{port}", "--address", "127.0.0.1"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            told = re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert told is not None
            yield int(told[1]), process
        finally:
            process.kill()
            process.communicate()


def exchange(port: int, data: bytes) -> bytes:
    """Send data, say that it is all, and read to the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.settimeout(30)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65536):
            found += part
        return found


def test_connections_carry_data_both_ways(kubectl: str, server: Server, port: int) -> None:
    before = open_files(server.process.pid)
    with forwarded(kubectl, server, "echo", port) as (local, _), ThreadPoolExecutor(8) as pool:
        sent = [os.urandom(1000 * number) for number in range(16)]
        assert [*pool.map(lambda data: exchange(local, data), sent)] == [data + b"bye" for data in sent]
    wait_until(lambda: open_files(server.process.pid) <= before)


def test_localhost_of_the_pod_is_reached(kubectl: str, server: Server) -> None:
    port = listening(server, "local", "LOCAL")
    with forwarded(kubectl, server, "local", port) as (local, _):
        assert exchange(local, b"hello") == b"hellobye"


def test_localhost_of_others_is_not(kubectl: str, server: Server, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = int(other.getsockname()[1])
        with forwarded(kubectl, server, "echo", number) as (local, process):
            assert exchange(local, b"hello") == b""
            assert process.wait(timeout=30) == 1
            assert f"error forwarding port {number} to pod echo_default" in process.stderr.read()


def test_python_kubernetes_forwards_ports(server: Server, port: int) -> None:
    api = client.CoreV1Api(config.new_client_from_config(str(server.kubeconfig)))  # type: ignore[no-untyped-call]
    session: Any = portforward(
        api.connect_get_namespaced_pod_portforward, "echo", "default", ports=f"{port},{port + 1}"
    )
    found = session.socket(port)
    found.sendall(b"hello")
    assert found.recv(5) == b"hello"
    wait_until(lambda: session.error(port + 1) is not None)
    assert "connection refused" in session.error(port + 1)
    session.close()
    wait_until(lambda: not session.connected)


@pytest.mark.parametrize(
    ("query", "name", "code", "message"),
    [
        ("ports=x", "echo", 400, "unable to parse ports: x"),
        ("ports=70000", "echo", 400, "unable to parse ports: 70000"),
        ("ports=80", "none", 404, 'pods "none" not found'),
        ("ports=80", "echo", 400, "Upgrade request required"),
    ],
)
def test_a_request_that_makes_no_sense_gets_a_status(
    server: Server, port: int, query: str, name: str, code: int, message: str
) -> None:
    answer = server.request("GET", f"/api/v1/namespaces/default/pods/{name}/portforward?{query}")
    assert (answer.code, answer.json["message"]) == (code, message)
