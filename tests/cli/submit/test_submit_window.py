"""``submit --max-active`` and ``--delete-finished``: a window of Jobs that moves through a batch."""

import csv
import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from expander.group.known.last_used import used_here
from tests.cli.cluster import (
    ActiveJobs,
    cluster,
    jobs,
    lines_of,
    size,
    submitted,
    submitting,
    template,
    to_be_killed,
    until,
)
from tests.cli.program import Answer, run

JOBS = size("EXPANDER_WINDOW_JOBS", 60)
WINDOW = size("EXPANDER_WINDOW", 6)
"""50,000 and 500 are an ordinary run."""


def test_never_more_than_the_window_are_unfinished_in_all_namespaces_and_groups(tmp_path: Path) -> None:
    each = JOBS // 4
    text = Path(template(tmp_path, suspend=False)).read_text()
    folder = tmp_path / "jobs"
    folder.mkdir()
    for number in range(each * 4):
        namespace, group = ("default", "other")[number % 2], ("load", "more")[number // 2 % 2]
        job = text.replace("$ITEM", str(number)).replace(
            "labels: {jobgroup: load}", f"labels: {{jobgroup: {group}}}"
        )
        (folder / f"{number:05}.yaml").write_text(
            job.replace("labels:", f"namespace: {namespace}\n  labels:", 1)
        )
    (folder / "config.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: beside}}")
    with cluster(tmp_path) as server:
        made = server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
        assert made.code == 201
        active = ActiveJobs(server)
        answer = submitted(tmp_path, server, str(folder), "--max-active", str(WINDOW))
        assert answer.code == 0, answer.err
        assert json.loads(answer.out.splitlines()[-1]) == {"summary": {"created": each * 4 + 1}}
        until(lambda: len(active.seen) == each * 4)
        assert 1 < active.most <= WINDOW
        assert Counter(job["metadata"]["namespace"] for job in jobs(server)) == {
            "default": 2 * each,
            "other": 2 * each,
        }


def test_a_window_is_kept_when_the_submitter_is_killed_and_goes_on(tmp_path: Path) -> None:
    path = template(tmp_path, suspend=False, command='["sleep", "0.2"]')
    with cluster(tmp_path) as server:
        active = ActiveJobs(server)
        arguments = [path, "-i", f"1-{JOBS}", "--max-active", str(WINDOW), "--resume"]
        for part in (1, 2):
            with to_be_killed(tmp_path, server, *arguments):
                until(lambda part=part: lines_of(tmp_path) >= JOBS * part // 3)  # type: ignore[misc]
        answer = submitted(tmp_path, server, *arguments)
        assert answer.code == 0, answer.err
        until(lambda: len(active.seen) == JOBS)
        assert active.most <= WINDOW
        assert len(jobs(server)) == JOBS


def test_finished_jobs_are_collected_before_they_are_deleted_whenever_it_is_killed(tmp_path: Path) -> None:
    """Each Job leaves a line in a file, so one that ran twice, or not at all, is seen."""
    ran = tmp_path / "ran"
    command = f'["sh", "-c", "echo $ITEM >> {ran}; echo output of $ITEM"]'
    path = template(tmp_path, suspend=False, command=command)
    results = tmp_path / "results"
    with cluster(tmp_path, "--inject", "lost=0.2") as server:
        arguments = [path, "-i", f"1-{JOBS}", "--max-active", str(WINDOW), "--delete-finished"]
        arguments += ["--results", str(results), "--resume"]
        for part in (1, 2, 3):
            with to_be_killed(tmp_path, server, *arguments):
                until(lambda part=part: lines_of(tmp_path) >= JOBS * part // 4)  # type: ignore[misc]
        answer = submitted(tmp_path, server, *arguments)
        assert answer.code == 0, answer.err
        *lines, last = map(json.loads, answer.out.splitlines())
        assert len(lines) == JOBS
        assert set(last["summary"]) <= {"created", "unchanged"}
    with cluster(tmp_path) as server:
        assert jobs(server) == []
        assert server.request("GET", "/api/v1/pods").json["items"] == []
    assert Counter(ran.read_text().split()) == dict.fromkeys(map(str, range(1, JOBS + 1)), 1)
    for number in range(1, JOBS + 1):
        assert (results / str(number) / "stdout").read_text() == f"output of {number}\n"
        assert json.loads((results / str(number) / "result.json").read_text())["state"] == "Complete"


def test_after_delete_finished_the_group_goes_on_from_what_was_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    command = '["sh", "-c", "echo output of $ITEM; [ -e GATE ] || test $ITEM = good"]'
    path = template(tmp_path, suspend=False, command=command.replace("GATE", str(tmp_path / "gate")))
    results = tmp_path / "results"
    with cluster(tmp_path, "--backoff-base", "10ms") as server:

        def told(*arguments: str) -> Answer:
            return run(*arguments, "--kubeconfig", str(server.kubeconfig))

        arguments = [path, "good", "bad", "--delete-finished", "--results", str(results)]
        answer = told("submit", *arguments, "-o", "json")
        assert answer.code == 1, answer.err
        last = json.loads(answer.out.splitlines()[-1])
        assert (last["collected"], last["collectedFailed"]) == (2, 1)
        assert "2 finished Jobs (1 failed) collected into " in answer.err
        assert "failed: job.batch/item-bad (item 'bad'): BackoffLimitExceeded (exit code 1)" in answer.err
        rows = list(csv.DictReader((results / "results.csv").read_text().splitlines()))
        assert {(row["item"], row["state"]) for row in rows} == {("bad", "Failed"), ("good", "Complete")}
        assert jobs(server) == []

        status = told("status", "--group", "load", "-o", "csv")
        states = {row["item"]: row["state"] for row in csv.DictReader(status.out.splitlines())}
        assert states == {"bad": "Failed", "good": "Complete"}, status.err
        table = told("results", "--group", "load", "-o", "json", "--column", "output")
        outputs = {row["item"]: row["output"] for row in json.loads(table.out)}
        assert outputs == {"bad": "output of bad\n", "good": "output of good\n"}
        assert "output of bad" in told("logs", "--group", "load", "bad").out
        assert told("wait", "--group", "load").code == 1

        (tmp_path / "gate").touch()
        again = told("retry", "--group", "load")
        assert (again.code, again.out) == (0, "job.batch/item-bad created (attempt 2)\n"), again.err
        assert told("wait", "--group", "load").code == 0
        ended = [row["state"] for row in json.loads(told("results", "--group", "load", "-o", "json").out)]
        assert ended == ["Complete", "Complete"]
        assert told("cleanup", "--group", "load", "--yes").code == 0
        assert "no Jobs of group load" in told("status", "--group", "load").err


@pytest.mark.parametrize("options", [["--delete-finished"], []])
def test_a_job_of_another_item_is_never_taken_for_that_of_an_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    path = Path(template(tmp_path, suspend=False, command='["true"]'))
    path.write_text(path.read_text().replace("item-$ITEM", "item-$INDEX"))
    with cluster(tmp_path) as server:

        def told(*items: str) -> list[tuple[str, str]]:
            answer = run(
                "submit", str(path), *items, *options, "-o", "json", "--kubeconfig", str(server.kubeconfig)
            )
            lines = [json.loads(line) for line in answer.out.splitlines()[:-1]]
            assert answer.code == (1 if any(line["reason"] == "AnotherItem" for line in lines) else 0)
            return sorted((line["item"], line["reason"]) for line in lines)

        assert told("a", "b") == [("a", ""), ("b", "")]
        if not options:
            assert run("wait", "--group", "load", "--kubeconfig", str(server.kubeconfig)).code == 0
        assert told("z", "b") == [("b", ""), ("z", "AnotherItem")]
        if not options:
            assert told("z", "b", "--rerun", "changed") == [("b", ""), ("z", "Rerun")]
            notes = {
                notes["expander/item"]: notes
                for job in jobs(server)
                if (notes := job["metadata"]["annotations"])
            }
            assert "expander/attempt" not in notes["z"]


def test_a_collected_indexed_job_is_complete_when_its_failed_indexes_were_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    gate = tmp_path / "gate"
    path = template(tmp_path, suspend=False, command=f'["sh", "-c", "test $ITEM = good || test -e {gate}"]')
    text = (
        Path(path)
        .read_text()
        .replace(', number: "$ITEM"', "")
        .replace("spec:\n", "spec:\n  backoffLimit: 1\n", 1)
    )
    Path(path).write_text(text)
    with cluster(tmp_path, "--backoff-base", "10ms") as server:

        def told(*arguments: str) -> Answer:
            return run(*arguments, "--kubeconfig", str(server.kubeconfig))

        assert told("submit", path, "good", "bad", "--as", "indexed", "--delete-finished").code == 1
        assert jobs(server) == []
        gate.touch()
        answer = told("retry", "--group", "load")
        assert answer.code == 0, answer.err
        assert told("wait", "--group", "load").code == 0
        states = list(csv.DictReader(told("status", "--group", "load", "-o", "csv").out.splitlines()))
        assert {row["state"] for row in states} == {"Complete"}
        assert len(states) == 2
        again = told("retry", "--group", "load")
        assert (again.code, again.out) == (0, ""), again.err


def test_an_interrupt_leaves_what_is_not_finished_to_resume_and_other_commands_mean_the_group_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "journals"))
    path = template(tmp_path, suspend=False, command='["sleep", "600"]')
    with cluster(tmp_path) as server:
        with submitting(tmp_path, server, path, "a", "b", "--delete-finished") as process:
            until(lambda: len(jobs(server)) == 2)
            until(lambda: bool(used_here()))
            answer = run("status", "-o", "name")
            assert answer.out == "job.batch/item-a\njob.batch/item-b\n"
            assert answer.err.startswith("group load (context ")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        assert process.returncode == 130, err
        assert json.loads(out.splitlines()[-1])["collected"] == 0
        assert "expander submit --resume --group load" in err
        assert len(jobs(server)) == 2


def test_without_a_journal_it_says_what_cannot_be_known(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path) as server:
        options = ["--kubeconfig", str(server.kubeconfig), "--state", str(tmp_path / "journals")]
        answer = run("submit", path, "a", "--resume", *options)
        assert answer.code == 0
        assert "no journal" in answer.err
        again = run("submit", path, "a", "--resume", *options)
        assert "no journal" not in again.err
