from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest

from expander.kube.versions import Release
from expander.validate.finding import Reason
from expander.validate.schema import check_schema
from expander.validate.schema_engines import is_base64, is_time

JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "j", "labels": {"a": "b"}},
    "spec": {
        "completions": 3,
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1"}}}],
            }
        },
    },
}
CONTAINER = ("spec", "template", "spec", "containers", 0)


def with_value(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    job = copy.deepcopy(JOB)
    parent: Any = job
    for step in path[:-1]:
        parent = parent.setdefault(step, {}) if isinstance(parent, dict) else parent[step]
    parent[path[-1]] = value
    return job


def only(obj: Any, **options: Any) -> tuple[str, Reason, str]:
    findings = check_schema(obj, **options)
    assert findings is not None
    assert len(findings) == 1
    return findings[0].path, findings[0].reason, findings[0].message


def test_a_valid_job_has_no_findings() -> None:
    assert check_schema(JOB) == []


def test_what_is_required_is_not_the_schemas_business() -> None:
    assert check_schema({"apiVersion": "batch/v1", "kind": "Job"}) == []
    assert check_schema(with_value(("spec", "completionMode"), "Nonsense")) == []


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("spec", "completions"), "3", "spec.completions"),
        (("spec", "completions"), 1.5, "spec.completions"),
        (("spec", "completions"), 2**31, "spec.completions"),
        (("spec", "completions"), True, "spec.completions"),
        (("spec", "activeDeadlineSeconds"), 2**63, "spec.activeDeadlineSeconds"),
        (("spec", "activeDeadlineSeconds"), 10**400, "spec.activeDeadlineSeconds"),
        (("spec", "suspend"), "no", "spec.suspend"),
        (("spec", "template"), "x", "spec.template"),
        (("metadata", "name"), True, "metadata.name"),
        (("metadata", "labels", "a"), 5, "metadata.labels[a]"),
        (("metadata", "creationTimestamp"), "yesterday", "metadata.creationTimestamp"),
        ((*CONTAINER, "args"), "x", "spec.template.spec.containers[0].args"),
        ((*CONTAINER, "args"), ["x", 5], "spec.template.spec.containers[0].args[1]"),
        (
            (*CONTAINER, "resources", "limits", "cpu"),
            "1x",
            "spec.template.spec.containers[0].resources.limits[cpu]",
        ),
        (
            (*CONTAINER, "resources", "limits", "cpu"),
            True,
            "spec.template.spec.containers[0].resources.limits[cpu]",
        ),
        (
            (*CONTAINER, "livenessProbe"),
            {"httpGet": {"port": 2**31}},
            "spec.template.spec.containers[0].livenessProbe.httpGet.port",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_found_at_its_place(
    path: tuple[str | int, ...], value: Any, place: str
) -> None:
    assert only(with_value(path, value))[:2] == (place, Reason.TYPE_INVALID)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "completions"), None),
        (("spec", "completions"), 6.0),
        (("metadata", "labels", "a"), None),
        ((*CONTAINER, "args"), [None]),
        ((*CONTAINER, "resources", "limits", "cpu"), 0.5),
        ((*CONTAINER, "resources", "limits", "cpu"), " 1 "),
        ((*CONTAINER, "livenessProbe"), {"httpGet": {"port": "http"}}),
        (("metadata", "creationTimestamp"), "2026-01-02T03:04:05+01:00"),
        (("metadata", "managedFields"), [{"fieldsV1": {"f:spec": {}}}]),
    ],
)
def test_null_and_what_the_decoder_converts_are_fine(path: tuple[str | int, ...], value: Any) -> None:
    assert check_schema(with_value(path, value)) == []


def test_an_unknown_field_is_named_with_the_nearest_known_one() -> None:
    job = with_value(("spec", "paralelism"), 2)
    assert only(job) == (
        "spec.paralelism",
        Reason.UNKNOWN_FIELD,
        'unknown field, did you mean "parallelism"?',
    )
    assert only(with_value(("spec", "zzz"), 2))[2] == "unknown field"


def test_all_faults_are_found_in_the_order_of_the_object() -> None:
    job = with_value(("spec", "zzz"), 2)
    job["metadata"]["name"] = 5
    job["spec"]["template"]["spec"]["containers"][0]["imag"] = "x"
    job["spec"]["completions"] = "x"
    findings = check_schema(job) or []
    assert [finding.path for finding in findings] == [
        "metadata.name",
        "spec.zzz",
        "spec.completions",
        "spec.template.spec.containers[0].imag",
    ]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("spec", "completions"), "3", 'Invalid value: "3": must be an integer'),
        (
            ("spec", "completions"),
            2**31,
            "Invalid value: 2147483648: must fit in 32 bits, from -2147483648 to 2147483647",
        ),
        (("metadata", "name"), {"a": 1}, "Invalid value: an object: must be a string"),
        (("metadata", "name"), 5, "Invalid value: 5: must be a string: quote it"),
        (
            ("metadata", "name"),
            False,
            "Invalid value: false: must be a string: quote it, YAML reads n, no and off as false",
        ),
        (
            (*CONTAINER, "name"),
            True,
            "Invalid value: true: must be a string: quote it, YAML reads y, yes and on as true",
        ),
        (("spec", "completions"), False, "Invalid value: false: must be an integer"),
        (
            (*CONTAINER, "resources", "limits", "cpu"),
            "",
            'Invalid value: "": must be a quantity, as 500m or 64Mi',
        ),
        (
            (*CONTAINER, "resources", "limits", "memory"),
            "64MB",
            'Invalid value: "64MB": must be a quantity, did you mean 64M or 64Mi?',
        ),
    ],
)
def test_messages_say_what_was_found_and_what_is_wanted(
    path: tuple[str | int, ...], value: Any, message: str
) -> None:
    assert only(with_value(path, value))[2] == message


