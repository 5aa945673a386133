"""What of an object that exists may change."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from expander.kube.versions import Release
from expander.local.registry import RELEASE, prepare_job_for_create
from expander.validate.defaults.defaults import defaults
from expander.validate.updates import check_update

POD: dict[str, Any] = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}
INDEXED: dict[str, Any] = {"completionMode": "Indexed", "completions": 3, "parallelism": 3}


def job(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A Job as the server holds it."""
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}}
    return {**held({**manifest, "spec": {"template": {"spec": POD}, **spec}}), "status": status or {}}


def held(manifest: dict[str, Any]) -> dict[str, Any]:
    created = prepare_job_for_create(manifest, "u-1")
    created["metadata"]["uid"] = "u-1"
    return created


def changed(old: dict[str, Any], *path: str | int, to: Any) -> dict[str, Any]:
    new = copy.deepcopy(old)
    place: Any = new
    for step in path[:-1]:
        place = place[step] if isinstance(step, int) else place.setdefault(step, {})
    place[path[-1]] = to
    return new


def paths(new: dict[str, Any], old: dict[str, Any], release: Release = RELEASE) -> list[str]:
    return [finding.path for finding in check_update(new, old, release)]


def test_an_object_may_replace_itself() -> None:
    assert check_update(job(), job(), RELEASE) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parallelism", 2),
        ("suspend", True),
        ("activeDeadlineSeconds", 5),
        ("backoffLimit", 0),
        ("ttlSecondsAfterFinished", 0),
        ("podReplacementPolicy", "Failed"),
    ],
)
def test_what_a_job_may_change_while_it_runs(field: str, value: Any) -> None:
    assert paths(changed(job(), "spec", field, to=value), job()) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("completions", 9),
        ("managedBy", "acme.io/queue"),
        ("podFailurePolicy", {"rules": [{"action": "Count", "onPodConditions": [{"type": "a"}]}]}),
    ],
)
def test_what_a_job_may_not_change(field: str, value: Any) -> None:
    old = job(podReplacementPolicy="Failed")
    found = check_update(changed(old, "spec", field, to=value), old, RELEASE)
    assert [finding.path for finding in found] == [f"spec.{field}"]
    assert found[0].message.endswith("field is immutable")


def test_how_a_job_counts_its_completions_is_fixed() -> None:
    old = job(**INDEXED, backoffLimitPerIndex=1)
    assert paths(changed(old, "spec", "backoffLimitPerIndex", to=2), old) == ["spec.backoffLimitPerIndex"]
    assert paths(changed(old, "spec", "maxFailedIndexes", to=1), old) == []
    assert paths(changed(job(completions=3), "spec", "completionMode", to="Indexed"), job(completions=3)) == [
        "spec.completionMode"
    ]
    policy = {"rules": [{"succeededCount": 1}]}
    assert paths(changed(old, "spec", "successPolicy", to=policy), old) == ["spec.successPolicy"]


def test_an_indexed_job_grows_and_shrinks_with_its_parallelism() -> None:
    old = job(**INDEXED)
    assert paths(changed(changed(old, "spec", "completions", to=5), "spec", "parallelism", to=5), old) == []
    found = check_update(changed(old, "spec", "completions", to=5), old, RELEASE)
    assert [(finding.path, finding.message) for finding in found] == [
        ("spec.completions", "Invalid value: 5: can only be modified in tandem with spec.parallelism")
    ]


def test_the_selector_is_fixed_and_cannot_be_left_out() -> None:
    new = job()
    del new["spec"]["selector"]
    assert paths(new, job()) == ["spec.selector", "spec.template.metadata.labels", "spec.selector"]


@pytest.mark.parametrize(
    "path",
    [
        ("spec", "template", "spec", "nodeSelector", "zone"),
        ("spec", "template", "metadata", "labels", "queue"),
        ("spec", "template", "metadata", "annotations", "note"),
        ("spec", "template", "spec", "containers", 0, "resources", "requests"),
    ],
)
@pytest.mark.parametrize(
    ("status", "suspended", "free"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"startTime": "t"}, True, False),
        ({"startTime": "t", "conditions": [{"type": "Suspended", "status": "True"}]}, True, True),
        (
            {"startTime": "t", "active": 1, "conditions": [{"type": "Suspended", "status": "True"}]},
            True,
            False,
        ),
    ],
)
def test_where_pods_go_is_free_while_a_suspended_job_has_none(
    path: tuple[str | int, ...], status: dict[str, Any], suspended: bool, free: bool
) -> None:
    old = job(status, suspend=suspended)
    value: Any = {"cpu": "1"} if path[-1] == "requests" else "x"
    assert paths(changed(old, *path, to=value), old) == ([] if free else ["spec.template"])


