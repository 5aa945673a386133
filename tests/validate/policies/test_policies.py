"""ValidatingAdmissionPolicies at work, as ``plugin/policy/validating`` of apiserver decides."""

from __future__ import annotations

from typing import Any

import pytest

from expander.validate.finding import Reason
from tests.validate.policies.samples import (
    JOBS,
    PODS,
    binding,
    config_map,
    job,
    namespace,
    pod,
    pod_spec,
    policy,
    review,
    told,
)

DENIED = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: "
UNCHECKED = "unchecked ValidatingAdmissionPolicy 'p' with binding 'b' not checked: "
MAX = "object.spec.parallelism <= 5"
PARAMS: dict[str, Any] = {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}


def ref(**fields: Any) -> dict[str, Any]:
    return {"paramRef": {"parameterNotFoundAction": "Deny", **fields}}


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        (MAX, f"failed expression: {MAX}"),
        ({"expression": MAX, "message": " at most 5 "}, "at most 5"),
        (
            {"expression": MAX, "messageExpression": "'%d is too much'.format([object.spec.parallelism])"},
            "9 is too much",
        ),
        ({"expression": MAX, "message": "m", "messageExpression": "'a\\nb'"}, "m"),
        ({"expression": MAX, "message": "m", "messageExpression": "object.no"}, "m"),
        ({"expression": MAX, "messageExpression": "''"}, f"failed expression: {MAX}"),
        ("object.spec.no == 1", "expression 'object.spec.no == 1' resulted in error: no such key: no"),
        ("object.spec.parallelism", "failed expression: object.spec.parallelism"),
    ],
)
def test_a_denial_has_the_words_of_the_server(validation: Any, message: str) -> None:
    found = review(job(parallelism=9), policy(validation), binding()).findings
    assert told(found) == [DENIED + message]
    assert found[0].reason is Reason.INVALID


def test_what_holds_is_not_told() -> None:
    assert review(job(parallelism=5), policy(MAX), binding()).findings == ()
    assert review(job(parallelism=9), policy(MAX)).findings == (), "a policy without a binding"


def test_the_reason_is_that_of_the_validation() -> None:
    found = review(job(), policy({"expression": "false", "reason": "Forbidden"}), binding()).findings
    assert [each.reason for each in found] == [Reason.FORBIDDEN]


def test_defaults_and_what_the_registry_adds_are_there() -> None:
    expressions = (
        "object.spec.backoffLimit == 6 && object.spec.template.spec.dnsPolicy == 'ClusterFirst'",
        "object.spec.template.metadata.labels['batch.kubernetes.io/job-name'] == 'x' && !has(object.spec.no)",
        "object.spec.template.spec.containers[0].imagePullPolicy == 'Always'",
        "oldObject == null && namespaceObject.metadata.name == 'default'",
        "request.operation == 'CREATE' && request.name == 'x' && request.namespace == 'default'",
        "request.kind.kind == 'Job' && request.resource.resource == 'jobs' && request.requestKind.group == 'batch'",
    )
    assert told(review(job(), policy(*expressions), binding()).findings) == []


def test_what_go_leaves_out_is_not_there() -> None:
    expressions = (
        "!has(object.metadata.labels) && !has(object.spec.volumes)",
        "has(object.spec.containers[0].securityContext) && has(object.spec.containers[0].resources)",
    )
    obj = pod({"securityContext": {}, "resources": {"limits": {}}}, {"labels": {}}, volumes=[])
    assert told(review(obj, policy(*expressions, rules=(PODS,)), binding()).findings) == []


def test_actions_warn_and_audit() -> None:
    found = review(job(parallelism=9), policy(MAX), binding(actions=("Warn", "Audit")))
    failed = f"for ValidatingAdmissionPolicy 'p' with binding 'b': failed expression: {MAX}"
    assert found.findings == ()
    assert [(each.rule, str(each)) for each in found.warnings] == [
        ("policy", f"Validation failed {failed}"),
        ("policy-audit", f"audit log: validation failed {failed}"),
    ]


def test_errors_go_by_the_failure_policy() -> None:
    broken = policy("object.spec.no == 1", failurePolicy="Ignore")
    assert review(job(), broken, binding()).findings == ()


