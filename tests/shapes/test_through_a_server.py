"""Shapes on a served cluster, with kubectl."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.cluster import cluster, submitted
from tests.cli.program import run
from tests.local.apiserver.serving import Server
from tests.shapes.batch import SHOW

ITEMS = ["apple", "it's", '$(NONE) `x` "y"', "line\nbreak", ""]
WAIT = "--timeout=300s"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A cluster of this test."""
    with cluster(tmp_path, "--backoff-base", "50ms") as found:
        yield found


def template(folder: Path) -> str:
    """A template whose container says what it was given."""
    container = {
        "name": "main",
        "image": "python",
        "command": [*SHOW, "$ITEM", "$(FIRST)"],
        "env": [{"name": "FIRST", "value": "<$ITEM>"}],
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "show-$INDEX", "labels": {"jobgroup": "shows"}},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
    path = folder / "template.yaml"
    path.write_text(json.dumps(job))
    (folder / "items.json").write_text(json.dumps(ITEMS))
    return str(path)


def said(kubectl: str, server: Server) -> Counter[str]:
    """The first argument of each run, by the logs of the group's pods."""
    words = [kubectl, "--kubeconfig", str(server.kubeconfig)]
    logs = subprocess.run(
        [*words, "logs", "-l", "jobgroup=shows", "--tail=-1"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    found = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    assert [entry["env"]["FIRST"] for entry in found] == [f"<{entry['argv'][0]}>" for entry in found]
    assert [entry["argv"][1] for entry in found] == [entry["env"]["FIRST"] for entry in found]
    return Counter(entry["argv"][0] for entry in found)


@pytest.mark.parametrize("shape", ["indexed", "chunks=2"])
def test_what_expand_writes_runs_when_kubectl_applies_it(
    shape: str, tmp_path: Path, server: Server, kubectl: str
) -> None:
    made = run("expand", template(tmp_path), "-i", str(tmp_path / "items.json"), "--as", shape)
    assert made.code == 0, made.err
    words = [kubectl, "--kubeconfig", str(server.kubeconfig)]
    subprocess.run([*words, "apply", "-f", "-"], input=made.out, text=True, check=True, timeout=300)
    wait = [*words, "wait", "--for=condition=complete", "job", "-l", "jobgroup=shows", WAIT]
    subprocess.run(wait, check=True, timeout=330)
    assert said(kubectl, server) == Counter(ITEMS)


def test_submit_takes_a_shape_and_a_second_time_changes_nothing(
    tmp_path: Path, server: Server, kubectl: str
) -> None:
    words = [template(tmp_path), "-i", str(tmp_path / "items.json"), "--as", "indexed"]
    first = submitted(tmp_path, server, *words)
    assert first.code == 0, first.err
    assert json.loads(first.out.splitlines()[-1]) == {"summary": {"created": 2}}
    client = [kubectl, "--kubeconfig", str(server.kubeconfig)]
    subprocess.run([*client, "wait", "--for=condition=complete", "job/shows", WAIT], check=True, timeout=330)
    assert said(kubectl, server) == Counter(ITEMS)
    second = submitted(tmp_path, server, *words)
    assert json.loads(second.out.splitlines()[-1]) == {"summary": {"unchanged": 2}}