def test_a_job_that_ran_is_placed_anew_from_1_36_on() -> None:
    stopped = {"startTime": "t", "conditions": [{"type": "Suspended", "status": "True"}]}
    placed = ("spec", "template", "spec", "nodeSelector", "zone")
    for status, minor, refused in ((stopped, 35, ["spec.template"]), (stopped, 36, []), ({}, 35, [])):
        old = job(status, suspend=True)
        assert paths(changed(old, *placed, to="x"), old, Release(1, minor)) == refused


def test_a_suspended_job_gets_other_resources_from_1_36_on() -> None:
    old = job(suspend=True)
    requests = ("spec", "template", "spec", "containers", 0, "resources", "requests")
    assert paths(changed(old, *requests, to={"cpu": "1"}), old, Release(1, 35)) == ["spec.template.spec"]
    assert paths(changed(old, *requests, to={"cpu": "1"}), old, Release(1, 36)) == []


def test_what_pods_run_is_fixed_even_then() -> None:
    old = job(suspend=True)
    image = ("spec", "template", "spec", "containers", 0, "image")
    assert paths(changed(old, *image, to="other"), old) == ["spec.template.spec"]
    assert paths(changed(old, "spec", "template", "metadata", "name", to="x"), old) == ["spec.template"]


def test_of_the_affinity_only_that_to_nodes_is_free() -> None:
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}
    between = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    expression = {"key": "zone", "operator": "In", "values": ["a"]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    to_nodes = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    path = ("spec", "template", "spec", "affinity")
    plain = job(suspend=True)
    placed = changed(plain, *path, to={"nodeAffinity": to_nodes})
    apart = changed(plain, *path, to={"podAntiAffinity": between})
    both = changed(plain, *path, to={"nodeAffinity": to_nodes, "podAntiAffinity": between})
    assert paths(placed, plain) == paths(plain, placed) == paths(both, apart) == []
    assert paths(apart, plain) == paths(plain, both) == ["spec.template.spec"]


def test_an_empty_list_is_as_good_as_none() -> None:
    assert paths(changed(job(), "spec", "template", "spec", "volumes", to=[]), job()) == []


def test_metadata_that_says_which_object_it_is_cannot_change() -> None:
    for field in ("name", "namespace", "uid"):
        assert f"metadata.{field}" in paths(changed(job(), "metadata", field, to="b"), job())


def test_an_object_being_deleted_gets_no_new_finalizers() -> None:
    old = changed(job(), "metadata", "deletionTimestamp", to="2026-01-01T00:00:00Z")
    new = changed(old, "metadata", "finalizers", to=["example.com/b", "example.com/a"])
    assert [finding.message for finding in check_update(new, old, RELEASE)] == [
        "Forbidden: no new finalizers can be added if the object is being deleted, "
        'found new finalizers []string{"example.com/a", "example.com/b"}'
    ]
    assert check_update(changed(job(), "metadata", "finalizers", to=["example.com/a"]), job(), RELEASE) == []


def test_a_generation_does_not_go_back() -> None:
    old = changed(job(), "metadata", "generation", to=5)
    assert paths(changed(old, "metadata", "generation", to=4), old) == ["metadata.generation"]


def test_the_rules_of_the_kind_hold_for_updates_too() -> None:
    assert paths(changed(job(), "spec", "parallelism", to=-1), job()) == ["spec.parallelism"]


def core(kind: str, **fields: Any) -> dict[str, Any]:
    return defaults({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, **fields})


def test_a_sealed_config_map_stays_as_it_is() -> None:
    old = core("ConfigMap", data={"a": "b"}, immutable=True)
    assert check_update(old, old, RELEASE) == []
    assert paths(core("ConfigMap", data={"a": "c"}), old) == ["immutable", "data"]
    assert paths(core("ConfigMap", data={"a": "c"}), core("ConfigMap", data={"a": "b"})) == []


def test_a_secret_keeps_its_type() -> None:
    assert paths(core("Secret", type="example.com/x"), core("Secret")) == ["type"]
    sealed = core("Secret", immutable=True)
    assert paths({**sealed, "stringData": {"a": "b"}}, sealed) == ["data"]


def test_a_quota_keeps_its_scopes_and_a_service_its_address() -> None:
    assert paths(core("ResourceQuota", spec={"scopes": ["Terminating"]}), core("ResourceQuota")) == [
        "spec.scopes"
    ]
    ports = [{"port": 1}]
    old = core("Service", spec={"ports": ports, "clusterIP": "10.0.0.1"})
    assert paths(core("Service", spec={"ports": ports, "clusterIP": "10.0.0.2"}), old) == [
        "spec.clusterIPs[0]"
    ]
    assert paths(core("Service", spec={"ports": ports}), old) == []


def test_of_a_pod_only_a_few_fields_change() -> None:
    old = core("Pod", spec=POD)
    new = core("Pod", spec={**POD, "containers": [{"name": "c", "image": "busybox:2"}]})
    new["spec"]["containers"][0]["imagePullPolicy"] = old["spec"]["containers"][0]["imagePullPolicy"]
    assert paths(new, old) == []
    assert paths(changed(old, "spec", "nodeName", to="n"), old) == ["spec"]


def test_a_cron_job_may_change_its_schedule_and_its_job() -> None:
    spec = {"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": {"spec": POD}}}}
    named = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a" * 60}}
    old = defaults({**named, "spec": spec})
    assert paths(changed(old, "spec", "schedule", to="@daily"), old) == []
    assert paths(changed(old, "spec", "schedule", to="daily"), old) == ["spec.schedule"]


