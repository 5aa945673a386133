"""PodGroups, Workloads, and how Jobs ask for them; the verdicts are those of upstream's own tests."""

from __future__ import annotations

from typing import Any

import pytest

from expander.kube.versions import NEWEST, NEXT, Release
from expander.validate.check import check, check_replacement

GANG = {"gang": {"minCount": 2}}
CLAIM = {"name": "gpu", "resourceClaimName": "one"}


def job(scheduling: Any, *, kind: str = "Job", **spec: Any) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox:1"}]}
    made = {"parallelism": 4, "completions": 4, "template": {"spec": pod}, **spec}
    if scheduling is not None:
        made["scheduling"] = scheduling
    if kind == "CronJob":
        made = {"schedule": "@daily", "jobTemplate": {"spec": made}}
    return {"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": "train"}, "spec": made}


def group(kind: str = "PodGroup", /, **spec: Any) -> dict[str, Any]:
    api = "scheduling.k8s.io/v1beta1"
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "train"}, "spec": spec}


def workload(*templates: Any, **spec: Any) -> dict[str, Any]:
    return group("Workload", podGroupTemplates=list(templates), **spec)


def said(obj: dict[str, Any], release: Release = NEXT) -> list[str]:
    return [str(finding) for finding in check(obj, release) or ()]


@pytest.mark.parametrize(
    "scheduling",
    [
        {},
        {"schedulingPolicy": {"basic": {}}},
        {"schedulingPolicy": {"gang": {}}, "disruptionMode": {"all": {}}},
        {"schedulingPolicy": {"gang": {"minCount": 4}}, "resourceClaims": [CLAIM]},
        {"schedulingConstraints": {"topology": [{"key": "topology.kubernetes.io/zone"}]}},
        {"disruptionMode": {"single": {}}},
    ],
)
@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_a_job_says_how_its_pods_are_scheduled(scheduling: dict[str, Any], kind: str) -> None:
    assert said(job(scheduling, kind=kind)) == []


