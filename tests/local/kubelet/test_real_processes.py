"""Pods of real processes."""

import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from expander.local.kubelet.kubelet import Kubelet
from expander.local.kubelet.node import Node
from expander.local.logs import last_output
from expander.local.runtime import bubblewrap
from expander.local.runtime.process import ProcessRuntime
from expander.local.runtime.runtime import Runtime
from expander.local.runtime.sandbox import SandboxRuntime
from expander.local.runtime.supervisor_client import SupervisorClient
from tests.local.kubelet.world import container, pod

PATIENCE = 120.0
Run = Callable[..., dict[str, Any]]


class Machine:
    """A kubelet with a real supervisor."""

    def __init__(self, folder: Path, runtime: Runtime) -> None:
        self.supervisor = SupervisorClient(folder / "runs", runtime)
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.kubelet = Kubelet(
            self.supervisor,
            folder,
            lambda *key: self.objects.get(key),
            node=Node("node", "127.0.0.1", 2, 1 << 30),
            backoff_base=0.05,
        )
        self.statuses: dict[str, dict[str, Any]] = {}

    def until(self, reached: Callable[[], bool]) -> None:
        """Turn the loop until then."""
        patience = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < patience, self.statuses
            deadline = self.kubelet.deadline()
            wait = 0.2 if deadline is None else min(0.2, max(0.0, deadline - time.time()))
            select.select([self.supervisor], [], [], wait)
            for change in self.kubelet.step(time.time()):
                self.statuses[change.uid] = change.status

    def run(self, one: dict[str, Any]) -> dict[str, Any]:
        """Run a pod to its end; its last status."""
        uid = one["metadata"]["uid"]
        self.kubelet.start(one, time.time())
        self.until(lambda: self.statuses.get(uid, {}).get("phase") in ("Succeeded", "Failed"))
        return self.statuses[uid]

    def log(self, one: dict[str, Any], name: str = "main", previous: bool = False) -> str:
        """What a container printed."""
        status = self.statuses[one["metadata"]["uid"]]
        path = self.kubelet.logs_of({**one, "status": status}, name, previous)
        return last_output(path, 1 << 20).decode()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Machine]:
    """Containers are plain processes."""
    made = Machine(tmp_path, ProcessRuntime())
    yield made
    made.supervisor.close()


@pytest.fixture
def boxed(tmp_path: Path) -> Iterator[Machine]:
    """Containers are sandboxes."""
    found = bubblewrap.find_bubblewrap()
    if isinstance(found, str):
        pytest.fail(f"this test needs bubblewrap ('kube-expander[test]' brings it on Linux): {found}")
    made = Machine(tmp_path, SandboxRuntime(found))
    yield made
    made.supervisor.close()


def shell(script: str, name: str = "main", **fields: Any) -> dict[str, Any]:
    return container(name, "sh", "-c", script, **fields)


def test_a_pod_prints_and_succeeds(plain: Machine) -> None:
    one = pod(shell("echo $(WHO) $WHO; echo err >&2", env=[{"name": "WHO", "value": "me"}]))
    assert plain.run(one)["phase"] == "Succeeded"
    assert plain.log(one) == "me me\nerr\n"


def test_a_signal_is_128_and_its_number(plain: Machine) -> None:
    status = plain.run(pod(shell("kill -TERM $$$$")))
    assert status["phase"] == "Failed"
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143


def test_init_containers_a_sidecar_and_two_containers(plain: Machine) -> None:
    scratch = [{"name": "v", "mountPath": "/data"}]
    one = pod(
        shell("read word < $EXPANDER_MOUNT_DATA/word; echo got $word", volumeMounts=scratch),
        shell("exit 0", "other"),
        initContainers=[
            shell("trap 'exit 7' TERM; while :; do sleep 0.01; done", "side", restartPolicy="Always"),
            shell("echo hello > $EXPANDER_MOUNT_DATA/word", "first", volumeMounts=scratch),
        ],
        volumes=[{"name": "v", "emptyDir": {}}],
    )
    status = plain.run(one)
    assert status["phase"] == "Succeeded"
    assert plain.log(one) == "got hello\n"
    assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 7


