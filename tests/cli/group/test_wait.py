"""``expander wait`` for a group in a served cluster and for local runs."""

import csv
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from expander.local.executor import Executor
from tests.cli.cluster import cluster, submitting, template, until
from tests.cli.groups import at_work, create, follow, job, lines_until, run_locally
from tests.cli.program import run
from tests.local.apiserver.serving import Server

LOCAL = """
apiVersion: batch/v1
kind: Job
metadata: {name: good, labels: {jobgroup: here}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, command: ["true"]}]}}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with cluster(tmp_path_factory.mktemp("wait")) as server:
        create(server, job("good", item="a", group="mixed"), job("bad", "exit 3", group="mixed"))
        create(server, job("fine", group="fine"))
        create(
            server, job("stuck", group="stuck", container={"envFrom": [{"configMapRef": {"name": "nope"}}]})
        )
        yield server


def waiting(server: Server, *arguments: str, **options: Any) -> AbstractContextManager[subprocess.Popen[str]]:
    """A wait at work."""
    return at_work("wait", *arguments, "--kubeconfig", str(server.kubeconfig), **options)


def test_a_group_that_completes_is_0_and_one_in_which_some_fail_is_1(served: Server) -> None:
    answer = follow(served, "wait", "--group", "fine")
    assert (answer.code, answer.err) == (0, "1 Job: 1 complete, 0 failed\n")
    assert answer.out.startswith("job.batch/fine complete (")
    answer = follow(served, "wait", "--group", "mixed")
    assert (answer.code, answer.err) == (1, "2 Jobs: 1 complete, 1 failed\n")
    assert "job.batch/bad failed: BackoffLimitExceeded (exit code 3) (" in answer.out


def test_quiet_prints_the_sum_alone(served: Server) -> None:
    answer = follow(served, "wait", "--group", "fine", "-q")
    assert (answer.code, answer.out, answer.err) == (0, "", "1 Job: 1 complete, 0 failed\n")


def test_json_has_an_object_for_each_job_that_ended_and_a_last_line_with_the_sums(served: Server) -> None:
    answer = follow(served, "wait", "--group", "mixed", "-o", "json")
    *lines, last = map(json.loads, answer.out.splitlines())
    assert last == {"summary": {"failed": 1, "succeeded": 1}}
    found = {line["name"]: line for line in lines}
    assert found["good"] == {
        "name": "good",
        "namespace": "default",
        "item": "a",
        "outcome": "succeeded",
        "reason": "",
        "attempts": 1,
    }
    assert found["bad"]["outcome"] == "failed"
    assert found["bad"]["reason"] == "BackoffLimitExceeded"
    assert "exit code 3" in found["bad"]["message"]


def test_when_the_time_is_up_it_is_3_and_says_what_keeps_the_rest(served: Server) -> None:
    end = "timed out, 1 Job: 0 complete, 0 failed, 1 unfinished\n"

    def is_stuck() -> bool:
        answer = follow(served, "wait", "--group", "stuck", "--timeout", "2s")
        assert answer.code == 3
        told = 'pending: stuck: CreateContainerConfigError: configmap "nope" not found\n'
        return answer.err == told + end

    until(is_stuck)


@pytest.mark.parametrize(("goal", "code"), [("any", 0), ("complete", 0), ("count=1", 0), ("failed", 1)])
def test_goals_end_as_they_say(served: Server, goal: str, code: int) -> None:
    assert follow(served, "wait", "--group", "fine", "--for", goal).code == code


def test_nothing_to_wait_for_is_an_error_at_once(served: Server) -> None:
    answer = follow(served, "wait", "--group", "nobody")
    assert (answer.code, answer.out) == (2, "")
    assert "no Jobs of group nobody" in answer.err


def test_jobs_that_do_not_exist_yet_are_waited_for_when_their_number_is_known(served: Server) -> None:
    with waiting(served, "--group", "coming", "--expect", "2") as process:
        create(served, job("first", group="coming"))
        lines_until(process, "job.batch/first complete")
        assert process.poll() is None
        create(served, job("second", group="coming"))
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "2 Jobs: 2 complete, 0 failed\n")


def test_a_job_that_is_deleted_while_unfinished_is_told_as_such(served: Server) -> None:
    create(served, job("kept", group="leaving"), job("leaver", "sleep 1000", group="leaving"))
    with waiting(served, "--group", "leaving") as process:
        lines_until(process, "job.batch/kept complete")
        path = "/apis/batch/v1/namespaces/default/jobs/leaver?propagationPolicy=Background"
        assert served.request("DELETE", path).code == 200
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert output == "job.batch/leaver deleted before it finished\n"
    assert errors == "2 Jobs: 1 complete, 0 failed, 1 deleted\n"


def test_a_job_whose_time_to_live_is_over_counts_by_its_last_state(served: Server) -> None:
    with waiting(served, "--group", "ttl", "--expect", "2") as process:
        create(served, job("long", group="ttl"))
        lines_until(process, "job.batch/long complete")
        create(served, job("brief", group="ttl", ttlSecondsAfterFinished=0))
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "2 Jobs: 2 complete, 0 failed\n")
    assert output.startswith("job.batch/brief complete")


def test_an_interrupt_is_130_and_says_how_far_it_is(served: Server) -> None:
    with waiting(served, "--group", "mixed", "--expect", "9", "-o", "json") as process:
        lines_until(process, '"good"')
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert json.loads(output.splitlines()[-1])["interrupted"] is True
    assert errors == "interrupted, 2 Jobs: 1 complete, 1 failed, 7 not created\n"


def test_it_goes_on_when_the_server_is_killed_and_started_again(tmp_path: Path) -> None:
    with cluster(tmp_path, "--kubeconfig", str(tmp_path / "config")) as server:
        create(server, job("first"), job("second", suspend=True))
        with waiting(server, "--group", "g") as process:
            lines_until(process, "job.batch/first complete")
            server.stop(signal.SIGKILL)
            server.start()
            path = "/apis/batch/v1/namespaces/default/jobs/second"
            patch = {"Content-Type": "application/merge-patch+json"}
            assert server.request("PATCH", path, {"spec": {"suspend": False}}, headers=patch).code == 200
            output, errors = process.communicate(timeout=120)
    # That the server does not answer is told when its start takes long.
    assert (process.returncode, errors.splitlines()[-1]) == (0, "2 Jobs: 2 complete, 0 failed")
    assert output.startswith("job.batch/second complete")


def test_while_a_submission_is_at_work_its_jobs_are_expected(tmp_path: Path) -> None:
    with cluster(tmp_path) as server:
        state = {**os.environ, "EXPANDER_STATE": str(tmp_path / "journals")}
        arguments = [template(tmp_path, suspend=False), "-i", "0-5", "--qps", "2", "--burst", "1"]
        with submitting(tmp_path, server, *arguments) as sender:
            assert sender.stdout is not None
            sender.stdout.readline()
            with waiting(server, "--group", "load", env=state) as process:
                _, errors = process.communicate(timeout=120)
            sender.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "6 Jobs: 6 complete, 0 failed\n")


def test_a_local_group_is_waited_for_too(tmp_path: Path) -> None:
    state = str(run_locally(tmp_path, LOCAL))
    answer = run("wait", "--group", "here", "--state", state)
    assert (answer.code, answer.err) == (0, "1 Job: 1 complete, 0 failed\n")
    assert run("wait", "--group", "here", "--state", state, "--expect", "2", "--timeout", "1s").code == 3


def test_a_wait_of_no_time_looks_once(tmp_path: Path, served: Server) -> None:
    state = str(run_locally(tmp_path, LOCAL))
    for expected, code in ("1", 0), ("2", 3):
        answer = run("wait", "--group", "here", "--state", state, "--expect", expected, "--timeout", "0")
        assert answer.code == code
        assert "1 complete, 0 failed" in answer.err
    for group, code in ("fine", 0), ("mixed", 1), ("stuck", 3):
        assert follow(served, "wait", "--group", group, "--timeout", "0").code == code


def test_what_has_finished_took_as_long_as_status_says(tmp_path: Path) -> None:
    place = "--group", "here", "--state", str(run_locally(tmp_path, LOCAL))
    rows = csv.DictReader(run("status", *place, "-o", "csv").out.splitlines())
    [[seconds, name]] = [(float(row["seconds"]), row["name"]) for row in rows]
    took = f"{round(seconds * 1000)}ms" if seconds < 0.9995 else f"{seconds:.1f}s"
    assert run("wait", *place).out == f"job.batch/{name} complete ({took})\n"


def test_jobs_that_wait_for_the_same_are_told_in_one_line(tmp_path: Path) -> None:
    room = {"resources": {"requests": {"cpu": "1"}}}
    where = "--group", "g", "--state", str(tmp_path)
    with Executor(tmp_path / "g", runtime="process", cpus=1) as executor:
        executor.submit(job(f"j{number}", "sleep 1000", container=room) for number in range(40))
        while run("status", *where, "-o", "wide").out.count("WaitsForRoom") < 39:
            executor.step(0.05)
        answer = run("wait", *where, "--timeout", "1s")
    assert answer.code == 3
    active, pending, end = answer.err.splitlines()
    assert active == "active: j0"
    assert pending == "pending: j1 and 38 more: WaitsForRoom: Insufficient cpu"
    assert end == "timed out, 40 Jobs: 0 complete, 0 failed, 40 unfinished"


def test_a_local_group_that_nobody_runs_any_more_is_told_as_such(tmp_path: Path) -> None:
    state = str(run_locally(tmp_path, LOCAL.replace("spec: {", "spec: {suspend: true, ", 1)))
    with at_work("wait", "--group", "here", "--state", state) as process:
        assert process.stderr is not None
        assert "Nothing runs these Jobs now" in process.stderr.readline()


def test_a_local_run_that_begins_later_is_seen_to_its_end(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with at_work("wait", "--group", "here", "--state", str(state), "--expect", "1") as process:
        run_locally(tmp_path, LOCAL)
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "1 Job: 1 complete, 0 failed\n")
    assert output.startswith("job.batch/good complete (")


def test_a_list_that_takes_long_is_not_one_without_jobs(tmp_path: Path) -> None:
    with cluster(tmp_path, "--inject", "latency=700ms") as server:
        create(server, job("slow", group="slow"))
        answer = follow(server, "wait", "--group", "slow", "-q")
        assert (answer.code, answer.err) == (0, "1 Job: 1 complete, 0 failed\n")


def test_a_server_that_does_not_answer_is_no_reason_to_wait_longer_than_told(tmp_path: Path) -> None:
    with cluster(tmp_path) as server:
        config = server.kubeconfig.read_text()
    (tmp_path / "config").write_text(config)
    answer = run("wait", "--group", "g", "--timeout", "1s", "--kubeconfig", str(tmp_path / "config"))
    assert answer.code == 3
    assert "did not list the Jobs in time" in answer.err
