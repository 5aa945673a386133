"""Discovery and OpenAPI: against what was recorded, and as a real kubectl reads them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from expander.kube.scheme import RESOURCES
from expander.kube.served_kinds import BUILT_IN
from expander.local.apiserver.discovery import discovery, openapi, openapi_v2
from tests.local.apiserver.recorded import exchanges
from tests.local.apiserver.served import serving

Run = Callable[..., str]

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: a}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}
"""


@pytest.fixture(scope="module", params=["aggregated", "plain"])
def run(
    request: pytest.FixtureRequest, kubectl: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    """Runs kubectl against the views in one of the two forms of discovery."""
    home = tmp_path_factory.mktemp("home")
    with serving(plain=request.param == "plain") as server:

        def call(*arguments: str, stdin: str = "") -> str:
            command = [kubectl, "--server", server.url, "--cache-dir", str(home), *arguments]
            environment = {"HOME": str(home), "KUBECONFIG": str(home / "none")}
            done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment)
            assert done.returncode == 0, done.stderr
            return done.stdout

        yield call


SERVED = [
    "apiextensions.k8s.io",
    "apps",
    "batch",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "metrics.k8s.io",
    "networking.k8s.io",
    "policy",
    "certificates.k8s.io",
    "events.k8s.io",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "node.k8s.io",
    "storage.k8s.io",
    "batch.volcano.sh",
    "bus.volcano.sh",
    "scheduling.volcano.sh",
]
"""The groups that are served, beside the core group."""
VERSIONS = [f"{group}/{BUILT_IN.versions(group)[0]}" for group in SERVED]


def test_the_version_is_that_of_the_release_followed(reference: Path) -> None:
    sent = [each.bodies[0] for each in exchanges(reference) if each.path == "/version"]
    assert sent
    assert all(json.dumps(discovery.version()) == json.dumps(body) for body in sent)


def test_resources_are_listed_as_by_the_server(reference: Path) -> None:
    groups = {"/api/v1": ("", "v1"), "/apis/batch/v1": ("batch", "v1")}
    sent = {each.path: each.bodies[0] for each in exchanges(reference) if each.path in groups}
    assert sent.keys() == groups.keys()
    for path, (group, version) in groups.items():
        ours = discovery.api_resource_list(group, version)
        assert ours is not None
        theirs = {each["name"]: each for each in sent[path]["resources"]}
        for resource in ours["resources"]:
            assert json.dumps(resource) == json.dumps(theirs[resource["name"]])
        assert {**ours, "resources": 0} == {**sent[path], "resources": 0}


def test_both_forms_of_discovery_tell_the_same() -> None:
    for core, groups in ((True, [""]), (False, SERVED)):
        items = discovery.aggregated(core)["items"]
        assert [item["metadata"].get("name", "") for item in items] == groups
        for group, item in zip(groups, items, strict=True):
            (version,) = item["versions"]
            plain = discovery.api_resource_list(group, version["version"])
            assert plain is not None
            names = [
                name
                for each in version["resources"]
                for name in (
                    each["resource"],
                    *(f"{each['resource']}/{part['subresource']}" for part in each.get("subresources", ())),
                )
            ]
            assert names == [each["name"] for each in plain["resources"]]


def test_what_is_not_served_has_no_answer() -> None:
    assert discovery.api_group("extensions") is None
    assert discovery.api_group("") is None
    assert discovery.api_resource_list("apps", "v1beta1") is None
    assert BUILT_IN.of_group("apps", "v1beta1") == ()


def test_every_kind_that_is_served_has_a_path() -> None:
    for each in RESOURCES:
        assert BUILT_IN.find(each.group, each.version, each.plural) is each


def test_kubectl_lists_what_is_served(run: Run) -> None:
    rows = [line.split() for line in run("api-resources", "--no-headers").splitlines()]
    served = sorted(RESOURCES, key=lambda each: (each.group, each.plural))
    assert [row[0] for row in rows] == [each.plural for each in served]
    assert ["configmaps", "cm", "v1", "true", "ConfigMap"] in rows
    assert ["jobs", "batch/v1", "true", "Job"] in rows
    assert run("api-versions").split() == [*sorted(VERSIONS), "v1"]


def test_kubectl_reads_the_version(run: Run) -> None:
    assert "Server Version: v1.36.2" in run("version")


