"""``submit --on-oom``, ``--on-timeout`` and ``--on-exit``: failed items are tried again until they have ended."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cluster import (
    ActiveJobs,
    cluster,
    jobs,
    size,
    submitted,
    submitting,
    to_be_killed,
    until,
)
from tests.cli.program import Answer, run
from tests.local.apiserver.serving import Server

ITEMS = size("EXPANDER_ESCALATION_ITEMS", 20)
"""How many items the whole proof has; a fifth runs out of memory, a twentieth twice."""

TEMPLATE = """
apiVersion: batch/v1
kind: Job
metadata: {name: GROUP-$ITEM, labels: {jobgroup: GROUP}}
spec:
  backoffLimit: LIMIT
  template:
    metadata: {labels: {jobgroup: GROUP}}
    spec:
      restartPolicy: Never
      containers:
      - name: c
        image: i
        command: [sh, -c, SCRIPT]
        resources: {limits: {memory: 20Mi}}
        env: [{name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory}}}]
"""

HUNGRY = (
    "n=$ITEM; echo $n >> {folder}/tries; "
    "case $((n % 20)) in 0) m=50;; 5|10|15) m=30;; *) exit 0;; esac; "
    "[ $MEMORY -ge $((m * 1048576)) ] || dd if=/dev/zero bs=$m''M count=1 | sleep 600"
)
"""Needs 50 MB in one item of twenty, 30 MB in three, and holds them until it is killed if that is too much."""


pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster; each test has a group of its own in it."""
    with cluster(tmp_path_factory.mktemp("policy")) as server:
        yield server


def template(folder: Path, group: str, script: str, limit: int = 0) -> str:
    path = folder / "job.yaml"
    text = TEMPLATE.replace("SCRIPT", json.dumps(script.format(folder=folder))).replace("GROUP", group)
    path.write_text(text.replace("LIMIT", str(limit)))
    return str(path)


def tries(folder: Path) -> Counter[int]:
    """How often each item was begun."""
    path = folder / "tries"
    return Counter(map(int, path.read_text().split())) if path.exists() else Counter()


def needed(items: int) -> dict[int, int]:
    return {n: 3 if n % 20 == 0 else 2 if n % 5 == 0 else 1 for n in range(1, items + 1)}


def summary(answer: Answer) -> dict[str, Any]:
    return dict(json.loads(answer.out.splitlines()[-1]))


def of(server: Server, group: str) -> dict[str, dict[str, Any]]:
    """The Jobs of a group by name."""
    found = {each["metadata"]["name"]: each for each in jobs(server)}
    return {name: each for name, each in found.items() if name.startswith(f"{group}-")}


def test_every_item_completes_with_no_more_attempts_than_it_needs(served: Server, folder: Path) -> None:
    path = template(folder, "more", HUNGRY, limit=6)
    active = ActiveJobs(served)
    answer = submitted(
        folder, served, path, "-i", f"1-{ITEMS}", "--on-oom", "x2,max=1Gi", "--max-active", "6"
    )
    assert answer.code == 0, answer.err
    assert tries(folder) == needed(ITEMS)
    assert sum(tries(folder).values()) <= 1.25 * ITEMS
    assert active.most <= 6
    assert summary(answer) == {
        "summary": {"created": ITEMS},
        "jobs": {"complete": ITEMS, "failed": 0},
        "retries": sum(needed(ITEMS).values()) - ITEMS,
    }
    assert "retry: 5: attempt 2 after OOMKilled, with memory 40Mi" in answer.err
    found = of(served, "more")
    assert found["more-20"]["metadata"]["annotations"]["expander/attempt"] == "3"
    assert len(found) == ITEMS
    kept = folder.glob("state/_retry/more-*/logs/default/more-20/attempt-*/job.json")
    assert sorted(path.parent.name for path in kept) == ["attempt-1", "attempt-2"]
    where = ["--group", "more", "--kubeconfig", str(served.kubeconfig)]
    rows = [json.loads(line) for line in run("results", *where, "--attempts", "-o", "jsonl").out.splitlines()]
    assert len(rows) == sum(needed(ITEMS).values())
    assert [(row["attempt"], row["reason"], row["memory"]) for row in rows if row["key"] == "20"] == [
        (1, "OOMKilled", "20Mi"),
        (2, "OOMKilled", "40Mi"),
        (3, "", "80Mi"),
    ]
    table = run("status", *where, "--attempts", "--succeeded").out.splitlines()
    assert [line.split()[2:4] for line in table if line.startswith("more-20 ")] == [
        ["1", "Failed"],
        ["2", "Failed"],
        ["3", "Complete"],
    ]
    page = folder / "more.html"
    run("report", *where, "--out", str(page))
    assert "earlier attempt" not in page.read_text()


def test_kills_at_any_moment_lose_and_double_no_attempt(folder: Path) -> None:
    path = template(folder, "killed", HUNGRY)
    arguments = [path, "-i", f"1-{ITEMS}", "--on-oom", "x2", "--max-active", "4"]
    with cluster(folder, "--inject", "lost=0.1") as server:
        for part in (1, 2, 3):
            with to_be_killed(folder, server, *arguments):
                enough = ITEMS * part // 4 + random.randint(0, 3)
                until(lambda enough=enough: sum(tries(folder).values()) >= enough)  # type: ignore[misc]
        answer = submitted(folder, server, "--resume", "--group", "killed")
    assert answer.code == 0, answer.err
    assert tries(folder) == needed(ITEMS)
    assert summary(answer)["jobs"] == {"complete": ITEMS, "failed": 0}


