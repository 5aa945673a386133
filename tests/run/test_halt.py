"""When a run stops early."""

from pathlib import Path

import pytest

from expander.base.errors import SourceLocation, UsageError
from expander.local.executor import Executor
from expander.manifests.manifest import Manifest
from expander.run import run as run_module
from expander.run.reporter import RunReporter
from expander.run.run import FIRST_FAILURE, Halt, Run
from tests.local.test_waiting import CLAIM, job, mounting


@pytest.mark.parametrize(
    ("text", "succeeded", "failed", "reached"),
    [
        ("now,fail=1", 10, 0, False),
        ("now,fail=1", 10, 1, True),
        ("soon,success=2", 1, 5, False),
        ("soon,success=2", 2, 0, True),
        ("soon,done=3", 1, 1, False),
        ("soon,done=3", 2, 1, True),
        ("soon,fail=10%", 0, 1, False),
        ("soon,fail=10%", 95, 5, False),
        ("soon,fail=10%", 9, 1, True),
        ("now,fail=100%", 1, 20, False),
    ],
)
def test_a_policy_says_when_to_stop(text: str, succeeded: int, failed: int, reached: bool) -> None:
    policy = Halt.parse(text)
    assert policy.reached(succeeded, failed) is reached
    assert policy.now is text.startswith("now")


def test_the_first_failure_is_a_policy_too() -> None:
    assert Halt.parse("now,fail=1") == FIRST_FAILURE


@pytest.mark.parametrize(
    "text",
    ["", "now", "now,fail", "now,fail=0", "never,fail=1", "now,fail=101%", "now,fail=x", "soon,fail=-1"],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected WHEN,WHAT=NUMBER"):
        Halt.parse(text)


def test_a_run_in_which_nothing_runs_says_so_once_and_ends_when_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "STALL_SECONDS", 0.0)
    manifests = [Manifest(job(name, **mounting(**CLAIM)), SourceLocation("test.yaml", 1)) for name in "ab"]
    told: list[int] = []

    class Interrupting(RunReporter):
        def stalled(self, count: int) -> None:
            told.append(count)
            run.interrupt()

    with Executor(tmp_path, runtime="process") as executor:
        run = Run(executor, iter(manifests), Interrupting())
        end = run.go()
    assert (told, end.stopped, end.counts["pending"]) == ([2], "interrupted", 2)
