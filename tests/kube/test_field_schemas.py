from __future__ import annotations

import pytest

from expander.kube.schemas import FieldType, field_names, field_type, list_map_keys, list_type
from expander.kube.versions import Release

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


def test_how_lists_merge_is_known() -> None:
    assert list_type("batch/v1", "Job", [*CONTAINER, "args"]) == "atomic"
    assert list_type("batch/v1", "Job", [*CONTAINER, "ports"]) == "map"
    assert list_map_keys("batch/v1", "Job", [*CONTAINER, "ports"]) == ("containerPort", "protocol")
    assert list_map_keys("batch/v1", "Job", ["spec"]) == ()