def test_a_failing_container_restarts_until_it_succeeds(plain: Machine, tmp_path: Path) -> None:
    count = tmp_path / "count"
    one = pod(shell(f"echo x >> {count}; test $(wc -l < {count}) -ge 4"), restart="OnFailure")
    status = plain.run(one)
    assert status["phase"] == "Succeeded"
    assert status["containerStatuses"][0]["restartCount"] == 3
    assert status["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 1


def test_a_deleted_pod_runs_its_hook_and_hears_the_signal(plain: Machine) -> None:
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo stopping >> $OUT"]}}}
    log = plain.supervisor.folder.parent / "out"
    script = "trap 'echo term >> $OUT; exit 0' TERM; echo up >> $OUT; while :; do sleep 0.01; done"
    one = pod(shell(script, lifecycle=hook, env=[{"name": "OUT", "value": str(log)}]))
    uid = one["metadata"]["uid"]
    plain.kubelet.start(one, time.time())
    plain.until(lambda: log.exists() and bool(log.read_text()))
    plain.kubelet.stop(uid, time.time(), 10)
    plain.until(lambda: plain.statuses.get(uid, {}).get("phase") == "Succeeded")
    assert log.read_text() == "up\nstopping\nterm\n"


def test_a_deaf_pod_is_killed_with_all_its_processes(plain: Machine) -> None:
    one = pod(
        shell("trap '' TERM; sleep 100 & echo $! > $OUT; wait", env=[]), terminationGracePeriodSeconds=0
    )
    out = plain.supervisor.folder.parent / "pid"
    one["spec"]["containers"][0]["env"] = [{"name": "OUT", "value": str(out)}]
    uid = one["metadata"]["uid"]
    plain.kubelet.start(one, time.time())
    plain.until(lambda: out.exists() and bool(out.read_text()))
    plain.kubelet.stop(uid, time.time())
    plain.until(lambda: plain.statuses.get(uid, {}).get("phase") == "Failed")
    assert not Path("/proc", out.read_text().strip()).exists()
    assert plain.statuses[uid]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137


def test_a_probe_runs_beside_its_container(plain: Machine, tmp_path: Path) -> None:
    probe = {
        "exec": {"command": ["test", "-e", str(tmp_path / "up")]},
        "periodSeconds": 0.02,
        "failureThreshold": 99,
    }
    first = [
        shell(
            f"sleep 0.1; touch {tmp_path}/up; sleep 100", "side", restartPolicy="Always", startupProbe=probe
        )
    ]
    assert plain.run(pod(shell(f"test -e {tmp_path}/up"), initContainers=first))["phase"] == "Succeeded"


def test_a_sandbox_has_its_mounts_where_the_pod_wants_them(boxed: Machine) -> None:
    boxed.objects["ConfigMap", "team", "c"] = {"data": {"key": "value\n"}}
    mounts = [
        {"name": "e", "mountPath": "/input"},
        {"name": "c", "mountPath": "/etc/settings"},
        {"name": "c", "mountPath": "/opt/one.conf", "subPath": "key"},
    ]
    script = (
        "cat /input/data /etc/settings/key /opt/one.conf; touch /etc/settings/x 2>/dev/null || echo read-only;"
        " hostname; grep -c job-0 /etc/hosts; echo bye > /dev/termination-log; exit 3"
    )
    one = pod(
        shell(script, volumeMounts=mounts),
        initContainers=[shell("echo made > /input/data", "first", volumeMounts=mounts[:1])],
        volumes=[{"name": "e", "emptyDir": {}}, {"name": "c", "configMap": {"name": "c"}}],
        hostname="job-0",
    )
    status = boxed.run(one)
    assert boxed.log(one) == "made\nvalue\nvalue\nread-only\njob-0\n1\n"
    assert status["phase"] == "Failed"
    assert status["containerStatuses"][0]["state"]["terminated"]["message"] == "bye\n"


def test_sandboxes_find_each_other_by_name(tmp_path: Path) -> None:
    found = bubblewrap.find_bubblewrap()
    assert not isinstance(found, str), found
    machine = Machine(tmp_path, SandboxRuntime(found))
    headless = {
        "metadata": {"name": "svc", "namespace": "team"},
        "spec": {"clusterIP": "None", "selector": {"app": "demo"}},
    }
    machine.kubelet = Kubelet(
        machine.supervisor,
        tmp_path,
        lambda *key: None,
        node=Node("node", "127.0.0.1", 2, 1 << 30),
        services=lambda namespace: [headless],
    )
    script = "until getent hosts job-{other}.svc; do sleep 0.02; done; sleep 0.3"
    pods = [
        pod(shell(script.format(other=1 - index)), hostname=f"job-{index}", subdomain="svc")
        for index in (0, 1)
    ]
    machine.kubelet.start(pods[0], time.time())
    machine.run(pods[1])
    uid = pods[0]["metadata"]["uid"]
    machine.until(lambda: machine.statuses[uid]["phase"] == "Succeeded")
    assert machine.log(pods[0]).split() == ["127.1.0.2", "job-1.svc"]
    assert machine.log(pods[1]).split() == ["127.1.0.1", "job-0.svc"]
    machine.supervisor.close()
