"""Stopping an executor: SIGTERM, the grace period, SIGKILL; what was stopped did not happen."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import OutputError
from expander.local.executor import Executor
from expander.local.kubelet.pod_files import PodFolders
from expander.local.logs import last_output

POLITE = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.05; done"


def job(name: str, script: str, grace: int = 60) -> dict[str, Any]:
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": grace,
        "containers": [{"name": "c", "image": "sh", "command": ["sh", "-c", script]}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": spec}},
    }


def log_of(folder: Path, pods: list[dict[str, Any]]) -> bytes:
    return b"".join(last_output(PodFolders(folder).of(pod).log("c", 0), 1000) for pod in pods)


def up(executor: Executor, folder: Path, count: int) -> list[dict[str, Any]]:
    """The pods, once each has said that it is up."""
    while True:
        executor.step(0.05)
        pods = list(executor.list("Pod"))
        if log_of(folder, pods).count(b"up\n") == count:
            return pods


def stop(executor: Executor) -> None:
    executor.stop()
    while executor.running:
        executor.step(0.1)


@pytest.mark.parametrize("script", [POLITE, STUBBORN])
@pytest.mark.parametrize("times", [1, 3])
def test_what_is_stopped_is_pending_and_runs_anew(tmp_path: Path, script: str, times: int) -> None:
    flag = tmp_path / "flag"
    names = [f"j{number}" for number in range(3)]
    scripts = dict.fromkeys(names, f"if [ -e {flag} ]; then echo again; exit 0; fi; {script}")
    folder = tmp_path / "state"
    for _ in range(times):
        with Executor(folder, runtime="process", jobs=9, stop_grace=1.0) as executor:
            executor.submit(job(name, scripts[name]) for name in names)
            pods = up(executor, folder, 3)
            stop(executor)
            counts = executor.group()
            assert (counts["running"], counts["pending"], counts["failed"]) == (0, 3, 0)
        assert log_of(folder, pods).count(b"bye\n") == (3 if script == POLITE else 0)
    flag.touch()
    with Executor(folder, runtime="process") as executor:
        assert executor.run(lambda it: it.group()["succeeded"] == 3)
        assert executor.group()["failed"] == 0


def test_the_grace_period_of_a_pod_counts_if_it_is_shorter(tmp_path: Path) -> None:
    with Executor(tmp_path, runtime="process", jobs=9, stop_grace=3600.0) as executor:
        executor.submit([job("j", STUBBORN, grace=1)])
        up(executor, tmp_path, 1)
        stop(executor)
        assert executor.group()["running"] == 0


@pytest.mark.parametrize(("code", "state"), [(0, "succeeded"), (7, "failed")])
def test_what_ended_by_itself_before_counts(tmp_path: Path, code: int, state: str) -> None:
    with Executor(tmp_path, runtime="process", jobs=9) as executor:
        executor.submit([job("a", f"exit {code}"), job("b", POLITE)])
        up(executor, tmp_path, 1)
        while not executor.group()[state]:
            executor.step(0.1)
        stop(executor)
        assert {key: value for key, value in executor.group().items() if value} == {state: 1, "pending": 1}


def test_a_close_while_it_stops_kills_at_once_and_leaves_nothing_running(tmp_path: Path) -> None:
    with Executor(tmp_path, runtime="process", jobs=9) as executor:
        executor.submit([job("j", STUBBORN, grace=3600)])
        up(executor, tmp_path, 1)
        executor.stop()
        executor.step(0.1)
    with Executor(tmp_path, runtime="process", jobs=9) as executor:
        executor.drain()
        assert executor.group()["running"] == 0


def test_a_pod_of_its_own_waits_again(tmp_path: Path) -> None:
    spec = job("p", POLITE)["spec"]["template"]["spec"]
    with Executor(tmp_path, runtime="process", jobs=9) as executor:
        executor.submit([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}])
        up(executor, tmp_path, 1)
        stop(executor)
        assert executor.get("Pod", "default", "p")["status"]["phase"] == "Pending"


@pytest.mark.parametrize("lose", [lambda folder: folder.rename(f"{folder}9"), shutil.rmtree])
@pytest.mark.parametrize("is_made_again", [False, True])
def test_a_state_folder_that_is_moved_or_removed_ends_everything_with_that_reason(
    tmp_path: Path, lose: Callable[[Path], object], is_made_again: bool
) -> None:
    folder = tmp_path / "state"
    with Executor(folder, runtime="process", jobs=2) as executor:
        executor.submit(job(name, "echo up; sleep 0.2") for name in "abcd")
        up(executor, folder, 2)
        lose(folder)
        if is_made_again:
            folder.mkdir()
            (folder / "lock").touch()
        with pytest.raises(OutputError, match="was moved, removed or replaced while it was in use"):
            executor.run(lambda it: it.group()["succeeded"] == 4)


def test_a_state_folder_that_was_moved_and_put_back_goes_on_where_it_was(tmp_path: Path) -> None:
    folder, go_on = tmp_path / "state", tmp_path / "go on"
    with Executor(folder, runtime="process") as executor:
        executor.submit([job("a", f"echo up; until [ -e '{go_on}' ]; do sleep 0.05; done")])
        up(executor, folder, 1)
        folder.rename(tmp_path / "other")
        with pytest.raises(OutputError):
            executor.run(lambda it: it.group()["succeeded"] == 1)
    (tmp_path / "other").rename(folder)
    go_on.touch()
    with Executor(folder, runtime="process") as executor:
        assert executor.run(lambda it: it.group()["succeeded"] == 1)
