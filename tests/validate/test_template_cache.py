"""Validation of a batch once per template says what full validation of every manifest says."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from expander.kube.versions import NEXT
from expander.manifests.manifest import Manifest
from expander.render.compiled import RenderedBlock
from expander.validate.check import check
from expander.validate.finding import Finding
from expander.validate.template_cache import OncePerTemplate, is_constant
from tests.render.batch import jinja, rendered, results

VALUES = ["a", "b", "B!", "", "x y", " x", "3", "-1", "0", "99999999999", "Never", "Always", "IfNotPresent", "100m",
          "1Gi", "-5m", "64Mi", "0.5", "2", "65535", "70000", "100001", "x" * 70, "a.b", "true", "no", "/data", "../x", "main", "\u00e9", "k8s.io/x", "OnFailure"]  # fmt: skip
EPHEMERAL = {
    "volumeClaimTemplate": {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    }
}
FIELDS: dict[str, Any] = {
    "metadata.name": "j-{}",
    "metadata.labels.free": "{}",
    "metadata.annotations.free": "{}",
    "spec.parallelism": "{}",
    "spec.completions": "{}",
    "spec.completionMode": "Indexed",
    "spec.backoffLimit": "{}",
    "spec.backoffLimitPerIndex": "2",
    "spec.maxFailedIndexes": "3",
    "spec.scheduling": {"schedulingPolicy": {"gang": {"minCount": 3}}},
    "spec.ttlSecondsAfterFinished": "{}",
    "spec.template.metadata.labels.l": "{}",
    "spec.template.metadata.annotations.n": "{}",
    "spec.template.metadata.name": "{}",
    "spec.template.spec.restartPolicy": "{}",
    "spec.template.spec.containers.0.name": "{}",
    "spec.template.spec.containers.0.image": "{}",
    "spec.template.spec.containers.0.imagePullPolicy": "{}",
    "spec.template.spec.containers.0.command.0": "{}",
    "spec.template.spec.containers.0.workingDir": "{}",
    "spec.template.spec.containers.0.env.0.value": "{}",
    "spec.template.spec.containers.0.env.0.name": "{}",
    "spec.template.spec.containers.0.resources.limits.cpu": "{}",
    "spec.template.spec.containers.0.resources.limits.memory": "{}",
    "spec.template.spec.containers.0.resources.limits.ephemeral-storage": "{}Mi",
    "spec.template.spec.containers.0.resources.requests.cpu": "{}",
    "spec.template.spec.containers.0.resources.requests.memory": "2",
    "spec.template.spec.containers.0.resources.requests.{}": "1",
    "spec.template.spec.containers.0.ports.0.containerPort": "{}",
    "spec.template.spec.containers.0.ports.0.hostPort": "65535",
    "spec.template.spec.hostNetwork": True,
    "spec.template.spec.resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "2"}},
    "spec.template.spec.containers.0.volumeMounts.0.mountPath": "{}",
    "spec.template.spec.serviceAccountName": "{}",
    "spec.template.spec.nodeSelector.disk": "{}",
    "spec.template.spec.containers.0.volumeMounts.0.subPath": "{}",
    "spec.template.spec.containers.0.volumeMounts.0.subPathExpr": "$(A)",
    "spec.template.spec.containers.0.env.1.valueFrom.secretKeyRef.name": "{}",
    "spec.template.spec.containers.0.envFrom.0.configMapRef.name": "{}",
    "spec.template.spec.volumes.1.configMap.name": "{}",
    "spec.template.spec.volumes.2.persistentVolumeClaim.claimName": "{}",
    "spec.template.spec.volumes.3.emptyDir": None,
    "spec.template.spec.volumes.3.ephemeral": EPHEMERAL,
}
BASE: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "j-{}", "labels": {}, "annotations": {}},
    "spec": {
        "template": {
            "metadata": {"labels": {}, "annotations": {}},
            "spec": {
                "restartPolicy": "Never",
                "volumes": [
                    {"name": "v", "emptyDir": {}},
                    {"name": "c", "configMap": {"name": "c"}},
                    {"name": "p", "persistentVolumeClaim": {"claimName": "p"}},
                    {"name": "e", "emptyDir": {}},
                ],
                "nodeSelector": {},
                "containers": [
                    {
                        "name": "main",
                        "image": "busybox",
                        "command": ["x"],
                        "env": [
                            {"name": "A", "value": "1"},
                            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                        ],
                        "envFrom": [{"configMapRef": {"name": "c"}}],
                        "resources": {"limits": {}, "requests": {}},
                        "ports": [{"containerPort": 80}],
                        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                    }
                ],
            },
        }
    },
}


def template(fields: list[str], reference: str) -> str:
    tree = json.loads(json.dumps(BASE))
    for field in [*fields, "metadata.name"]:
        node = tree
        *steps, last = field.split(".")
        for step in steps:
            node = node[int(step)] if isinstance(node, list) else node[step]
        wanted = FIELDS[field]
        text = wanted.replace("{}", reference) if isinstance(wanted, str) else wanted
        if isinstance(node, list):
            node[int(last)] = text
        else:
            node[last.replace("{}", reference)] = text
    return json.dumps(tree)


def said(findings: list[Finding] | None) -> list[str]:
    return [f"{finding.reason}: {finding}" for finding in findings or ()]


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(sorted(FIELDS)), unique=True, max_size=6),
    st.lists(st.sampled_from(VALUES) | st.text(max_size=5), min_size=1, max_size=6)
    | st.lists(st.sampled_from(["a", "b", "3", "0", "main", "Never"]), min_size=1, max_size=6)
    | st.lists(st.sampled_from(["1", "2", "3", "9", "65535", "65536", "100001"]), min_size=2, max_size=6),
    st.booleans(),
)
def test_a_batch_has_the_findings_of_each_of_its_manifests(
    fields: list[str], values: list[str], by_jinja: bool
) -> None:
    made = (
        jinja(template(fields, "{{ item }}"), *values)
        if by_jinja
        else rendered(template(fields, "$ITEM"), *values)
    )
    manifests: Sequence[Manifest] = [manifest for manifest in made if isinstance(manifest, Manifest)]
    if isinstance(made, RenderedBlock):
        manifests = made
    if not manifests:
        return
    once = OncePerTemplate(check)
    refused = {id(manifest): findings for manifest, findings in once.refused(manifests)}
    for manifest in manifests:
        expected = said(check(manifest.tree))
        assert said(list(once(manifest))) == expected
        assert said(list(refused.get(id(manifest), ()))) == expected


def test_a_rule_about_two_fields_is_asked_where_each_item_has_its_own() -> None:
    gang = template(["spec.parallelism", "spec.scheduling"], "$ITEM")
    assert [each.tree["spec"]["parallelism"] for each in refused_of(gang, "5", "2", "7")] == [2]
    either = json.loads(template(["spec.parallelism"], "${ITEM.n}"))
    either["spec"].update(completionMode="${ITEM.mode}", completions=5)
    rows = [{"mode": mode, "n": n} for mode, n in (("NonIndexed", 7), ("Indexed", 7), ("Indexed", 100_001))]
    assert [each.tree["spec"]["parallelism"] for each in refused_of(json.dumps(either), *rows)] == [100_001]


def refused_of(text: str, *values: Any) -> list[Manifest]:
    made = [each for each in rendered(text, *values) if isinstance(each, Manifest)]
    return [manifest for manifest, _ in OncePerTemplate(partial(check, release=NEXT)).refused(made)]


def test_a_manifest_is_not_checked_for_what_only_numbers_tell_apart() -> None:
    fields = ["resources.limits.memory", "ports.0.containerPort", "volumeMounts.0.subPath"]
    fields += ["env.1.valueFrom.secretKeyRef.name", "envFrom.0.configMapRef.name", "workingDir"]
    fields = [f"spec.template.spec.containers.0.{field}" for field in fields]
    fields += ["spec.completions", "spec.template.spec.volumes.2.persistentVolumeClaim.claimName"]
    checked = 0

    def count(tree: Any) -> list[Finding] | None:
        nonlocal checked
        checked += 1
        return check(tree)

    made = rendered(template(fields, "$ITEM"), *map(str, range(1, 200)))
    assert isinstance(made, RenderedBlock)
    assert OncePerTemplate(count).refused(made) == []
    assert checked == 1


def test_what_no_item_reaches_is_told_from_what_an_item_decides() -> None:
    broken = template(["spec.parallelism"], "$ITEM").replace('"Never"', '"Sometimes"')
    (manifest,) = results(broken, "-1")
    assert isinstance(manifest, Manifest)
    found = {finding.path: is_constant(manifest, finding) for finding in check(manifest.tree) or ()}
    assert found == {"spec.parallelism": False, "spec.template.spec.restartPolicy": True}


def test_a_manifest_near_the_limits_of_size_is_checked_in_full() -> None:
    made = results(template(["metadata.annotations.free"], "$ITEM"), "x", "y" * 300_000)
    found = OncePerTemplate(check).refused([manifest for manifest in made if isinstance(manifest, Manifest)])
    assert [finding.path for _, findings in found for finding in findings] == ["metadata.annotations"]
