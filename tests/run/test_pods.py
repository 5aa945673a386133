"""Pods, Services and ConfigMaps in a run, in whatever order they are given."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import SourceLocation
from expander.kube.resources import pod_request
from expander.kube.workloads import COMPLETE, FAILED
from expander.local.executor import Executor
from expander.local.kubelet.pod_files import PodFolders
from expander.local.logs import last_output
from expander.manifests.manifest import Manifest
from expander.run.outcomes import outcome_of
from expander.run.reporter import PodsOf, RunReporter
from expander.run.run import Run, RunEnd

PEERS = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "peers"},
    "spec": {"clusterIP": "None", "selector": {"job-name": "j"}},
}
INIT = {"name": "i", "image": "x", "command": ["sh", "-c", "exit 0"]}
SERVE = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done"


def pod(name: str, script: str, policy: str = "Never", **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "x", "command": ["sh", "-c", script], **spec.pop("container", {})}
    spec = {"restartPolicy": policy, "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def job(name: str, script: str, pod_spec: Mapping[str, Any] = {}, **spec: Any) -> dict[str, Any]:
    template = {"spec": pod("", script, **pod_spec)["spec"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template, **spec},
    }


class Story(RunReporter):
    """What was told of each object, and the pods that have ended."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def finished(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        outcome = outcome_of(job, pods_of())
        self.told.append(("finished", outcome.name, outcome.state))

    def kept(self, job: Mapping[str, Any], pods_of: PodsOf) -> None:
        outcome = outcome_of(job, pods_of())
        self.told.append(("kept", outcome.name, outcome.state))


def play(folder: Path, *objects: dict[str, Any], **options: Any) -> tuple[RunEnd, Story]:
    def manifests() -> Iterator[Manifest]:
        for number, obj in enumerate(objects, 1):
            yield Manifest(obj, SourceLocation("test.yaml", number))

    story = Story()
    with Executor(folder, **{"runtime": "process", **options}) as executor:
        return Run(executor, manifests(), story).go(), story


def output(folder: Path) -> list[str]:
    """The lines that all containers wrote, in the order of pods."""
    lines = []
    with Executor(folder, runtime="process") as executor:
        for each in executor.list("Pod"):
            lines += last_output(PodFolders(folder).of(each).log("c", 0), 1000).decode().splitlines()
    return lines


def test_pods_count_as_jobs_do_and_an_earlier_run_has_done_them(tmp_path: Path) -> None:
    objects = pod("a", "exit 0"), pod("b", "exit 7"), job("c", "exit 0")
    end, story = play(tmp_path, *objects)
    assert {state: count for state, count in end.counts.items() if count} == {"succeeded": 2, "failed": 1}
    assert (end.pods, end.stopped) == (2, None)
    assert sorted(story.told) == [
        ("finished", "a", COMPLETE),
        ("finished", "b", FAILED),
        ("finished", "c", COMPLETE),
    ]
    end, story = play(tmp_path, *objects)
    assert {state: count for state, count in end.counts.items() if count} == {"succeeded": 2, "failed": 1}
    assert sorted(story.told) == [("kept", "a", COMPLETE), ("kept", "b", FAILED), ("kept", "c", COMPLETE)]


def test_a_pod_that_always_restarts_serves_the_others_and_is_stopped_behind_them(tmp_path: Path) -> None:
    flag = tmp_path / "up"
    server = pod("server", f"{SERVE.replace('echo up', f'touch {flag}')}", "Always")
    waits = f"until [ -e {flag} ]; do sleep 0.02; done"
    end, story = play(tmp_path / "state", *(job(f"j{n}", waits) for n in range(3)), server)
    assert (end.counts["succeeded"], end.pods, sum(end.counts.values())) == (3, 0, 3)
    assert len(story.told) == 3
    assert output(tmp_path / "state") == ["bye"]


def test_what_stands_behind_a_job_is_there_before_it_starts(tmp_path: Path) -> None:
    volumes = [{"name": "v", "configMap": {"name": "script"}}]
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/script"}]}
    spec = {"container": mounts, "volumes": volumes}
    script = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "script"}, "data": {"a": "b"}}
    end, _ = play(tmp_path, job("j", "cat $EXPANDER_MOUNT_SCRIPT/a", spec), script)
    assert end.counts["succeeded"] == 1
    with Executor(tmp_path, runtime="process") as executor:
        assert not [event for event in executor.events() if event["reason"] == "FailedMount"]


