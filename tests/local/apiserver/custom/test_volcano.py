"""Volcano's kinds: Jobs that run here, their PodGroups and Queues, and Commands that hold and resume them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.apiserver.custom.definitions import MERGE_PATCH, STRATEGIC_PATCH, TABLE
from tests.local.apiserver.serving import Server, job

JOBS = "/apis/batch.volcano.sh/v1alpha1/namespaces/default/jobs"
COMMANDS = "/apis/bus.volcano.sh/v1alpha1/namespaces/default/commands"
GROUPS = "/apis/scheduling.volcano.sh/v1beta1/namespaces/default/podgroups"
QUEUES = "/apis/scheduling.volcano.sh/v1beta1/queues"
PODS = "/api/v1/namespaces/default/pods"


def volcano_job(name: str, script: str = "true", replicas: int = 1, **spec: Any) -> dict[str, Any]:
    pod = job(name, script)["spec"]["template"]
    tasks = [{"name": "work", "replicas": replicas, "template": pod}]
    spec = {"minAvailable": replicas, "schedulerName": "volcano", "tasks": tasks, **spec}
    return {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": spec,
    }


@pytest.fixture
def clean(server: Server) -> Iterator[None]:
    yield
    for each in server.request("GET", JOBS).json["items"]:
        server.request("DELETE", f"{JOBS}/{each['metadata']['name']}")


def phase(server: Server, name: str, *wanted: str) -> str:
    """The phase of a Job once it is one of these."""
    end = time.monotonic() + 30
    while True:
        status = server.request("GET", f"{JOBS}/{name}").json.get("status") or {}
        found = str((status.get("state") or {}).get("phase"))
        if found in wanted:
            return found
        assert time.monotonic() < end, status
        time.sleep(0.02)


def command(server: Server, name: str, action: str) -> None:
    target = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job", "name": name}
    asked = {"metadata": {"generateName": f"{name}-"}, "action": action, "target": target}
    assert server.request("POST", COMMANDS, asked).code == 201
    assert server.request("GET", COMMANDS).json["items"] == []


def pods(server: Server, name: str) -> list[str]:
    found = server.request("GET", f"{PODS}?labelSelector=volcano.sh/job-name%3D{name}").json["items"]
    return [each["metadata"]["name"] for each in found]


@pytest.mark.usefixtures("clean")
def test_a_job_runs_to_its_end_and_its_pod_group_and_queue_follow(server: Server) -> None:
    made = server.request("POST", JOBS, volcano_job("runs", "echo done", 2)).json
    assert made["spec"]["queue"] == "default"
    phase(server, "runs", "Completed")
    assert server.request("GET", f"{PODS}/runs-work-1/log").data == b"done\n"
    (group,) = (
        each
        for each in server.request("GET", GROUPS).json["items"]
        if each["metadata"]["name"] == f"runs-{made['metadata']['uid']}"
    )
    assert (group["spec"]["minMember"], group["spec"]["minTaskMember"]) == (2, {"work": 2})
    assert group["status"] == {"phase": "Completed", "succeeded": 2}
    assert server.request("GET", f"{QUEUES}/default").json["status"]["completed"] >= 1
    table = server.request("GET", f"{JOBS}/runs", headers=TABLE).json
    assert [each["name"] for each in table["columnDefinitions"]] == [
        *("Name", "STATUS", "minAvailable", "RUNNINGS", "AGE", "QUEUE")
    ]
    assert table["rows"][0]["cells"][:4] == ["runs", "Completed", 2, None]
    server.request("DELETE", f"{JOBS}/runs")
    assert pods(server, "runs") == []
    assert server.request("GET", f"{GROUPS}/{group['metadata']['name']}").code == 404


@pytest.mark.usefixtures("clean")
def test_jobs_of_kubernetes_and_of_volcano_are_told_apart(server: Server) -> None:
    server.request("POST", JOBS, volcano_job("theirs"))
    plain = "/apis/batch/v1/namespaces/default/jobs"
    assert server.request("POST", plain, job("ours", suspend=True)).code == 201
    assert [each["metadata"]["name"] for each in server.request("GET", plain).json["items"]] == ["ours"]
    assert [each["metadata"]["name"] for each in server.request("GET", JOBS).json["items"]] == ["theirs"]
    assert server.request("GET", f"{plain}/theirs").code == 404
    assert server.request("POST", plain, job("theirs", suspend=True)).code == 201
    assert server.request("POST", JOBS, volcano_job("theirs")).code == 409
    assert server.request("DELETE", f"{JOBS}/theirs").code == 200
    for name in ("ours", "theirs"):
        assert server.request("DELETE", f"{plain}/{name}").json["status"] == "Success"


@pytest.mark.usefixtures("clean")
def test_commands_abort_resume_and_restart_a_job(server: Server) -> None:
    server.request("POST", JOBS, volcano_job("held", "sleep 60", 2))
    phase(server, "held", "Running")
    command(server, "held", "AbortJob")
    phase(server, "held", "Aborted")
    assert pods(server, "held") == []
    command(server, "held", "RestartJob")
    assert phase(server, "held", "Aborted")
    command(server, "held", "ResumeJob")
    phase(server, "held", "Running")
    assert pods(server, "held") == ["held-work-0", "held-work-1"]
    before = server.request("GET", f"{PODS}/held-work-0").json["metadata"]["uid"]
    command(server, "held", "RestartJob")
    status = server.request("GET", f"{JOBS}/held").json["status"]
    end = time.monotonic() + 30
    while status.get("retryCount") != 2 or status["state"]["phase"] != "Running":
        assert time.monotonic() < end, status
        time.sleep(0.02)
        status = server.request("GET", f"{JOBS}/held").json["status"]
    assert server.request("GET", f"{PODS}/held-work-0").json["metadata"]["uid"] != before


@pytest.mark.usefixtures("clean")
def test_pods_that_ended_before_an_abort_stay_and_count(server: Server) -> None:
    script = 'test "$VC_TASK_INDEX" = 0 || sleep 60'
    server.request("POST", JOBS, volcano_job("part", script, 2, plugins={"env": []}, minAvailable=1))
    end = time.monotonic() + 30
    while server.request("GET", f"{JOBS}/part").json.get("status", {}).get("succeeded") != 1:
        assert time.monotonic() < end
        time.sleep(0.02)
    uid = server.request("GET", f"{PODS}/part-work-0").json["metadata"]["uid"]
    command(server, "part", "AbortJob")
    phase(server, "part", "Aborted")
    command(server, "part", "ResumeJob")
    phase(server, "part", "Running")
    assert server.request("GET", f"{PODS}/part-work-0").json["metadata"]["uid"] == uid


def test_what_volcano_would_refuse_is_refused(server: Server) -> None:
    nowhere = server.request("POST", JOBS, volcano_job("nowhere", queue="nope"))
    assert nowhere.json["message"] == (
        'admission webhook "validatejob.volcano.sh" denied the request: unable to find job queue: '
        'queues.scheduling.volcano.sh "nope" not found'
    )
    many = server.request("POST", JOBS, volcano_job("many", minAvailable=3))
    assert many.code == 422, many.json
    assert server.request("DELETE", f"{QUEUES}/default").code == 400
    queue = {"metadata": {"name": "mine"}, "spec": {"weight": 2}}
    made = server.request("POST", QUEUES, queue).json
    assert (made["spec"]["parent"], made["status"]) == ("root", {"state": "Open"})
    patch = server.request("PATCH", f"{QUEUES}/mine", {"spec": {"weight": 3}}, headers=STRATEGIC_PATCH)
    assert patch.code == 415
    assert server.request("PATCH", f"{QUEUES}/mine", {"spec": {"weight": 3}}, headers=MERGE_PATCH).code == 200
    server.request("DELETE", f"{QUEUES}/mine")
