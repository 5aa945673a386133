"""Groups of Jobs in a served cluster and in local state, for tests of the commands that follow one."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.cluster import PATIENCE
from tests.cli.program import EXPANDER, Answer, run
from tests.local.apiserver.serving import Server

JOBS = "/apis/batch/v1/namespaces/{}/jobs"

LOCAL = """
apiVersion: batch/v1
kind: Job
metadata: {name: good, labels: {jobgroup: here}, annotations: {expander/item: apple}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, command: [echo, fine]}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: bad, labels: {jobgroup: here}}
spec:
  backoffLimit: 1
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: i, command: [sh, -c, echo one; echo two; exit 3]}]}
"""
"""Jobs of the group ``here``: one succeeds, one fails twice."""


def job(
    name: str,
    script: str = "true",
    *,
    group: str | None = "g",
    item: str | None = None,
    labelled_pods: bool = True,
    container: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A Job that runs a shell script once, unless ``spec`` says otherwise."""
    labels = {} if group is None else {"jobgroup": group}
    main = {"name": "main", "image": "busybox", "command": ["sh", "-c", script], **(container or {})}
    template: dict[str, Any] = {
        "metadata": {"labels": dict(labels) if labelled_pods else {}},
        "spec": {"restartPolicy": "Never", "containers": [main]},
    }
    annotations = {} if item is None else {"expander/item": item}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {"backoffLimit": 0, "template": template, **spec},
    }


def create(server: Server, *jobs: dict[str, Any], namespace: str = "default") -> None:
    """Create Jobs in a cluster."""
    for each in jobs:
        answer = server.request("POST", JOBS.format(namespace), each)
        assert answer.code == 201, answer.data


def follow(server: Server, command: str, *arguments: str) -> Answer:
    """A command about a group of a cluster."""
    return run(command, *arguments, "--kubeconfig", str(server.kubeconfig))


@contextmanager
def at_work(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A run of the program that goes on; it is killed at the end, or when it takes for ever."""
    with subprocess.Popen(
        [EXPANDER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    ) as process:
        limit = threading.Timer(PATIENCE, process.kill)
        limit.start()
        try:
            yield process
        finally:
            limit.cancel()
            process.kill()


def lines_until(process: subprocess.Popen[str], text: str) -> str:
    """What a program prints until ``text`` is in it."""
    assert process.stdout is not None
    seen = ""
    while text not in seen:
        line = process.stdout.readline()
        assert line, f"it has ended: {seen}"
        seen += line
    return seen


def run_locally(folder: Path, manifests: str, *flags: str) -> Path:
    """Run manifests here; gives the folder of the state."""
    (folder / "jobs.yaml").write_text(manifests)
    state = folder / "state"
    run("run", str(folder / "jobs.yaml"), "--state", str(state), "--runtime", "process", "-q", *flags)
    return state


def table(text: str, first: str) -> dict[str, list[str]]:
    """The rows of the table whose header begins with ``first``, by their first cell."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.split()[:1] == [first])
    found = {}
    for line in lines[start + 1 :]:
        if not line:
            break
        found[line.split()[0]] = line.split()
    return found