@pytest.mark.parametrize(
    ("conditions", "denied"),
    [
        (["object.spec.parallelism > 8"], True),
        (["object.spec.parallelism < 8"], False),
        (["object.no", "false"], False),
        (["object.no", "true"], True),
    ],
)
def test_match_conditions_decide_first(conditions: list[str], denied: bool) -> None:
    named = [{"name": f"c{number}", "expression": each} for number, each in enumerate(conditions)]
    found = review(job(parallelism=9), policy("false", matchConditions=named), binding()).findings
    assert bool(found) is denied


def test_an_error_of_a_match_condition_is_told() -> None:
    conditions = [{"name": "c", "expression": "object.no"}]
    found = review(job(), policy("true", matchConditions=conditions), binding()).findings
    assert told(found) == [f"{DENIED}expression 'object.no' resulted in error: no such key: no"]


def test_variables_are_evaluated_when_they_are_used() -> None:
    variables = [
        {"name": "broken", "expression": "object.no"},
        {"name": "n", "expression": "object.spec.parallelism"},
        {"name": "twice", "expression": "variables.n * 2"},
    ]
    fine = policy("variables.twice == 18", "has(object.no) ? variables.broken : true", variables=variables)
    assert review(job(parallelism=9), fine, binding()).findings == ()
    found = review(job(), policy("variables.broken == 1", variables=variables), binding()).findings
    words = 'composited variable "broken" fails to evaluate: no such key: no'
    assert told(found) == [f"{DENIED}expression 'variables.broken == 1' resulted in error: {words}"]


def test_audit_annotations_are_told_and_their_errors_deny() -> None:
    def annotated(value: str) -> Any:
        annotations = [{"key": "k", "valueExpression": value}]
        return review(job(parallelism=9), policy(auditAnnotations=annotations), binding(actions=("Warn",)))

    assert [str(each) for each in annotated("'n=' + string(object.spec.parallelism)").warnings] == [
        "audit log: p/k: n=9"
    ]
    assert annotated("null").warnings == ()
    assert told(annotated("object.no").findings) == [
        f"{DENIED}expression 'object.no' resulted in error: no such key: no"
    ]
    assert "unsupported return type: int" in told(annotated("object.spec.parallelism").findings)[0]


def test_params_by_name() -> None:
    limit = policy("object.spec.parallelism <= int(params.data.max)", **PARAMS)
    given = (limit, binding(**ref(name="c")))
    assert review(job(parallelism=9), *given, config_map("c", max="9")).findings == ()
    assert len(review(job(parallelism=9), *given, config_map("c", max="8")).findings) == 1
    missing = (
        "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
    )
    assert told(review(job(), *given, config_map("c", "other", max="8")).findings) == [DENIED + missing]
    allowed = (limit, binding(**ref(name="c", parameterNotFoundAction="Allow")))
    assert review(job(parallelism=9), *allowed).findings == ()
    there = (limit, binding(**ref(name="c", namespace="other")))
    assert len(review(job(parallelism=9), *there, config_map("c", "other", max="8")).findings) == 1


def test_params_by_selector_are_each_tried() -> None:
    limit = policy("object.spec.parallelism <= int(params.data.max)", **PARAMS)
    maps = [config_map(f"c{n}", labels={"for": "jobs"}, max=str(n)) for n in (7, 8, 9)]
    found = review(
        job(parallelism=9), limit, binding(**ref(selector={"matchLabels": {"for": "jobs"}})), *maps
    )
    assert len(found.findings) == 2


def test_without_a_param_ref_params_are_null() -> None:
    assert review(job(), policy("params == null", **PARAMS), binding()).findings == ()


@pytest.mark.parametrize(
    "expression",
    [
        "request.userInfo.username == 'x'",
        "authorizer.group('batch').resource('jobs').check('create').allowed()",
        "authorizer.requestResource.check('delete').allowed()",
        "object.metadata.uid != ''",
        "namespaceObject.metadata.labels['team'] == 'a'",
        "object.spec.no == 1 || request.userInfo.username == 'x'",
        "object.f()",
    ],
)
def test_what_only_a_server_knows_is_named_as_unchecked(expression: str) -> None:
    [found] = told(review(job(), policy(expression), binding()).findings)
    assert found.startswith(f"{UNCHECKED}{expression}: ")


def test_what_does_not_hang_on_it_is_decided() -> None:
    expressions = ("true || request.userInfo.username == 'x'", "false && request.userInfo.username == 'x'")
    assert told(review(job(), policy(*expressions), binding()).findings) == [
        f"{DENIED}failed expression: {expressions[1]}"
    ]