def test_a_field_is_unknown_to_versions_before_it_came() -> None:
    job = with_value(("spec", "managedBy"), "example.com/x")
    assert check_schema(job, Release(1, 36)) == []
    assert only(job, release=Release(1, 29))[:2] == ("spec.managedBy", Reason.UNKNOWN_FIELD)


def test_a_kind_that_may_exist_without_a_schema_is_not_judged() -> None:
    assert check_schema({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "zzz": 1}) is None
    assert check_schema({"apiVersion": "example.com/v1", "kind": "Widget"}) is None


@pytest.mark.parametrize(
    ("api_version", "kind", "place", "hint"),
    [
        ("batch/v1", "Jb", "kind", '"Job"'),
        ("batch/v2", "Job", "apiVersion", '"batch/v1"'),
        ("v1", "CronJob", "apiVersion", '"batch/v1"'),
        ("extensions/v1beta1", "Deployment", "apiVersion", '"apps/v1"'),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "apiVersion", '"autoscaling/v2"'),
        ("policy/v1beta1", "PodSecurityPolicy", "apiVersion", 'version "policy/v1beta1"\n'),
        ("dot.ted", "Job", "apiVersion", '"batch/v1"'),
        ("a.b/c/d", "Nothing", "apiVersion", "registered"),
        ("nodot/v1", "Nothing", "apiVersion", "registered"),
    ],
)
def test_a_kind_no_server_can_have_is_refused(api_version: str, kind: str, place: str, hint: str) -> None:
    path, reason, message = only({"apiVersion": api_version, "kind": kind})
    assert (path, reason) == (place, Reason.NOT_SUPPORTED)
    assert hint in f"{message}\n"


def test_apiversion_and_kind_are_required_unless_the_url_says_them() -> None:
    assert [finding.path for finding in check_schema({}) or []] == ["apiVersion", "kind"]
    assert check_schema({"spec": {}}, assume=("batch/v1", "Job")) == []
    assert only({"apiVersion": 5, "kind": "Job"})[:2] == ("apiVersion", Reason.TYPE_INVALID)


@pytest.mark.parametrize("obj", [None, [], "x", 5])
def test_what_is_no_object_is_one_finding(obj: Any) -> None:
    assert only(obj) == ("", Reason.TYPE_INVALID, "must be an object")


def test_what_jobs_come_with_is_checked_too() -> None:
    assert only({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": 1}})[0] == "data[a]"
    assert (
        only({"apiVersion": "v1", "kind": "Secret", "data": {"a": "b"}})[2]
        == 'Invalid value: "b": must be base64'
    )
    assert check_schema({"apiVersion": "v1", "kind": "List", "items": [{"any": 1}]}) == []


def test_nesting_without_end_is_a_finding() -> None:
    deep: Any = 1
    for _ in range(20_000):
        deep = [deep]
    assert (
        only(with_value(("metadata", "labels"), {"a": deep}))[2] == "Invalid value: a list: must be a string"
    )
    assert only(with_value(("spec", "zzz"), deep))[1] is Reason.UNKNOWN_FIELD


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("2006-01-02T15:04:05Z", True),
        ("2006-01-02T5:04:05Z", True),
        ("2006-01-02T15:04:05.123456789-07:00", True),
        ("2024-02-29T00:00:00Z", True),
        ("1900-02-29T00:00:00Z", False),
        ("2006-01-32T15:04:05Z", False),
        ("2006-01-02T24:04:05Z", False),
        ("2006-01-02T15:04:60Z", False),
        ("2006-01-02 15:04:05Z", False),
        ("2006-01-02T15:04:05", False),
        ("2006-01-02", False),
        ("", False),
    ],
)
def test_times_are_read_as_go_reads_them(text: str, valid: bool) -> None:
    assert is_time(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("", True),
        ("YQ==", True),
        ("YWI=", True),
        ("YW\nJj", True),
        ("YQ", False),
        ("Y===", False),
        ("YQ==YQ==", False),
        ("é", False),
        ("YQ-_", False),
    ],
)
def test_bytes_are_padded_base64(text: str, valid: bool) -> None:
    assert is_base64(text) is valid


def test_no_validator_is_imported_before_it_is_needed() -> None:
    program = "import sys; import expander.validate.schema; sys.exit(any(m.startswith('jsonschema') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
