"""exec: commands in running containers, with the streams and the words of a kubelet."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import websocket
from kubernetes import client, config
from kubernetes.stream import stream

from tests.local.apiserver.serving import Server
from tests.local.kubelet.streaming.connection import (
    CLOSE,
    RESIZE,
    STDIN,
    connect,
    exit_code,
    kubectl_run,
    open_files,
    pod,
    processes,
    run,
    start,
    supervisor_of,
    wait_for_log,
    wait_until,
)

SESSIONS = int(os.environ.get("EXEC_SESSIONS", "25"))
"""Sessions at the same time."""


@pytest.fixture(scope="module")
def path(server: Server) -> str:
    """A pod that runs, with a variable and a working directory."""
    container = {"env": [{"name": "WORD", "value": "a b"}], "workingDir": "/usr/lib"}
    return start(server, pod("main", "echo begun > /tmp/begun; exec sleep 600", container=container))


def test_kubectl_shows_streams_and_exit_code(kubectl: str, server: Server, path: str) -> None:
    script = 'echo "$WORD"; pwd; echo oops >&2; exit 7'
    done = kubectl_run(kubectl, server, "exec", "main", "--", "sh", "-c", script)
    assert done.stdout == b"a b\n/usr/lib\n"
    assert done.stderr == b"oops\ncommand terminated with exit code 7\n"
    assert done.returncode == 7


def test_a_long_command_arrives_whole(kubectl: str, server: Server, path: str) -> None:
    script = "echo ${#0}; # " + "long & " * 10_000
    done = kubectl_run(kubectl, server, "exec", "main", "--", "sh", "-c", script, "name")
    assert (done.stdout, done.stderr) == (b"4\n", b"")


def test_stdin_arrives_whole_and_ends(kubectl: str, server: Server, path: str) -> None:
    data = os.urandom(1_000_000)
    done = kubectl_run(kubectl, server, "exec", "-i", "main", "--", "cat", data=data)
    assert done.stdout == data
    assert (done.stderr, done.returncode) == (b"", 0)


def test_cp_copies_both_ways(kubectl: str, server: Server, path: str, tmp_path: Path) -> None:
    there = f"/tmp/expander-cp-{os.getpid()}"
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / "data").write_bytes(os.urandom(300_000))
    try:
        assert kubectl_run(kubectl, server, "cp", str(tmp_path / "sent"), f"main:{there}").returncode == 0
        back = tmp_path / "back"
        assert kubectl_run(kubectl, server, "cp", f"main:{there}", str(back)).returncode == 0
        assert (back / "data").read_bytes() == (tmp_path / "sent" / "data").read_bytes()
    finally:
        run(server, path, "rm", "-r", there)


def test_a_terminal_is_one_and_follows_its_client(server: Server, path: str) -> None:
    script = "stty -echo; trap 'stty size' WINCH; test -t 0 && tty && echo $TERM; while read x; do echo got $x; done"
    with connect(
        server, f"{path}/exec", ["bash", "-c", script], stdin=True, stdout=True, tty=True
    ) as connection:
        assert b"/dev/" in connection.read_until(b"xterm\r\n")
        connection.send(RESIZE, json.dumps({"Width": 132, "Height": 43}).encode())
        connection.send(STDIN, b"one\n")
        found = connection.read_until(b"got one\r\n")
        connection.send(STDIN, b"two\n")
        assert b"43 132\r\n" in found + connection.read_until(b"got two\r\n")
        connection.send(STDIN, b"\x04")
        assert exit_code(connection.result()[0]) == 0


def test_a_terminal_has_job_control(server: Server, path: str) -> None:
    with connect(server, f"{path}/exec", ["sh", "-i"], stdin=True, stdout=True, tty=True) as connection:
        connection.send(STDIN, b"sleep 7121\n")
        wait_until(lambda: bool(processes("7121")))
        connection.send(STDIN, b"\x03")
        wait_until(lambda: not processes("7121"))
        connection.send(STDIN, b"exit 4\n")
        assert exit_code(connection.result()[0]) == 4


@pytest.mark.parametrize(
    ("protocol", "end"),
    [("v4.channel.k8s.io", False), ("v4.base64.channel.k8s.io", False), ("v5.channel.k8s.io", True)],
)
def test_every_protocol_carries_the_status(server: Server, path: str, protocol: str, end: bool) -> None:
    with connect(
        server, f"{path}/exec", ["sh", "-c", "read x; exit 3"], protocol=protocol, stdin=True, stdout=True
    ) as connection:
        if "base64" in protocol:
            connection.socket.send("0eAo=")
            messages = [json.dumps(each) for each in iter(connection.socket.recv, "")]
            assert any(each.startswith('"3ey') for each in messages)
            return
        connection.send(*((CLOSE, bytes((STDIN,))) if end else (STDIN, b"x\n")))
        assert exit_code(connection.result()[0]) == 3


def test_python_kubernetes_talks_to_a_shell(server: Server, path: str) -> None:
    api = client.CoreV1Api(config.new_client_from_config(str(server.kubeconfig)))  # type: ignore[no-untyped-call]
    session: Any = stream(
        api.connect_get_namespaced_pod_exec,
        "main",
        "default",
        command=["sh"],
        stdin=True,
        stdout=True,
        stderr=True,
        tty=False,
        _preload_content=False,
    )
    session.write_stdin("echo one; echo two >&2; exit 9\n")
    session.run_forever(timeout=60)
    assert (session.read_stdout(), session.read_stderr(), session.returncode) == ("one\n", "two\n", 9)
    session.close()
    session.sock.shutdown()


def test_what_cannot_run_says_why_as_a_kubelet_does(server: Server, path: str) -> None:
    status, _, _ = run(server, path, "no-such-command")
    assert status["reason"] == "InternalError"
    assert status["message"] == (
        "Internal error occurred: error executing command in container: failed to exec in container: unable "
        'to start container process: exec: "no-such-command": executable file not found in $PATH'
    )
    created = server.request("POST", "/api/v1/namespaces/default/pods", pod("ended", "exit 1"))
    ended = f"/api/v1/namespaces/default/pods/{created.json['metadata']['name']}"
    wait_until(lambda: server.request("GET", ended).json["status"].get("phase") == "Failed")
    status, _, _ = run(server, ended, "true")
    assert status["message"] == (
        'Internal error occurred: unable to upgrade connection: container not found ("main")'
    )


@pytest.mark.parametrize(
    ("query", "headers", "code", "message"),
    [
        ("stdout=true&container=x", {}, 400, "container x is not valid for pod main"),
        ("", {}, 400, "you must specify at least 1 of stdin, stdout, stderr"),
        ("stdout=true", {"Upgrade": "h2c"}, 400, "Upgrade request required"),
        ("stdout=true", {"Sec-WebSocket-Protocol": "chat"}, 403, "unable to upgrade"),
        ("stdout=true", {"Authorization": "Bearer x"}, 401, "Unauthorized"),
        ("stdout=true", {"Origin": "https://elsewhere"}, 403, "the request is meant for another server"),
    ],
)
def test_a_request_that_cannot_be_upgraded_gets_a_status(
    server: Server, path: str, query: str, headers: dict[str, str], code: int, message: str
) -> None:
    asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"} | headers
    answer = server.request("GET", f"{path}/exec?{query}&command=true", headers=asked)
    assert answer.code == code
    assert answer.json["message"].startswith(message)


def test_a_client_that_leaves_hangs_up(server: Server, path: str) -> None:
    with connect(server, f"{path}/exec", ["sleep", "7131"], stdin=True, stdout=True, tty=True):
        wait_until(lambda: bool(processes("7131")))
    wait_until(lambda: not processes("7131"))
    with connect(server, f"{path}/exec", ["sh", "-c", "cat", "7132"], stdin=True):
        wait_until(lambda: bool(processes("7132")))
    wait_until(lambda: not processes("7132"))


def test_what_a_command_leaves_running_ends_with_the_container(server: Server) -> None:
    path = start(server, pod("left"))
    status, out, _ = run(server, path, "sh", "-c", "sleep 7141 >/dev/null 2>&1 & echo done")
    assert (exit_code(status), out) == (0, b"done\n")
    wait_until(lambda: bool(processes("7141")))
    server.request("DELETE", path)
    wait_until(lambda: not processes("7141"))


def test_deleting_the_pod_ends_its_sessions(server: Server) -> None:
    path = start(server, pod("deleted"))
    with connect(server, f"{path}/exec", ["sleep", "600"], stdout=True) as connection:
        server.request("DELETE", path)
        assert exit_code(connection.result()[0]) == 137


def test_a_flood_that_nobody_reads_stops(server: Server, path: str) -> None:
    with connect(server, f"{path}/exec", ["yes", "7151"], stdout=True):
        wait_until(lambda: bool(processes("7151")))
        source = max(processes("7151"))
        counts = [-1, 0]

        def stands_still() -> bool:
            text = Path(f"/proc/{source}/io").read_text()
            counts.append(int(text.split("wchar: ")[1].split()[0]))
            return counts[-10:] == [counts[-1]] * 10

        wait_until(stands_still)
    wait_until(lambda: not processes("7151"))


def test_many_sessions_leave_nothing_behind(server: Server, path: str) -> None:
    watched = (server.process.pid, supervisor_of(server))

    def session(number: int) -> bytes:
        script = "read x; echo $x; exec sleep 7161" if number % 2 else "read x; echo $x"
        with connect(
            server, f"{path}/exec", ["sh", "-c", script], stdin=True, stdout=True, tty=number % 2 == 1
        ) as connection:
            connection.send(STDIN, b"%d\n" % number)
            return connection.read_until(b"%d" % number)

    assert session(0)
    wait_for_log(server, path)
    before = [open_files(pid) for pid in watched]
    with ThreadPoolExecutor(SESSIONS) as pool:
        assert all(pool.map(session, range(SESSIONS)))
    wait_until(lambda: not processes("7161"))
    wait_until(lambda: all(open_files(pid) <= many for pid, many in zip(watched, before, strict=True)))


def test_a_server_that_stops_ends_its_sessions(tmp_path: Path) -> None:
    server = Server(tmp_path / "state").start()
    path = start(server, pod("main"))
    with connect(server, f"{path}/exec", ["sleep", "7181"], stdout=True) as connection:
        wait_until(lambda: bool(processes("7181")))
        server.process.terminate()
        assert exit_code(connection.result()[0]) == 137
    assert server.process.wait(timeout=20) == 0
    server.process.communicate()
    wait_until(lambda: not processes("7181"))


def test_a_killed_server_leaves_no_session(tmp_path: Path) -> None:
    server = Server(tmp_path / "state").start()
    path = start(server, pod("main"))
    with connect(server, f"{path}/exec", ["sleep", "7171"], stdout=True) as connection:
        wait_until(lambda: bool(processes("7171")))
        server.process.kill()
        server.process.communicate()
        with pytest.raises((websocket.WebSocketException, OSError)):
            connection.result()
    wait_until(lambda: not processes("7171"))