def test_an_unchecked_match_condition_leaves_the_policy_unchecked() -> None:
    conditions = [{"name": "c", "expression": "request.userInfo.username != 'x'"}]
    [found] = told(review(job(), policy("false", matchConditions=conditions), binding()).findings)
    assert found.startswith(UNCHECKED)


NOT_CREATED = {**JOBS, "operations": ["UPDATE"]}
RULES: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"objectSelector": {"matchLabels": {"team": "a"}}}, True),
    ({"objectSelector": {"matchLabels": {"team": "b"}}}, False),
    ({"objectSelector": {"matchExpressions": [{"key": "no", "operator": "DoesNotExist"}]}}, True),
    ({"excludeResourceRules": [JOBS]}, False),
    ({"excludeResourceRules": [{**JOBS, "resourceNames": ["y"]}]}, True),
    ({"resourceRules": [{**JOBS, "resourceNames": ["x"]}]}, True),
    ({"resourceRules": [{**JOBS, "resourceNames": ["y"]}]}, False),
    ({"resourceRules": [NOT_CREATED]}, False),
    ({"resourceRules": [NOT_CREATED, JOBS]}, True),
    ({"resourceRules": [{**JOBS, "resources": ["*"]}]}, True),
    ({"resourceRules": [{**JOBS, "resources": ["*/*"]}]}, True),
    ({"resourceRules": [{**JOBS, "resources": ["jobs/status"]}]}, False),
    ({"resourceRules": [{**JOBS, "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"]}]}, True),
    ({"resourceRules": [{**JOBS, "scope": "Cluster"}]}, False),
    ({"resourceRules": [{**JOBS, "scope": "Namespaced"}]}, True),
    ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}, True),
    ({"namespaceSelector": {"matchLabels": {"env": "prod"}}}, True),
    ({"namespaceSelector": {"matchLabels": {"env": "test"}}}, False),
]


@pytest.mark.parametrize(("match", "matches"), RULES)
def test_constraints_say_which_objects_are_meant(match: dict[str, Any], matches: bool) -> None:
    obj = job(metadata={"labels": {"team": "a"}})
    where = namespace(env="prod")
    by_policy = review(obj, policy("false", match=match), binding(), where).findings
    assert bool(by_policy) is matches
    by_binding = review(obj, policy("false"), binding(matchResources=match), where).findings
    assert bool(by_binding) is matches


def test_labels_of_a_namespace_that_is_not_given_are_unchecked() -> None:
    match = {"namespaceSelector": {"matchLabels": {"env": "prod"}}}
    [found] = told(review(job(), policy("false", match=match), binding()).findings)
    assert found == (f"{UNCHECKED}namespaceSelector env=prod: Namespace 'default' is not among the policies")


def test_a_cluster_wide_object_is_in_no_namespace() -> None:
    everything = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}
    rule = policy("namespaceObject == null && request.namespace == ''", rules=(everything,))
    obj = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "x"},
        "value": 1,
    }
    assert review(obj, rule, binding()).findings == ()
    assert review(policy("true"), policy("false", rules=(everything,)), binding()).findings == ()


def test_an_update_has_the_old_object() -> None:
    rule = policy("object.spec.parallelism >= oldObject.spec.parallelism", rules=(NOT_CREATED,))
    old = job(parallelism=3)
    assert review(job(parallelism=3), rule, binding(), old=old).findings == ()
    assert len(review(job(parallelism=2), rule, binding(), old=old).findings) == 1


def test_the_pods_of_a_job_are_asked_about_as_well() -> None:
    rule = policy(
        "object.spec.serviceAccountName != 'default' && has(object.metadata.generateName)", rules=(PODS,)
    )
    found = review(job(), rule, binding()).findings
    assert [each.path for each in found] == ["spec.template"]
    assert told(found)[0].startswith(f"spec.template: its pods would be refused: {DENIED}")
    assert len(review(pod(), rule, binding()).findings) == 1


def test_what_refuses_no_pod_is_not_called_a_refusal() -> None:
    annotations = [{"key": "k", "valueExpression": "'v'"}]
    rule = policy("false", rules=(PODS,), auditAnnotations=annotations)
    warned = review(job(), rule, binding(actions=("Warn",))).warnings
    words = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': failed expression: false"
    assert [str(each) for each in warned] == [
        f"spec.template: its pods: {words}",
        "spec.template: its pods: audit log: p/k: v",
    ]
    unknown = policy("request.userInfo.username == 'x'", rules=(PODS,))
    [found] = told(review(job(), unknown, binding()).findings)
    assert found.startswith("unchecked spec.template: its pods: ValidatingAdmissionPolicy 'p' ")


