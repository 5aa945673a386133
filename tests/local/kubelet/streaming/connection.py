"""A client of the connections to pods: WebSockets with channels, as kubectl and others have them."""

import json
import os
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import websocket

from tests.local.apiserver.serving import Server

STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
WAIT_SECONDS = 20


def pod(name: str, script: str = "exec sleep 600", **spec: Any) -> dict[str, Any]:
    """A pod that runs a shell script; ``container`` is more of its container."""
    container = {
        "name": "main",
        "image": "busybox",
        "command": ["sh", "-c", script],
        **spec.pop("container", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            **spec,
        },
    }


def start(server: Server, manifest: Mapping[str, Any]) -> str:
    """Create a pod and wait until it runs; its path."""
    created = server.request("POST", "/api/v1/namespaces/default/pods", dict(manifest))
    assert created.code == 201, created.data
    path = f"/api/v1/namespaces/default/pods/{manifest['metadata']['name']}"
    wait_until(lambda: server.request("GET", path).json["status"].get("phase") == "Running")
    return path


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what comes about by itself."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)


def hang_up(socket: websocket.WebSocket) -> None:
    """Close the connection without a word."""
    if socket.sock is not None:
        socket.sock.close()


class Connection:
    """One WebSocket."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self.socket = socket

    def wait_until_connected(self) -> None:
        """The first message is empty, and says that the streams are there."""
        assert len(self.socket.recv()) == 1

    def send(self, channel: int, data: bytes) -> None:
        self.socket.send_binary(bytes((channel,)) + data)

    def receive(self) -> tuple[int, bytes] | None:
        """The next message that is not empty; None at the end."""
        while True:
            kind, data = self.socket.recv_data()
            if kind == websocket.ABNF.OPCODE_CLOSE:
                return None
            if len(data) > 1:
                return data[0], data[1:]

    def read_until(self, text: bytes) -> bytes:
        """What comes on stdout, until it has this text."""
        found = b""
        while text not in found:
            message = self.receive()
            assert message is not None, found
            assert message[0] == STDOUT, message
            found += message[1]
        return found

    def result(self) -> tuple[dict[str, Any], bytes, bytes]:
        """Status, stdout and stderr, at the end."""
        told: dict[int, bytes] = {STDOUT: b"", STDERR: b"", STATUS: b""}
        while (message := self.receive()) is not None:
            told[message[0]] += message[1]
        return json.loads(told[STATUS]), told[STDOUT], told[STDERR]


@contextmanager
def connect(
    server: Server,
    path: str,
    command: Sequence[str] = (),
    *,
    protocol: str = "v5.channel.k8s.io",
    **options: Any,
) -> Iterator[Connection]:
    """A connection to a subresource of a pod; ``options`` are those of the query."""
    wanted = {name: str(value).lower() for name, value in options.items()}
    query = urlencode([*wanted.items(), *(("command", word) for word in command)])
    made = websocket.create_connection(
        f"wss://127.0.0.1:{server.port}{path}?{query}",
        subprotocols=[protocol],
        header=server.authorization,
        sslopt={"cert_reqs": ssl.CERT_NONE},
        timeout=WAIT_SECONDS,
    )
    try:
        yield Connection(made)
    finally:
        hang_up(made)


def run(server: Server, path: str, *command: str, **options: Any) -> tuple[dict[str, Any], bytes, bytes]:
    """Run a command in the container of a pod: status, stdout, stderr."""
    with connect(server, f"{path}/exec", command, stdout=True, stderr=True, **options) as connection:
        return connection.result()


def exit_code(status: Mapping[str, Any]) -> int:
    """The exit code that a status tells."""
    if status["status"] == "Success":
        return 0
    assert status["reason"] == "NonZeroExitCode", status
    return int(status["details"]["causes"][0]["message"])


def processes(word: str) -> list[int]:
    """The processes of this machine that have this word in their command line."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words:
            found.append(int(name))
    return found


def open_files(pid: int) -> int:
    """How many files a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def wait_for_log(server: Server, path: str) -> None:
    """Wait until the log of a pod is there: the supervisor opens it a moment after the start."""
    pattern = f"default_{path.rpartition('/')[2]}_*"
    wait_until(lambda: any((server.folder / "logs").glob(pattern)))


def supervisor_of(server: Server) -> int:
    """The process that runs the containers of a server."""
    found = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return int(found[0])


def kubectl_run(
    kubectl: str, server: Server, *arguments: str, data: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """One run of kubectl against a server."""
    environment = {**os.environ, "KUBECONFIG": str(server.kubeconfig), "HOME": str(server.folder.parent)}
    return subprocess.run(
        [kubectl, *arguments],
        input=data,
        capture_output=True,
        env=environment,
        timeout=WAIT_SECONDS,
        check=False,
    )
