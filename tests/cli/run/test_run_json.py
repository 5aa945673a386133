"""`expander run -o json`: an object for each item, and the sums."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Answer, run

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: job-$ITEM}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: busybox, command: [sh, -c, 'test "$1" != bad', sh, $ITEM]}]
"""


@pytest.fixture(autouse=True)
def folder(folder: Path) -> None:
    Path("job.yaml").write_text(JOB)


def told(answer: Answer) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """The lines by item, and the last one."""
    *lines, last = map(json.loads, answer.out.splitlines())
    return {line["item"]: line for line in lines}, last


def test_every_item_has_an_object_and_the_last_line_the_sums() -> None:
    answer = run("run", "job.yaml", "one", "bad", "-o", "json")
    lines, last = told(answer)
    assert answer.code == 1
    assert lines["one"] == {
        "name": "job-one",
        "namespace": "default",
        "item": "one",
        "outcome": "succeeded",
        "reason": "",
        "attempts": 1,
    }
    assert (lines["bad"]["outcome"], lines["bad"]["reason"]) == ("failed", "BackoffLimitExceeded")
    assert last == {"summary": {"failed": 1, "succeeded": 1}}


def test_what_an_earlier_run_finished_is_told_again() -> None:
    first = told(run("run", "job.yaml", "one", "bad", "-o", "json"))
    assert told(run("run", "job.yaml", "one", "bad", "-o", "json")) == first


def test_what_cannot_be_run_is_told_too() -> None:
    Path("job.yaml").write_text(JOB.replace("job-$ITEM", "job"))
    run("run", "job.yaml", "one", "bad", "--as", "indexed")
    answer = run("run", "job.yaml", "one", "bad", "more", "--as", "indexed", "-o", "json")
    (line,) = told(answer)[0].values()
    assert (line["outcome"], line["reason"]) == ("refused", "AlreadyExists")
    assert "the Job 'job' of the earlier run has other items" in line["message"]
    assert told(answer)[1] == {"summary": {"refused": 1}}
    assert answer.code == 1


@pytest.mark.parametrize("count", [40, 3000])
def test_the_sums_of_a_run_that_was_halted_add_up_to_what_was_given(count: int) -> None:
    text = JOB.replace("job-$ITEM", "'job-${ITEM.n}'").replace("$ITEM]", "'${ITEM.n}']")
    Path("job.yaml").write_text(text.replace("backoffLimit: 0", 'backoffLimit: "${ITEM.b}"'))
    rows = [f"{number},0\n" for number in range(count - 2)]
    Path("items.csv").write_text("".join(["n,b\n", "bad,0\n", "refused,x\n", *rows]))
    answer = run("run", "job.yaml", "-i", "items.csv", "--fail-fast", "-j", "1", "-o", "json")
    lines, last = told(answer)
    assert last["stopped"] == "halted"
    assert sum(last["summary"].values()) == count
    outcomes = [line["outcome"] for line in lines.values()]
    assert {state: outcomes.count(state) for state in ("failed", "refused")} == {"failed": 1, "refused": 1}


def test_nothing_to_run_is_still_a_summary() -> None:
    Path("none.txt").write_text("")
    answer = run("run", "job.yaml", "-i", "none.txt", "-o", "json")
    assert json.loads(answer.out) == {"summary": {}}
    assert answer.code == 0


def test_a_template_from_standard_input_can_be_simulated() -> None:
    cron = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}}}}
"""
    answer = run("run", "-", "--simulate", "48h", stdin=cron)
    assert answer.code == 0
    assert answer.out.count("nightly") >= 2


def test_only_what_a_selector_means_is_run() -> None:
    text = JOB.replace("metadata: {name: job-$ITEM}", "metadata: {name: job-$ITEM, labels: {kind: $ITEM}}")
    Path("job.yaml").write_text(text)
    answer = run("run", "job.yaml", "one", "two", "three", "-l", "kind in (one, two)", "-o", "json")
    assert told(answer)[1] == {"summary": {"succeeded": 2}}
    wrong = run("run", "job.yaml", "one", "-l", "kind in")
    assert wrong.code == 2
    assert wrong.err.startswith("error: selector ")