def test_the_jobs_of_a_cron_job_are_asked_about_as_well() -> None:
    template = {"spec": job()["spec"]}
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "c"},
        "spec": {"schedule": "* * * * *", "jobTemplate": template},
    }
    found = review(cron, policy("object.spec.backoffLimit < 6"), binding()).findings
    assert [str(each).partition(DENIED)[0] for each in found] == [
        "spec.jobTemplate: its Jobs would be refused: "
    ]


def test_a_kind_without_a_schema_is_unchecked() -> None:
    anything = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}
    obj = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}}
    assert told(review(obj, policy("true", rules=(anything,)), binding()).findings) == [
        f"{UNCHECKED}there is no schema for example.com/v1 Thing"
    ]


def test_the_jobs_of_a_job_set_are_asked_about_as_well() -> None:
    own = {"parallelism": 3, "template": {"spec": pod_spec()}}
    part = {"name": "w", "template": {"spec": own}}
    obj = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {"name": "x"}}
    obj["spec"] = {"replicatedJobs": [part]}
    labelled = "object.metadata.labels['jobset.sigs.k8s.io/jobset-name'] == 'x'"
    held = policy(f"object.spec.parallelism < 3 || !({labelled})", rules=(JOBS,))
    assert told(review(obj, held, binding()).findings)[0].startswith(
        "spec.replicatedJobs[0].template: its Jobs would be refused: ValidatingAdmissionPolicy 'p'"
    )
    named = policy("object.metadata.name == 'x-w-0'", rules=(JOBS,))
    assert told(review(obj, named, binding()).findings)[0].startswith("unchecked spec.replicatedJobs[0]")


@pytest.mark.parametrize("param", [(), ({"metadata": {"name": "most"}, "data": {"max": "1"}},)])
@pytest.mark.parametrize("action", ["Allow", "Deny"])
def test_params_of_which_nobody_knows_whether_they_are_in_namespaces_are_unchecked(
    param: tuple[dict[str, Any], ...], action: str
) -> None:
    kind = {"apiVersion": "lab.example.com/v1", "kind": "Most"}
    held = policy("object.spec.parallelism <= int(params.data.max)", paramKind=kind)
    bound = binding(paramRef={"name": "most", "parameterNotFoundAction": action})
    found = review(job(parallelism=9), held, bound, *({**kind, **each} for each in param)).findings
    assert told(found) == [
        f"{UNCHECKED}whether lab.example.com/v1 Most is in namespaces is not known: crds takes its definition"
    ]


def test_a_kind_that_nobody_defines_is_unchecked_whatever_its_resource_is_called() -> None:
    rule = {
        "apiGroups": ["lab.example.com"],
        "apiVersions": ["v1"],
        "operations": ["*"],
        "resources": ["oxen"],
    }
    obj = {"apiVersion": "lab.example.com/v1", "kind": "Ox", "metadata": {"name": "x"}}
    for each in (rule, {**rule, "resources": ["*"], "scope": "Cluster"}):
        [found] = told(review(obj, policy("false", rules=(each,)), binding()).findings)
        assert found == f"{UNCHECKED}there is no schema for lab.example.com/v1 Ox"
    other = policy("false", rules=({**rule, "apiGroups": ["example.com"]},))
    assert review(obj, other, binding()).findings == ()


@pytest.mark.parametrize("pattern", [r"\p{Greek}", "(?U)a+", "(?i-U)a"])
def test_a_regular_expression_that_only_go_has_is_unchecked(pattern: str) -> None:
    for text in (
        f"!object.metadata.name.matches(r'{pattern}')",
        f"object.metadata.name.matches(r'{pattern}')",
    ):
        assert told(review(job(), policy(text), binding()).findings)[0].startswith(UNCHECKED)


def test_what_the_server_fills_in_is_there() -> None:
    assert review(job(), policy("object.metadata.generation == 1"), binding()).findings == ()
    of_fields = policy("object.metadata.managedFields.size() > 0")
    assert told(review(job(), of_fields, binding()).findings)[0].startswith("unchecked ")
    of_quality = policy("object.status.qosClass == 'BestEffort'", rules=(PODS,))
    assert told(review(pod(), of_quality, binding()).findings)[0].startswith("unchecked ")
