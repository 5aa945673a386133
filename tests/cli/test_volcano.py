"""Volcano Jobs from a template: expanded, planned, submitted, run, looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cluster import cluster, objects
from tests.cli.custom_cluster import GROUP, custom_cluster
from tests.cli.program import run

TEMPLATE = """
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata:
  name: train-${ITEM.name}
spec:
  plugins: {env: [], svc: []}
  tasks:
  - name: worker
    replicas: ${ITEM.workers}
    template:
      spec:
        restartPolicy: Never
        containers:
        - name: main
          image: busybox:1.37
          command: ["sh", "-c", "COMMAND"]
          env:
          - {name: NAME, value: "${ITEM.name}"}
"""
ITEMS = "name,workers\na,1\nB c,2\n"
JOB_SET = """
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {name: set-$ITEM}
spec:
  replicatedJobs:
  - name: w
    template: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}
"""


@pytest.fixture(autouse=True)
def folder(folder: Path) -> Path:
    (folder / "job.yaml").write_text(TEMPLATE.replace("COMMAND", "echo $NAME worker $VC_TASK_INDEX"))
    (folder / "items.csv").write_text(ITEMS)
    return folder


def test_items_give_volcano_jobs_names_labels_and_numbers() -> None:
    answer = run("expand", "job.yaml", "-i", "items.csv", "--group", "night")
    assert answer.code == 0, answer.err
    checked = run("validate", "-", "-o", "json", stdin=answer.out)
    assert [json.loads(line)["status"] for line in checked.out.splitlines()] == ["valid", "valid"]
    assert answer.out.count("jobgroup: night") == 4
    assert "replicas: 2" in answer.out
    assert "name: train-b-c-" in answer.out.replace('"', "")


def test_what_is_wrong_with_an_item_is_told_at_its_field() -> None:
    Path("items.csv").write_text("name,workers\na,many\nb,-1\n")
    answer = run("expand", "job.yaml", "-i", "items.csv")
    assert answer.code == 1
    assert "spec.tasks[0].replicas: expected an integer, found 'many'" in answer.err
    assert "spec.tasks[0].replicas: Invalid value: -1" in answer.err


def test_volcano_jobs_are_submitted_as_custom_resources(folder: Path) -> None:
    with custom_cluster(folder) as server:
        answer = run("submit", "job.yaml", "-i", "items.csv", "--kubeconfig", str(server.config))
        assert answer.code == 0, answer.err
        again = run("submit", "job.yaml", "-i", "items.csv", "--kubeconfig", str(server.config))
        assert again.code == 0, again.err
    places = sorted(server.objects)
    assert places[0] == f"{GROUP}/namespaces/default/jobs/train-a"
    assert len(places) == 2
    sent = server.objects[places[0]]
    assert sent["metadata"]["labels"] == {"jobgroup": "job"}
    assert sent["spec"]["tasks"][0]["template"]["metadata"]["labels"] == {"jobgroup": "job"}


def test_volcano_jobs_are_submitted_and_a_cluster_without_job_sets_is_told_of(folder: Path) -> None:
    (folder / "set.yaml").write_text(JOB_SET)
    with cluster(folder) as server:
        config = ("--kubeconfig", str(server.kubeconfig))
        assert run("submit", "job.yaml", "-i", "items.csv", *config).code == 0
        answer = run("submit", "set.yaml", "a", *config)
    assert answer.code == 1
    assert 'no matches for kind "JobSet" in version "jobset.x-k8s.io/v1alpha2"' in answer.err


def test_volcano_jobs_run_here_and_are_looked_at_like_others() -> None:
    answer = run("run", "job.yaml", "-i", "items.csv", "--group", "night", "--runtime", "process")
    assert answer.code == 0, answer.err
    assert "[a] a worker 0" in answer.out
    assert sum("B c worker" in line for line in answer.out.splitlines()) == 2
    status = json.loads(run("status", "--local", "--group", "night", "-o", "json").out)
    assert [job["status"]["state"]["phase"] for job in status["items"]] == ["Completed", "Completed"]
    waited = run("wait", "--local", "--group", "night")
    assert (waited.code, waited.out.count("complete (")) == (0, 2)
    rows = json.loads(run("results", "--local", "--group", "night", "-o", "json").out)
    assert {row["state"] for row in rows} == {"Complete"}
    again = run("run", "job.yaml", "-i", "items.csv", "--group", "night", "--runtime", "process")
    assert "2 ended in an earlier run" in again.err


def test_a_volcano_job_that_fails_is_told_with_why(folder: Path) -> None:
    (folder / "job.yaml").write_text(TEMPLATE.replace("COMMAND", "exit 3"))
    answer = run(
        "run", "job.yaml", "-i", "items.csv", "--group", "night", "--runtime", "process", "-o", "json"
    )
    assert answer.code == 1
    *outcomes, last = [json.loads(line) for line in answer.out.splitlines()]
    assert {each["outcome"] for each in outcomes} == {"failed"}
    assert last == {"summary": {"failed": 2}}


def test_a_cluster_is_followed_as_with_jobs_and_keeps_to_the_window(folder: Path) -> None:
    script = 'echo $NAME $VC_TASK_INDEX; test \\"$NAME\\" = a'
    (folder / "job.yaml").write_text(TEMPLATE.replace("COMMAND", script))
    with cluster(folder) as server:
        config = ("--kubeconfig", str(server.kubeconfig))
        group = ("--group", "night", *config)
        sent = run("submit", "job.yaml", "-i", "items.csv", *group, "--max-active", "1")
        assert sent.code == 0, sent.err
        waited = run("wait", *group)
        assert waited.code == 1
        assert "job.batch.volcano.sh/train-a complete" in waited.out
        assert "1 complete, 1 failed" in waited.err
        times = {job["metadata"]["name"]: job for job in objects(server, f"{GROUP}/namespaces/default/jobs")}
        second = next(name for name in times if name != "train-a")
        assert times[second]["metadata"]["creationTimestamp"] >= _ended(times["train-a"])
        logs = run("logs", *group).out.splitlines()
        assert sorted(logs) == ["[B c/0] B c 0", "[B c/1] B c 1", "[a] a 0"]
        rows = json.loads(run("results", *group, "-o", "json").out)
        assert [(row["key"], row.get("task"), row["state"]) for row in rows] == [
            ("a", None, "Complete"),
            ("B c/0", "worker", "Failed"),
            ("B c/1", "worker", "Failed"),
        ]
        assert run("report", *group, "--out", "night.html").code == 0
        listed = json.loads(run("groups", *config, "-o", "json").out)
        assert [(each["group"], each["complete"], each["failed"]) for each in listed] == [("night", 1, 1)]
        again = run("retry", *group)
        assert (again.code, again.out) == (0, f"job.batch.volcano.sh/{second} created (attempt 2)\n")
        gone = run("cleanup", *group, "--yes")
        assert gone.err.endswith("2 Jobs deleted with their pods\n")
        assert objects(server, f"{GROUP}/namespaces/default/jobs") == []


def _ended(job: dict[str, Any]) -> str:
    return str(job["status"]["state"]["lastTransitionTime"])


def test_what_of_a_volcano_job_does_nothing_here_is_said_once(folder: Path) -> None:
    text = (folder / "job.yaml").read_text().replace("svc: []", "ssh: []")
    volumes = "  volumes: [{mountPath: /data, volumeClaim: {accessModes: [ReadWriteOnce]}}]\n  tasks:"
    (folder / "job.yaml").write_text(text.replace("  tasks:", volumes))
    answer = run("run", "job.yaml", "-i", "items.csv", "--runtime", "process")
    assert answer.err.count("plugin ssh: no keys are made") == 1
    assert answer.err.count("no claim is made") == 1