def test_what_fails_for_good_is_named_and_gives_exit_code_1(served: Server, folder: Path) -> None:
    path = template(folder, "codes", "echo $ITEM >> {folder}/tries; [ $ITEM != 2 ] || exit 3; exit 42")
    answer = submitted(folder, served, path, "1", "2", "--on-exit", "42=retry:2", "--on-timeout", "x2")
    assert answer.code == 1
    assert tries(folder) == {1: 3, 2: 1}
    assert "failed: 1 (Job codes-1): BackoffLimitExceeded (exit code 42)" in answer.err
    assert "failed: 2 (Job codes-2): BackoffLimitExceeded (exit code 3)" in answer.err
    assert summary(answer)["jobs"] == {"complete": 0, "failed": 2}


def test_finished_jobs_are_collected_when_no_other_attempt_is_left(served: Server, folder: Path) -> None:
    path = template(folder, "gone", HUNGRY)
    arguments = ["--on-oom", "x2,max=40Mi", "--delete-finished", "--max-active", "3"]
    answer = submitted(folder, served, path, "1", "5", "20", *arguments)
    assert answer.code == 1
    assert tries(folder) == {1: 1, 5: 2, 20: 2}
    assert of(served, "gone") == {}
    assert summary(answer)["collected"] == 3
    assert summary(answer)["collectedFailed"] == 1
    assert "20 (Job gone-20): BackoffLimitExceeded (exit code 137); memory is at max=40Mi" in answer.err


def test_an_interrupted_submission_is_resumed_with_its_policy(served: Server, folder: Path) -> None:
    path = template(folder, "stopped", "echo $ITEM >> {folder}/tries; sleep 1; exit 42")
    with submitting(folder, served, path, "1", "--on-exit", "42=retry:1") as process:
        until(lambda: bool(tries(folder)))
        process.terminate()
        _, words = process.communicate()
    assert process.returncode == 130
    assert "To resume: expander submit --resume --group stopped" in words
    answer = submitted(folder, served, "--resume", "--group", "stopped")
    assert answer.code == 1
    assert tries(folder) == {1: 2}


def test_failed_indexes_are_split_off_and_a_kill_loses_and_doubles_none(served: Server, folder: Path) -> None:
    path = template(folder, "indexed", HUNGRY)
    arguments = [path, "-i", f"1-{ITEMS}", "--as", "indexed", "--on-oom", "x2"]
    with to_be_killed(folder, served, *arguments):
        until(lambda: max(tries(folder).values(), default=0) > 1)
    answer = submitted(folder, served, *arguments)
    assert answer.code == 0, answer.err
    assert tries(folder) == needed(ITEMS)
    assert summary(answer)["jobs"] == {"complete": 1 + ITEMS // 5, "failed": 0}
    assert of(served, "indexed").keys() == {f"indexed-{n - 1}" for n in range(5, ITEMS + 1, 5)}
    where = ["--group", "indexed", "--kubeconfig", str(served.kubeconfig)]
    table = run("results", *where).out
    assert (table.count(" Complete "), table.count(" Skipped ")) == (ITEMS, ITEMS // 5)


def test_rerun_runs_the_indexes_that_an_indexed_job_still_owes(served: Server, folder: Path) -> None:
    script = "echo $ITEM >> {folder}/tries; grep -qx $ITEM {folder}/good"
    path = template(folder, "owed", script)
    (folder / "good").write_text("1\n2\n")
    arguments = [path, "-i", "1-4", "--as", "indexed"]
    submitted(folder, served, *arguments)

    def ended() -> list[str]:
        """The Jobs of the group, once all have ended."""
        found = [each for each in jobs(served) if each["metadata"]["name"].startswith("owed")]
        ends = [(each.get("status") or {}).get("conditions") for each in found]
        return [] if None in ends else [each["metadata"]["name"] for each in found]

    until(lambda: ended() == ["owed"])
    answer = submitted(folder, served, *arguments)
    assert (answer.code, summary(answer)["summary"]) == (0, {"unchanged": 2})
    assert "1 failed Job kept (--rerun failed runs it again)" in answer.err
    (folder / "good").write_text("1\n2\n3\n")
    answer = submitted(folder, served, *arguments, "--rerun", "failed")
    assert summary(answer)["summary"] == {"created": 2, "unchanged": 2}
    until(lambda: ended() == ["owed", "owed-2", "owed-3"])
    assert tries(folder) == {1: 1, 2: 1, 3: 2, 4: 2}
    (folder / "good").write_text("4\n")
    answer = submitted(folder, served, *arguments, "--rerun", "failed")
    assert summary(answer)["summary"] == {"created": 1, "unchanged": 3}
    until(lambda: tries(folder) == {1: 1, 2: 1, 3: 2, 4: 3})
    until(lambda: ended() == ["owed", "owed-2", "owed-3"])
    answer = submitted(folder, served, *arguments, "--rerun", "all")
    assert summary(answer)["summary"] == {"created": 1, "unchanged": 1}
    until(lambda: ended() == ["owed"])
    assert tries(folder) == {1: 2, 2: 2, 3: 3, 4: 4}


def test_a_retry_takes_a_policy_too(served: Server, folder: Path) -> None:
    path = template(folder, "again", HUNGRY)
    submitted(folder, served, path, "-i", "19-20")

    def has_ended() -> bool:
        return all((each.get("status") or {}).get("conditions") for each in of(served, "again").values())

    until(has_ended)
    where = ["--group", "again", "--kubeconfig", str(served.kubeconfig)]
    answer = run("retry", *where, "--on-oom", "x2")
    assert answer.code == 0, answer.err
    assert "retry: 20: attempt 3 after OOMKilled, with memory 80Mi" in answer.err
    assert answer.err.splitlines()[-1] == "1 Job ended: 1 complete, 0 failed; 1 retry"
    assert tries(folder) == {19: 1, 20: 3}
    assert not [*folder.glob("state/_retry/again-*/pending.jsonl")]
