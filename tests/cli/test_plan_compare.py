"""`expander plan --compare`: the same batch in every shape."""

import json
from pathlib import Path

import pytest

from tests.cli.program import run

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: render-$ITEM, labels: {jobgroup: render}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: busybox, command: [echo, $ITEM]}]
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template that every shape can say."""
    path = tmp_path / "job.yaml"
    path.write_text(JOB)
    return path


def test_every_shape_has_its_line_with_objects_and_bytes(template: Path) -> None:
    answer = run("plan", str(template), "-i", "1-40", "--compare", "--offline")
    assert answer.code == 0
    rows = [line.split() for line in answer.out.splitlines()]
    assert ["jobs", "40", "Jobs", "40", "40"] in [row[:5] for row in rows]
    assert ["indexed", "1", "ConfigMap,", "1", "Job", "40", "40"] in [row[:7] for row in rows]
    assert ["chunks=2", "20", "Jobs", "20", "20"] in [row[:5] for row in rows]


def test_the_shape_that_is_asked_for_comes_first_and_gives_the_names(template: Path) -> None:
    answer = run(
        "plan", str(template), "-i", "1-4", "--compare", "--offline", "--as", "indexed", "-o", "json"
    )
    found = json.loads(answer.out)
    assert [name.partition("/")[0] for name in found["names"]] == ["configmap", "job.batch"]
    shapes = [plan["shape"] for plan in found["plans"]]
    assert shapes[:2] == ["indexed", "jobs"]
    assert {plan["shape"]: plan["objects"].get("Job") for plan in found["plans"]}["jobs"] == 4


@pytest.mark.parametrize("asked", ["jobs", "indexed", "chunks=7", "queue=redis", "queue=rabbitmq"])
def test_each_line_is_named_as_the_option_takes_it(template: Path, asked: str) -> None:
    secret = ["--queue-secret", "broker"] if asked.startswith("queue") else []
    answer = run(
        "plan", str(template), "-i", "1-40", "--as", asked, *secret, "--compare", "--offline", "-o", "json"
    )
    shapes = [plan["shape"] for plan in json.loads(answer.out)["plans"]]
    assert shapes[0] == asked
    kinds = ["jobs", "indexed", "chunks=2", "queue=redis"]
    assert shapes[1:] == [each for each in kinds if each.partition("=")[0] != asked.partition("=")[0]]


def test_items_from_standard_input_are_read_once_for_all_shapes(template: Path) -> None:
    answer = run("plan", str(template), "-i", "-", "--compare", "--offline", "-o", "json", stdin="a\nb\nc\n")
    plans = {plan["shape"]: plan["objects"] for plan in json.loads(answer.out)["plans"]}
    assert (plans["jobs"], plans["chunks=2"]) == ({"Job": 3}, {"Job": 2})


def test_a_shape_that_cannot_say_the_template_is_left_out_with_the_reason(template: Path) -> None:
    template.write_text(JOB.replace("busybox", "$ITEM"))
    answer = run("plan", str(template), "a", "b", "--compare", "--offline", "-o", "json")
    assert answer.code == 0
    assert "plans" not in json.loads(answer.out)
    assert "--as indexed is impossible: " in answer.err
    assert "containers[0].image: differs between items" in answer.err


def test_manifests_have_their_shape_already(template: Path) -> None:
    template.write_text(JOB.replace("$ITEM", "x"))
    answer = run("plan", str(template), "--compare", "--offline")
    assert answer.code == 2
    assert "--compare requires a template and items" in answer.err


def test_a_shape_that_has_to_wait_for_quota_says_so(template: Path, tmp_path: Path) -> None:
    quota = tmp_path / "quota.yaml"
    quota.write_text(
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {count/jobs.batch: 10}}\n"
    )
    answer = run("plan", str(template), "-i", "1-40", "--compare", "--quota", str(quota))
    lines = {line.split()[0]: line for line in answer.out.splitlines() if line.strip()}
    assert lines["jobs"].endswith("waits for quota")
    assert lines["indexed"].endswith("ok")
