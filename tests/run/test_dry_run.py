"""What a run says that it would do, before it does."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from expander.run.dry_run import images_of
from tests.cli.program import run

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: job-$ITEM}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      initContainers: [{name: i, image: first, command: ["true"]}]
      containers: [{name: c, image: busybox, command: ["sh", "-c", "exit $ITEM"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: server-$ITEM}
spec: {containers: [{name: c, image: redis, command: ["sleep", "600"]}]}
"""


def test_a_dry_run_says_what_would_run_and_what_is_kept_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(TEMPLATE)
    (tmp_path / "one.yaml").write_text(TEMPLATE.partition("---")[0])
    options = "--state", "state", "--runtime", "process"
    first = run("run", "job.yaml", "0", "1", "--dry-run", *options, cwd=tmp_path)
    assert (first.code, first.out) == (
        0,
        "job/job-0 runs\npod/server-0 runs\njob/job-1 runs\npod/server-1 runs\n",
    )
    group, images, summary = first.err.splitlines()
    room = r"[\d.]+ cores?, one pod per core or as CPU requests allow"
    assert re.fullmatch(rf"group job: {room}, runtime process", group)
    assert images == "images: first, busybox, redis"
    assert summary == "4 Jobs: 4 new; nothing was run (dry run)"
    assert not (tmp_path / "state").exists()
    run("run", "one.yaml", "0", "1", "--group", "job", *options, cwd=tmp_path)
    (tmp_path / "job.yaml").write_text(TEMPLATE.replace("busybox", "alpine"))
    again = run("run", "job.yaml", "0", "1", "2", "--dry-run", "-o", "json", *options, cwd=tmp_path)
    lines = [json.loads(line) for line in again.out.splitlines()]
    assert [(each["name"], each["item"], each["outcome"], each["reason"]) for each in lines[:-1]] == [
        ("job-0", "0", "kept", "Complete"),
        ("server-0", "0", "run", ""),
        ("job-1", "1", "rerun", "Failed"),
        ("server-1", "1", "run", ""),
        ("job-2", "2", "run", ""),
        ("server-2", "2", "run", ""),
    ]
    assert lines[-1] == {"summary": {"kept": 1, "rerun": 1, "run": 4}}
    fresh = run("run", "job.yaml", "0", "--dry-run", "--fresh", *options, cwd=tmp_path)
    assert fresh.out.splitlines()[0] == "job/job-0 runs"
    assert (tmp_path / "state" / "job").exists()


@pytest.mark.parametrize(
    ("tree", "images"),
    [
        ({"spec": {"containers": [{"image": "a"}, {"image": "b"}, {"image": "a"}]}}, ["a", "b"]),
        ({"spec": {"template": {"spec": {"initContainers": [{"image": "i"}], "containers": [{}]}}}}, ["i"]),
        ({"spec": {"tasks": [{"template": {"spec": {"containers": [{"image": "t"}]}}}]}}, ["t"]),
        ({}, []),
    ],
)
def test_images_are_those_of_all_containers(tree: dict[str, Any], images: list[str]) -> None:
    assert images_of(tree) == images
