"""expander suspend and resume: Jobs, Volcano Jobs and JobSets of a cluster, and runs on this machine."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import expander
from expander.base.errors import StatusError, UsageError
from expander.group.suspension.cluster import ClusterSuspension
from tests.cli.cluster import cluster, objects, size, until
from tests.cli.groups import at_work, create, follow, job, lines_until
from tests.cli.program import Answer, run
from tests.local.apiserver.serving import Server

JOBS = "/apis/batch/v1/namespaces/default/jobs"
VOLCANO_JOBS = "/apis/batch.volcano.sh/v1alpha1/namespaces/default/jobs"
COMMANDS = "/apis/bus.volcano.sh/v1alpha1/namespaces/default/commands"
JOBSETS = "/apis/jobset.x-k8s.io/v1alpha2/namespaces/default/jobsets"
JOBSET_CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: jobsets.jobset.x-k8s.io}
spec:
  group: jobset.x-k8s.io
  names: {kind: JobSet, listKind: JobSetList, plural: jobsets, singular: jobset}
  scope: Namespaced
  versions:
  - name: v1alpha2
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
TEMPLATE = """
apiVersion: batch/v1
kind: Job
metadata: {name: long-$ITEM}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: busybox, command: [sh, -c, "test -e GATE || { echo begun $ITEM; sleep 600; }"]}
"""
VOLCANO = """
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: vol-$ITEM}
spec:
  tasks:
  - name: work
    replicas: 1
    template:
      spec:
        restartPolicy: Never
        containers:
        - {name: main, image: busybox, command: [sh, -c, "test -e GATE || { echo begun $ITEM; sleep 600; }"]}