def test_kubectl_finds_the_kind_and_the_checks_of_a_manifest(run: Run) -> None:
    assert run("create", "--dry-run=client", "-f", "-", stdin=JOB) == "job.batch/a created (dry run)\n"


def test_kubectl_explains_fields(run: Run) -> None:
    said = run("explain", "job.spec.backoffLimit")
    assert said.startswith(
        "GROUP:      batch\nKIND:       Job\nVERSION:    v1\n\nFIELD: backoffLimit <integer>\n"
    )
    assert "number of retries before marking this job failed" in said
    assert "JobSpec describes how the job execution will look like." in run("explain", "job.spec")
    assert "<[]Container> -required-" in run("explain", "cj.spec.jobTemplate.spec.template.spec")
    assert "FIELD: completionMode <string>\nENUM:\n    Indexed\n    NonIndexed\n" in run(
        "explain", "job.spec.completionMode"
    )
    assert "limits\t<map[string]Quantity>" in run("explain", "pod.spec.containers.resources")


@pytest.mark.parametrize("resource", sorted(each.plural for each in RESOURCES))
def test_kubectl_explains_every_kind(run: Run, resource: str) -> None:
    assert "metadata\t<ObjectMeta>" in run("explain", resource)


def test_components_are_those_of_the_server(reference: Path) -> None:
    served = json.loads((reference / "openapi-v1.36.json").read_text())
    ours: dict[str, Any] = {}
    for group, version in BUILT_IN.group_versions:
        ours |= json.loads(openapi.document(BUILT_IN.of_group(group, version)))["components"]["schemas"]
    assert not served.keys() - ours.keys()
    for name, theirs in served.items():
        assert shape(ours[name]) == shape(theirs), name


def test_every_reference_in_a_document_leads_somewhere() -> None:
    for group, version in BUILT_IN.group_versions:
        document = json.loads(openapi.document(BUILT_IN.of_group(group, version)))
        names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
        assert set(references(document)) <= names


def test_the_address_of_a_document_says_what_is_in_it() -> None:
    paths = openapi.index()["paths"]
    assert list(paths) == ["api/v1", *(f"apis/{version}" for version in VERSIONS)]
    address = paths["apis/batch/v1"]["serverRelativeURL"]
    assert address == f"/openapi/v3/apis/batch/v1?hash={openapi.digest(BUILT_IN.of_group('batch', 'v1'))}"


def test_patches_say_that_the_server_checks_fields() -> None:
    document = json.loads(openapi.document(BUILT_IN.of_group("batch", "v1")))
    patch = document["paths"]["/apis/batch/v1/namespaces/{namespace}/jobs/{name}"]["patch"]
    assert {"fieldValidation", "dryRun"} <= {each["name"] for each in patch["parameters"]}
    named = {"group": "batch", "version": "v1", "kind": "Job"}
    assert patch["x-kubernetes-group-version-kind"] == named


def shape(schema: Any) -> Any:
    """A schema without prose, unions, defaults of absent scalars, and the order of what is required."""
    if isinstance(schema, list):
        return [shape(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: {name: shape(field) for name, field in value.items()} if key == "properties" else shape(value)
        for key, value in schema.items()
        if not (key == "description" and isinstance(value, str)) and key != "x-kubernetes-unions"
    }
    if kept.get("default") in ("", 0, False):
        del kept["default"]
    if "required" in kept:
        kept["required"] = sorted(kept["required"])
    return kept


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def test_openapi_2_tells_what_openapi_3_does_in_its_own_words() -> None:
    data = openapi_v2.document(tuple(BUILT_IN.of_group(*each) for each in BUILT_IN.group_versions))
    body = json.loads(data)
    referred = set(re.findall(r'"\$ref":"([^"]*)"', data.decode()))
    assert referred <= {f"#/definitions/{name}" for name in body["definitions"]}
    jobs = body["paths"]["/apis/batch/v1/namespaces/{namespace}/jobs"]["post"]
    job = {"$ref": "#/definitions/io.k8s.api.batch.v1.Job"}
    assert jobs["parameters"][0] == {"name": "body", "in": "body", "required": True, "schema": job}
    assert jobs["responses"]["200"]["schema"] == job
    spec = body["definitions"]["io.k8s.api.batch.v1.JobSpec"]["properties"]
    assert spec["selector"].keys() == {"description", "$ref"}
    assert spec["parallelism"]["format"] == "int32"
    assert not {"allOf", "oneOf", "requestBody", "components"} & set(re.findall(r'"(\w+)":', data.decode()))
