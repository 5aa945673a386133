"""`expander groups`, and the group that commands mean when none is named."""

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from expander.cli.group import groups
from expander.group.known.last_used import GroupUse, is_gone, remember, used_here
from expander.group.known.listing import KnownGroup, labelled_groups, local_groups
from expander.kube.objects import Object
from expander.local.executor import Executor
from tests.cli.cluster import cluster, until
from tests.cli.groups import at_work, create, follow, lines_until
from tests.cli.groups import job as runnable
from tests.cli.program import EXPANDER, run
from tests.group.fakes import job

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: "j-${ITEM.n}"}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: busybox, command: [test, "${ITEM.n}", "!=", c]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a group was run, with its state in ``state``."""
    found = tmp_path_factory.mktemp("groups")
    (found / "job.yaml").write_text(TEMPLATE)
    (found / "items.csv").write_text("n,w\nb,1\na,1\nc,1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found)
        patch.setenv("EXPANDER_STATE", str(found / "state"))
        answer = run("run", "job.yaml", "-i", "items.csv", "--group", "fruits", "-q")
    assert answer.code == 1, answer.err
    return found


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("EXPANDER_STATE", str(folder / "state"))
    monkeypatch.setenv("KUBECONFIG", str(folder / "none"))
    return folder


def test_the_last_used_group_is_meant_and_that_is_said_first(here: Path) -> None:
    answer = run("results", "-o", "joblog")
    assert answer.err.splitlines()[0] == "group fruits (local; last used in this folder)"
    lines = [line.split("\t") for line in answer.out.splitlines()[1:]]
    assert [(line[0], line[6], line[8]) for line in lines] == [
        ("1", "0", "test b '!=' c"),
        ("2", "0", "test a '!=' c"),
        ("3", "1", "test c '!=' c"),
    ]
    assert all(float(line[3]) > 0 for line in lines)
    assert [line.split()[:2] for line in run("status").out.splitlines()[-4:-2]] == [
        ["j-a", "a"],
        ["j-c", "c"],
    ]


def test_the_command_line_stands_in_the_joblog_where_it_has_the_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    Path("items.csv").write_text("n\nb\na\n")
    scripts = TEMPLATE.replace('[test, "${ITEM.n}", "!=", c]', "[sh, -c, 'true']")
    Path("env.yaml").write_text(scripts.replace("${ITEM.n}", "$ITEM"))

    def commands(*words: str) -> list[str]:
        assert run("run", "--group", "c", "--fresh", *words).code == 0
        lines = run("results", "-o", "joblog").out.splitlines()[1:]
        return [line.split("\t")[8] for line in lines]

    assert commands("a b", "c", "--", "echo", "-n") == ["echo -n 'a b'", "echo -n c"]
    assert commands("a", "--", "sh", "-c", "echo\techo", "{}") == ["sh -c 'echo echo' a"]
    assert commands("-i", "items.csv", "--", "test", "${ITEM.n}", "!=", "x")[0] == "test b '!=' x"
    assert commands("env.yaml", "x", "y") == ["x", "y"]  # whose commands do not tell them apart


def test_columns_and_keys_select_and_show(here: Path) -> None:
    answer = run("results", "[ac]", "--columns", "w", "--sort-by", "name")
    assert [line.split()[:4] for line in answer.out.splitlines()] == [
        ["JOB", "ITEM", "W", "STATE"],
        ["j-a", "a", "1", "Complete"],
        ["j-c", "c", "1", "Failed"],
    ]
    assert "no column 'x'; columns are n, w" in run("results", "--columns", "x").err
    assert "no item or Job nope in group fruits" in run("results", "nope").err


def test_groups_are_listed_with_their_items_and_the_last_command(here: Path) -> None:
    assert run("results", "-o", "joblog").code == 0
    head, row = (line.split() for line in run("groups").out.splitlines())
    assert head[:6] == ["GROUP", "ITEMS", "COMPLETE", "FAILED", "ACTIVE", "PENDING"]
    assert (row[:6], row[7:]) == (["fruits", "3", "2", "1", "0", "0"], ["local", "results"])
    (found,) = json.loads(run("groups", "-o", "json").out)
    assert (found["group"], found["complete"], found["local"]) == ("fruits", 2, True)
    assert run("groups", "-o", "name").out == "fruits\n"
    assert "no groups" in run("groups", "--state", str(here / "other")).err
    last = json.loads(run("groups", "-o", "json").out)[0]
    assert run("retry", "--dry-run").code == run("suspend", "--dry-run").code == 0
    (found,) = json.loads(run("groups", "-o", "json").out)
    assert (found["lastCommand"], found["lastUsed"]) == ("results", last["lastUsed"])


def test_that_no_cluster_tells_is_not_taken_for_no_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = {"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}
    context = {"name": "x", "context": {"cluster": "c"}}
    config = {"clusters": [cluster], "contexts": [context], "current-context": "x"}
    (tmp_path / "config").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(groups, "CLUSTER_SECONDS", 0.1)
    for flags in ((), ("-o", "json")):
        answer = run("groups", *flags)
        warning, last = answer.err.splitlines()
        assert warning.startswith("warning: the groups of http://127.0.0.1:9 are not listed: ")
        assert last == "no groups on this machine"
        assert answer.code == 1
    local = run("groups", "--local")
    assert (local.err, local.code) == ("no groups\n", 0)


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"clusters": [], "contexts": []}, 0),
        ({"current-context": "x"}, 1),
        (["no kubeconfig"], 1),
        ({"current-context": "x", "users": [{"name": "u", "user": {"exec": {"command": "gone"}}}]}, 1),
    ],
)
def test_a_cluster_that_is_named_and_cannot_be_used_is_no_cluster_without_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Any, code: int
) -> None:
    if isinstance(config, dict) and "users" in config:
        config["clusters"] = [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}]
        config["contexts"] = [{"name": "x", "context": {"cluster": "c", "user": "u"}}]
    (tmp_path / "config").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    answer = run("groups")
    assert answer.code == code
    assert ("warning: the groups of the cluster are not listed: " in answer.err) is bool(code)


def test_a_dry_run_makes_a_group_the_last_one_used_but_is_no_command_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    for group in ("one", "two"):
        assert run("run", "a", "--group", group, "-q", "--", "echo").code == 0
    assert run("suspend", "--group", "one", "--local", "--dry-run").code == 0
    last = {each["group"]: each["lastCommand"] for each in json.loads(run("groups", "-o", "json").out)}
    assert last == {"one": "run -- echo", "two": "run -- echo"}
    assert run("status").err == "group one (local; last used in this folder)\n"
    monkeypatch.chdir(tmp_path.parent)
    assert run("suspend", "--group", "one", "--local", "--dry-run").code == 0
    answer = run("groups", "-o", "json")
    assert {each["group"]: each["lastCommand"] for each in json.loads(answer.out)}["one"] == "status"


def test_what_a_killed_run_left_as_running_waits(tmp_path: Path) -> None:
    main = {"name": "main", "image": "i", "command": ["sleep", "1000"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [main]}}
    sleeper = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": template},
    }
    with Executor(tmp_path / "g", runtime="process") as executor:
        executor.submit([sleeper])
        while not executor.group()["running"]:
            executor.step()
        while (group := next(local_groups(tmp_path, "jobgroup", print))).counts["Waiting"]:
            executor.step()
        assert (group.active, group.counts["Running"]) == (True, 1)
    (group,) = local_groups(tmp_path, "jobgroup", print)
    assert (group.active, group.counts["Running"], group.counts["Waiting"]) == (False, 0, 1)


def test_a_job_whose_pods_wait_for_room_is_pending_as_in_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    room = {"requests": {"cpu": "1"}}
    main = {"name": "main", "image": "i", "command": ["sleep", "1000"], "resources": room}
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [main]}}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "spec": spec}
    jobs = [{**job, "metadata": {"name": name}} for name in "abc"]
    with Executor(tmp_path / "state" / "g", runtime="process", cpus=1) as executor:
        executor.submit(jobs)
        while not executor.group()["running"]:
            executor.step()
        while not (found := json.loads(run("groups", "-o", "json").out)[0])["running"]:
            executor.step()
        head, row = (line.split() for line in run("status", "--group", "g", "--local").out.splitlines()[:2])
    assert (found["running"], found["waiting"]) == (1, 2)
    assert dict(zip(head, row, strict=True))["ACTIVE"] == "1"


def test_another_folder_has_no_group_and_cleanup_never_takes_the_last_one_unasked(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = run("cleanup", "--yes")
    assert (answer.code, answer.out) == (2, "")
    assert (
        "no terminal to ask on: group fruits (local) was used last in this folder, and is not" in answer.err
    )
    assert len(list(local_groups(here / "state", "jobgroup", print))) == 1
    (here / "sub").mkdir()
    monkeypatch.chdir(here / "sub")
    lines = ["error: specify --group NAME or -l SELECTOR", "  hint: `expander groups` lists them"]
    assert run("status").err.splitlines() == lines


@pytest.mark.parametrize("yes", [[], ["--yes"]])
def test_cleanup_of_the_last_group_asks_once_and_may_be_declined(here: Path, yes: list[str]) -> None:
    assert run("status").code == 0
    ours, theirs = pty.openpty()
    os.write(ours, b"n\n")
    answer = subprocess.run(
        [EXPANDER, "cleanup", *yes], stdin=theirs, capture_output=True, text=True, timeout=120, check=False
    )
    os.close(ours)
    os.close(theirs)
    question = "group fruits (local) was used last in this folder. Delete it?"
    assert (answer.returncode, answer.stderr.count("?")) == (1, 1)
    assert question in answer.stderr
    assert answer.stderr.endswith("nothing was deleted\n")
    assert "error" not in answer.stderr


def test_no_older_group_is_meant_when_the_last_used_one_is_gone(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "sub").mkdir(exist_ok=True)
    monkeypatch.chdir(here / "sub")
    remember(use("fruits", local=True))
    remember(use("night", local=True))
    answer = run("retry")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(
        "error: group night, used last in this folder, is gone: specify --group NAME"
    )
    assert "used here before: fruits" in answer.err


def test_an_unknown_group_is_not_remembered(here: Path) -> None:
    assert run("status", "--group", "nope").code == 2
    assert "group fruits (local" in run("status").err


def use(group: str, **fields: object) -> GroupUse:
    return GroupUse(group=group, command="status", **fields)  # type: ignore[arg-type]


def test_what_is_remembered_is_kept_by_folder_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state = str(tmp_path / "state")
    remember(use("a", local=False, context="x", at=1.0), state)
    remember(use("a", local=False, context="y", at=2.0), state)
    remember(use("a", local=False, context="x", at=3.0), state)
    remember(use("gone", local=True, at=4.0), state)
    assert [(each.context, each.at) for each in used_here(state)] == [(None, 4.0), ("x", 3.0), ("y", 2.0)]
    assert [is_gone(each, state) for each in used_here(state)] == [True, False, False]
    for path in (tmp_path / "state" / "_used").iterdir():
        path.write_text("{damaged")
    assert used_here(state) == []
    os.chmod(tmp_path / "state" / "_used", 0o500)
    remember(use("b", local=False), "/proc/none")  # what cannot be written is not remembered


def test_items_of_an_indexed_job_are_counted_one_by_one() -> None:
    part = job("w", "Active", completionMode="Indexed", completions=10)
    part["metadata"]["annotations"] = {"expander/item-count": "10"}
    part["status"] |= {"active": 3, "ready": 2, "completedIndexes": "0-3", "failedIndexes": "4"}
    found: list[Object] = [part, job("x"), job("y", "Pending")]
    (group,) = labelled_groups(found, "jobgroup", "here")
    assert isinstance(group, KnownGroup)
    assert group.counts == {"Complete": 5, "Failed": 1, "Running": 2, "Waiting": 4}
    assert (group.items, group.where) == (12, "here")


def test_a_pod_that_runs_and_is_not_ready_is_not_pending(tmp_path: Path) -> None:
    unready = {"readinessProbe": {"exec": {"command": ["false"]}}}

    def counts() -> tuple[int, int, int]:
        (group,) = json.loads(follow(server, "groups", "-n", "default", "-o", "json").out)
        return group["running"], group["waiting"], group["complete"]

    with cluster(tmp_path) as server:
        create(
            server, runnable("a", "sleep 1000", container=unready), runnable("b", suspend=True), runnable("c")
        )
        until(lambda: counts() == (1, 1, 1))


def test_items_of_a_failed_chunk_are_counted_as_its_log_has_them() -> None:
    chunk, group = job("a", "Failed"), KnownGroup("g")
    chunk["metadata"]["annotations"] = {"expander/item-count": "3"}
    group.add(chunk, lambda: b'[expander] index 0 exit 0: "a"\n[expander] index 1 exit 1: "b"\n')
    assert (group.items, group.counts["Complete"], group.counts["Failed"]) == (3, 1, 2)


def test_an_index_that_was_retried_is_counted_as_its_own_job() -> None:
    part = job("w", "Failed", completionMode="Indexed", completions=4)
    notes = {"expander/item-count": "4", "expander/retried-indexes": "1,3"}
    part["metadata"]["annotations"] = notes
    part["status"] |= {"completedIndexes": "0,2", "failedIndexes": "1,3"}
    found: list[Object] = [part, job("w-1", "Complete"), job("w-3", "Failed")]
    (group,) = labelled_groups(found, "jobgroup", "here")
    assert group.counts == {"Complete": 3, "Failed": 1, "Running": 0, "Waiting": 0}


def test_a_group_that_cannot_be_read_is_named_beside_the_others_and_fresh_discards_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    Path("job.yaml").write_text(TEMPLATE.replace("${ITEM.n}", "$ITEM"))
    assert run("run", "job.yaml", "a", "--group", "good").code == 0
    bad = tmp_path / "state" / "bad"
    bad.mkdir()
    (bad / "state.db").write_bytes(b"no database" * 1000)
    answer = run("groups", "--local", "-o", "json")
    assert [each["group"] for each in json.loads(answer.out)] == ["good"]
    assert answer.err.startswith(f"error: {bad / 'state.db'} cannot be read: ")
    assert answer.code == 1
    assert run("run", "job.yaml", "a", "--group", "bad", "--fresh").code == 0
    assert run("groups", "--local", "-o", "name").out == "bad\ngood\n"


def test_the_group_of_a_run_at_work_is_meant(here: Path, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    script = f"echo begun; while test -e {tmp_path}/go; do sleep 0.05; done"
    with at_work("run", "--group", "nuts", "one", "--", "sh", "-c", script, "{}") as process:
        lines_until(process, "begun")
        try:
            answer = run("status", "-o", "name")
        finally:
            (tmp_path / "go").unlink()
        assert process.wait() == 0
    assert (answer.out, answer.err) == (
        "job.batch/sh-one\n",
        "group nuts (local; last used in this folder)\n",
    )
    assert run("cleanup", "--group", "nuts", "--local").code == 0
