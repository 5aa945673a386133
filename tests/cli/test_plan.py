"""``expander plan``: without a cluster, and against ``expander serve``."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from expander.cli.plan import command
from expander.cli.submit import command as submit_command
from tests.cli.cluster import cluster
from tests.cli.program import Answer, run

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: item-$ITEM, labels: {jobgroup: load}}
spec:
  suspend: true
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: busybox, command: ["true"], resources: {requests: {cpu: 100m}}}
"""

LIMITS = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: few}
spec: {hard: {count/jobs.batch: "5", requests.cpu: "300m"}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: small}
spec: {limits: [{type: Container, defaultRequest: {memory: 10Mi}}]}
"""


def template(folder: Path) -> str:
    path = folder / "job.yaml"
    path.write_text(TEMPLATE)
    return str(path)


def limits(folder: Path) -> str:
    path = folder / "limits.yaml"
    path.write_text(LIMITS)
    return str(path)


def plan(*arguments: str, stdin: str = "") -> Answer:
    return run("plan", *arguments, stdin=stdin)


def found(answer: Answer) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(answer.out)
    return data


def test_a_report_has_the_first_names_and_the_figures(tmp_path: Path) -> None:
    answer = plan(template(tmp_path), "-i", "0-199", "--offline", "--qps", "50", "--burst", "100")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[:2] == ["job.batch/item-0", "job.batch/item-1"]
    assert lines[10] == "... and 190 more"
    report = answer.out
    assert re.search(r"objects +200 Jobs\n", report)
    assert re.search(
        r"pods +200 at a time, 200 in total; 200 Jobs suspended until Kueue admits them\n", report
    )
    assert re.search(r"requests +cpu 20 at a time\n", report)
    assert re.search(r"sending +\d+ requests, 2 s at 50/s \(--qps\)\n", report)
    assert "unknown quotas and limit ranges: no cluster contacted (offline)" in report
    assert answer.err == ""


def test_names_are_all_printed_as_kubectl_does(tmp_path: Path) -> None:
    answer = plan(template(tmp_path), "a", "b", "--offline", "-o", "name")
    assert answer.out == "job.batch/item-a\njob.batch/item-b\n"


def test_json_is_one_object_with_all_names(tmp_path: Path) -> None:
    answer = found(plan(template(tmp_path), "-i", "0-19", "--offline", "-o", "json"))
    assert answer["names"] == [f"job.batch/item-{number}" for number in range(20)]
    assert answer["objects"] == {"Job": 20}
    assert answer["resources"]["inAll"] == {"requests.cpu": "2"}
    nothing = found(plan("-", "--offline", "-o", "json"))
    assert (nothing["names"], nothing["objects"]) == ([], {})


def test_manifests_are_planned_as_well_as_templates(tmp_path: Path) -> None:
    expanded = run("expand", template(tmp_path), "a", "b", "-o", "json")
    answer = found(plan("-", "--offline", "-o", "json", stdin=expanded.out))
    assert answer["names"] == ["job.batch/item-a", "job.batch/item-b"]
    assert (
        answer["etcdBytes"]
        == found(plan(template(tmp_path), "a", "b", "--offline", "-o", "json"))["etcdBytes"]
    )


def test_items_that_cannot_be_sent_are_reported_and_the_others_planned(tmp_path: Path) -> None:
    path = tmp_path / "counted.yaml"
    path.write_text(TEMPLATE.replace("suspend: true", "parallelism: $ITEM"))
    answer = plan(str(path), "1", "x", "3", "--offline", "-o", "json")
    assert answer.code == 1
    assert "item 2 'x'" in answer.err
    assert (found(answer)["failed"], found(answer)["objects"]) == (1, {"Job": 2})


def test_files_stand_in_for_a_cluster(tmp_path: Path) -> None:
    answer = plan(template(tmp_path), "-i", "0-9", "--quota", limits(tmp_path))
    assert "quota few in default: room for 5 of 10 Jobs now (count/jobs.batch: 0 of 5 used)" in answer.out
    assert "room for 3 of 10 pods now (requests.cpu: 0 of 300m used)" in answer.out
    assert "get defaults: memory request for container c" in answer.out


def test_wrong_usage_and_a_file_without_limits_end_with_2(tmp_path: Path) -> None:
    assert plan(template(tmp_path), "a", "--offline", "--burst", "3").code == 2
    wrong = plan(template(tmp_path), "a", "--quota", template(tmp_path))
    assert wrong.code == 2
    assert "no ResourceQuota or LimitRange" in wrong.err
    named = plan(template(tmp_path), "a", "--kubeconfig", str(tmp_path / "none"))
    assert (named.code, named.out) == (2, "")


def test_every_option_of_submit_is_taken_and_those_without_meaning_are_hidden() -> None:
    mine = {param.name: param for param in command.params}
    theirs = {param.name for param in submit_command.params}
    assert theirs <= mine.keys()
    hidden = {name for name, param in mine.items() if getattr(param, "hidden", False)}
    assert {"resume", "retry_budget", "on_exists", "state", "dry_run"} <= hidden
    assert hidden.isdisjoint({"qps", "max_active", "sources", "ttl", "shape", "quotas", "offline"})
    assert not any(getattr(param, "hidden", False) for param in submit_command.params)


def test_a_cluster_is_asked_and_nothing_sent(tmp_path: Path, kubectl: str) -> None:
    with cluster(tmp_path) as server:
        config = str(server.kubeconfig)
        create = [kubectl, "--kubeconfig", config, "create", "-f", limits(tmp_path)]
        subprocess.run(create, check=True, capture_output=True)
        answer = plan(template(tmp_path), "-i", "0-9", "--kubeconfig", config, "-o", "json")
        assert answer.code == 0, answer.err
        assert found(answer)["asked"] == "cluster"
        rooms = {room["resource"]: (room["fits"], room["of"]) for room in found(answer)["quotas"]}
        assert rooms == {"count/jobs.batch": (5, 10), "requests.cpu": (3, 10)}
        nowhere = plan(template(tmp_path), "a", "--kubeconfig", config, "-n", "nowhere")
        assert "namespace 'nowhere' not found" in nowhere.out
        listed = subprocess.run(
            [kubectl, "--kubeconfig", config, "get", "jobs", "-o", "name"], capture_output=True, check=True
        )
        assert listed.stdout == b""


def test_the_bytes_are_those_that_a_server_keeps(tmp_path: Path, kubectl: str) -> None:
    others = tmp_path / "others.yaml"
    others.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {a: ümläut}\n---\n"
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n---\n"
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: cj}\nspec:\n  schedule: '1 1 1 1 1'\n"
        "  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, "
        "command: [x]}]}}}}\n"
    )
    with cluster(tmp_path) as server:
        config = str(server.kubeconfig)
        options = ["--kubeconfig", config, "--state", str(tmp_path / "journals")]
        shown = ["-o", "json", "--show-managed-fields"]
        for arguments in ([template(tmp_path), "a", "bbb"], [str(others)]):
            expected = found(plan(*arguments, "--offline", "-o", "json"))
            assert run("submit", *arguments, *options).code == 0
            kept = subprocess.run(
                [kubectl, "--kubeconfig", config, "get", *expected["names"], *shown],
                capture_output=True,
                check=True,
            )
            items = json.loads(kept.stdout)["items"]
            assert sum(map(size, items)) == expected["etcdBytes"]


def size(obj: dict[str, Any]) -> int:
    """The bytes of a new object in etcd: without its resourceVersion, which is etcd's own, and a status."""
    del obj["metadata"]["resourceVersion"]
    obj["metadata"]["managedFields"] = obj["metadata"]["managedFields"][:1]
    if "status" in obj:
        obj["status"] = {}
    return len(json.dumps(obj, ensure_ascii=False, separators=(",", ":")).encode())


def test_submit_says_before_it_begins_what_fits(tmp_path: Path, kubectl: str) -> None:
    with cluster(tmp_path) as server:
        config = str(server.kubeconfig)
        options = ["--kubeconfig", config, "--state", str(tmp_path / "journals"), "--on-quota", "fail"]
        before = run("submit", template(tmp_path), "first", *options)
        assert "quota" not in before.err
        create = [kubectl, "--kubeconfig", config, "create", "-f", limits(tmp_path)]
        subprocess.run(create, check=True, capture_output=True)
        answer = run("submit", template(tmp_path), "-i", "0-9", *options)
        assert answer.code == 1
        first = answer.err.splitlines()[0]
        assert re.match(
            r"quota few in default: room for \d of \d+( or more)? Jobs now \(count/jobs.batch: ", first
        )
        assert "the rest fails (--on-quota)" in first
