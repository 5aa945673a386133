"""A server that is ended, in order or not, leaves everything for the next one."""

import http.client
import json
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.local.apiserver.serving import Server, job

JOBS = "/apis/batch/v1/namespaces/default/jobs"
ENDS = (signal.SIGTERM, signal.SIGKILL)


def eventually(look: Callable[[], Any], seconds: float = 30) -> Any:
    """What ``look`` finds, once it is true."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
    return found


def state_of(server: Server, name: str) -> str | None:
    conditions = server.request("GET", f"{JOBS}/{name}").json.get("status", {}).get("conditions", [])
    return next((each["type"] for each in conditions if each["type"] in ("Complete", "Failed")), None)


@pytest.mark.parametrize("end", ENDS)
def test_objects_results_and_versions_survive(state: Path, end: int) -> None:
    first = Server(state).start()
    assert first.request("POST", JOBS, job("kept", "echo result")).code == 201
    eventually(lambda: state_of(first, "kept") == "Complete")
    before = first.request("GET", f"{JOBS}/kept").json
    version = int(first.request("GET", JOBS).json["metadata"]["resourceVersion"])
    first.stop(end)
    second = Server(state).start()
    try:
        after = second.request("GET", f"{JOBS}/kept").json
        assert (after["metadata"], after["status"]) == (before["metadata"], before["status"])
        assert int(second.request("GET", JOBS).json["metadata"]["resourceVersion"]) >= version
        pods = second.request("GET", "/api/v1/namespaces/default/pods").json["items"]
        name = pods[0]["metadata"]["name"]
        log = second.request("GET", f"/api/v1/namespaces/default/pods/{name}/log")
        assert log.data == b"result\n"
    finally:
        second.stop()


def test_what_many_create_at_the_same_time_is_there_after_a_kill(state: Path) -> None:
    first = Server(state).start()
    acknowledged: list[str] = []

    def create(creator: int) -> None:
        with suppress(OSError, http.client.HTTPException):  # the server is gone
            for number in range(1000):
                name = f"job-{creator}-{number}"
                if first.request("POST", JOBS, job(name, suspend=True)).code == 201:
                    acknowledged.append(name)

    with ThreadPoolExecutor(8) as pool:
        for creator in range(8):
            pool.submit(create, creator)
        eventually(lambda: len(acknowledged) > 40)
        first.stop(signal.SIGKILL)
    second = Server(state).start()
    try:
        there = {each["metadata"]["name"] for each in second.request("GET", JOBS).json["items"]}
        assert there >= set(acknowledged)
    finally:
        second.stop()


@pytest.mark.parametrize("end", ENDS)
def test_what_was_created_is_there_however_soon_the_server_ends(state: Path, end: int) -> None:
    first = Server(state).start()
    names = [f"job-{number}" for number in range(20)]
    for name in names:
        assert first.request("POST", JOBS, job(name, suspend=True)).code == 201
    first.stop(end)
    second = Server(state).start()
    try:
        found = {each["metadata"]["name"]: each for each in second.request("GET", JOBS).json["items"]}
        assert sorted(found) == sorted(names)
        assert all(each["status"]["conditions"][0]["type"] == "Suspended" for each in found.values())
    finally:
        second.stop()


def test_a_job_that_was_running_runs_to_its_end_after_a_kill(state: Path, tmp_path: Path) -> None:
    first = Server(state).start()
    flag = tmp_path / "go"
    waits = f"until test -e {flag}; do sleep 0.05; done"
    assert first.request("POST", JOBS, job("long", waits)).code == 201
    eventually(lambda: first.request("GET", f"{JOBS}/long").json["status"].get("active") == 1)
    first.stop(signal.SIGKILL)
    second = Server(state).start()
    try:
        flag.touch()
        eventually(lambda: state_of(second, "long") == "Complete")
        assert second.request("GET", f"{JOBS}/long").json["status"]["succeeded"] == 1
    finally:
        second.stop()


def test_containers_that_start_anew_after_a_kill_are_counted_as_restarts(state: Path, tmp_path: Path) -> None:
    pods = "/api/v1/namespaces/default/pods"
    again = tmp_path / "again"
    mounts = {"volumeMounts": [{"name": "here", "mountPath": str(tmp_path)}]}
    volumes = {"volumes": [{"name": "here", "hostPath": {"path": str(tmp_path)}}]}
    script = f"echo begin; test -e {again} && exit 0; exec sleep 600"
    container = {"name": "c", "image": "i", "command": ["sh", "-c", script], **mounts}
    first = {**container, "name": "first", "command": ["true"]}
    spec = {"restartPolicy": "Never", "initContainers": [first], "containers": [container], **volumes}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}, "spec": spec}

    def found(server: Server, field: str = "containerStatuses") -> tuple[int, list[str], str | None]:
        (one,) = server.request("GET", f"{pods}/bare").json["status"].get(field) or [{}]
        last = (one.get("lastState") or {}).get("terminated") or {}
        return one.get("restartCount", -1), [*one.get("state", {})], last.get("reason")

    def is_again(server: Server, restarts: int) -> bool:
        return found(server) == (restarts, ["running"], "ContainerStatusUnknown")

    server = Server(state).start()
    try:
        assert server.request("POST", pods, pod).code == 201
        eventually(lambda: found(server) == (0, ["running"], None))
        for restarts in (1, 2):
            server.stop(signal.SIGKILL)
            server = Server(state).start()
            eventually(partial(is_again, server, restarts))
            assert found(server, "initContainerStatuses")[0] == restarts
        again.touch()
        server.stop(signal.SIGKILL)
        server = Server(state).start()
        eventually(lambda: found(server) == (3, ["terminated"], "ContainerStatusUnknown"))
        assert server.request("GET", f"{pods}/bare").json["status"]["phase"] == "Succeeded"
        assert server.request("GET", f"{pods}/bare/log").data == b"begin\n"
    finally:
        server.stop()


def test_the_server_comes_back_where_it_was_with_the_same_token(state: Path) -> None:
    first = Server(state).start()
    first.stop(signal.SIGKILL)
    second = Server(state).start()
    try:
        assert (second.port, second.token) == (first.port, first.token)
    finally:
        second.stop()


def test_a_client_that_watched_goes_on_after_a_kill(state: Path, kubectl: str) -> None:
    first = Server(state).start()
    assert first.request("POST", JOBS, job("late", suspend=True)).code == 201
    waiting = ["wait", "--for=condition=complete", "job/late", "--timeout=300s", "-v=6"]
    watch = subprocess.Popen(
        [kubectl, "--kubeconfig", str(first.kubeconfig), *waiting],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watch.stderr is not None
    assert any("Caches populated" in line for line in watch.stderr)
    first.stop(signal.SIGKILL)
    second = Server(state).start()
    try:
        patch = json.dumps({"spec": {"suspend": False}}).encode()
        media = {"Content-Type": "application/merge-patch+json"}
        assert second.request("PATCH", f"{JOBS}/late", patch, headers=media).code == 200
        out, errors = watch.communicate(timeout=300)
        assert "condition met" in out, errors
    finally:
        second.stop()


def test_jobs_go_on_when_a_container_kills_the_supervisor(state: Path) -> None:
    server = Server(state).start()
    try:
        for number in range(3):
            assert server.request("POST", JOBS, job(f"kills-{number}", "kill -9 $PPID")).code == 201
            assert server.request("POST", JOBS, job(f"other-{number}")).code == 201
            assert eventually(partial(state_of, server, f"other-{number}")) == "Complete"
    finally:
        assert server.stop() == 0


def test_a_second_server_of_a_folder_is_refused(state: Path) -> None:
    first = Server(state).start()
    try:
        with pytest.raises(AssertionError, match="is using the state folder"):
            Server(state).start()
    finally:
        first.stop()
