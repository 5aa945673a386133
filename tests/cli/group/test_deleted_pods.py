"""Pods that the Job controller deletes leave what they wrote, and how they ended, to those who ask later."""

import json
from pathlib import Path

import pytest

from tests.cli.groups import run_locally
from tests.cli.program import Answer, run

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: pair, labels: {jobgroup: g}}
spec:
  completionMode: Indexed
  completions: 2
  parallelism: 2
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: c
        image: i
        command:
        - sh
        - -c
        - |
          if [ $JOB_COMPLETION_INDEX = 1 ]; then echo begun; touch FOLDER/begun; exec sleep 600; fi
          until test -e FOLDER/begun; do sleep 0.1; done
          exit 3
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Job whose first index fails when the second runs, which is killed then."""
    folder = tmp_path_factory.mktemp("deleted")
    return run_locally(folder, JOB.replace("FOLDER", str(folder)), "--jobs", "2")


def asked(command: str, state: Path, *flags: str) -> Answer:
    return run(command, "--group", "g", "--state", str(state), *flags)


def test_the_log_of_a_killed_pod_is_there(state: Path) -> None:
    assert asked("logs", state, "--no-prefix").out == "begun\n"


def test_its_output_and_attempt_are_among_the_results(state: Path, tmp_path: Path) -> None:
    answer = asked("results", state, "-o", "jsonl", "--column", "output")
    first, second = map(json.loads, answer.out.splitlines())
    assert (first["cause"], first["output"]) == ("exit code 3", "")
    assert (second["state"], second["output"], second["attempts"]) == ("Failed", "begun\n", 1)
    assert asked("results", state, "--out", str(tmp_path / "out")).code == 0
    assert (tmp_path / "out" / "pair" / "1" / "stdout").read_text() == "begun\n"


def test_a_killed_pod_is_not_why_its_job_failed(state: Path) -> None:
    answer = asked("status", state)
    assert "BackoffLimitExceeded (exit code 3)" in answer.out
    assert "begun" in answer.out


def test_the_run_itself_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOB.replace("FOLDER", str(tmp_path)))
    flags = ("--state", str(tmp_path / "state"), "--runtime", "process", "--jobs", "2")
    answer = run("run", str(tmp_path / "jobs.yaml"), *flags)
    assert answer.out == "[pair/1] begun\n"
    assert "failed: pair: BackoffLimitExceeded (exit code 3)\n" in answer.err


def test_a_killed_pod_is_not_listed_among_what_goes_and_its_log_goes(tmp_path: Path) -> None:
    other = JOB.replace("name: pair", "name: other").replace("FOLDER/begun", "/dev/null")
    state = run_locally(tmp_path, JOB.replace("FOLDER", str(tmp_path)) + "---" + other, "--jobs", "4")
    listed = asked("cleanup", state, "--dry-run").out
    assert listed.count("job.batch/") == 2
    logs = state / "g" / "logs"
    assert any("pair-1" in each.name for each in logs.iterdir())
    assert asked("cleanup", state).code == 0
    assert not logs.exists()
