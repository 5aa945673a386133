"""``expander cleanup`` of a served cluster and of local runs."""

import json
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from expander.group.local.writer import LocalWriter
from expander.kube.objects import Selection
from expander.local.store.encoding import PackedConnection
from tests.cli.cluster import cluster, objects, submitted, submitting, template, until
from tests.cli.groups import at_work, create, follow, job, lines_until, run_locally
from tests.cli.program import run
from tests.local.apiserver.serving import Server

KINDS = {
    "Job": "/apis/batch/v1/jobs",
    "CronJob": "/apis/batch/v1/cronjobs",
    "Pod": "/api/v1/pods",
    "ConfigMap": "/api/v1/configmaps",
    "Secret": "/api/v1/secrets",
    "Service": "/api/v1/services",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster; each test has a group of its own in it."""
    with cluster(tmp_path_factory.mktemp("cleanup"), "--backoff-base", "50ms") as server:
        yield server


pytestmark = pytest.mark.usefixtures("state")


def left(server: Server, group: str) -> set[str]:
    """What there is of a group, as KIND/NAME; of pods only the kind."""
    found = set()
    for kind, path in KINDS.items():
        for each in objects(server, path):
            if (each["metadata"].get("labels") or {}).get("jobgroup") == group:
                found.add(kind if kind == "Pod" else f"{kind}/{each['metadata']['name']}")
    return found


def finished(server: Server, group: str, count: int) -> None:
    """Wait until so many Jobs of a group have ended."""

    def ended() -> int:
        own = [
            each for each in objects(server, KINDS["Job"]) if each["metadata"]["labels"]["jobgroup"] == group
        ]
        return sum(
            any(
                condition["type"] in ("Complete", "Failed")
                for condition in each["status"].get("conditions") or ()
            )
            for each in own
        )

    until(lambda: ended() == count)


def beside(server: Server, group: str) -> None:
    """Create one object of each kind that a batch may bring along."""
    metadata = {"name": f"{group}-more", "labels": {"jobgroup": group}}
    parts: dict[str, dict[str, Any]] = {
        "ConfigMap": {"apiVersion": "v1", "data": {"a": "b"}},
        "Secret": {"apiVersion": "v1", "stringData": {"a": "b"}},
        "Service": {"apiVersion": "v1", "spec": {"clusterIP": "None", "selector": {"a": "b"}}},
        "CronJob": {
            "apiVersion": "batch/v1",
            "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job("x")["spec"]}},
        },
    }
    for kind, body in parts.items():
        path = KINDS[kind].rpartition("/")
        answer = server.request(
            "POST", f"{path[0]}/namespaces/default/{path[2]}", {**body, "kind": kind, "metadata": metadata}
        )
        assert answer.code == 201, answer.data


def test_a_group_goes_with_all_that_bears_its_label_and_nothing_else(served: Server) -> None:
    create(served, job("a1", group="a"), job("a2", "exit 1", group="a"), job("other", group="b"))
    finished(served, "a", 2)
    finished(served, "b", 1)
    beside(served, "a")
    answer = follow(served, "cleanup", "--group", "a", "-o", "json")
    assert answer.code == 0, answer.err
    assert left(served, "a") == set()
    assert left(served, "b") == {"Job/other", "Pod"}
    summary = json.loads(answer.out.splitlines()[-1])["summary"]
    assert {kind: summary[kind] for kind in ("Job", "ConfigMap", "Secret", "Service", "CronJob")} == {
        "Job": 2,
        "ConfigMap": 1,
        "Secret": 1,
        "Service": 1,
        "CronJob": 1,
    }
    again = follow(served, "cleanup", "--group", "a")
    assert (again.code, again.out, again.err) == (0, "", "nothing to clean up\n")


def test_a_dry_run_lists_exactly_what_goes_and_the_command_of_kubectl_does_the_same(
    served: Server, kubectl: str
) -> None:
    create(served, job("c1", group="c"), job("c2", "sleep 1000", group="c"))
    finished(served, "c", 1)
    before = left(served, "c")
    answer = follow(served, "cleanup", "--group", "c", "--dry-run", "-o", "json")
    *lines, last = [json.loads(line) for line in answer.out.splitlines()]
    assert {
        each["kind"] if each["kind"] == "Pod" else f"{each['kind']}/{each['name']}" for each in lines
    } == before
    assert last == {"summary": {"Job": 2, "Pod": 2}}
    assert left(served, "c") == before
    quiet = follow(served, "cleanup", "--group", "c", "--dry-run", "-q")
    assert (quiet.out.count("\n"), quiet.err) == (4, "2 Jobs, 2 Pods would be deleted\n")
    nothing = follow(served, "cleanup", "--group", "none", "--dry-run")
    assert (nothing.out, nothing.err) == ("", "nothing to clean up\n")
    (command,) = [line.removeprefix("as: ") for line in answer.err.splitlines() if line.startswith("as: ")]
    assert command.startswith("kubectl ")
    subprocess.run([kubectl, *shlex.split(command)[1:]], check=True, capture_output=True)
    until(lambda: left(served, "c") == set())


def test_unfinished_jobs_go_only_when_somebody_says_so(served: Server) -> None:
    create(served, job("d1", group="d"), job("d2", "sleep 1000", group="d"))
    finished(served, "d", 1)
    answer = follow(served, "cleanup", "--group", "d")
    assert answer.code == 2
    assert "1 of 2 Jobs unfinished; nothing was deleted" in answer.err
    assert left(served, "d") == {"Job/d1", "Job/d2", "Pod"}
    assert follow(served, "cleanup", "--group", "d", "--yes").code == 0
    assert left(served, "d") == set()


def test_filters_take_some_jobs_and_leave_what_the_others_may_need(served: Server) -> None:
    create(
        served,
        job("e1", group="e"),
        job("e2", "exit 1", group="e"),
        job("e3", group="e", suspend=True),
    )
    finished(served, "e", 2)
    metadata = {"name": "e-more", "labels": {"jobgroup": "e"}}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    assert served.request("POST", "/api/v1/namespaces/default/configmaps", body).code == 201
    assert follow(served, "cleanup", "--group", "e", "--older-than", "1h").code == 0
    assert left(served, "e") == {"Job/e1", "Job/e2", "Job/e3", "Pod", "ConfigMap/e-more"}
    failed = follow(served, "cleanup", "--group", "e", "--failed")
    assert "as: kubectl" in failed.err
    assert "delete job -n default e2\n" in failed.err
    assert left(served, "e") == {"Job/e1", "Job/e3", "Pod", "ConfigMap/e-more"}
    assert follow(served, "cleanup", "--group", "e", "--finished").code == 0
    until(lambda: left(served, "e") == {"Job/e3", "ConfigMap/e-more"})
    assert follow(served, "cleanup", "--group", "e", "--older-than", "0s", "--yes").code == 0
    assert left(served, "e") == set()


def test_all_namespaces_are_cleaned_where_that_is_asked(served: Server) -> None:
    for name in ("one", "two"):
        assert served.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}}).code == 201
        create(served, job("f", group="f", suspend=True), namespace=name)
    assert follow(served, "cleanup", "--group", "f", "-n", "one", "--yes").code == 0
    assert left(served, "f") == {"Job/f"}
    assert follow(served, "cleanup", "--group", "f", "-A", "--yes").code == 0
    assert left(served, "f") == set()


def test_what_was_cleaned_up_is_sent_again_by_a_submission_that_goes_on(
    served: Server, tmp_path: Path
) -> None:
    file = template(tmp_path)
    arguments = [file, "1", "2", "--kubeconfig", str(served.kubeconfig), "-q"]
    assert run("submit", *arguments).code == 0
    assert follow(served, "cleanup", "--group", "load", "--yes").code == 0
    assert run("submit", *arguments, "--resume").code == 0
    assert left(served, "load") == {"Job/item-1", "Job/item-2"}
    assert follow(served, "cleanup", "--group", "load", "--yes").code == 0


def test_a_cleanup_elsewhere_leaves_what_is_remembered_of_a_group(served: Server, tmp_path: Path) -> None:
    file = template(tmp_path, suspend=False)
    arguments = [file, "1", "2", "--group", "kept", "--kubeconfig", str(served.kubeconfig), "-q"]
    assert run("submit", *arguments, "--delete-finished").code == 0
    assert follow(served, "cleanup", "--group", "kept", "-n", "kube-public").code == 0
    assert follow(served, "cleanup", "--group", "kept", "-l", "never=seen").code == 0
    again = run("submit", *arguments, "--resume")
    assert "2 unchanged" in again.err
    assert follow(served, "cleanup", "--group", "kept").code == 0
    assert "2 created" in run("submit", *arguments, "--resume").err
    assert [*tmp_path.rglob("*.default.origin")]
    assert follow(served, "cleanup", "--group", "kept", "--yes").code == 0
    assert not [*tmp_path.rglob("*.origin")]


def test_while_a_submission_is_at_work_its_group_is_not_deleted(
    served: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "journals"))
    arguments = [template(tmp_path), "1", "2", "--group", "coming", "--max-active", "1"]
    with submitting(tmp_path, served, *arguments) as sender:
        assert sender.stdout is not None
        sender.stdout.readline()
        answer = follow(served, "cleanup", "--group", "coming", "--yes")
        assert (answer.code, left(served, "coming")) == (2, {"Job/item-1"})
        assert "expander submit is running for group coming" in answer.err
        assert follow(served, "cleanup", "--group", "coming", "--finished").code == 0
        sender.terminate()
        sender.communicate(timeout=120)
    assert follow(served, "cleanup", "--group", "coming", "--yes").code == 0
    assert left(served, "coming") == set()


def test_an_empty_selector_is_refused(served: Server) -> None:
    answer = follow(served, "cleanup", "-l", "", "--yes")
    assert answer.code == 2
    assert "an empty selector matches every Job" in answer.err


def test_a_server_that_refuses_for_load_is_asked_again(tmp_path: Path) -> None:
    with cluster(tmp_path, "--inject", "429=0.1,500=0.1") as server:
        sent = submitted(tmp_path, server, template(tmp_path), "-i", "1-3")
        assert sent.code == 0, sent.err
        for filters in (["--older-than", "0s"], []):
            answer = follow(server, "cleanup", "--group", "load", "--yes", *filters)
            assert answer.code == 0, answer.err
        again = follow(server, "cleanup", "--group", "load", "--dry-run", "-o", "json")
        assert json.loads(again.out) == {"summary": {}}


LOCAL = """
apiVersion: batch/v1
kind: Job
metadata: {name: good, labels: {jobgroup: here}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, command: [echo, fine]}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: poor, labels: {jobgroup: here}}
spec:
  backoffLimit: 0
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, command: ["false"]}]}}
"""


def test_local_state_goes_in_part_or_as_a_whole(tmp_path: Path) -> None:
    folder = run_locally(tmp_path, LOCAL)
    where = ["--group", "here", "--state", str(folder)]
    assert len([*folder.glob("here/logs/*")]) == 2
    assert run("cleanup", *where, "--failed").code == 0
    (log,) = folder.glob("here/logs/*")
    assert "_good-" in log.name
    listed = run("cleanup", *where, "--dry-run", "-o", "json")
    assert {json.loads(line).get("name", "")[:4] for line in listed.out.splitlines()} == {"good", ""}
    assert run("cleanup", *where).code == 0
    assert not (folder / "here").exists()
    again = run("cleanup", *where)
    assert (again.code, again.err) == (0, "nothing to clean up\n")


def test_nothing_stays_of_retries_or_of_a_cleanup_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_locally(tmp_path, LOCAL)
    where = ["--group", "here", "--state", str(folder)]
    assert run("retry", *where, "--runtime", "process", "-q").code == 1
    assert [*folder.glob("_retry/here/logs/default/poor/attempt-1/*.log")]
    removed = shutil.rmtree

    def killed(path: object, **options: Any) -> None:
        if path == str(folder / "here" / "runs"):
            raise KeyboardInterrupt
        removed(str(path), **options)

    selection = Selection(selector="", namespace=None)
    with (
        monkeypatch.context() as patch,
        LocalWriter([folder / "here"], selection, folder / "_retry") as writer,
    ):
        patch.setattr(shutil, "rmtree", killed)
        for kind in ("Job", "Pod"):
            writer.delete_all(kind, selection)
        with pytest.raises(KeyboardInterrupt):
            writer.drop_empty()
    assert (folder / "here" / "state.db").exists()
    assert run("cleanup", *where).code == 0
    assert not (folder / "here").exists()
    assert not (folder / "_retry" / "here").exists()


def test_a_full_disk_that_takes_no_note_of_it_is_freed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_locally(tmp_path, LOCAL)

    def full(database: sqlite3.Connection, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement.startswith(("DELETE", "PRAGMA wal_checkpoint")):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return sqlite3.Connection.execute(database, statement, *values)

    monkeypatch.setattr(PackedConnection, "execute", full, raising=False)
    selection = Selection(selector="", namespace=None)
    with LocalWriter([folder / "here"], selection, folder / "_retry") as writer:
        assert [writer.delete_all(kind, selection) for kind in ("Job", "Pod")] == [2, 2]
        assert not [*writer.labelled("Job"), *writer.labelled("Pod")]
        assert writer.drop_empty() == [folder / "here"]
    assert not (folder / "here").exists()


def damage(path: Path, kind: str) -> None:
    """Do to a state file what only a broken disk or another version does."""
    data = path.read_bytes()
    if kind == "layout":
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA user_version=99")
    elif kind == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:4096] + b"\xab" * (len(data) - 4096))


def test_a_local_group_goes_even_if_its_state_is_damaged_when_somebody_says_so(tmp_path: Path) -> None:
    state, whole = run_locally(tmp_path, LOCAL), tmp_path / "whole"
    state.rename(whole)
    where = ["--group", "here", "--state", str(state)]
    for kind in ("pages", "layout", "missing"):
        shutil.copytree(whole, state)
        damage(state / "here" / "state.db", kind)
        if kind == "pages":
            answer = run("results", *where)
            assert (answer.code, answer.out) == (2, "")
            assert answer.err.startswith(f"error: {state / 'here' / 'state.db'} cannot be read: ")
            assert run("cleanup", *where).code == 2
            assert (state / "here").exists()
        answer = run("cleanup", *where, "--yes")
        assert (answer.code, answer.err.splitlines()[-1]) == (0, f"removed {state / 'here'}")
        shutil.rmtree(state)


def test_state_in_which_something_runs_stays(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(LOCAL.replace("echo, fine", "sh, -c, 'echo on; sleep 1000'"))
    where = ["--group", "here", "--state", str(tmp_path / "state")]
    flags = ["--state", str(tmp_path / "state"), "--runtime", "process", "--jobs", "2"]
    with at_work("run", str(tmp_path / "jobs.yaml"), *flags, "-o", "json") as process:
        lines_until(process, '"poor"')
        answer = run("cleanup", *where, "--yes")
        assert answer.code == 2
        assert "is using the state folder" in answer.err
        assert answer.err.endswith("  hint: wait for it to end, or stop it\n")
        assert (tmp_path / "state" / "here" / "state.db").exists()


def test_objects_of_custom_kinds_are_named_with_the_command_that_deletes_them(
    served: Server, kubectl: str
) -> None:
    kinds = {"plural": "pools", "singular": "pool", "kind": "Pool"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    spec = {"group": "example.com", "scope": "Namespaced", "names": kinds, "versions": versions}
    crd = {"metadata": {"name": "pools.example.com"}, "spec": spec}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert served.request("POST", path, crd).code == 201
    place = "/apis/example.com/v1/namespaces/default/pools"
    pool = {"apiVersion": "example.com/v1", "kind": "Pool"}
    until(lambda: served.request("GET", place, None).code == 200)
    for name, group in (("mine", "pool"), ("other", "else")):
        metadata = {"name": name, "labels": {"jobgroup": group}}
        assert served.request("POST", place, {**pool, "metadata": metadata}).code == 201
    for more in ([], ["--dry-run"]):
        answer = follow(served, "cleanup", "--group", "pool", *more)
        assert answer.code == 1
        assert "error: objects of custom kinds are left: 1 pools.example.com\n" in answer.err
    command = answer.err.splitlines()[-1].removeprefix("  hint: ")
    assert command == "kubectl delete pools.example.com -n default -l jobgroup=pool"
    config = ["--kubeconfig", str(served.kubeconfig)]
    subprocess.run([kubectl, *shlex.split(command)[1:], *config], check=True, capture_output=True)
    again = follow(served, "cleanup", "--group", "pool")
    assert (again.code, again.err) == (0, "nothing to clean up\n")
