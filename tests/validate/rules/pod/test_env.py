"""Environment variables and the downward API."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Check = Callable[..., list[tuple[str, str]]]


def test_a_variable_has_a_name(in_container: Check) -> None:
    assert in_container(env=[{}, {"name": "A", "value": ""}]) == [("env[0].name", "Required value")]


def test_a_variable_has_a_value_or_one_source(in_container: Check) -> None:
    reference = {"configMapKeyRef": {"name": "c", "key": "k"}}
    two = {**reference, "secretKeyRef": {"name": "s", "key": "k"}}
    messages = [
        message
        for _, message in in_container(
            env=[
                {"name": "A", "valueFrom": {}},
                {"name": "A", "value": "x", "valueFrom": reference},
                {"name": "A", "valueFrom": two},
                {"name": "A", "valueFrom": reference},
            ]
        )
    ]
    assert messages == [
        'Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, '
        "`secretKeyRef` or `fileKeyRef`",
        'Invalid value: "": may not be specified when `value` is not empty',
        'Invalid value: "": may not have more than one field specified at a time',
    ]


@pytest.mark.parametrize(
    "path",
    ["metadata.name", "status.podIPs", "spec.host", "metadata.labels['a/b']", "metadata.annotations['UP']"],
)
def test_a_variable_may_hold_these_fields_of_the_pod(in_container: Check, path: str) -> None:
    assert in_container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": path}}}]) == []


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({}, "Required value"),
        (
            {"fieldPath": "spec.odd"},
            'Invalid value: "spec.odd": error converting fieldPath: field label not supported: spec.odd',
        ),
        (
            {"fieldPath": "spec.nodeName['x']"},
            "Invalid value: \"spec.nodeName['x']\": error converting fieldPath: "
            "field label does not support subscript: spec.nodeName['x']",
        ),
        (
            {"fieldPath": "metadata.name", "apiVersion": "v2"},
            'Invalid value: "metadata.name": error converting fieldPath: unsupported pod version: v2',
        ),
        (
            {"fieldPath": "metadata.labels"},
            'Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", '
            '"metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", '
            '"status.podIP", "status.podIPs"',
        ),
    ],
)
def test_other_fields_of_the_pod_are_refused(in_container: Check, reference: object, message: str) -> None:
    found = in_container(env=[{"name": "A", "valueFrom": {"fieldRef": reference}}])
    assert found == [("env[0].valueFrom.fieldRef.fieldPath", message)]


def test_the_unit_of_a_resource_fits_the_resource(in_container: Check) -> None:
    def divided(resource: str, divisor: str) -> list[tuple[str, str]]:
        source = {"resourceFieldRef": {"resource": resource, "divisor": divisor}}
        return in_container(env=[{"name": "A", "valueFrom": source}])

    assert (
        divided("limits.cpu", "1m") == divided("limits.memory", "1024Ki") == divided("limits.cpu", "0") == []
    )
    assert divided("requests.hugepages-2Mi", "1Mi") == []
    assert "with the cpu resource" in divided("limits.cpu", "2")[0][1]
    assert "with the memory resource" in divided("limits.memory", "1m")[0][1]
    assert "with the local ephemeral storage resource" in divided("limits.ephemeral-storage", "2")[0][1]
    assert divided("limits.gpu", "1")[0][0] == "env[0].valueFrom.resourceFieldRef.resource"


def test_a_variable_from_a_file_needs_an_empty_dir(in_spec: Check) -> None:
    def env(volume: str) -> list[object]:
        source = {"fileKeyRef": {"key": "K", "volumeName": volume, "path": "../a"}}
        return [{"name": "A", "valueFrom": source}]

    found = in_spec(
        volumes=[{"name": "made", "emptyDir": {}}, {"name": "cm", "configMap": {"name": "c"}}],
        containers=[{"name": "a", "image": "i", "env": [*env("made"), *env("cm"), *env("gone")]}],
    )
    at = "spec.containers[0].env[{}].valueFrom.fileKeyRef.{}"
    climbing = "Invalid value: \"../a\": must not contain '..'"
    assert found == [
        (at.format(0, "path"), climbing),
        (at.format(1, "path"), climbing),
        (at.format(2, "path"), climbing),
        (at.format(1, "volumeName"), 'Invalid value: "cm": referenced volume must be of type emptyDir'),
        (at.format(2, "volumeName"), 'Not found: "gone"'),
    ]


def test_a_whole_config_map_or_secret_is_named(in_container: Check) -> None:
    sources = [{"configMapRef": {}}, {"secretRef": {"name": "trail-"}, "prefix": "é"}, {}]
    assert in_container(envFrom=sources) == [
        ("envFrom[0].configMapRef.name", "Required value"),
        (
            "envFrom[1].prefix",
            'Invalid value: "é": a valid environment variable name must consist only of printable ASCII '
            "characters other than '='",
        ),
        ("envFrom", 'Invalid value: "": must specify one of: `configMapRef` or `secretRef`'),
    ]