def test_recorded_replacements_are_refused_in_the_servers_words(reference: Path) -> None:
    compared = 0
    for new, old, answer in replaced(reference):
        causes = answer["details"]["causes"]
        said = [(cause["field"], cause["reason"], cause["message"]) for cause in causes]
        found = [
            (finding.path, str(finding.reason), finding.message)
            for finding in check_update(new, old, RELEASE)
        ]
        assert found == list(dict.fromkeys(said))
        compared += 1
    assert compared >= 3


def test_recorded_changes_of_running_jobs_are_accepted(reference: Path) -> None:
    accepted = 0
    for file in sorted((reference / "jobs").glob("*.json")):
        recorded = json.loads(file.read_text())
        for action in recorded["actions"]:
            if action["do"].startswith("patch:"):
                old = held(recorded["manifest"])
                patch = json.loads(action["do"].removeprefix("patch:"))
                assert check_update(merged(old, patch), old, RELEASE) == [], file.name
                accepted += 1
    assert accepted >= 3


def replaced(reference: Path) -> Iterator[tuple[Any, Any, Any]]:
    """The new object, the old one and the answer, for every replacement that was refused."""
    responses = json.loads((reference / "http-responses.json").read_text())
    old = json.loads(responses["get-200"]["body"])
    new = changed(old, "spec", "completions", to=9)
    yield new, old, json.loads(responses["immutable-422"]["body"])
    seen: dict[str, Any] = {}
    for run in json.loads((reference / "kubectl" / "apply.json").read_text()):
        for exchange in run["http"]:
            path = exchange["path"].partition("?")[0]
            if exchange["method"] == "GET" and exchange["status"] == 200 and "/jobs/" in path:
                seen[path] = json.loads(exchange["response"])
            elif exchange["status"] == 422:
                body = json.loads(exchange["body"])
                new = merged(seen[path], body) if exchange["method"] == "PATCH" else defaults(body)
                yield new, seen[path], json.loads(exchange["response"])


def merged(old: Any, patch: Any) -> Any:
    """``old`` after a JSON merge patch."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for field, value in patch.items():
        if value is None:
            result.pop(field, None)
        else:
            result[field] = merged(result.get(field), value)
    return result


CLAIM: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "c", "uid": "u-2"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "3Gi"}},
        "volumeMode": "Filesystem",
        "volumeName": "v",
    },
    "status": {"phase": "Bound", "capacity": {"storage": "2Gi"}},
}


@pytest.mark.parametrize(
    ("path", "value", "refused"),
    [
        (("spec", "resources", "requests", "storage"), "4Gi", []),
        (("spec", "resources", "requests", "storage"), "2500Mi", []),
        (("spec", "resources", "requests", "storage"), "2Gi", ["spec.resources.requests.storage"]),
        (("spec", "storageClassName"), "fast", []),
        (("spec", "accessModes"), ["ReadWriteMany"], ["spec"]),
        (("spec", "volumeName"), "other", ["spec"]),
    ],
)
def test_a_bound_claim_may_ask_for_more_and_for_nothing_else(
    path: Any, value: Any, refused: list[str]
) -> None:
    assert paths(changed(CLAIM, *path, to=value), CLAIM) == refused
    unbound = {**CLAIM, "status": {"phase": "Pending"}}
    assert ("spec" in paths(changed(unbound, *path, to=value), unbound)) is (path[1] != "storageClassName")
