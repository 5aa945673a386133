"""The shipped schemas: kinds of every release, and the types of fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from expander.base.data_files import folder
from expander.kube import schemas
from expander.kube.schemas import FieldType, field_names, field_type
from expander.kube.versions import RELEASES, Release

JOBS_COME_WITH = ("ConfigMap", "Secret", "Service", "Pod", "ResourceQuota", "List")


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_every_version_has_jobs_and_what_comes_with_them(release: Release) -> None:
    assert all(
        schemas.root("batch/v1", kind, release) for kind in ("Job", "CronJob", "JobList", "CronJobList")
    )
    assert all(schemas.root("v1", kind, release) for kind in JOBS_COME_WITH)


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_a_built_in_kind_without_a_schema_is_known_by_name(release: Release) -> None:
    assert schemas.kinds(release)["autoscaling/v2"]["HorizontalPodAutoscaler"] is None


def test_every_reference_has_a_definition_and_every_definition_a_use() -> None:
    used = {
        name
        for release in RELEASES
        for kinds in (*schemas.kinds(release).values(), *schemas.custom()["kinds"][str(release)].values())
        for name in kinds.values()
        if name
    }
    pending = list(used)
    while pending:
        for name in references(schemas.definition(pending.pop())):
            if name not in used:
                used.add(name)
                pending.append(name)
    assert used == schemas.definition_names()


def test_versions_share_definitions() -> None:
    of_a_version = [closure(release) for release in RELEASES]
    assert len(schemas.definition_names()) < sum(len(names) for names in of_a_version) / 2


def test_no_prose_is_shipped() -> None:
    assert '"description":"' not in (folder("schemas") / "definitions.jsonl").read_text()


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_the_status_of_a_pod_condition_pattern_may_be_left_out(release: Release) -> None:
    schema = schemas.root("batch/v1", "Job", release)
    for step in ("spec", "podFailurePolicy", "rules", 0, "onPodConditions", 0):
        assert schema is not None
        schema = schemas.child(schema, step)
    assert schema is not None
    assert schema["required"] == ["type"]


def test_the_served_schemas_of_1_36_have_the_same_fields_types_and_enums(reference: Path) -> None:
    served = json.loads((reference / "openapi-v1.36.json").read_text())
    for full, ours in pairs(served):
        theirs = served[full]
        assert set(ours.get("properties", ())) == set(theirs.get("properties", ())), full
        for field, schema in theirs.get("properties", {}).items():
            mine = ours["properties"][field]
            for key in ("enum", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "format"):
                assert mine.get(key) == schema.get(key), f"{full}.{field} {key}"
            if "type" in schema:
                assert mine["type"] == schema["type"], f"{full}.{field}"


def pairs(served: dict[str, Any]) -> list[tuple[str, schemas.Schema]]:
    """Served components with our definition of the same name in 1.36, reached from the same kinds."""
    found: dict[str, schemas.Schema] = {}
    pending = [
        (
            full,
            schemas.root("batch/v1" if ".batch." in full else "v1", full.rsplit(".", 1)[-1], Release(1, 36)),
        )
        for full in served
        if "x-kubernetes-group-version-kind" in served[full]
    ]
    while pending:
        full, ours = pending.pop()
        if ours is None or full in found or not served[full].get("properties"):
            continue
        found[full] = ours
        for field, schema in served[full]["properties"].items():
            for name, steps in targets(schema):
                below: schemas.Schema | None = schemas.child(ours, field)
                for step in steps:
                    assert below is not None
                    below = schemas.child(below, step)
                pending.append((name, below))
    assert len(found) > 130
    return list(found.items())


def targets(schema: dict[str, Any]) -> list[tuple[str, list[str | int]]]:
    if "items" in schema:
        return [(name, [0, *steps]) for name, steps in targets(schema["items"])]
    if isinstance(schema.get("additionalProperties"), dict):
        return [(name, ["key", *steps]) for name, steps in targets(schema["additionalProperties"])]
    whole = [schema, *schema.get("allOf", ())]
    return [(part["$ref"].rsplit("/", 1)[-1], []) for part in whole if "$ref" in part]


def closure(release: Release) -> set[str]:
    pending = [name for kinds in schemas.kinds(release).values() for name in kinds.values() if name]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending.extend(references(schemas.definition(name)))
    return seen


def references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for part in schema for name in references(part)]
    if not isinstance(schema, dict):
        return []
    here = [schema["$ref"].removeprefix(schemas.REF)] if isinstance(schema.get("$ref"), str) else []
    return here + [name for part in schema.values() for name in references(part)]


CONTAINER = ("spec", "template", "spec", "containers", 0)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), FieldType.OBJECT),
        (("metadata",), FieldType.OBJECT),
        (("metadata", "name"), FieldType.STRING),
        (("metadata", "labels"), FieldType.MAP),
        (("metadata", "labels", "a.b/c"), FieldType.STRING),
        (("metadata", "creationTimestamp"), FieldType.TIME),
        (("metadata", "managedFields", 0, "fieldsV1", "f:spec"), FieldType.ANY),
        (("spec", "parallelism"), FieldType.INT32),
        (("spec", "activeDeadlineSeconds"), FieldType.INT64),
        (("spec", "suspend"), FieldType.BOOLEAN),
        (("spec", "template", "spec", "containers"), FieldType.LIST),
        (CONTAINER, FieldType.OBJECT),
        ((*CONTAINER, "args", 7), FieldType.STRING),
        ((*CONTAINER, "env", 3, "value"), FieldType.STRING),
        ((*CONTAINER, "resources", "limits", "nvidia.com/gpu"), FieldType.QUANTITY),
        ((*CONTAINER, "livenessProbe", "httpGet", "port"), FieldType.INT_OR_STRING),
        (("spec", "template", "spec", "volumes", 0, "emptyDir", "sizeLimit"), FieldType.QUANTITY),
        (("spec", "paralelism"), FieldType.MISSING),
        (("spec", 0), FieldType.MISSING),
        (("metadata", "name", "x"), FieldType.MISSING),
        ((*CONTAINER, "args", "x"), FieldType.MISSING),
    ],
)
def test_the_type_of_a_field_of_a_job(path: tuple[str | int, ...], expected: FieldType) -> None:
    assert field_type("batch/v1", "Job", path) is expected


def test_the_place_in_a_list_does_not_matter() -> None:
    assert (
        field_type("batch/v1", "Job", ["spec", "template", "spec", "containers", 41, "image"])
        is FieldType.STRING
    )


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("ConfigMap", ("data", "any key"), FieldType.STRING),
        ("ConfigMap", ("immutable",), FieldType.BOOLEAN),
        ("Secret", ("stringData", "password"), FieldType.STRING),
        ("ResourceQuota", ("spec", "hard", "count/jobs.batch"), FieldType.QUANTITY),
        ("Service", ("spec", "ports", 0, "targetPort"), FieldType.INT_OR_STRING),
        ("List", ("items", 0, "spec", "anything"), FieldType.ANY),
    ],
)
def test_the_types_of_what_jobs_come_with(
    kind: str, path: tuple[str | int, ...], expected: FieldType
) -> None:
    assert field_type("v1", kind, path) is expected


def test_a_kind_without_a_schema_still_has_object_metadata() -> None:
    kueue = ("kueue.x-k8s.io/v1beta1", "Workload")
    assert field_type(*kueue, ["spec", "clusterQueue"]) is FieldType.ANY
    assert field_type(*kueue, ["metadata", "labels", "x"]) is FieldType.STRING
    assert field_type(*kueue, ["metadata", "lables"]) is FieldType.MISSING
    assert field_type(*kueue, ["kind"]) is FieldType.STRING
    assert field_type("apps/v1", "Deployment", ["metadata", "name"]) is FieldType.STRING


def test_a_field_exists_from_its_kubernetes_version_on() -> None:
    assert field_type("batch/v1", "Job", ["spec", "managedBy"], Release(1, 29)) is FieldType.MISSING
    assert field_type("batch/v1", "Job", ["spec", "managedBy"], Release(1, 30)) is FieldType.STRING


def test_the_names_of_fields_are_known_for_objects_only() -> None:
    assert "restartPolicy" in field_names("batch/v1", "Job", ["spec", "template", "spec"])
    assert field_names("batch/v1", "Job", ["metadata", "labels"]) == ()
    assert field_names("batch/v1", "Job", ["spec", "nothing"]) == ()