def test_names_of_services_and_pods_resolve_though_the_service_comes_last(tmp_path: Path) -> None:
    look = 'until getent hosts "j-$((1 - JOB_COMPLETION_INDEX)).peers"; do sleep 0.02; done'
    shape = {"completions": 2, "parallelism": 2, "completionMode": "Indexed"}
    end, _ = play(tmp_path, job("j", look, {"subdomain": "peers"}, **shape), PEERS, runtime="sandbox", cpus=1)
    assert end.counts["succeeded"] == 1
    assert sorted(line.split()[1] for line in output(tmp_path)) == ["j-0.peers", "j-1.peers"]


def test_ports_of_services_lead_to_the_target_ports_of_pods(tmp_path: Path) -> None:
    serve = f'cd $HOME; echo hi > f; exec {sys.executable} -m http.server --bind "$IP" 8080'
    address = [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    server = pod("server", serve, "Always", container={"env": address})
    server["metadata"]["labels"] = {"app": "web"}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    service["spec"] = {"selector": {"app": "web"}, "ports": [{"port": 8000, "targetPort": 8080}]}
    ask = "until curl -sf http://$WEB_SERVICE_HOST:$WEB_SERVICE_PORT/f; do sleep 0.02; done"
    end, _ = play(tmp_path, job("j", ask), server, service, variables={"HOME": str(tmp_path)})
    assert end.counts["succeeded"] == 1
    assert "hi" in output(tmp_path)


def test_it_is_told_that_names_do_not_resolve_where_there_is_no_hosts_file(tmp_path: Path) -> None:
    _, story = play(tmp_path, job("a", "true"), job("b", "true"), PEERS)
    assert story.notes == ["the process runtime has no names: those of Services (peers) do not resolve"]


def test_jobs_of_a_higher_priority_go_first(tmp_path: Path) -> None:
    urgent = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "urgent"},
        "value": 10,
    }
    jobs = [
        job(f"j{number}", "true", {"priorityClassName": "urgent"} if number > 2 else {})
        for number in range(5)
    ]
    _, story = play(tmp_path, *jobs, urgent, jobs=1)
    assert [name for _, name, _ in story.told] == ["j3", "j4", "j0", "j1", "j2"]


def test_containers_without_a_file_system_start_in_an_empty_private_folder(tmp_path: Path) -> None:
    script = "pwd; ls -A; stat -c %a .; touch left"
    play(
        tmp_path,
        job("a", script),
        job("b", script),
        job("c", "pwd", {"container": {"workingDir": "/tmp"}}),
        jobs=1,
    )
    first, mode, second, other_mode, given = output(tmp_path)
    assert (mode, other_mode, given) == ("700", "700", "/tmp")
    assert Path(first).parent == Path(second).parent == tmp_path / "work"
    assert not list(Path(first).iterdir())


@pytest.mark.parametrize(
    "resources",
    [
        {"container": {"resources": {"limits": {"memory": "600Mi"}}}},
        {"container": {"resources": {"limits": {"cpu": "600m"}, "requests": {"memory": "1Mi"}}}},
        {"resources": {"limits": {"memory": "600Mi"}}},
        {"initContainers": [{**INIT, "resources": {"limits": {"memory": "600Mi"}}}]},
        {"initContainers": [{**INIT, "restartPolicy": "Always", "resources": {"limits": {"cpu": "600m"}}}]},
    ],
)
def test_pods_that_limit_what_they_do_not_request_have_room_for_their_limits(
    tmp_path: Path, resources: dict[str, Any]
) -> None:
    alone = f"mkdir {tmp_path}/taken && sleep 0.2 && rmdir {tmp_path}/taken"
    jobs = [job(f"j-{number}", alone, resources) for number in range(3)]
    _, story = play(tmp_path / "state", *jobs, cpus=1, memory=1 << 30, jobs=8)
    assert [state for _, _, state in story.told] == [COMPLETE] * 3
    with Executor(tmp_path / "state", runtime="process") as executor:
        assert all(any(pod_request(each["spec"])) for each in executor.list("Pod"))


def test_what_a_bare_pod_limits_it_requests(tmp_path: Path) -> None:
    alone = f"mkdir {tmp_path}/taken && sleep 0.2 && rmdir {tmp_path}/taken"
    limits = {"resources": {"limits": {"memory": "600Mi"}}}
    pods = [pod(f"p-{number}", alone, container=dict(limits)) for number in range(3)]
    _, story = play(tmp_path / "state", *pods, memory=1 << 30, jobs=8)
    assert [state for _, _, state in story.told] == [COMPLETE] * 3
