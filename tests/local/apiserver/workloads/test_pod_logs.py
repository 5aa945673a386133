"""Who asks for the log of a container that never started is told why."""

from typing import Any

import pytest

from tests.local.apiserver.serving import Server
from tests.local.apiserver.test_verbs import PODS
from tests.local.apiserver.workloads.test_ownership import eventually

UNSTARTED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing-there": (
        {"command": ["/no/such/program"]},
        'is terminated: StartError: unable to start container process: exec: "/no/such/program": stat',
    ),
    "no-config": (
        {"command": ["true"], "envFrom": [{"configMapRef": {"name": "missing"}}]},
        "is waiting to start: CreateContainerConfigError",
    ),
    "too-large": (
        {"command": ["true"], "resources": {"requests": {"cpu": "5000"}}},
        "is waiting to start: 0/1 nodes are available: 1 Insufficient cpu.",
    ),
}


@pytest.mark.parametrize("name", UNSTARTED)
def test_the_log_of_what_never_started_says_why(server: Server, name: str) -> None:
    container, words = UNSTARTED[name]
    spec = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox", **container}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    assert server.request("POST", PODS, pod).code == 201

    def told() -> Any:
        answer = server.request("GET", f"{PODS}/{name}/log")
        begin = f'container "c" in pod "{name}" {words}'
        return answer.code == 400 and answer.json["message"].startswith(begin)

    assert eventually(told)
    previous = server.request("GET", f"{PODS}/{name}/log?previous=true").json["message"]
    assert previous == f'previous terminated container "c" in pod "{name}" not found'
    server.request("DELETE", f"{PODS}/{name}")
