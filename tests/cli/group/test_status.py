"""``expander status`` of a served cluster and of local runs."""

import csv
import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from expander.local.executor import Executor
from tests.cli.cluster import cluster, until
from tests.cli.groups import LOCAL, at_work, create, follow, job, lines_until, run_locally, table
from tests.cli.program import Answer, run
from tests.local.apiserver.serving import Server

STATES = {
    "apple": "Complete",
    "crash": "Failed",
    "deadline": "Failed",
    "held": "Suspended",
    "indexed": "Failed",
    "noconfig": "Pending",
    "quota": "Pending",
    "running": "Active",
    "toobig": "Pending",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster with a group whose Jobs have come to stand as `STATES` says."""
    with cluster(tmp_path_factory.mktemp("status"), "--backoff-base", "50ms") as server:
        quota: dict[str, Any] = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}}
        quota["spec"] = {"hard": {"requests.memory": "1Mi"}}
        assert server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "tight"}}).code == 201
        assert server.request("POST", "/api/v1/namespaces/tight/resourcequotas", quota).code == 201
        memory = {"resources": {"requests": {"memory": "2Mi"}}}
        create(server, job("quota", container=memory), namespace="tight")
        create(
            server,
            job("apple", item="a b", labelled_pods=False),
            job("crash", "echo first; echo last; exit 3", backoffLimit=1),
            job("deadline", "sleep 100", activeDeadlineSeconds=1),
            job("held", suspend=True),
            job("indexed", "test $JOB_COMPLETION_INDEX != 2", completions=3, parallelism=3, completionMode="Indexed", backoffLimitPerIndex=0, backoffLimit=6),
            job("noconfig", container={"envFrom": [{"configMapRef": {"name": "nope"}}]}),
            job("running", "sleep 1000"),
            job("toobig", container={"resources": {"requests": {"cpu": "9000"}}}),
            job("other", group="others"),
        )  # fmt: skip

        def all_stand() -> bool:
            answer = follow(server, "status", "--group", "g", "-A", "-o", "csv")
            rows = list(csv.DictReader(io.StringIO(answer.out)))
            reasons = {row["name"]: row["reason"] for row in rows}
            states = {row["name"]: row["state"] for row in rows}
            return states == STATES and all(reasons[name] for name in ("quota", "noconfig", "toobig"))

        until(all_stand)
        yield server


def status(served: Server, *arguments: str) -> Answer:
    answer = follow(served, "status", *arguments)
    assert answer.code == 0, answer.err
    return answer


def test_the_group_has_its_counts_in_a_line(served: Server) -> None:
    answer = status(served, "--group", "g", "-A")
    head, row = (line.split() for line in answer.out.splitlines()[:2])
    assert dict(zip(head, row, strict=True)) | {"RETRIES": "", "DURATION": ""} == {
        "GROUP": "g",
        "JOBS": "9",
        "COMPLETE": "1",
        "FAILED": "3",
        "ACTIVE": "1",
        "PENDING": "3",
        "SUSPENDED": "1",
        "RETRIES": "",
        "DURATION": "",
    }


def test_every_item_has_its_state_and_what_no_one_sees_otherwise(served: Server) -> None:
    text = status(served, "--group", "g", "-A").out
    for part in (
        "FailedCreate: Error creating: pods",
        "exceeded quota: few, requested: requests.memory=2Mi",
        'CreateContainerConfigError: configmap "nope" not found',
        "Unschedulable: ",
        "DeadlineExceeded: Job was active longer than specified deadline",
        "BackoffLimitExceeded (exit code 3): Job has reached the specified backoff limit",
        "FailedIndexes (exit code 1, index 2): Job has failed indexes",
        "    first\n    last\n",
    ):
        assert part in text
    rows = table(text.split("\n\n")[1], "NAMESPACE")
    assert set(rows) == {"default", "tight"}


def test_retries_completions_and_nodes_are_in_the_table(served: Server) -> None:
    text = status(served, "--group", "g", "--failed", "--tail", "0").out
    rows = table(text, "JOB")
    assert set(rows) == {"crash", "deadline", "indexed"}
    assert rows["crash"][2] == "0/1"
    assert rows["crash"][4] == "1"
    assert rows["indexed"][2] == "2/3"
    assert "last" not in text


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (["--failed"], ["crash", "deadline", "indexed"]),
        (["--active"], ["running"]),
        (["--pending"], ["noconfig", "toobig"]),
        (["--succeeded", "--suspended"], ["apple", "held"]),
    ],
)
def test_filters_leave_the_jobs_of_a_state(served: Server, flags: list[str], names: list[str]) -> None:
    answer = status(served, "--group", "g", *flags, "-o", "name")
    assert answer.out == "".join(f"job.batch/{name}\n" for name in names)


def test_json_and_yaml_are_an_api_list_of_the_jobs_with_their_status(served: Server) -> None:
    found = json.loads(status(served, "--group", "g", "-o", "json").out)
    assert (found["apiVersion"], found["kind"]) == ("v1", "List")
    names = [each["metadata"]["name"] for each in found["items"]]
    assert names == sorted(name for name in STATES if name != "quota")
    assert {(each["apiVersion"], each["kind"]) for each in found["items"]} == {("batch/v1", "Job")}
    crash = found["items"][names.index("crash")]
    assert crash["status"]["failed"] == 2
    assert yaml.safe_load(status(served, "--group", "g", "-o", "yaml").out) == found


def test_json_of_a_filter_that_nothing_passes_is_an_empty_list(served: Server) -> None:
    found = json.loads(status(served, "--group", "others", "--failed", "-o", "json").out)
    assert (found["kind"], found["items"]) == ("List", [])


def test_csv_has_a_header_and_every_fact_in_a_column(served: Server) -> None:
    rows = list(csv.DictReader(io.StringIO(status(served, "-l", "jobgroup=g", "-o", "csv").out)))
    crash = next(row for row in rows if row["name"] == "crash")
    assert crash["group"] == "g"
    wanted = {"state": "Failed", "reason": "BackoffLimitExceeded", "cause": "exit code 3", "retries": "1"}
    wanted |= {"attempts": "2", "exitCode": "3", "completed": "0", "completions": "1"}
    assert {key: crash[key] for key in wanted} == wanted
    assert next(row for row in rows if row["name"] == "apple")["item"] == "a b"


def test_a_wide_table_has_the_messages(served: Server) -> None:
    text = status(served, "--group", "g", "-o", "wide", "--pending").out
    assert 'CreateContainerConfigError   configmap "nope" not found' in text


@pytest.mark.parametrize("order", ["input", "name"])
def test_of_many_failed_jobs_the_first_ones_of_the_table_have_their_logs(served: Server, order: str) -> None:
    group = f"many-{order}"
    names = [f"{order}-{number}" for number in range(23)]
    create(served, *(job(name, f"echo said by {name}; exit 1", group=group) for name in reversed(names)))
    until(lambda: status(served, "--group", group, "-o", "csv").out.count(",Failed,") == len(names))
    answer = status(served, "--group", group, "--sort-by", order)
    assert answer.err == ""
    shown = [line.split()[-1] for line in answer.out.splitlines() if "said by" in line]
    rows = [line.split()[0] for line in answer.out.splitlines() if " Failed " in line]
    assert shown == rows[:20]
    assert len(rows) == len(names)
    assert "and 3 more failed" in answer.out


def test_a_selector_of_several_groups_has_a_line_for_each(served: Server) -> None:
    rows = table(status(served, "-l", "jobgroup in (g,others)").out, "GROUP")
    assert {name: row[1] for name, row in rows.items()} == {"g": "8", "others": "1"}


def test_a_group_that_is_not_there_is_an_error_that_says_where_it_looked(served: Server) -> None:
    answer = follow(served, "status", "--group", "nope")
    assert (answer.code, answer.out) == (2, "")
    assert "no Jobs of group nope in namespace default of http" in answer.err
    assert "-l job-name=nope or -l SELECTOR finds Jobs without the label jobgroup" in answer.err


def test_neither_group_nor_selector_is_an_error_that_names_both(tmp_path: Path) -> None:
    answer = run("status", cwd=tmp_path)
    assert answer.code == 2
    assert "specify --group NAME or -l SELECTOR" in answer.err


def test_watch_tells_each_change_in_a_line_until_it_is_interrupted(tmp_path: Path) -> None:
    with cluster(tmp_path) as server:
        config = str(server.kubeconfig)
        with at_work("status", "--group", "g", "--watch", "--kubeconfig", config) as process:
            create(server, job("good"))
            head, *_ = lines_until(process, "good   Complete").splitlines()
            assert head.split() == ["TIME", "JOB", "STATE", "REASON"]
            create(server, job("bad", "exit 4"))
            told = lines_until(process, "bad    Failed     BackoffLimitExceeded (exit code 4)")
            assert "Active " not in told  # which it still is when the controller gives it up
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (130, "")


def test_watch_says_that_it_waits_for_a_group_that_has_not_begun_here(tmp_path: Path) -> None:
    assert run("run", "a", "--group", "early", "--state", str(tmp_path / "late"), "--", "true").code == 0
    with at_work("status", "--group", "late", "--watch", "--state", str(tmp_path / "late")) as process:
        assert process.stderr is not None
        told = [process.stderr.readline() for _ in range(3)]
        assert told == [
            f"no group late in {tmp_path / 'late'}\n",
            "  hint: known groups: early\n",
            "waiting for it (Ctrl-C ends)\n",
        ]
        assert run("run", "a", "--group", "late", "--state", str(tmp_path / "late"), "--", "true").code == 0
        lines_until(process, "Complete")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 130


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_locally(tmp_path_factory.mktemp("local"), LOCAL, "--backoff-base", "10ms")


def test_local_runs_are_told_as_those_of_a_cluster(local: Path) -> None:
    answer = run("status", "--group", "here", "--state", str(local))
    assert answer.code == 0, answer.err
    rows = table(answer.out, "JOB")
    assert rows["good"][1:4] == ["apple", "Complete", "1/1"]
    assert rows["bad"][1:3] == ["Failed", "0/1"]
    assert "bad failed: BackoffLimitExceeded (exit code 3): " in answer.out
    assert "    one\n    two\n" in answer.out
    found = json.loads(run("status", "--group", "here", "--state", str(local), "-o", "json").out)
    assert [each["status"].get("failed") for each in found["items"]] == [None, 2]


def test_a_group_that_a_killed_run_has_left_says_how_it_goes_on(tmp_path: Path) -> None:
    first = LOCAL.partition("---")[0].replace("[echo, fine]", "[sh, -c, echo up; exec sleep 1000]")
    (tmp_path / "job.yaml").write_text(first)
    where = ["--state", str(tmp_path / "state")]
    with at_work("run", str(tmp_path / "job.yaml"), *where, "--runtime", "process") as process:
        lines_until(process, "up")
        assert run("status", "--group", "here", *where).err == ""
    answer = run("status", "--group", "here", *where)
    assert answer.err == "1 unfinished Job, and no run is at work: the same command resumes\n"


def test_a_selector_looks_into_the_state_of_all_local_groups(local: Path) -> None:
    answer = run("status", "-l", "jobgroup=here", "--state", str(local), "-o", "name")
    assert answer.out == "job.batch/good\njob.batch/bad\n"


def test_an_unknown_local_group_is_an_error_that_lists_those_there_are(local: Path) -> None:
    answer = run("status", "--group", "nope", "--state", str(local))
    assert answer.code == 2
    assert "no group nope in" in answer.err
    assert "known groups: here" in answer.err


def test_without_a_cluster_a_local_group_of_that_name_is_hinted_at(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPANDER_STATE", str(local))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    answer = run("status", "--group", "here")
    assert answer.code == 2
    assert "a group here has run on this machine: --local means that one" in answer.err
    assert run("status", "--group", "here", "--local").code == 0


def test_where_there_is_no_cluster_nobody_is_sent_to_other_namespaces(tmp_path: Path) -> None:
    answer = run("status", "--group", "g", "--kubeconfig", str(tmp_path / "none"))
    named = run("status", "--group", "g", "--context", "none")
    assert (answer.code, named.code) == (2, 2)
    assert "no cluster configured" in answer.err
    assert "namespaces" not in answer.err + named.err


def test_a_group_that_is_only_a_cronjob_yet_says_so(served: Server) -> None:
    spec = job("x", group="dreams")["spec"]
    cron: dict[str, Any] = {"metadata": {"name": "nightly", "labels": {"jobgroup": "dreams"}}}
    cron |= {"spec": {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": spec}}}
    assert served.request("POST", "/apis/batch/v1/namespaces/default/cronjobs", cron).code == 201
    answer = follow(served, "status", "--group", "dreams")
    assert answer.code == 2
    assert "hint: CronJob nightly has not created one yet" in answer.err


def test_lines_of_attempts_are_a_table_for_people(tmp_path: Path) -> None:
    for more, why in ((["-o", "csv"], "-o csv"), (["--watch"], "--watch")):
        answer = run("status", "--group", "g", "--state", str(tmp_path), "--attempts", *more)
        assert (answer.code, answer.err) == (2, f"error: --attempts cannot be used with {why}\n")


def test_watch_names_the_item_and_tells_in_columns_what_waits_for_room(tmp_path: Path) -> None:
    room = {"resources": {"requests": {"cpu": "1"}}}
    jobs = [job(f"j{number}", "sleep 1000", container=room) for number in range(3)]
    for number, each in enumerate(jobs):
        each["metadata"]["annotations"] = {"expander/item": f"item-{number}"}
    where = "--group", "g", "--state", str(tmp_path)
    with Executor(tmp_path / "g", runtime="process", cpus=1) as executor:
        executor.submit(jobs)
        while run("status", *where, "-o", "csv").out.count("WaitsForRoom") < 2:
            executor.step(0.05)
        with at_work("status", *where, "--watch") as process:
            lines = [line.split()[1:] for line in lines_until(process, "j2").splitlines()]
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)
        picture = run("status", *where, "-o", "wide").out
    assert lines == [
        ["JOB", "ITEM", "STATE", "REASON"],
        ["j0", "item-0", "Active"],
        ["j1", "item-1", "Pending", "WaitsForRoom"],
        ["j2", "item-2", "Pending", "WaitsForRoom"],
    ]
    assert picture.count("Insufficient cpu") == 2
    assert "preemption" not in picture


def test_status_tells_which_volume_a_pod_waits_for_while_a_run_is_at_work(tmp_path: Path) -> None:
    volume = "volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], containers:"
    text = LOCAL.partition("---")[0].replace("containers:", volume)
    (tmp_path / "job.yaml").write_text(text)
    where = ["--state", str(tmp_path / "state")]
    with at_work("run", str(tmp_path / "job.yaml"), *where, "--runtime", "process") as process:
        assert process.stderr is not None
        while "FailedMount" not in (line := process.stderr.readline()):
            assert line, "it has ended"
        told = run("status", "--group", "here", *where)
        assert "Pending" in told.out
        assert 'FailedMount: MountVolume.SetUp failed for volume "d"' in told.out
        wide = run("status", "--group", "here", *where, "-o", "wide").out
        assert 'persistentvolumeclaim "data" not found' in wide
