"""`expander.retry`: what failed of a group runs again, in a cluster and on this machine."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

import expander
from tests.api.batches import LONG, TEMPLATE, check_cancelled, ran, template
from tests.cli.cluster import cluster

BETTER = {"WORD": "better"}


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where retries of a cluster are remembered."""
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_what_failed_here_runs_again_with_changes_until_it_has_ended(tmp_path: Path) -> None:
    batch, told, said = ran(tmp_path), list[expander.RetryOutcome](), list[str]()
    dry = batch.retry(dry_run=True)
    assert [(one.name, one.outcome, one.reason) for one in dry] == [("w-bad", "created", "DryRun")]
    again = batch.retry(runtime="process", on_outcome=told.append)
    assert repr(again) == "<RetryResult 1 Job: 1 failed>"
    [one] = again
    assert (one.item, one.reason, one.attempts, one.passed) == ("bad", "BackoffLimitExceeded", 2, False)
    assert told == [one]
    better = batch.retry(
        "bad", changes=BETTER, runtime="process", on_output=lambda line: said.append(line.text)
    )
    assert [(one.outcome, one.attempts, one.passed) for one in better] == [("succeeded", 3, True)]
    assert said == ["got better"]
    assert batch.status().counts == {"Complete": 2}
    assert batch.retry() == ()
    assert expander.retry("words", everything=True, state=tmp_path).counts == {"succeeded": 2}


def test_what_failed_in_a_cluster_is_created_again_after_its_logs_are_saved(tmp_path: Path) -> None:
    with cluster(tmp_path) as server:
        kubeconfig = str(server.kubeconfig)
        batch = expander.submit(template(), ["bad", "good"], kubeconfig=kubeconfig, state=tmp_path)
        batch.wait()
        [one] = batch.retry(changes=BETTER, logs=tmp_path / "logs")
        assert (one.name, one.item, one.outcome, one.attempts) == ("w-bad", "bad", "created", 2)
        [log] = (tmp_path / "logs").glob("default/w-bad/attempt-1/*.log")
        assert log.read_text() == "got bad\n"
        assert batch.wait().counts["succeeded"] == 2
        again = asyncio.run(expander.aio.retry("words", ["w-bad"], kubeconfig=kubeconfig, save_logs=False))
        assert [(one.outcome, one.attempts) for one in again] == [("created", 3)]
        batch.wait()
        with pytest.raises(expander.UsageError, match="jobs and grace can only be used for a group on this"):
            batch.retry(grace=1, jobs=2)


def test_a_retry_in_a_cluster_that_lasts_to_the_end_gives_it(tmp_path: Path) -> None:
    told: list[str] = []
    with cluster(tmp_path) as server:
        batch = expander.submit(template(), ["bad"], kubeconfig=str(server.kubeconfig), state=tmp_path)
        batch.wait()
        again = batch.retry(on_exit=["1=retry:1"], on_outcome=lambda one: told.append(one.outcome))
        assert (repr(again), told) == ("<RetryResult 1 Job: 1 failed>", ["created"])
        assert [(one.item, one.reason, one.passed) for one in again] == [
            ("bad", "BackoffLimitExceeded", False)
        ]
        assert again[0].attempts == batch.status()[0].outcome.attempts > 2
        better = batch.retry(["bad"], changes=BETTER, on_exit=["1=retry:1"])
        assert better.counts == {"succeeded": 1}


def test_what_has_not_ended_is_refused_unless_it_is_forced_and_a_time_limit_is_an_error(
    tmp_path: Path,
) -> None:
    batch = ran(tmp_path, ["a"], LONG, timeout=0.2)
    [one] = batch.retry(["a"], runtime="process")
    assert (one.outcome, one.reason, one.passed) == ("refused", "Running", False)
    with pytest.raises(expander.TimedOut, match="1 Job not finished within 0\\.2 s"):
        batch.retry(["a"], force=True, runtime="process", timeout=0.2, grace=0)


def test_an_exception_of_the_caller_ends_a_retry_and_the_same_call_goes_on(tmp_path: Path) -> None:
    batch = ran(tmp_path, ["bad"])

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch.retry(on_outcome=stop, runtime="process")
    assert batch.status().counts == {"Failed": 1}
    assert batch.retry(changes=BETTER, runtime="process").counts == {"succeeded": 1}


def test_arguments_of_a_retry_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    batch = ran(tmp_path)
    for options, words in (
        ({"changes": ["WORD=x"]}, "changes: found .*, expected a mapping"),
        ({"changes": {"WORD": None}}, "changes: WORD: found None, expected text or a number"),
        ({"jobs": 0}, "jobs: found 0, expected a whole number from 1"),
        ({"on_oom": "many"}, "on_oom: found 'many'"),
        ({"qps": 0}, "qps must be greater than 0"),
        ({"on_outcome": 3}, "on_outcome: found 3, expected a function"),
    ):
        with pytest.raises(expander.UsageError, match=words):
            batch.retry(**options)
    with pytest.raises(expander.InputError, match="no item or Job 'cherry' in the group"):
        batch.retry(["cherry"])
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        batch.retry(colour=1)  # type: ignore[call-arg]


def test_a_run_tells_each_job_once_as_it_ends_and_an_error_in_that_ends_the_run(tmp_path: Path) -> None:
    told = list[expander.JobResult]()
    batch = ran(tmp_path, on_outcome=told.append)
    assert told == batch.jobs

    def stop(_: object) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        ran(tmp_path, rerun="all", on_outcome=stop)
    assert ran(tmp_path, ["good"]).counts["succeeded"] == 1


def test_a_cancelled_retry_has_stopped_its_pods_and_the_next_one_goes_on(tmp_path: Path) -> None:
    batch = ran(tmp_path, ["bad"])
    script = {"spec.template.spec.containers[main].command": '["sh", "-c", "echo $$$$; exec sleep 600"]'}

    options: Any = {"changes": script, "runtime": "process", "grace": 0}
    check_cancelled(lambda heard: expander.aio.retry(batch, on_output=heard, **options))
    assert batch.status().counts == {"Pending": 1}


def test_ctrl_c_in_a_run_has_stopped_its_pods_and_what_is_left_runs_with_a_retry(tmp_path: Path) -> None:
    text = TEMPLATE.replace("""'echo "got $WORD"; test "$WORD" != bad'""", "'echo $$$$; exec $WORD'")
    seen = list[int]()

    def interrupt(line: expander.OutputLine) -> None:
        seen.append(int(line.text))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path, ["sleep 600"], text, allow_shell=True, on_output=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(seen[0], 0)
    batch = expander.group("words", state=tmp_path)
    assert batch.status().counts == {"Pending": 1}
    forced = batch.retry("sleep 600", force=True, changes={"WORD": "true"}, runtime="process")
    assert forced.counts == {"succeeded": 1}
