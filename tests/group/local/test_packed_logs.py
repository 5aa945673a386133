"""Short logs of complete Jobs become rows of the state, and are read as the files were, whenever that ends."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import expander
from expander.group.local.source import LocalSource
from expander.group.local.state import GroupFolders, StateReader
from expander.group.source import LogOptions
from expander.kube.objects import Selection, uid_of
from expander.local import log_packing
from expander.local.log_packing import MAX_PACKED_BYTES, pack_logs, unpack_logs
from expander.local.state import StateFolder
from tests.cli.groups import run_locally
from tests.cli.program import run

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: NAME, labels: {jobgroup: g}}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: i, command: [sh, -c, 'SCRIPT']}]}
---
"""

SCRIPTS = {
    "one": "echo one; echo two; printf three",
    "other": "echo other",
    "empty": "echo",
    "silent": "true",  # which may leave a file, on a slow machine
    "long": f"seq {MAX_PACKED_BYTES}",
    "poor": "echo poor; exit 1",
}

LOGS = sorted(SCRIPTS.keys() - {"silent"})

OPTIONS = (
    LogOptions(),
    LogOptions(timestamps=True),
    LogOptions(tail=1),
    LogOptions(since=1e9),
    LogOptions(follow=True),
    LogOptions(previous=True),
)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State of one group with its logs as files."""
    text = "".join(JOB.replace("NAME", name).replace("SCRIPT", script) for name, script in SCRIPTS.items())
    return run_locally(tmp_path_factory.mktemp("ran"), text)


@pytest.fixture
def state(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, in which few logs are worth packing."""
    monkeypatch.setattr(log_packing, "MIN_LOGS", 1)
    return Path(shutil.copytree(ran, tmp_path / "state", copy_function=shutil.copy2))


def logs(state: Path) -> dict[tuple[str, LogOptions], bytes]:
    source = LocalSource(GroupFolders(state, "g"), Selection(None, ""))
    pods = {pod["metadata"]["name"][:-6]: pod for pod in source.pods()}
    assert pods.keys() == SCRIPTS.keys()
    return {
        (name, options): b"".join(source.log(pod, "c", options))
        for name, pod in pods.items()
        for options in OPTIONS
    }


def files(state: Path) -> list[str]:
    return sorted({path.name.split("_")[1][:-6] for path in state.glob("g/logs/*")} - {"silent"})


def test_short_logs_of_complete_jobs_are_packed_and_read_as_before(state: Path) -> None:
    before = logs(state)
    pack_logs(state / "g")
    assert files(state) == ["long", "poor"]
    assert logs(state) == before
    assert before["one", OPTIONS[0]] == b"one\ntwo\nthree"


def test_a_rotated_log_stays_a_file(state: Path) -> None:
    (path,) = state.glob("g/logs/*_one-*")
    path.with_name(path.name + ".1").write_bytes(path.read_bytes())
    before = logs(state)
    pack_logs(state / "g")
    assert files(state) == ["long", "one", "poor"]
    assert len([*state.glob("g/logs/*_one-*")]) == 2
    assert logs(state) == before


def test_few_logs_and_a_state_in_use_stay_as_they_are(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(StateFolder(state / "g")):
        pack_logs(state / "g")
    monkeypatch.setattr(log_packing, "MIN_LOGS", len(SCRIPTS) + 1)
    pack_logs(state / "g")
    assert files(state) == LOGS


@pytest.mark.parametrize("step", ["put", "unlink 0", "unlink 1", "unlink 2"])
def test_a_kill_at_any_moment_loses_no_log(state: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    before = logs(state)
    monkeypatch.setattr(log_packing, "LOGS_PER_COMMIT", 2)
    if (child := os.fork()) == 0:
        _die_at(step)
        pack_logs(state / "g")
        os._exit(1)
    assert os.waitpid(child, 0)[1] >> 8 == 9, "it died there"
    assert logs(state) == before
    pack_logs(state / "g")
    assert files(state) == ["long", "poor"]
    assert logs(state) == before


def _die_at(step: str) -> None:
    """Let this process end at a step of `pack_logs`, without a goodbye to anybody."""
    left = iter(range(int(step.split()[-1]) if "unlink" in step else 0))
    unlink = os.unlink

    def die(path: str) -> None:
        if next(left, None) is None:
            os._exit(9)
        unlink(path)

    if step == "put":
        vars(log_packing)["put_logs"] = lambda *_: os._exit(9)
    else:
        vars(os)["unlink"] = die


def test_without_room_for_rows_the_logs_stay_files(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(log_packing, "put_logs", full)
    pack_logs(state / "g")
    assert files(state) == LOGS


def test_unpacked_logs_are_the_files_that_were_packed(state: Path) -> None:
    kept = {path.name: (path.read_bytes(), path.stat().st_mtime) for path in state.glob("g/logs/*")}
    pack_logs(state / "g")
    unpack_logs(state / "g")
    assert {path.name: (path.read_bytes(), path.stat().st_mtime) for path in state.glob("g/logs/*")} == kept
    assert all(path.stat().st_mode & 0o077 == 0 for path in state.glob("g/logs/*"))
    unpack_logs(state / "nothing there")


def test_python_gets_the_logs_of_an_earlier_run(state: Path) -> None:
    pack_logs(state / "g")
    text = JOB.replace("NAME", "one").replace("SCRIPT", SCRIPTS["one"])
    path = state.parent / "one.yaml"
    path.write_text(text)
    (job,) = expander.run(str(path), group="g", state=str(state), runtime="process").jobs
    assert job.logs[0].read() == b"one\ntwo\nthree"
    assert job.logs[0].path.exists()


def test_rows_go_with_their_pod(state: Path) -> None:
    pack_logs(state / "g")
    assert set(packed(state)) - {"silent"} == {"one", "other", "empty"}
    assert run("cleanup", "--group", "g", "--state", str(state), "--yes", "--failed").code == 0
    assert set(packed(state)) - {"silent"} == {"one", "other", "empty"}
    assert run("cleanup", "--group", "g", "--state", str(state), "--yes", "--older-than", "0s").code == 0
    assert not (state / "g").exists()


def packed(state: Path) -> Iterator[str]:
    with StateReader(state / "g") as reader:
        names = {uid_of(pod): pod["metadata"]["name"][:-6] for pod in reader.of_kind("Pod")}
        for (pod,) in reader.database.execute("SELECT pod FROM logs"):
            yield names[pod]
