"""attach: the streams of a container itself, and ``kubectl run -i --tty`` on top of them."""

import json
import os
import pty

from tests.local.apiserver.serving import Server
from tests.local.kubelet.streaming.connection import (
    CLOSE,
    RESIZE,
    STDIN,
    connect,
    kubectl_run,
    open_files,
    pod,
    processes,
    start,
    supervisor_of,
    wait_for_log,
    wait_until,
)

OPEN = {"stdin": True}
READER = "while read x; do echo got $x; done; echo end; exit 3"


def test_run_i_gives_stdin_and_takes_the_exit_code(kubectl: str, server: Server) -> None:
    command = ("run", "piped", "-i", "--rm", "--restart=Never", "--image=busybox", "--", "sh", "-c", READER)
    done = kubectl_run(kubectl, server, *command, data=b"one\ntwo\n")
    assert done.stdout.startswith(b"got one\ngot two\nend\n")
    assert done.returncode == 3
    assert b"pod default/piped terminated (Error)" in done.stderr


def test_run_it_gives_a_terminal(kubectl: str, server: Server) -> None:
    command = [kubectl, "run", "term", "-i", "--tty", "--rm", "--restart=Never", "--image=busybox", "--"]
    environment = {**os.environ, "KUBECONFIG": str(server.kubeconfig), "HOME": str(server.folder.parent)}
    pid, terminal = pty.fork()
    if not pid:
        os.execve(kubectl, [*command, "sh", "-i"], environment)
    shown = b""

    def read_until(text: bytes) -> None:
        nonlocal shown
        while text not in shown:
            shown += os.read(terminal, 4096)

    try:
        read_until(b"try pressing enter")
        os.write(terminal, b"test -t 1 && echo is-a-$TERM; exit 4\r")
        read_until(b"is-a-xterm")
        read_until(b'pod "term" deleted')
        status = os.waitpid(pid, 0)[1]  # before its terminal closes, which is a SIGHUP to it
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 4


def test_stdin_once_ends_with_the_first_client(server: Server) -> None:
    path = start(server, pod("once", READER, container={**OPEN, "stdinOnce": True}))
    with connect(server, f"{path}/attach", stdin=True, stdout=True) as connection:
        connection.send(STDIN, b"one\n")
        connection.read_until(b"got one\n")
    wait_until(lambda: server.request("GET", path).json["status"]["phase"] == "Failed")
    assert server.request("GET", f"{path}/log").data == b"got one\nend\n"


def test_stdin_stays_open_for_the_next_client(server: Server) -> None:
    path = start(server, pod("again", READER, container=OPEN))
    for word in (b"one", b"two"):
        with connect(server, f"{path}/attach", stdin=True, stdout=True) as connection:
            connection.send(STDIN, word + b"\n")
            connection.read_until(b"got " + word)
            connection.send(CLOSE, bytes((STDIN,)))


def test_clients_share_a_terminal(server: Server) -> None:
    path = start(server, pod("shared", f"stty -echo; {READER}", container={**OPEN, "tty": True}))
    with (
        connect(server, f"{path}/attach", stdin=True, stdout=True, tty=True) as first,
        connect(server, f"{path}/attach", stdout=True, stderr=True) as second,
    ):
        second.wait_until_connected()
        first.send(RESIZE, json.dumps({"Width": 132, "Height": 43}).encode())
        first.send(STDIN, b"one\n")
        assert first.read_until(b"got one\r\n")
        assert second.read_until(b"got one\r\n")
        first.send(STDIN, b"\x04")
        for each in (first, second):
            status, out, _ = each.result()
            assert (status["status"], out) == ("Success", b"end\r\n")
    assert server.request("GET", f"{path}/log").data.replace(b"\r", b"").endswith(b"got one\nend\n")


def test_stdout_and_stderr_arrive_apart(server: Server) -> None:
    path = start(server, pod("apart", "read x; echo out; echo err >&2", container=OPEN))
    with connect(server, f"{path}/attach", stdin=True, stdout=True, stderr=True) as connection:
        connection.send(STDIN, b"\n")
        status, out, err = connection.result()
        assert (status["status"], out, err) == ("Success", b"out\n", b"err\n")


def test_a_client_that_does_not_read_holds_the_container_up_until_it_leaves(server: Server) -> None:
    path = start(server, pod("flood", "read x; seq 1 3000000; echo $x", container=OPEN))
    with connect(server, f"{path}/attach", stdin=True, stdout=True) as connection:
        connection.send(STDIN, b"7201\n")
        connection.read_until(b"1\n")
        assert server.request("GET", path).json["status"]["phase"] == "Running"
    wait_until(lambda: server.request("GET", path).json["status"]["phase"] == "Succeeded")
    assert server.request("GET", f"{path}/log?tailLines=1").data == b"7201\n"


def test_clients_that_leave_leave_nothing_behind(server: Server) -> None:
    path = start(server, pod("silent", "exec sleep 7211", container={**OPEN, "tty": True}))
    wait_until(lambda: bool(processes("7211")))
    wait_for_log(server, path)
    watched = (server.process.pid, supervisor_of(server))
    before = [open_files(pid) for pid in watched]
    for _ in range(10):
        with connect(server, f"{path}/attach", stdin=True, stdout=True, tty=True) as connection:
            connection.send(RESIZE, b"{")
    wait_until(lambda: all(open_files(pid) <= many for pid, many in zip(watched, before, strict=True)))


def test_a_container_that_does_not_run_is_not_found(server: Server) -> None:
    created = server.request("POST", "/api/v1/namespaces/default/pods", pod("over", "true"))
    path = f"/api/v1/namespaces/default/pods/{created.json['metadata']['name']}"
    wait_until(lambda: server.request("GET", path).json["status"].get("phase") == "Succeeded")
    with connect(server, f"{path}/attach", stdout=True) as connection:
        status, _, _ = connection.result()
    assert status["message"].endswith('unable to upgrade connection: container not found ("main")')