@pytest.mark.parametrize(
    ("scheduling", "where", "words"),
    [
        ({"schedulingPolicy": {}}, "schedulingPolicy", "must specify one of: `basic`, `gang`"),
        ({"schedulingPolicy": {"basic": {}, "gang": {}}}, "schedulingPolicy",
         '"{basic, gang}": must specify exactly one of: `basic`, `gang`'),
        ({"schedulingPolicy": {"gang": {"minCount": 0}}}, "schedulingPolicy.gang.minCount", "equal to 1"),
        ({"schedulingPolicy": {"gang": {"minCount": 5}}}, "schedulingPolicy.gang.minCount", "parallelism (4)"),
        ({"schedulingPolicy": {"gang": {"most": 5}}}, "schedulingPolicy.gang.most", "unknown field"),
        ({"schedulingPolicy": {"basic": {"minCount": 5}}}, "schedulingPolicy.basic.minCount", "unknown field"),
        ({"schedulingConstraints": {"topology": [{"key": "a"}, {"key": "b"}]}},
         "schedulingConstraints.topology", "Too many: 2: must have at most 1 item"),
        ({"schedulingConstraints": {"topology": [{}]}}, "schedulingConstraints.topology[0].key", "Required"),
        ({"schedulingConstraints": {"topology": [{"key": "Example.com/F"}]}},
         "schedulingConstraints.topology[0].key", "prefix part"),
        ({"disruptionMode": {}}, "disruptionMode", "must specify one of: `single`, `all`"),
        ({"disruptionMode": {"all": {}}}, "disruptionMode", "one by one"),
        ({"resourceClaims": [{"name": f"c{number}", "resourceClaimName": "x"} for number in range(5)]},
         "resourceClaims", "Too many: 5"),
        ({"resourceClaims": [CLAIM, CLAIM]}, "resourceClaims[1]", "Duplicate value"),
        ({"resourceClaims": [{"name": "c"}]}, "resourceClaims[0]", "must specify one of"),
        ({"resourceClaims": [{**CLAIM, "name": "../c"}]}, "resourceClaims[0].name", "RFC 1123 label"),
        ({"resourceClaims": [{**CLAIM, "name": ""}]}, "resourceClaims[0].name", "Required"),
        ({"resourceClaims": [{"name": "c", "resourceClaimTemplateName": ".x"}]},
         "resourceClaims[0].resourceClaimTemplateName", "RFC 1123 subdomain"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_what_servers_refuse_of_it_has_a_finding(
    kind: str, scheduling: dict[str, Any], where: str, words: str
) -> None:
    found = check(job(scheduling, kind=kind), NEXT) or []
    place = "spec" if kind == "Job" else "spec.jobTemplate.spec"
    assert {finding.path for finding in found} == {f"{place}.scheduling.{where}"}
    assert words in found[0].message


def test_a_server_without_the_feature_drops_it_unseen() -> None:
    wrong = {"schedulingPolicy": {"gang": {"minCount": 9}}}
    assert said(job(wrong), NEWEST) == []
    assert said(job(wrong), Release(1, 36)) == ["spec.scheduling: unknown field"]


def test_pods_of_a_group_of_the_users_own_are_not_scheduled_by_the_job() -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox:1"}]}
    template = {"spec": {**pod, "schedulingGroup": {"podGroupName": "mine"}}}
    assert said(job(None, template=template)) == []
    assert [line.split(":")[0] for line in said(job({}, template=template))] == ["spec.scheduling"]


@pytest.mark.parametrize(
    ("old", "new", "of_job", "of_cron_job"),
    [
        ({"schedulingPolicy": GANG}, {"schedulingPolicy": {"gang": {"minCount": 3}}}, [], []),
        (None, {}, [""], [""]),
        ({}, None, [""], [""]),
        ({}, {"schedulingPolicy": GANG}, [".schedulingPolicy"], [".schedulingPolicy"]),
        ({"schedulingPolicy": GANG}, {}, [".schedulingPolicy"], [".schedulingPolicy"]),
        ({"schedulingPolicy": {"basic": {}}}, {"schedulingPolicy": GANG}, [".schedulingPolicy"], []),
        ({}, {"disruptionMode": {"single": {}}}, [".disruptionMode"], [".disruptionMode"]),
        ({"resourceClaims": [CLAIM]}, {}, [".resourceClaims"], [".resourceClaims"]),
        ({"schedulingConstraints": {"topology": [{"key": "a"}]}}, {"schedulingConstraints": {}},
         [".schedulingConstraints"], [".schedulingConstraints"]),
    ],
)  # fmt: skip
def test_only_the_size_of_a_gang_changes(
    old: Any, new: Any, of_job: list[str], of_cron_job: list[str]
) -> None:
    for kind, place, wanted in (
        ("Job", "spec.scheduling", of_job),
        ("CronJob", "spec.jobTemplate.spec.scheduling", of_cron_job),
    ):
        found = check_replacement(job(new, kind=kind), job(old, kind=kind), NEXT) or []
        paths = [finding.path for finding in found if finding.path.startswith(place)]
        assert paths == [place + path for path in wanted]


def test_a_pod_group_has_one_policy() -> None:
    assert said(group(schedulingPolicy={"basic": {}})) == []
    assert said(group(schedulingPolicy=GANG, workloadRef={"workloadName": "a.b", "templateName": "c"})) == []
    assert said(group()) == ['spec.schedulingPolicy: Invalid value: "": must specify one of: `basic`, `gang`']
    assert said(group(schedulingPolicy={"gang": {}})) == [
        "spec.schedulingPolicy.gang.minCount: Required value"
    ]
    assert said(group(schedulingPolicy=GANG, workloadRef={"workloadName": "a/b"})) == [
        said(group(schedulingPolicy=GANG, workloadRef={"workloadName": "a/b", "templateName": "c"}))[0],
        "spec.workloadRef.templateName: Required value",
    ]


@pytest.mark.parametrize(
    ("obj", "where"),
    [
        (workload(), "spec"),
        (workload(*[{"name": f"t{number}", "schedulingPolicy": GANG} for number in range(9)]),
         "spec.podGroupTemplates"),
        (workload({"name": "Bad_Name", "schedulingPolicy": GANG}), "spec.podGroupTemplates[0].name"),
        (workload({"schedulingPolicy": GANG}), "spec.podGroupTemplates[0].name"),
        (workload({"name": "a", "schedulingPolicy": GANG}, {"name": "a", "schedulingPolicy": GANG}),
         "spec.podGroupTemplates[1]"),
        (workload({"name": "a"}), "spec.podGroupTemplates[0].schedulingPolicy"),
        (workload({"name": "a", "schedulingPolicy": GANG, "priority": 1_000_000_001}),
         "spec.podGroupTemplates[0].priority"),
        (workload({"name": "a", "schedulingPolicy": GANG, "priorityClassName": "a/b"}),
         "spec.podGroupTemplates[0].priorityClassName"),
        (workload({"name": "a", "schedulingPolicy": GANG, "disruptionMode": {"single": {}, "all": {}}}),
         "spec.podGroupTemplates[0].disruptionMode"),
        (workload({"name": "a", "schedulingPolicy": GANG}, {"name": "b", "schedulingPolicy": GANG, "priority": 1}),
         "spec"),
        (workload({"name": "a", "schedulingPolicy": GANG}, controllerRef={"kind": "Job"}),
         "spec.controllerRef.name"),
        (workload({"name": "a", "schedulingPolicy": GANG}, controllerRef={"kind": "J/b", "name": "x"}),
         "spec.controllerRef.kind"),
        (workload({"name": "a", "schedulingPolicy": GANG},
                  controllerRef={"apiGroup": "a_b", "kind": "Job", "name": "x"}), "spec.controllerRef.apiGroup"),
    ],
)  # fmt: skip
def test_what_servers_refuse_of_a_workload_has_a_finding(obj: dict[str, Any], where: str) -> None:
    assert [finding.path for finding in check(obj, NEXT) or ()] == [where]


def test_fields_whose_features_are_off_are_dropped() -> None:
    spec: dict[str, Any] = {
        "preemptionPolicy": "x",
        "resourceClaims": [{}],
        "schedulingConstraints": {"topology": [{}, {}]},
    }
    assert said(group(schedulingPolicy=GANG, **spec), NEWEST) == []


def test_groups_and_templates_change_only_in_size() -> None:
    more = {"gang": {"minCount": 3}}
    changes = [
        (group(schedulingPolicy=GANG), group(schedulingPolicy=more), []),
        (group(schedulingPolicy=GANG), group(schedulingPolicy={"basic": {}}),
         ["spec.schedulingPolicy.basic", "spec.schedulingPolicy.gang"]),
        (group(schedulingPolicy=GANG), group(schedulingPolicy=GANG, priority=1), ["spec.priority"]),
        (workload({"name": "a", "schedulingPolicy": GANG}), workload({"name": "a", "schedulingPolicy": more}), []),
        (workload({"name": "a", "schedulingPolicy": GANG}), workload({"name": "b", "schedulingPolicy": GANG}),
         ["spec.podGroupTemplates[0]", "spec.podGroupTemplates"]),
    ]  # fmt: skip
    for old, new, wanted in changes:
        assert [finding.path for finding in check_replacement(new, old, NEXT) or ()] == wanted
