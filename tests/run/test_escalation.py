"""Failed items get more memory, more time or another try, by a policy."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import expander
from expander.base.errors import UsageError
from expander.kube.quantity import parse
from expander.run.escalation import MAX_GROWTHS, Escalation, Growth, at_most, next_attempts, remedies

ITEMS = int(os.environ.get("EXPANDER_ESCALATION_ITEMS", "20"))
"""How many items the whole proof has; a fifth runs out of memory, a twentieth twice."""


pytestmark = pytest.mark.usefixtures("folder")


def job(name: str, script: str, memory: str | None = None, **spec: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
    if memory is not None:
        container["resources"] = {"limits": {"memory": memory}, "requests": {"memory": "1Mi"}}
        limit = {"resourceFieldRef": {"resource": "limits.memory"}}
        container["env"] = [{"name": "LIMIT", "valueFrom": limit}]
    pod = {"restartPolicy": "Never", "containers": [container]}
    metadata = {"name": name, "labels": {"jobgroup": "more"}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": {"spec": pod}, **spec},
    }


def takes(megabytes: int) -> str:
    """A script that holds so much memory until it is killed, unless its limit allows it."""
    return f"[ $LIMIT -ge {megabytes << 20} ] || dd if=/dev/zero bs={megabytes}M count=1 | sleep 600"


def run(*jobs: dict[str, Any], **options: Any) -> tuple[expander.RunResult, list[str]]:
    notes: list[str] = []
    options = {"runtime": "process", "backoff_base": 60.0, **options}
    result = expander.run(jobs, on_note=notes.append, **options)
    return result, [note for note in notes if note.startswith(("retry", "job/"))]


def ended(
    status: dict[str, Any], limit: str | None = "1Gi", **spec: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Job, and its pod in which the container ended so."""
    made = job("a", "true", limit, **spec)
    made["metadata"] |= {"namespace": "default"}
    state = {"phase": "Failed", "containerStatuses": [{"name": "main", "state": {"terminated": status}}]}
    return made, {"metadata": {"name": "a-1"}, "spec": made["spec"]["template"]["spec"], "status": state}


OOM = {"reason": "OOMKilled", "exitCode": 137}


@pytest.mark.parametrize(
    ("text", "growth"),
    [("x2", Growth(Fraction(2))), ("x1.5,max=64Gi", Growth(Fraction(3, 2), 64 << 30))],
)
def test_a_policy_says_how_much_more_and_up_to_what(text: str, growth: Growth) -> None:
    policy = Escalation.parse(text, "x2,max=6h", ["42=retry:3", "7,8=retry:1"])
    assert policy is not None
    assert policy.oom == growth
    assert policy.timeout == Growth(Fraction(2), 6 * 3600)
    assert policy.exits == {42: 3, 7: 1, 8: 1}
    assert Escalation.parse(None, None, []) is None


@pytest.mark.parametrize(
    ("oom", "timeout", "exits"),
    [
        ("2", None, []),
        ("x1", None, []),
        ("x2,max=lots", None, []),
        (None, "x0", []),
        (None, "x2,max=1y", []),
        (None, None, ["42"]),
        (None, None, ["0=retry:1"]),
        (None, None, ["256=retry:1"]),
    ],
)
def test_what_is_no_policy_is_refused(oom: str | None, timeout: str | None, exits: list[str]) -> None:
    with pytest.raises(UsageError, match=r"on_(oom|timeout|exit): (found|max=lots must be)"):
        Escalation.parse(oom, timeout, exits)


def test_one_exit_code_with_two_numbers_of_retries_is_refused() -> None:
    with pytest.raises(UsageError, match="on_exit sets 3 twice: retry:1 and retry:2"):
        Escalation.parse(None, None, ["3=retry:1", "4,3=retry:2"])
    policy = Escalation.parse(None, None, ["3=retry:1", "4,3=retry:1"])
    assert policy is not None
    assert policy.exits == {3: 1, 4: 1}


def test_the_option_that_helps_is_the_one_of_what_ran_out() -> None:
    def helps(
        end: dict[str, Any], *conditions: dict[str, Any], limit: str | None = "1Gi", **spec: Any
    ) -> set[str]:
        made, pod = ended(end, limit, **spec)
        made["status"] = {"conditions": [*conditions]}
        before = json.dumps(made)
        found = remedies(made, [pod])
        assert json.dumps(made) == before
        return found

    late = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}
    indexed: dict[str, Any] = {"completionMode": "Indexed", "completions": 2}
    assert helps(OOM) == helps(OOM, **indexed) == {"--on-oom"}
    assert helps(OOM, late, activeDeadlineSeconds=1) == {"--on-oom", "--on-timeout"}
    assert helps({"exitCode": 1}, late, activeDeadlineSeconds=1, **indexed) == {"--on-timeout"}
    assert helps({"exitCode": 1}) == helps(OOM, limit=None) == helps(OOM, completions=2) == set()
    pod = ended(OOM)[1] | {"kind": "Pod"}
    assert remedies(pod, [pod]) == set()