"""


def volcano_job(name: str, script: str, group: str = "g") -> dict[str, Any]:
    labels = {"labels": {"jobgroup": group}}
    main = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
    template = {"metadata": labels, "spec": {"restartPolicy": "Never", "containers": [main]}}
    return {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": name, **labels},
        "spec": {"tasks": [{"name": "work", "replicas": 1, "template": template}]},
    }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("suspend")
    (folder / "jobset.yaml").write_text(JOBSET_CRD)
    with cluster(folder, "--crds", str(folder / "jobset.yaml")) as server:
        yield server


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def states(answer: Answer) -> dict[str, str]:
    """The outcome of each Job of an answer in JSON."""
    return {line["name"]: line["outcome"] for line in map(json.loads, answer.out.splitlines()[:-1])}


def shown(server: Server, group: str) -> dict[str, tuple[str, str]]:
    """State and reason of each Job, as `status` shows them."""
    answer = follow(server, "status", "--group", group, "-o", "csv")
    rows = [line.split(",") for line in answer.out.splitlines()[1:]]
    return {row[2]: (row[4], row[5]) for row in rows}


def runs(server: Server, *names: str) -> bool:
    """Whether these Jobs and Volcano Jobs have running pods."""
    found = [*objects(server, JOBS), *objects(server, VOLCANO_JOBS)]
    counts = {each["metadata"]["name"]: each.get("status") or {} for each in found}
    return all(counts[name].get("ready") or counts[name].get("running") for name in names)


def test_a_mixed_group_is_suspended_and_resumed_whole_and_by_item(served: Server) -> None:
    create(served, job("plain", "sleep 600", group="mix"), job("done", group="mix"))
    for name in ("one", "two"):
        made = volcano_job(name, "sleep 600", "mix")
        assert served.request("POST", VOLCANO_JOBS, made).code == 201
    until(lambda: runs(served, "plain", "one", "two"))
    until(lambda: "completionTime" in served.request("GET", f"{JOBS}/done").json["status"])
    answer = follow(served, "suspend", "--group", "mix")
    assert answer.code == 0, answer.err
    assert sorted(answer.out.split("\n")) == [
        "",
        *("job.batch.volcano.sh/one suspended", "job.batch.volcano.sh/two suspended"),
        "job.batch/plain suspended",
    ]
    assert answer.err.endswith("4 Jobs: 3 suspended, 1 unchanged\n")
    assert shown(served, "mix") == {
        "done": ("Complete", ""),
        "plain": ("Suspended", "JobSuspended"),
        "one": ("Suspended", "Aborted"),
        "two": ("Suspended", "Aborted"),
    }
    again = follow(served, "suspend", "--group", "mix", "-o", "json")
    assert set(states(again).values()) == {"unchanged"}
    one = follow(served, "resume", "--group", "mix", "one")
    assert (one.code, one.out) == (0, "job.batch.volcano.sh/one resumed\n")
    until(lambda: runs(served, "one"))
    assert not runs(served, "two")
    rest = follow(served, "resume", "--group", "mix", "-o", "json")
    assert states(rest) == {"done": "unchanged", "one": "unchanged", "plain": "resumed", "two": "resumed"}
    until(lambda: runs(served, "plain", "one", "two"))
    assert objects(served, COMMANDS) == []


def test_nothing_is_done_for_a_dry_run_or_a_wrong_name(served: Server) -> None:
    create(served, job("calm", "sleep 600", group="dry"))
    dry = follow(served, "suspend", "--group", "dry", "--dry-run")
    assert (dry.code, dry.out) == (0, "job.batch/calm would be suspended\n")
    assert dry.err == "1 Job: 1 would be suspended\n"
    wrong = follow(served, "suspend", "--group", "dry", "clam")
    assert wrong.code == 2
    assert "no item or Job 'clam' in the group\n  hint: did you mean calm?" in wrong.err
    assert served.request("GET", f"{JOBS}/calm").json["spec"]["suspend"] is False
    assert follow(served, "suspend", "--group", "nobody").code == 2


def test_a_jobset_is_one_job_of_the_group_and_its_jobs_are_parts(served: Server) -> None:
    part = {"name": "w", "replicas": 2, "template": {"spec": {"template": {"spec": {}}}}}
    labels = {"jobgroup": "set"}
    made: dict[str, Any] = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet"}
    made |= {"metadata": {"name": "s", "labels": labels}, "spec": {"replicatedJobs": [part]}}
    there = served.request("POST", JOBSETS, made).json
    assert shown(served, "set") == {"s": ("Pending", "NoController")}
    assert "`expander serve` has none" in follow(served, "status", "--group", "set").out
    owner = {"apiVersion": made["apiVersion"], "kind": "JobSet", "name": "s", "controller": True}
    owner["uid"] = there["metadata"]["uid"]
    for number in range(2):
        child = job(f"s-w-{number}", f"echo part {number}", group="set")
        own = {"jobset-name": "s", "jobset-uid": owner["uid"], "replicatedjob-name": "w"}
        own |= {"job-index": str(number)}
        for metadata in (child["metadata"], child["spec"]["template"]["metadata"]):
            metadata["labels"] |= {f"jobset.sigs.k8s.io/{name}": value for name, value in own.items()}
        child["metadata"]["ownerReferences"] = [owner]
        create(served, child)
    until(lambda: len(follow(served, "logs", "--group", "set").out.splitlines()) == 2)
    assert follow(served, "logs", "--group", "set").out == "[s/0] part 0\n[s/1] part 1\n"
    at = there["metadata"]["creationTimestamp"]
    ended = {"type": "Completed", "status": "True", "lastTransitionTime": at}
    counts = [{"name": "w", "succeeded": 2}]
    there["status"] = {"conditions": [ended], "replicatedJobsStatus": counts, "restarts": 0}
    del there["metadata"]["resourceVersion"]
    assert served.request("PUT", f"{JOBSETS}/s/status", there).code == 200
    waited = follow(served, "wait", "--group", "set")
    assert (waited.code, waited.out.partition(" (")[0].strip()) == (0, "jobset.jobset.x-k8s.io/s complete")
    rows = json.loads(follow(served, "results", "--group", "set", "-o", "json").out)
    assert [(row["name"], row["index"], row["task"], row["state"]) for row in rows] == [
        ("s", 0, "w", "Complete"),
        ("s", 1, "w", "Complete"),
    ]
    children = ("status", "-l", "jobset.sigs.k8s.io/jobset-name=s", "-o", "name")
    assert follow(served, *children).out.split() == ["job.batch/s-w-0", "job.batch/s-w-1"]
    gone = follow(served, "cleanup", "--group", "set", "--yes")
    assert "jobsets.jobset.x-k8s.io,job,pod" in gone.err
    assert gone.err.endswith("1 Job deleted with its pods\n")
    assert objects(served, JOBSETS) == []


def test_what_no_controller_obeys_is_told_when_the_time_is_up(served: Server) -> None:
    made = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "spec": {"replicatedJobs": []}}
    made["metadata"] = {"name": "idle", "labels": {"jobgroup": "idle"}}
    served.request("POST", JOBSETS, made)
    answer = follow(served, "suspend", "--group", "idle", "--timeout", "0.3s")
    assert answer.code == 1
    assert answer.err.endswith("error: 1 Job not suspended yet: expander status shows why\n")
    assert shown(served, "idle") == {"idle": ("Suspended", "NoController")}
    assert served.request("GET", f"{JOBSETS}/idle").json["spec"]["suspend"] is True
    assert follow(served, "resume", "--group", "idle", "--no-wait").code == 0


def test_what_is_refused_is_not_waited_for(served: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise StatusError(422, "admission webhook denied the request")

    monkeypatch.setattr(ClusterSuspension, "_patch", refused)
    create(served, job("kept", "sleep 600", group="kept"))
    [found] = expander.suspend("kept", kubeconfig=served.kubeconfig, timeout=0.3)
    assert (found.outcome, found.message) == ("failed", "admission webhook denied the request")


def test_every_job_is_suspended_through_refusals_and_lost_answers(tmp_path: Path) -> None:
    count = size("SUSPENDED_JOBS", 12)
    with cluster(tmp_path, "--inject", "500=0.1,reset=0.1,lost=0.1") as server:
        made = [job(f"j-{number}", "sleep 600", group="storm") for number in range(count)]
        made += [volcano_job(f"v-{number}", "sleep 600", "storm") for number in range(count // 4)]
        for each in made:
            path = VOLCANO_JOBS if "volcano" in each["apiVersion"] else JOBS
            until(lambda path=path, each=each: _posted(server, path, each))  # type: ignore[misc]
        answer = follow(server, "suspend", "--group", "storm", "-o", "json", "--no-wait")
        assert answer.code == 0, answer.err
        assert set(states(answer).values()) == {"suspended"}
        assert len(states(answer)) == len(made)
        until(lambda: {state for state, _ in shown(server, "storm").values()} == {"Suspended"})


def _posted(server: Server, path: str, obj: dict[str, Any]) -> bool:
    try:
        return server.request("POST", path, obj).code in (201, 409)
    except OSError:
        return False


def test_a_run_at_work_ends_the_pods_of_what_is_suspended_and_goes_on_with_what_is_resumed(
    tmp_path: Path,
) -> None:
    gate = tmp_path / "gate"
    (tmp_path / "long.yaml").write_text(f"{TEMPLATE}---{VOLCANO}".replace("GATE", str(gate)))
    flags = ("--group", "long", "--local")
    with at_work("run", str(tmp_path / "long.yaml"), "a", "--runtime", "process") as process:
        lines_until(process, "begun")
        answer = run("suspend", *flags)
        assert answer.code == 0, answer.err
        assert sorted(answer.out.splitlines()) == [
            "job.batch.volcano.sh/vol-a suspended",
            "job.batch/long-a suspended",
        ]
        assert run("status", *flags, "-o", "csv").out.count(",Suspended,") == 2
        gate.touch()
        assert run("resume", *flags, "long-a").out == "job.batch/long-a resumed\n"
        until(lambda: ",Complete," in run("status", *flags, "-o", "csv").out)
        assert process.poll() is None
        assert run("resume", *flags).out == "job.batch.volcano.sh/vol-a resumed\n"
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "2 Jobs suspended; `expander resume` lets them go on" in err
    assert "2 complete, 0 failed\n" in err
    assert "failed attempt" not in err


def test_a_group_that_no_run_works_on_is_suspended_for_the_next_one(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    (tmp_path / "long.yaml").write_text(f"{TEMPLATE}---{VOLCANO}".replace("GATE", str(gate)))
    command = ("run", str(tmp_path / "long.yaml"), "a", "--runtime", "process")
    flags = ("--group", "long", "--local")
    with at_work(*command) as process:
        lines_until(process, "begun")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert run("suspend", *flags).code == 0
    assert run("status", *flags, "-o", "csv").out.count(",Suspended,") == 2
    gate.touch()
    again = run(*command)
    assert again.err.endswith("2 Jobs suspended; `expander resume` lets them go on\n")
    assert run("resume", *flags).code == 0
    assert "2 complete, 0 failed" in run(*command).err


def test_a_request_that_cannot_be_read_is_dropped(tmp_path: Path, state: Path) -> None:
    (tmp_path / "long.yaml").write_text(TEMPLATE.replace("GATE", str(tmp_path / "gate")))
    with at_work("run", str(tmp_path / "long.yaml"), "a", "--runtime", "process") as process:
        lines_until(process, "begun")
        box = state / "long" / "requests"
        box.mkdir(mode=0o700)
        for name, text in (("a.json", "{"), ("b.json", '{"suspend": true}'), ("c.json", "[]")):
            (box / name).write_text(text)
        until(lambda: os.listdir(box) == [])
        assert run("status", "--group", "long", "--local", "-o", "csv").out.count(",Active,") == 1


def test_python_suspends_and_resumes_and_a_served_state_is_refused(served: Server, tmp_path: Path) -> None:
    create(served, job("py", "sleep 600", group="python"))
    where: Any = {"kubeconfig": served.kubeconfig}
    (done,) = expander.suspend("python", **where)
    assert (done.title, done.name, done.outcome) == ("job.batch", "py", "suspended")
    told: list[expander.SuspensionOutcome] = []
    assert expander.resume("python", ["py"], on_outcome=told.append, **where) == told
    assert [each.outcome for each in told] == ["resumed"]
    folder = json.loads(next(Path(served.kubeconfig).parent.rglob("server.json")).read_text())
    home = next(Path(served.kubeconfig).parent.rglob("server.json")).parent
    with pytest.raises(UsageError, match="a server of `expander serve` works in") as error:
        expander.suspend("python", state=home)
    assert folder["kubeconfig"] in (error.value.problems[0].hint or "")
