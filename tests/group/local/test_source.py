"""A group in the state of local runs: read while a run is at work, and told as it changes."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import ExpanderError
from expander.group.local import state as group_state
from expander.group.local.source import LocalSource
from expander.group.local.state import GroupFolders
from expander.group.records import records
from expander.group.report_data import summarize
from expander.group.source import LogOptions
from expander.kube.objects import Change, Object, Selection, first_start
from tests.cli.cluster import PATIENCE, until
from tests.cli.groups import at_work, run_locally

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: NAME, labels: {jobgroup: GROUP}}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: i, command: [sh, -c, 'SCRIPT']}]}
---
"""


def manifest(name: str, script: str = "true", group: str = "g") -> str:
    return JOB.replace("NAME", name).replace("GROUP", group).replace("SCRIPT", script)


def source(
    state: Path, group: str | None = "g", selector: str = "", namespace: str | None = None
) -> LocalSource:
    return LocalSource(GroupFolders(state, group), Selection(namespace, selector))


def names(objects: Iterator[Object]) -> list[str]:
    return [str(each["metadata"]["name"]) for each in objects]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State of two groups."""
    folder = tmp_path_factory.mktemp("ran")
    run_locally(folder, manifest("b", "echo one; echo two") + manifest("a", "exit 3"))
    return run_locally(folder, manifest("c", group="h"))


def test_a_group_is_its_folder_and_a_selector_looks_into_all(ran: Path) -> None:
    assert names(source(ran).jobs()) == ["a", "b"]
    assert names(source(ran, None, "jobgroup in (g,h)").jobs()) == ["a", "b", "c"]
    assert names(source(ran, None, "jobgroup=h").jobs()) == ["c"]
    assert names(source(ran, namespace="elsewhere").jobs()) == []
    assert GroupFolders(ran, None).known() == ["g", "h"]


def test_pods_and_events_are_those_of_the_jobs(ran: Path) -> None:
    everything = source(ran, None, "jobgroup")
    assert [name[0] for name in names(everything.pods())] == ["a", "b", "c"]
    (job,) = source(ran, "h").jobs()
    assert [name[0] for name in names(everything.pods([job]))] == ["c"]
    warnings = [
        (each["reason"], each["involvedObject"]["name"]) for each in source(ran).events(warnings=True)
    ]
    assert warnings == [("BackoffLimitExceeded", "a")]


def test_a_log_is_read_from_its_file(ran: Path) -> None:
    reader = source(ran)
    pod = next(pod for pod in reader.pods() if pod["metadata"]["name"].startswith("b-"))
    assert b"".join(reader.log(pod, "c")) == b"one\ntwo\n"
    assert b"".join(source(ran).log(pod, "c", LogOptions(tail=1))) == b"two\n"
    assert b"".join(reader.log(pod, "c", LogOptions(follow=True))) == b"one\ntwo\n"
    assert list(reader.log(pod, "c", LogOptions(previous=True))) == []
    stamped = b"".join(reader.log(pod, "c", LogOptions(timestamps=True))).splitlines()
    assert [line.partition(b" ")[2] for line in stamped] == [b"one", b"two"]


def test_state_that_is_being_made_is_no_state_yet(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "state.db").touch()
    assert list(source(tmp_path).jobs()) == []
    told = source(tmp_path).changes(lambda: False)
    assert next(told) is None


def test_state_of_another_version_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    database = sqlite3.connect(tmp_path / "g" / "state.db")
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(ExpanderError, match="another version of expander"):
        list(source(tmp_path).jobs())


def test_a_folder_that_cannot_be_written_is_read_all_the_same(ran: Path, tmp_path: Path) -> None:
    copy = tmp_path / "g"
    copy.mkdir()
    data = (ran / "g" / "state.db").read_bytes()
    (copy / "state.db").write_bytes(data)
    copy.chmod(0o500)
    try:
        assert names(source(tmp_path).jobs()) == ["a", "b"]
    finally:
        copy.chmod(0o700)


def test_a_run_at_work_is_followed_to_its_end_and_forgotten_when_it_begins_anew(tmp_path: Path) -> None:
    gate, state = tmp_path / "gate", tmp_path / "state"
    script = f"echo before; until test -e {gate}; do sleep 0.1; done; echo after"
    (tmp_path / "jobs.yaml").write_text(manifest("slow", script))
    arguments = ["run", str(tmp_path / "jobs.yaml"), "--state", str(state), "--runtime", "process"]
    reader = source(state)
    over = threading.Event()
    changes: list[Change] = []

    def follow() -> None:
        changes.extend(change for change in reader.changes(over.is_set) if change is not None)

    def state_of(change: Change) -> str:
        status = change.object.get("status") or {}
        done = [each["type"] for each in status.get("conditions") or () if each["type"] == "Complete"]
        return done[0] if done else change.type

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        with at_work(*arguments) as process:
            until(lambda: any(list(reader.log(pod, "c")) for pod in reader.pods()))
            (pod,) = reader.pods()
            assert pod["status"]["phase"] == "Running"
            assert time.time() - PATIENCE < (first_start(pod) or 0) <= time.time()
            assert summarize(records(reader), time.time()).peak == 1
            assert [pods for _, pods in reader.jobs_with_pods()] == [[pod]]
            assert [pods for _, pods in reader.summaries()] == [[pod]]  # type: ignore[misc]
            pieces = reader.log(pod, "c", LogOptions(follow=True))
            assert next(filter(None, pieces)) == b"before\n"  # empty ones come while it waits
            gate.touch()
            assert b"".join(pieces) == b"after\n"
            process.communicate(timeout=PATIENCE)
        until(lambda: [state_of(job) for job in changes if job.object["kind"] == "Job"][-1:] == ["Complete"])
        with at_work(*arguments, "--fresh") as process:
            process.communicate(timeout=PATIENCE)
        uids = {job["metadata"]["uid"] for job in reader.jobs()}
        until(
            lambda: (
                {each.object["metadata"]["uid"] for each in changes if state_of(each) == "Complete"} > uids
            )
        )
    finally:
        over.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()
    assert [each.object["kind"] for each in changes if each.type == "DELETED"] == ["Job", "Pod"]


def test_what_goes_while_as_much_comes_is_told(ran: Path, tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "state.db").write_bytes((ran / "g" / "state.db").read_bytes())
    changes = source(tmp_path).changes(lambda: False, pods=False)

    def told(statement: str) -> list[tuple[str, str]]:
        if statement:
            with closing(sqlite3.connect(tmp_path / "g" / "state.db")) as database, database:
                database.execute(statement)
        found = [
            (each.type, each.object["metadata"]["name"]) for each in iter(changes.__next__, None) if each
        ]
        return sorted(found)

    anew = "UPDATE objects SET id=id+1000, version=(SELECT max(version) FROM objects)+1 WHERE kind='Job' AND name="
    assert told("") == [("ADDED", "a"), ("ADDED", "b")]
    assert told(f"{anew}'a'") == [("ADDED", "a"), ("DELETED", "a")]
    assert told("DELETE FROM objects WHERE kind='Job' AND name='b'") == [("DELETED", "b")]
    assert told(f"{anew}'a'") == [("ADDED", "a"), ("DELETED", "a")]
    assert told("DELETE FROM objects WHERE kind='Job'") == [("DELETED", "a")]


def test_what_only_reads_changes_nothing_beside_the_state_file(ran: Path) -> None:
    def stamps() -> dict[str, int]:
        parts = ("logs", "runs", "lock")
        return {name: (ran / "g" / name).stat().st_ctime_ns for name in parts}

    before, found = stamps(), source(ran)
    for pod in found.pods():
        assert b"".join(found.log(pod, "c")) in (b"", b"one\ntwo\n")
    assert stamps() == before


def test_state_that_a_killed_run_left_is_read_where_nothing_can_be_written(
    ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite can read such a file only by writing one beside it."""
    (tmp_path / "g").mkdir()
    with closing(sqlite3.connect(ran / "g" / "state.db")) as database:
        database.execute("UPDATE marks SET value = value + 1")
        database.commit()
        for name in ("state.db", "state.db-wal"):
            shutil.copy(ran / "g" / name, tmp_path / "g")
    assert (tmp_path / "g" / "state.db-wal").stat().st_size
    connected = group_state._connected

    def without_writing(path: Path, mode: str) -> Any:
        if path.is_relative_to(tmp_path):
            raise sqlite3.OperationalError("unable to open database file")
        return connected(path, mode)

    monkeypatch.setattr(group_state, "_connected", without_writing)
    assert names(source(tmp_path).jobs()) == ["a", "b"]
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == ["state.db", "state.db-wal"]