def test_memory_grows_up_to_its_limit_and_no_further() -> None:
    policy = Escalation(oom=Growth(Fraction(2), 3 << 30))
    limits = []
    made, pod = ended(OOM)
    while attempts := next_attempts(made, [pod], policy):
        made = attempts[0].tree
        limits.append(made["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"])
    assert limits == ["2Gi", "3Gi"]
    assert made["metadata"]["annotations"]["expander/attempt"] == "3"
    assert json.loads(made["metadata"]["annotations"]["expander/retries"]) == {"OOMKilled": 2}
    assert next_attempts(*_one(ended(OOM, None)), policy) == []
    assert at_most(made, [pod], policy) == "memory is at max=3Gi"
    assert at_most(*_one(ended(OOM)), policy) is None


def _one(pair: tuple[dict[str, Any], dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return pair[0], [pair[1]]


def test_other_failures_and_jobs_of_several_pods_are_left_alone() -> None:
    policy = Escalation(oom=Growth(Fraction(2)), exits={42: 1})
    assert next_attempts(*_one(ended({"reason": "Error", "exitCode": 137})), policy) == []
    assert next_attempts(*_one(ended(OOM, completions=2)), policy) == []
    assert next_attempts(*_one(ended(OOM, completions=1, completionMode="Indexed")), policy) == []
    assert next_attempts(*_one(ended({"reason": "Error", "exitCode": 42})), policy)


def test_an_item_that_runs_out_of_memory_completes_at_once_with_more(folder: Path) -> None:
    result, notes = run(job("a", takes(30), "20Mi"), on_oom="x2")
    assert result.counts["succeeded"] == 1
    assert notes == ["retry: a: attempt 2 after OOMKilled, with memory 40Mi"]
    kept = folder / "state/_retry/more/logs/default/a/attempt-1/job.json"
    assert json.loads(kept.read_text())["metadata"]["name"] == "a"
    again, notes = run(job("a", takes(30), "20Mi"), on_oom="x2")
    assert (again.counts["succeeded"], notes) == (1, [])
    assert again.jobs[0].outcome.state == "Complete"
    told: list[str] = []
    expander.run([job("a", takes(30), "20Mi")], runtime="process", on_note=told.append)
    assert not [note for note in told if "template" in note]


def test_exit_codes_are_tried_again_as_often_as_said(folder: Path) -> None:
    script = f"echo x >> {folder}/tries; exit 42"
    result, notes = run(job("a", script, backoffLimit=0), on_exit=["42=retry:2"])
    assert result.counts["failed"] == 1
    assert (folder / "tries").read_text() == "x\n" * 3
    assert notes[-1] == "retry: a: attempt 3 after exit code 42"


def test_what_timed_out_gets_more_time() -> None:
    result, notes = run(job("a", "sleep 1.5", activeDeadlineSeconds=1), on_timeout="x4", grace=1)
    assert result.counts["succeeded"] == 1
    assert notes == ["retry: a: attempt 2 after DeadlineExceeded, with activeDeadlineSeconds 4"]


def test_jobs_of_several_pods_are_said_to_be_left_alone() -> None:
    _, notes = run(job("a", "true", completions=2), on_oom="x2")
    assert notes == ["job/a has several pods: failed ones are not tried again with more"]


def batch(folder: Path) -> list[dict[str, Any]]:
    def script(number: int) -> str:
        needs = 50 if number % 20 == 0 else 30 if number % 5 == 0 else 1
        return f"echo {number} >> {folder}/tries; {takes(needs) if needs > 1 else 'true'}"

    return [job(f"item-{number}", script(number), "20Mi") for number in range(ITEMS)]


def test_every_item_completes_with_no_more_attempts_than_it_needs(folder: Path) -> None:
    result, notes = run(*batch(folder), on_oom="x2,max=1Gi", jobs=4)
    assert result.counts["succeeded"] == ITEMS
    tries = (folder / "tries").read_text().split()
    assert len(tries) <= 1.25 * ITEMS
    assert len(notes) == len(tries) - ITEMS
    assert set(Counter(tries).values()) == {1, 2, 3}


def test_a_kill_in_the_middle_loses_no_attempt(folder: Path) -> None:
    jobs = batch(folder)
    code = (
        f"import expander\nexpander.run({jobs!r}, runtime='process', jobs=2, on_oom='x2', backoff_base=60.0)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ))
    tries = folder / "tries"
    while not tries.exists() or len(tries.read_text().split()) < random.randint(2, 6):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    result, _ = run(*jobs, on_oom="x2", jobs=2)
    assert result.counts == {"pending": 0, "running": 0, "suspended": 0, "succeeded": ITEMS, "failed": 0}


def indexed(folder: Path, count: int, limit: str = "20Mi", **spec: Any) -> dict[str, Any]:
    """An Indexed Job: of twenty indexes one takes 50 MB and three 30 MB."""
    script = (
        f"n=$JOB_COMPLETION_INDEX; echo $n >> {folder}/tries; "
        f"case $((n % 20)) in 0) {takes(50)};; 5|10|15) {takes(30)};; esac"
    )
    own = {"completionMode": "Indexed", "completions": count, "parallelism": 4}
    made = job("all", script, limit, **own, **spec)
    made["metadata"]["annotations"] = {
        "expander/items": json.dumps([f"item {n}" for n in range(count)]),
        "expander/item-count": str(count),
    }
    return made


def test_failed_indexes_get_jobs_of_their_own_with_more(folder: Path) -> None:
    made = indexed(folder, ITEMS, backoffLimitPerIndex=0)
    result, notes = run(made, on_oom="x2,max=1Gi")
    tries = Counter(map(int, (folder / "tries").read_text().split()))
    assert tries == {n: 3 if n % 20 == 0 else 2 if n % 5 == 0 else 1 for n in range(ITEMS)}
    assert result.counts == {
        "pending": 0,
        "running": 0,
        "suspended": 0,
        "succeeded": 1 + ITEMS // 5,
        "failed": 0,
    }
    assert "retry: all-5: attempt 2 after OOMKilled, with memory 40Mi" in notes
    assert "retry: all-0: attempt 3 after OOMKilled, with memory 80Mi" in notes
    kept, notes = run(made, on_oom="x2,max=1Gi")
    assert (kept.counts["succeeded"], notes) == (1 + ITEMS // 5, [])


def test_a_job_that_fails_with_its_first_index_is_finished_by_jobs_for_all_that_are_left(
    folder: Path,
) -> None:
    made = indexed(folder, 4, backoffLimit=0)
    result, notes = run(made, on_oom="x4")
    assert result.counts["failed"] == 0
    assert notes[0].startswith("job/all has no backoffLimitPerIndex")
    assert "retry: all-0: attempt 2 after OOMKilled, with memory 80Mi" in notes


def evicted(message: str, **resources: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    made, pod = ended({"reason": "Error", "exitCode": 137})
    made["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
    pod["status"] |= {"reason": "Evicted", "message": message}
    return made, [pod]


LOW = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 9Mi. "


def test_an_eviction_for_memory_gets_more_and_any_other_does_not() -> None:
    policy = Escalation(oom=Growth(Fraction(2)))
    using = "Container main was using 3Gi, request is 1Gi, has larger consumption of memory. "
    found = next_attempts(*evicted(LOW + using, requests={"memory": "1Gi"}), policy)
    assert [(each.reason, each.change) for each in found] == [("Evicted", "memory 2Gi")]
    resources = {"requests": {"memory": "1Gi"}, "limits": {"memory": "4Gi"}}
    (more,) = next_attempts(*evicted(LOW, **resources), policy)
    container = more.tree["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"] == {"requests": {"memory": "2Gi"}, "limits": {"memory": "8Gi"}}
    assert next_attempts(*evicted(LOW), policy) == []
    disk = "The node was low on resource: ephemeral-storage."
    assert next_attempts(*evicted(disk, requests={"memory": "1Gi"}), policy) == []


@given(
    factor=st.fractions(Fraction(1001, 1000), 9, max_denominator=1000),
    limit=st.integers(1, 1 << 50),
    most=st.none() | st.integers(1, 1 << 52),
)
def test_a_limit_grows_by_its_factor_never_passes_its_bound_and_comes_to_an_end(
    factor: Fraction, limit: int, most: int | None
) -> None:
    growth = Growth(factor, most)
    grown = growth.of(limit)
    if grown is None:
        assert (most is not None and most <= limit) or int(limit * factor) == limit
    else:
        assert limit < grown <= min(limit * factor, most or limit * factor)
    made, pod = ended(OOM, str(limit))
    steps = 0
    while attempts := next_attempts(made, [pod], Escalation(oom=growth)):
        before, made = made, attempts[0].tree
        steps += 1
        assert memory_of(before) < memory_of(made) <= (most or memory_of(made))
    assert steps <= MAX_GROWTHS


def memory_of(made: dict[str, Any]) -> Fraction:
    return parse(made["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"])
