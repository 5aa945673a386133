"""Jobs that begin before there is room for their pods, while pods are short: with real processes."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from expander.kube.time import unix
from expander.local.controllers import pods
from expander.local.executor import Executor
from expander.local.logs import last_output
from expander.local.runtime.journal_recovery import recover
from expander.local.store.database import open_database
from expander.local.store.objects import ObjectStore
from expander.local.workqueue import MAX_STARTED_PER_SYNC
from tests.local.apiserver import serving
from tests.local.test_recovery import until

Object = dict[str, Any]


def job(name: str, script: str, **spec: Any) -> Object:
    return serving.job(name, script, backoffLimit=0, **spec)


def pods_of(executor: Executor, name: str) -> list[Object]:
    return executor.owned(executor.get("Job", "default", name)["metadata"]["uid"])


def stored(state: Path, kind: str) -> list[Object]:
    with closing(open_database(state / "state.db")) as database:
        return list(ObjectStore(database).of_kind(kind))


def submit(executor: Executor, release: Path, *last: Object) -> None:
    """A Job that ends at once, one that waits for a file, and the ``last``; turn until the second runs alone
    and nothing is left to do."""
    waits = job("waits", f"until [ -e {release} ]; do sleep 0.01; done")
    executor.submit([job("short", "exit 0"), waits, *last])
    until(executor, lambda: executor.group()["succeeded"] == 1 and executor.running == 1)
    until(executor, lambda: executor.deadline() is None or executor.deadline() != 0.0)
    executor.step(0)
    executor.step(0)


def test_a_job_that_has_its_pod_before_there_is_room_is_pending_and_goes_on_with_that_pod(
    tmp_path: Path,
) -> None:
    with Executor(tmp_path / "state", runtime="process", jobs=1) as executor:
        submit(executor, tmp_path / "go", job("next", "exit 0"), job("last", "exit 0"))
        (pod,) = pods_of(executor, "next")
        assert pod["status"] == {"phase": "Pending"}
        assert "nodeName" not in pod["spec"]
        assert pods_of(executor, "last") == []
        assert executor.group() == {"pending": 2, "running": 1, "suspended": 0, "succeeded": 1, "failed": 0}
        assert executor.waiting(at_once=True) == []
        (tmp_path / "go").touch()
        until(executor, lambda: executor.group()["succeeded"] == 4)
        assert [each["metadata"]["uid"] for each in pods_of(executor, "next")] == [pod["metadata"]["uid"]]


def test_a_job_starts_when_there_is_room_for_its_pod(tmp_path: Path) -> None:
    shift = [0.0]
    with Executor(
        tmp_path / "state", runtime="process", jobs=1, clock=lambda: time.time() + shift[0]
    ) as executor:
        submit(executor, tmp_path / "go", job("next", "exit 0"))
        assert len(pods_of(executor, "next")) == 1
        shift[0] = 1000.0
        executor.step(0)
        assert executor.get("Job", "default", "next")["status"]["active"] == 1
        statuses = {each["metadata"]["name"]: each["status"] for each in stored(tmp_path / "state", "Job")}
        assert statuses["next"] == {}
        (tmp_path / "go").touch()
        until(executor, lambda: executor.group()["succeeded"] == 3)
        started = unix(executor.get("Job", "default", "next")["status"]["startTime"])
        assert started > unix(executor.get("Job", "default", "waits")["status"]["startTime"]) + 900


def test_jobs_for_which_there_is_room_begin_a_few_at_a_time(tmp_path: Path) -> None:
    with Executor(tmp_path / "state", runtime="process", jobs=40) as executor:
        executor.submit([job("short", "exit 0")])
        until(executor, lambda: executor.group()["succeeded"] == 1)
        waits = f"until [ -e {tmp_path / 'go'} ]; do sleep 0.01; done"
        executor.submit(job(f"waits-{number}", waits) for number in range(30))
        executor.step(0)
        assert len(list(executor.list("Pod"))) == 1 + MAX_STARTED_PER_SYNC
        until(executor, lambda: executor.running == 30)
        (tmp_path / "go").touch()
        until(executor, lambda: executor.group()["succeeded"] == 31)


def test_a_job_with_a_deadline_does_not_begin_before_there_is_room(tmp_path: Path) -> None:
    with Executor(tmp_path / "state", runtime="process", jobs=1) as executor:
        submit(executor, tmp_path / "go", job("next", "exit 0", activeDeadlineSeconds=600))
        assert pods_of(executor, "next") == []
        assert executor.deadline() != 0.0
        (tmp_path / "go").touch()
        until(executor, lambda: executor.group()["succeeded"] == 3)


def requesting(name: str, script: str, cpu: str, kind: str = "requests", **spec: Any) -> Object:
    made = job(name, script, **spec)
    made["spec"]["template"]["spec"]["containers"][0]["resources"] = {kind: {"cpu": cpu}}
    return made


@pytest.mark.parametrize("kind", ["requests", "limits"])
def test_the_time_of_a_job_begins_when_there_is_room_for_what_it_requests(kind: str, tmp_path: Path) -> None:
    release = tmp_path / "go"
    waits = requesting("waits", f"until [ -e {release} ]; do sleep 0.01; done", "600m")
    late = [requesting(name, "exit 0", "500m", kind, activeDeadlineSeconds=600) for name in "ab"]
    never = requesting("never", "exit 0", "5", activeDeadlineSeconds=600)
    with Executor(tmp_path / "state", runtime="process", cpus=1) as executor:
        executor.submit([waits, *late, never])
        until(executor, lambda: executor.running == 1 and executor.deadline() != 0.0)
        assert [pods_of(executor, name) for name in "ab"] == [[], []]
        assert executor.group()["pending"] == 3
        release.touch()
        until(executor, lambda: executor.group()["succeeded"] == 3)
        until(executor, lambda: len(pods_of(executor, "never")) == 1)
        (waiting,) = executor.waiting(at_once=True)
        assert waiting.reason == "Unschedulable"


def test_in_a_cluster_the_time_of_a_job_passes_while_its_pod_waits_for_room(tmp_path: Path) -> None:
    waits = requesting("waits", "sleep 600", "600m")
    late = requesting("late", "exit 0", "500m", activeDeadlineSeconds=600)
    with Executor(tmp_path / "state", runtime="process", cpus=1, shared=True) as executor:
        executor.submit([waits, late])
        until(executor, lambda: len(pods_of(executor, "late")) == 1)
        assert "startTime" in executor.get("Job", "default", "late")["status"]


def test_the_next_pod_of_a_job_that_has_begun_goes_before_those_of_jobs_to_come(tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = f"echo $JOB_COMPLETION_INDEX >> {order}"
    many = job("many", script, completions=4, parallelism=1, completionMode="Indexed")
    with Executor(tmp_path / "state", runtime="process", jobs=1) as executor:
        executor.submit([job("short", "exit 0"), many, job("next", f"echo next >> {order}")])
        until(executor, lambda: executor.group()["succeeded"] == 3)
    assert order.read_text().split() == ["0", "1", "2", "3", "next"]


@pytest.mark.parametrize(("script", "is_first"), [("exit 0", True), ("exit 1", False)])
def test_a_pod_starts_in_the_place_of_one_that_has_succeeded_before_the_job_of_that_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, is_first: bool
) -> None:
    waits = job("waits", f"until [ -e {tmp_path / 'go'} ]; do sleep 0.01; done; {script}")
    with Executor(tmp_path / "state", runtime="process", jobs=1) as executor:
        executor.submit([job("short", "exit 0"), waits, job("next", "exit 0")])
        until(executor, lambda: executor.group()["succeeded"] == 1 and executor.running == 1)
        until(executor, lambda: executor.deadline() is None or executor.deadline() != 0.0)
        start, ended = executor._kubelet.start, list[int]()

        def counted(*arguments: Any) -> None:
            ended.append(sum(executor.group()[state] for state in ("succeeded", "failed")))
            start(*arguments)

        monkeypatch.setattr(executor._kubelet, "start", counted)
        (tmp_path / "go").touch()
        until(executor, lambda: sum(executor.group()[state] for state in ("succeeded", "failed")) == 3)
    assert ended == [1 if is_first else 2]


def test_a_pod_for_which_there_never_was_room_did_not_happen(tmp_path: Path) -> None:
    with Executor(tmp_path / "state", runtime="process", jobs=1) as executor:
        submit(executor, tmp_path / "go", job("next", "exit 0"))
        assert len(pods_of(executor, "next")) == 1
        executor.drain()
        (tmp_path / "go").touch()
        until(executor, lambda: executor.group()["succeeded"] == 2 and not executor.running)
        assert executor.group()["pending"] == 1
    (left,) = [each for each in stored(tmp_path / "state", "Job") if each["metadata"]["name"] == "next"]
    assert not {"active", "startTime"} & left["status"].keys()
    assert len(stored(tmp_path / "state", "Pod")) == 2
    with Executor(tmp_path / "state", runtime="process", jobs=1) as executor:
        until(executor, lambda: executor.group()["succeeded"] == 3)


@pytest.mark.parametrize("is_written", [True, False])
def test_what_ended_of_a_pod_counts_that_was_not_written_yet_or_only_without_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_written: bool
) -> None:
    monkeypatch.setattr(pods, "START_WRITTEN_SECONDS", 1e9)
    runs, state = tmp_path / "runs", tmp_path / "state"
    with Executor(state, runtime="process", jobs=1) as executor:
        submit(executor, tmp_path / "go", job("next", f"echo x >> {runs}; echo over; exit 7"))
        if is_written:
            pods_of(executor, "next")
            executor._control.commit()
        monkeypatch.setattr(executor._control, "commit", lambda: None)  # as if it was killed from here on
        monkeypatch.setattr(executor._control, "undo_prepared", lambda: None)
        (tmp_path / "go").touch()
        until(executor, lambda: executor.group()["failed"] == 1)
    before = [each for each in stored(state, "Pod") if each["metadata"]["name"].startswith("next")]
    assert ["nodeName" in each["spec"] for each in before] == [False] * is_written
    (end,) = (end for end in recover(state / "runs") if end.code == 7)
    with Executor(state, runtime="process", jobs=1) as executor:
        until(executor, lambda: executor.group()["failed"] == 1)
        (found,) = pods_of(executor, "next")
        assert found["metadata"]["uid"] == end.key.partition("/")[0]
        assert last_output(executor.logs("default", found["metadata"]["name"], "main"), 9) == b"over\n"
        assert found["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7
        assert found["spec"]["nodeName"]
    assert runs.read_text() == "x\n"
