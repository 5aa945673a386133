"""A server that is killed while a StatefulSet with claims is scaled runs no pod twice and loses no volume.

``EXPANDER_CRASH_ROUNDS`` says how often it is killed (once unless it is set; ``30`` takes a minute or two).
"""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from tests.local.apiserver.serving import Server
from tests.local.apiserver.test_verbs import PODS, patch
from tests.local.apiserver.workloads.test_ownership import eventually
from tests.local.apiserver.workloads.test_workloads import (
    APPS,
    CLAIMS,
    VOLUMES,
    claim,
    pods,
    status,
    workload,
)

ROUNDS = int(os.environ.get("EXPANDER_CRASH_ROUNDS", "1"))
MOST = 4
SET = f"{APPS}/statefulsets/kept"
SCRIPT = """
cd $EXPANDER_MOUNT_DATA
exec 9> lock
flock -n 9 || echo "$HOSTNAME" >> twice
echo "$HOSTNAME" >> starts
trap exit TERM
while :; do sleep 0.05; done
"""
"""Holds a lock of its volume as long as it runs, so that a second pod there is found out."""


def stateful_set() -> dict[str, Any]:
    made = workload("StatefulSet", "kept", 0, serviceName="kept", podManagementPolicy="Parallel")
    mount = {"name": "data", "mountPath": "/data"}
    container = {"name": "c", "image": "busybox", "command": ["sh", "-c", SCRIPT], "volumeMounts": [mount]}
    made["spec"]["template"]["spec"] = {"containers": [container], "terminationGracePeriodSeconds": 1}
    template = claim("data")
    made["spec"]["volumeClaimTemplates"] = [{key: template[key] for key in ("metadata", "spec")}]
    return made


def folders(server: Server) -> dict[str, Path]:
    """The folder of the volume of each claim, by the claim's name."""
    claims = server.request("GET", CLAIMS).json["items"]
    names = {each["metadata"]["name"]: each["spec"].get("volumeName") for each in claims}
    return {name: server.folder / "claims" / volume for name, volume in names.items() if volume}


def test_kills_leave_one_pod_and_its_data_for_each_number(state: Path) -> None:
    chance = random.Random(ROUNDS)
    server = Server(state).start()
    assert server.request("POST", f"{APPS}/statefulsets", stateful_set()).code == 201
    starts: dict[str, int] = {}
    for _ in range(ROUNDS):
        patch(server, f"{SET}/scale", {"spec": {"replicas": chance.randint(1, MOST)}})
        time.sleep(chance.random())
        server.stop(signal.SIGKILL)
        server = Server(state).start()
        for name, folder in folders(server).items():
            written = folder / "starts"
            lines = written.read_text().splitlines() if written.exists() else []
            assert len(lines) >= starts.get(name, 0), f"{name} lost what was written"
            starts[name] = len(lines)
    try:
        patch(server, f"{SET}/scale", {"spec": {"replicas": MOST}})
        status(server, SET, readyReplicas=MOST)
        names = [f"kept-{number}" for number in range(MOST)]
        assert sorted(each["metadata"]["name"] for each in pods(server, "kept")) == names
        found = folders(server)
        assert sorted(found) == [f"data-{name}" for name in names]
        assert len(set(found.values())) == MOST, "two claims have one volume"
        for claim_name, folder in found.items():
            eventually((folder / "starts").exists)
            assert {f"data-{line}" for line in (folder / "starts").read_text().split()} == {claim_name}
            assert not (folder / "twice").exists(), f"two pods ran in {claim_name} at a time"
        server.request("DELETE", SET)
        eventually(lambda: not server.request("GET", PODS).json["items"])
        server.request("DELETE", CLAIMS)
        eventually(lambda: not server.request("GET", VOLUMES).json["items"])
        assert not any(folder.exists() for folder in found.values())
    finally:
        server.stop()
