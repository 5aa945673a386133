"""exec in a sandbox: the command is where the container is, as whom it is, and may do no more."""

import os
from collections.abc import Iterator

import pytest

from tests.local.apiserver.serving import Server
from tests.local.kubelet.streaming.connection import exit_code, pod, run, start, wait_until

IDENTITY = "id -u; id -g; id -G; grep -E '^(Cap|NoNewPrivs)' /proc/self/status; hostname"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("served") / "state", ("--runtime", "sandbox")).start()
    yield started
    assert started.stop() == 0


def security(**context: object) -> dict[str, object]:
    return {"securityContext": context}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        pytest.param(
            security(runAsUser=1234, runAsGroup=1235, supplementalGroups=[7, 8]),
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
        ),
        security(runAsUser=0),
    ],
)
def test_a_command_is_who_the_container_is(server: Server, spec: dict[str, object]) -> None:
    path = start(server, pod(f"who-{len(str(spec))}", f"{IDENTITY}; exec sleep 600", **spec))
    found = exit_code((result := run(server, path, "sh", "-c", IDENTITY))[0]), result[1]
    assert found == (0, server.request("GET", f"{path}/log").data)


def test_a_command_sees_the_files_and_processes_of_the_container(server: Server) -> None:
    path = start(server, pod("where", "echo mine > /tmp/file; exec sleep 600"))
    status, out, err = run(
        server, path, "sh", "-c", "cat /tmp/file; tr '\\0' ' ' < /proc/2/cmdline; touch /usr/x"
    )
    assert exit_code(status) == 1
    assert out == b"mine\nsleep 600 "
    assert b"Read-only file system" in err


def test_a_probe_runs_in_its_container(server: Server) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1}
    path = start(server, pod("probed", "touch /tmp/ready; exec sleep 600", container={"startupProbe": probe}))
    wait_until(
        lambda: server.request("GET", path).json["status"]["containerStatuses"][0].get("started") is True
    )
