"""What an executor left, killed or not, is taken up by the next: with real processes."""

from __future__ import annotations

import os
import re
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import ExpanderError, NotFound
from expander.local.controllers.job import controller
from expander.local.executor import Executor
from expander.local.logs import last_output
from expander.local.runtime.process_tree import children
from expander.local.store import object_rows
from expander.local.store.database import open_database
from expander.local.workqueue import MAX_STARTED_PER_SYNC

Object = dict[str, Any]

PATIENCE = 120.0


def container(script: str, name: str = "main") -> Object:
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script]}


def job(name: str, script: str, *init: Object, policy: str = "Never", **spec: Any) -> Object:
    template = {"restartPolicy": policy, "initContainers": list(init), "containers": [container(script)]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {**spec, "template": {"spec": template}},
    }


def written(file: Path) -> bool:
    """Whether a script has written its line: the shell makes the file before that."""
    return file.exists() and file.stat().st_size > 0


def until(executor: Executor, condition: Callable[[], bool]) -> None:
    """Turn the loop until the condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        executor.step(0.05)


def finish(executor: Executor, count: int = 1) -> None:
    until(executor, lambda: executor.group()["succeeded"] + executor.group()["failed"] >= count)


def status(executor: Executor, name: str) -> Object:
    found: Object = executor.get("Job", "default", name)["status"]
    return found


def test_a_pod_that_was_cut_short_is_not_counted_and_runs_anew(tmp_path: Path) -> None:
    runs = tmp_path / "runs.txt"
    manifest = job("long", f"echo x >> {runs}; [ $(wc -l < {runs}) -gt 1 ] || sleep 600", backoffLimit=0)
    with Executor(tmp_path / "state", runtime="process") as executor:
        executor.submit([manifest])
        until(executor, lambda: written(runs))
    with Executor(tmp_path / "state", runtime="process") as executor:
        finish(executor)
        assert status(executor, "long")["succeeded"] == 1
        assert "failed" not in status(executor, "long")
        assert len(list(executor.list("Pod"))) == 1
    assert runs.read_text() == "x\nx\n"


def wait_unheard(executor: Executor) -> None:
    """Wait until there is news, and do not listen."""
    poll = select.poll()
    poll.register(executor.fileno(), select.POLLIN)
    assert poll.poll(PATIENCE * 1000)


def test_an_end_that_nobody_had_heard_of_is_counted_and_not_repeated(tmp_path: Path) -> None:
    runs = tmp_path / "runs.txt"
    script = f"echo x >> {runs}; sleep 0.3; echo over > /dev/stdout; exit 7"
    with Executor(tmp_path / "state", runtime="process") as executor:
        executor.submit([job("quick", script, container("exit 0", "first"), backoffLimit=0)])
        until(executor, lambda: written(runs))
        wait_unheard(executor)
    with Executor(tmp_path / "state", runtime="process") as executor:
        finish(executor)
        assert status(executor, "quick")["failed"] == 1
        (pod,) = executor.list("Pod")
        (first,) = pod["status"]["initContainerStatuses"]
        (main,) = pod["status"]["containerStatuses"]
        assert first["state"]["terminated"]["reason"] == "Completed"
        assert main["state"]["terminated"]["exitCode"] == 7
        assert last_output(executor.logs("default", pod["metadata"]["name"], "main"), 9) == b"over\n"
    assert runs.read_text() == "x\n"


def test_a_job_whose_start_was_not_written_yet_began_with_its_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "START_WRITTEN_SECONDS", 1e9)
    runs = tmp_path / "runs.txt"
    with Executor(tmp_path / "state", runtime="process", clock=lambda: time.time() - 100) as executor:
        executor.submit([job("quick", f"echo x >> {runs}")])
        until(executor, lambda: executor.group()["running"] == 1)
        while not any(b"\nX\t" in each.read_bytes() for each in (tmp_path / "state").rglob("*.journal")):
            time.sleep(0.01)
    with open_database(tmp_path / "state" / "state.db") as database:
        found = object_rows.named(database, "Job", "default", "quick")
        assert found is not None
        assert not found["status"]
    with Executor(tmp_path / "state", runtime="process") as executor:
        finish(executor)
        (pod,) = executor.list("Pod")
        assert status(executor, "quick")["startTime"] == pod["metadata"]["creationTimestamp"]
    assert runs.read_text() == "x\n"


@pytest.mark.parametrize(
    ("shared", "ran", "end"), [(False, 10, "succeeded"), (False, 70, "failed"), (True, 10, "failed")]
)
def test_a_deadline_stands_still_while_nothing_can_run_but_in_a_cluster(
    tmp_path: Path, shared: bool, ran: int, end: str
) -> None:
    runs = tmp_path / "runs.txt"
    script = f"echo x >> {runs}; [ $(wc -l < {runs}) -gt 1 ] || sleep 600"
    with Executor(tmp_path / "state", runtime="process", shared=shared) as executor:
        executor.submit([job("slow", script, activeDeadlineSeconds=60)])
        until(executor, lambda: written(runs))
        began = status(executor, "slow")["startTime"]
    (journal,) = (tmp_path / "state/runs").glob("*.journal")
    os.utime(journal, (time.time() + ran, time.time() + ran))
    later = time.time() + 1000
    with Executor(tmp_path / "state", runtime="process", shared=shared, clock=lambda: later) as executor:
        finish(executor)
        assert executor.group()[end] == 1
        assert status(executor, "slow")["startTime"] == began


def test_a_pod_runs_anew_whose_log_the_disk_had_no_room_for(tmp_path: Path) -> None:
    runs = tmp_path / "runs.txt"
    with Executor(tmp_path / "state", runtime="process") as executor:
        executor.submit([job("cut", f"echo x >> {runs}; sleep 0.5", backoffLimit=0)])
        until(executor, lambda: written(runs))
        wait_unheard(executor)
    (journal,) = (tmp_path / "state/runs").glob("*.journal")
    record = journal.read_text()
    journal.write_text(re.sub(r"^X\t.*", r"\g<0>\t45", record, flags=re.MULTILINE))
    with Executor(tmp_path / "state", runtime="process") as executor:
        finish(executor)
        assert status(executor, "cut")["succeeded"] == 1
    assert runs.read_text() == "x\nx\n"


def test_a_pod_runs_anew_as_a_whole_when_only_a_part_of_it_had_ended(tmp_path: Path) -> None:
    runs = tmp_path / "runs.txt"
    first = container(f"echo first >> {runs}", "first")
    script = f"echo main >> {runs}; [ $(wc -l < {runs}) -gt 2 ] || sleep 600"
    with Executor(tmp_path / "state", runtime="process") as executor:
        executor.submit([job("parts", script, first, backoffLimit=0)])
        until(executor, lambda: runs.exists() and "main" in runs.read_text())
    with Executor(tmp_path / "state", runtime="process") as executor:
        finish(executor)
        assert status(executor, "parts")["succeeded"] == 1
    assert runs.read_text() == "first\nmain\nfirst\nmain\n"


def test_a_pod_does_not_run_anew_of_which_only_a_sidecar_was_cut_short(tmp_path: Path) -> None:
    runs, state = tmp_path / "runs.txt", tmp_path / "state"
    sidecar = {**container("trap '' TERM; sleep 600 & wait; sleep 600", "proxy"), "restartPolicy": "Always"}
    with Executor(state, runtime="process") as executor:
        executor.submit([job("served", f"echo main >> {runs}; exit 3", sidecar, backoffLimit=0)])
        until(executor, lambda: written(runs))
        until(executor, lambda: "\nX\t" in "".join(each.read_text() for each in state.rglob("*.journal")))
    with Executor(state, runtime="process") as executor:
        finish(executor)
        assert status(executor, "served")["failed"] == 1
        (pod,) = executor.list("Pod")
        (main,) = pod["status"]["containerStatuses"]
        assert main["state"]["terminated"]["exitCode"] == 3
    assert runs.read_text() == "main\n"


def test_a_pod_without_a_job_that_was_cut_short_runs_again_under_its_name(tmp_path: Path) -> None:
    runs = tmp_path / "runs.txt"
    script = f"echo x >> {runs}; [ $(wc -l < {runs}) -gt 1 ] || sleep 600"
    spec = {"restartPolicy": "Never", "containers": [container(script)]}
    with Executor(tmp_path / "state", runtime="process") as executor:
        executor.submit([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone"}, "spec": spec}])
        until(executor, lambda: written(runs))
    with Executor(tmp_path / "state", runtime="process") as executor:
        until(executor, lambda: executor.get("Pod", "default", "alone")["status"]["phase"] == "Succeeded")
    assert runs.read_text() == "x\nx\n"


def test_a_launch_that_had_not_begun_when_the_supervisor_was_killed_costs_its_job_nothing(
    tmp_path: Path,
) -> None:
    with Executor(tmp_path / "state", runtime="process") as executor:
        executor.submit([job("first", "true")])
        finish(executor)
        state = str(tmp_path / "state")
        (supervisor,) = (
            pid for pid in children(os.getpid()) if state in Path(f"/proc/{pid}/cmdline").read_text()
        )
        os.kill(supervisor, signal.SIGSTOP)
        executor.submit([job("queued", "true", backoffLimit=0)])
        until(executor, lambda: executor.running == 1)
        os.kill(supervisor, signal.SIGKILL)
        finish(executor, 2)
        assert executor.group()["succeeded"] == 2
        assert len([*executor.list("Pod")]) == 2


def test_a_pod_that_was_being_deleted_is_gone_after_a_restart(tmp_path: Path) -> None:
    with Executor(tmp_path / "state", runtime="process") as executor:
        executor.submit(
            [job("deaf", "trap : TERM; sleep 600 & wait; sleep 600", suspend=False, backoffLimit=0)]
        )
        until(executor, lambda: executor.running == 1)
        (pod,) = executor.list("Pod")
        executor.delete("Pod", "default", pod["metadata"]["name"], grace=600)
        executor.step(0.05)
    with Executor(tmp_path / "state", runtime="process") as executor:
        finish(executor)
        assert list(executor.list("Pod")) == []
        assert status(executor, "deaf")["failed"] == 1


def test_a_folder_serves_one_executor_at_a_time(tmp_path: Path) -> None:
    with (
        Executor(tmp_path, runtime="process"),
        pytest.raises(ExpanderError, match=r"another expander \(process \d+\) is using the state folder"),
    ):
        Executor(tmp_path, runtime="process")
    Executor(tmp_path, runtime="process").close()


def test_an_executor_leaves_no_process_and_may_be_closed_twice(tmp_path: Path) -> None:
    with Executor(tmp_path / "state", runtime="process") as executor:
        executor.submit([job("long", f"echo $$ > {tmp_path}/pid; sleep 600")])
        until(executor, lambda: written(tmp_path / "pid"))
    executor.close()
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_after_draining_what_runs_ends_and_nothing_else_begins(tmp_path: Path) -> None:
    with Executor(tmp_path, runtime="process", jobs=1) as executor:
        executor.submit([job("first", "sleep 0.2"), job("second", "exit 0")])
        until(executor, lambda: executor.running == 1)
        executor.drain()
        until(executor, lambda: executor.running == 0)
        assert executor.group() == {"pending": 1, "running": 0, "suspended": 0, "succeeded": 1, "failed": 0}
    with Executor(tmp_path, runtime="process", jobs=1) as executor:
        finish(executor, 2)
        assert executor.group()["succeeded"] == 2


def test_a_run_ends_when_nothing_can_happen_any_more(tmp_path: Path) -> None:
    with Executor(tmp_path, runtime="process") as executor:
        executor.submit([job("waits", "exit 0", suspend=True)])
        assert not executor.run(lambda _: False)
        assert executor.group()["suspended"] == 1


def test_a_container_without_a_command_fails_and_says_why(tmp_path: Path) -> None:
    manifest = job("image", "", backoffLimit=0)
    main = manifest["spec"]["template"]["spec"]["containers"][0]
    del main["command"]
    main["image"] = "unknown"
    with Executor(tmp_path, runtime="process") as executor:
        executor.submit([manifest])
        finish(executor)
        assert status(executor, "image")["failed"] == 1
        (pod,) = executor.list("Pod")
        (ended_as,) = pod["status"]["containerStatuses"]
        ended = ended_as["state"]["terminated"]
        assert ended["reason"] == "StartError"
        assert "command" in ended["message"]


def test_logs_of_what_never_ran_are_not_found(tmp_path: Path) -> None:
    with Executor(tmp_path, runtime="process") as executor:
        executor.submit([job("fails", "exit 0", container("exit 1", "first"), backoffLimit=0)])
        finish(executor)
        (pod,) = executor.list("Pod")
        name = pod["metadata"]["name"]
        assert executor.logs("default", name, "first").read_text() == ""
        with pytest.raises(NotFound, match="has no logs"):
            executor.logs("default", name, "main")
        with pytest.raises(NotFound, match="there is no Pod"):
            executor.logs("default", "nobody", "main")


def test_jobs_that_were_suspended_but_not_yet_told_so_are_told_by_the_next_executor(tmp_path: Path) -> None:
    names = [f"job-{number}" for number in range(2 * MAX_STARTED_PER_SYNC + 1)]
    with Executor(tmp_path, runtime="process") as executor:
        executor.submit(job(name, "true", suspend=True) for name in names)
    with Executor(tmp_path, runtime="process") as executor:
        while not executor.idle:
            executor.step(0)
        for name in names:
            assert [each["type"] for each in status(executor, name)["conditions"]] == ["Suspended"]
