"""PriorityClasses through a stock kubectl: served, validated, and given to pods by admission."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.local.apiserver.serving import Server

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(kubectl: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs kubectl against a server of its own."""
    home = tmp_path_factory.mktemp("home")
    server = Server(tmp_path_factory.mktemp("served") / "state").start()

    def call(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HOME": str(home), "KUBECONFIG": str(server.kubeconfig)}
        return subprocess.run(
            [kubectl, *arguments], input=stdin, capture_output=True, text=True, env=environment, timeout=120
        )

    yield call
    assert server.stop() == 0


def manifest(name: str, value: object = 1, **fields: object) -> str:
    metadata = {"name": name}
    kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": metadata}
    return json.dumps({**kind, "value": value, **fields})


def pod(name: str, **spec: object) -> str:
    containers = [{"name": "main", "image": "busybox", "command": ["true"]}]
    spec = {"restartPolicy": "Never", "containers": containers, **spec}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def created(run: Run, text: str) -> dict[str, Any]:
    done = run("create", "-f", "-", "-o", "json", stdin=text)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refusal(run: Run, text: str) -> str:
    done = run("create", "-f", "-", stdin=text)
    assert done.returncode == 1, done.stdout
    return done.stderr.strip()


def test_the_two_classes_of_the_system_are_there_from_the_start(run: Run) -> None:
    rows = [line.split() for line in run("get", "pc", "--no-headers").stdout.splitlines()]
    found = {row[0]: (row[1], row[2], row[4]) for row in rows}
    assert found["system-cluster-critical"] == ("2000000000", "false", "PreemptLowerPriority")
    assert found["system-node-critical"] == ("2000001000", "false", "PreemptLowerPriority")


def test_kubectl_creates_lists_describes_and_deletes_a_class(run: Run) -> None:
    made = run("create", "priorityclass", "night", "--value=-10", "--description=for the night")
    assert made.stdout == "priorityclass.scheduling.k8s.io/night created\n", made.stderr
    header, row = run("get", "priorityclasses", "night").stdout.splitlines()
    assert header.split() == ["NAME", "VALUE", "GLOBAL-DEFAULT", "AGE", "PREEMPTIONPOLICY"]
    assert row.split()[:3] == ["night", "-10", "false"]
    told = run("describe", "priorityclass/night").stdout
    facts = dict(line.split(maxsplit=1) for line in told.splitlines())
    assert facts["Value:"] == "-10"
    assert facts["PreemptionPolicy:"] == "PreemptLowerPriority"
    assert facts["Description:"] == "for the night"
    assert "priorityclass" in run("api-resources", "--api-group=scheduling.k8s.io", "-o", "name").stdout
    gone = run("delete", "pc", "night")
    assert gone.stdout == 'priorityclass.scheduling.k8s.io "night" deleted\n'


def test_a_pod_gets_the_priority_of_its_class(run: Run) -> None:
    created(run, manifest("patient", 7, preemptionPolicy="Never"))
    spec = created(run, pod("classed", priorityClassName="patient"))["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (7, "Never")
    critical = created(run, pod("critical", priorityClassName="system-cluster-critical"))["spec"]
    assert critical["priority"] == 2_000_000_000


def test_a_pod_of_an_unknown_class_is_refused_as_the_priority_plugin_does(run: Run) -> None:
    words = 'pods "lost" is forbidden: no PriorityClass with name nothing was found'
    assert refusal(run, pod("lost", priorityClassName="nothing")).endswith(words)


def test_a_pod_may_not_name_another_priority_than_its_class_has(run: Run) -> None:
    told = refusal(run, pod("own", priority=5))
    assert "the integer value of priority (5) must not be provided in pod spec; " in told
    assert told.endswith("priority admission controller computed 0 from the given PriorityClass name")


def test_only_one_class_is_the_default_and_pods_that_name_none_get_it(run: Run) -> None:
    created(run, manifest("usual", 3, globalDefault=True))
    try:
        words = "PriorityClass usual is already marked as default. Only one default can exist"
        assert words in refusal(run, manifest("second", 4, globalDefault=True))
        created(run, manifest("second", 4))
        patched = run("patch", "pc", "second", "-p", '{"globalDefault": true}')
        assert words in patched.stderr
        spec = created(run, pod("plain"))["spec"]
        assert (spec["priorityClassName"], spec["priority"]) == ("usual", 3)
    finally:
        run("delete", "pc", "usual", "second")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            manifest("high", 1_000_000_001),
            "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
        ),
        (
            manifest("system-mine"),
            "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use "
            "only. error: system-mine is not a known system priority class",
        ),
        (
            manifest("system-node-critical", 5),
            "error: value of system-node-critical PriorityClass must be 2000001000",
        ),
        (manifest("Upper"), 'metadata.name: Invalid value: "Upper"'),
        (
            manifest("odd", preemptionPolicy="Sometimes"),
            'preemptionPolicy: Unsupported value: "Sometimes": supported values: "PreemptLowerPriority", "Never"',
        ),
        (
            manifest("text", "high"),
            "cannot unmarshal string into Go struct field PriorityClass.value of type int32",
        ),
        (manifest("typo", valeu=1), 'unknown field "valeu"'),
    ],
)
def test_what_the_api_server_refuses_is_refused_in_its_words(run: Run, text: str, words: str) -> None:
    assert words in refusal(run, text)


def test_value_and_policy_of_a_class_never_change(run: Run) -> None:
    created(run, manifest("fixed", 1))
    raised = run("patch", "pc", "fixed", "-p", '{"value": 2}')
    assert "value: Forbidden: may not be changed in an update." in raised.stderr
    other = run("patch", "pc", "fixed", "-p", '{"preemptionPolicy": "Never"}')
    assert 'preemptionPolicy: Invalid value: "Never": field is immutable' in other.stderr
    assert run("patch", "pc", "fixed", "-p", '{"description": "as before"}').returncode == 0


def test_a_class_of_the_system_cannot_be_deleted(run: Run) -> None:
    done = run("delete", "pc", "system-node-critical")
    assert done.returncode == 1
    assert "this is a system priority class and cannot be deleted" in done.stderr
