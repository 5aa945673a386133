"""`--policies` of the commands, and `policies=` of the calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import expander
from expander.base.yaml.writer import dump
from expander.batch.policies import load_policies
from expander.batch.validation import Validation
from expander.batch.validator import Validator
from expander.batch.verdict import Cluster
from expander.items.load import ItemSpec, items
from expander.items.python import from_python
from tests.cli.program import run
from tests.validate.crds.samples import INTEGER, definition, objects, sweep
from tests.validate.policies.samples import (
    JOBS,
    binding,
    config_map,
    job,
    limited,
    namespace,
    pod,
    policy,
    review,
)

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: j-$ITEM
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: busybox
        args: [$ITEM]
"""
PODS = "spec.template: its pods would be refused:"
DENIED = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: "


@pytest.fixture
def folder(folder: Path) -> Path:
    (folder / "job.yaml").write_text(TEMPLATE)
    write(folder, policy("object.metadata.name != 'j-b'"), binding())
    return folder


def write(folder: Path, *objects: Any) -> None:
    (folder / "policies.yaml").write_text("---\n".join(dump(each) for each in objects))


def errors_of(*items: str, **options: Any) -> tuple[list[str], list[str]]:
    """The Jobs of these items, and the errors of the others."""
    errors: list[str] = []
    made = expander.expand(
        "job.yaml", items, policies="policies.yaml", on_error=lambda each: errors.append(str(each)), **options
    )
    return [each.name for each in made], errors


def test_an_item_that_a_policy_refuses_is_left_out(folder: Path) -> None:
    names, errors = errors_of("a", "b", "c")
    assert names == ["j-a", "j-c"]
    assert len(errors) == 1
    assert f"item 2 'b' (<python>): {DENIED}failed expression: object.metadata.name != 'j-b'" in errors[0]


def test_every_item_of_a_large_batch_can_be_refused(folder: Path) -> None:
    write(folder, policy("object.spec.template.spec.containers[0].args[0] == 'x'"), binding())
    many = items(ItemSpec(sources=("1-300",)))
    refused: list[expander.ItemError] = []
    request = expander.BatchRequest(batch="job.yaml", items=many, policies="policies.yaml")
    assert list(request.expansion(refused.append)) == []
    assert [each.problems[0].item for each in refused] == [f"item {n} {n} (1-300)" for n in range(1, 301)]


def test_policies_are_asked_about_the_shape_that_is_sent(folder: Path) -> None:
    quota = limited("ResourceQuota", hard={"count/jobs.batch": "1"})
    write(folder, policy("object.spec.completionMode == 'Indexed'"), binding(), quota)
    (folder / "job.yaml").write_text(TEMPLATE.replace("args:", "command:"))
    said: list[str] = []
    request = expander.BatchRequest(
        batch="job.yaml", items=from_python(["a", "b", "c"]), shape="indexed", policies="policies.yaml"
    )
    made = list(request.manifests(lambda error: said.append(str(error)), said.append))
    assert ([each.kind for each in made], said) == (["ConfigMap", "Job"], [])


@pytest.mark.parametrize(("shape", "jobs"), [("chunks=2", 2), ("queue=redis", 1)])
def test_pods_of_chunks_and_workers_are_asked_about(folder: Path, shape: str, jobs: int) -> None:
    where = namespace(enforce="restricted")
    write(folder, policy("object.kind == 'Job'", "object.metadata.name.startsWith('j')"), binding(), where)
    (folder / "job.yaml").write_text(TEMPLATE.replace("args:", "command:"))
    options = ("--queue-url", "redis://redis:6379") if shape.startswith("queue") else ()
    found = run(
        "expand", "job.yaml", *"abc", "--as", shape, "--policies", "policies.yaml", "-o", "out", *options
    )
    assert found.code == 1, found.err
    assert list((folder / "out").glob("job-*")) == []
    assert found.err.count(f'{PODS} violates PodSecurity "restricted:latest"') == jobs


def test_policies_see_custom_resources_with_the_defaults_of_their_definition(folder: Path) -> None:
    crd = definition(objects(low=INTEGER, high={**INTEGER, "default": 3}))
    (folder / "crd.yaml").write_text(dump(crd))
    rules = [{**JOBS, "apiGroups": ["lab.example.com"], "resources": ["sweeps"]}]
    write(folder, policy("object.spec.high - object.spec.low > 1", rules=rules), binding())
    (folder / "sweep.yaml").write_text(dump(sweep({"low": "$ITEM"}, metadata={"name": "s-$ITEM"})))
    arguments = ("expand", "sweep.yaml", "1", "2", "--policies", "policies.yaml", "-o", "out")
    found = run(*arguments, "--crds", "crd.yaml")
    assert (found.code, found.err.count("denied request")) == (1, 1)
    assert "item 2 '2' (<arguments>): " in found.err
    assert [each.name for each in (folder / "out").glob("*.yaml")] == ["sweep-1.yaml"]


def test_policies_see_the_string_data_of_a_secret_as_data() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"a": "eA==", "b": "eQ=="},
    }
    rules = [{**JOBS, "apiGroups": [""], "resources": ["secrets"]}]
    expression = "!has(object.stringData) && object.data == {'a': 'eg==', 'b': 'eQ=='}"
    found = review({**secret, "stringData": {"a": "z"}}, policy(expression, rules=rules), binding())
    assert found.findings == ()


def test_what_no_item_can_change_is_one_error(folder: Path) -> None:
    write(folder, namespace(enforce="restricted"))
    with pytest.raises(expander.InputError) as error:
        errors_of("a", "b")
    assert str(error.value).startswith(
        'job.yaml:6:3: spec.template: its pods would be refused: violates PodSecurity "restricted:latest": '
    )


def test_commands_tell_refusals_warnings_and_quotas(folder: Path) -> None:
    quota = limited("ResourceQuota", hard={"count/jobs.batch": "2"})
    unknown = "request.userInfo.username != 'x'"
    write(
        folder, policy("object.metadata.name != 'j-b'", unknown), binding(), quota, policy("true", name="q")
    )
    found = run("expand", "job.yaml", "a", "b", "c", "d", "--policies", "policies.yaml", "-o", "out")
    assert found.code == 1
    assert "item 2 'b'" in found.err
    assert f"warning: Job: ValidatingAdmissionPolicy 'p' with binding 'b' not checked: {unknown}" in found.err
    assert (
        "warning: quota resourcequota in default: room for 2 of 3 Jobs; item 4 'd' (<arguments>): "
        in found.err
    )
    assert "warning: ValidatingAdmissionPolicy q has no binding, so it decides nothing" in found.err
    assert len(list((folder / "out").glob("job-*"))) == 3
    planned = run("plan", "job.yaml", "a", "c", "d", "--policies", "policies.yaml", "--offline")
    assert (planned.code, "room for 2 of 3 Jobs" in planned.err) == (0, True)
    plan = expander.plan("job.yaml", ["a", "c", "d"], policies="policies.yaml")
    assert (plan.asked, [each.quota for each in plan.rooms]) == ("files", ["resourcequota"])


def test_no_command_takes_what_is_not_checked_for_passed(folder: Path) -> None:
    unknown = "request.userInfo.username != 'x'"
    write(folder, policy(unknown), binding(), namespace(warn="restricted"))
    unchecked = f"Job: ValidatingAdmissionPolicy 'p' with binding 'b' not checked: {unknown}: "
    pods = 'spec.template: would violate PodSecurity "restricted:latest": '
    arguments = "job.yaml", "a", "b", "--policies", "policies.yaml"
    for command in (("plan", "--offline"), ("submit", "--dry-run=client"), ("run", "--dry-run")):
        found = run(*command, *arguments)
        assert (found.code, found.err.count(unchecked), found.err.count(pods)) == (0, 1, 1), command
    plan = expander.plan("job.yaml", ["a", "b"], policies="policies.yaml", offline=True)
    notes: list[str] = []
    expander.submit("job.yaml", ["a"], policies="policies.yaml", dry_run="client", on_note=notes.append)
    for said in (plan.warnings, notes):
        assert [sum(words.startswith(each) for words in said) for each in (unchecked, pods)] == [1, 1]


def test_validate_has_lines_and_exit_codes(folder: Path) -> None:
    (folder / "jobs.jsonl").write_text(
        "".join(f"{json.dumps(job(metadata={'name': n}))}\n" for n in ("j-a", "j-b"))
    )
    found = run("validate", "jobs.jsonl", "--policies", "policies.yaml", "-o", "json")
    assert found.code == 1
    verdicts = [json.loads(line) for line in found.out.splitlines()]
    assert [each["status"] for each in verdicts[:2]] == ["valid", "invalid"]
    assert verdicts[1]["findings"] == [
        {
            "path": "",
            "reason": "FieldValueInvalid",
            "message": f"{DENIED}failed expression: object.metadata.name != 'j-b'",
            "line": 2,
        }
    ]


def test_the_namespace_of_manifests_without_one_can_be_said(folder: Path) -> None:
    write(folder, namespace("team-a", enforce="baseline"))
    (folder / "pod.yaml").write_text(dump(pod(hostNetwork=True)))
    unknown = run("validate", "pod.yaml", "--policies", "policies.yaml")
    assert (unknown.code, "Namespace 'default' is not among the policies" in unknown.out) == (1, True)
    known = run("validate", "pod.yaml", "--policies", "policies.yaml", "-n", "team-a")
    assert (known.code, "host namespaces (hostNetwork=true)" in known.out) == (1, True)


@pytest.mark.parametrize("workers", [1, 2])
def test_files_give_the_same_verdicts_with_any_number_of_workers(folder: Path, workers: int) -> None:
    (folder / "jobs").mkdir()
    pad = {"annotations": {"pad": "x" * 100_000}}
    for number in range(16):
        body = job(metadata={"name": f"j-{number:02}", **pad}, parallelism=number % 3)
        (folder / "jobs" / f"{number:02}.yaml").write_text(dump(body))
    quota = limited("ResourceQuota", hard={"count/jobs.batch": "9"})
    write(folder, policy("object.spec.parallelism < 2"), binding(), quota)
    validation = Validation(
        ["jobs"], cluster=Cluster(policies=load_policies("policies.yaml")), workers=workers
    )
    statuses = [each.status for each in validation]
    assert statuses == ["invalid" if number % 3 == 2 else "valid" for number in range(16)]
    [words] = [str(each) for each in validation.batch_warnings if each.rule == "over-quota"]
    assert "room for 9 of 11 Jobs; from Job 'j-13' on" in words


def test_python_validates_with_policies(folder: Path) -> None:
    assert expander.validate(job(metadata={"name": "j-a"}), policies="policies.yaml") == []
    [found] = expander.validate(
        job(metadata={"name": "j-b"}), policies=expander.load_policies("policies.yaml")
    )
    assert found.message.startswith(DENIED)
    maps = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}
    given = [policy("object.data.a == oldObject.data.a", rules=(maps,)), binding()]
    new, old = (config_map("c", a=value) for value in ("1", "2"))
    for each in (new, old):
        each["metadata"]["resourceVersion"] = "1"
    [found] = expander.validate(new, old=old, policies=given)
    assert found.message.startswith(DENIED)


def test_many_different_warnings_are_cut_off(folder: Path) -> None:
    message = {"expression": "false", "messageExpression": "'no ' + object.metadata.name"}
    said: list[str] = []
    request = expander.BatchRequest(
        batch="job.yaml",
        items=from_python([str(number) for number in range(59)]),
        policies=[policy(message), binding(actions=("Warn",))],
    )
    made = list(request.manifests(lambda error: None, None, said.append))
    assert len(made) == 59
    assert len(said) == 21
    assert said[-1] == "there are more warnings of policies"


def test_what_a_policy_writes_into_the_audit_log_is_told_once_and_no_fault(folder: Path) -> None:
    annotations = [{"key": "image", "valueExpression": "object.metadata.name"}]
    write(folder, policy("true", auditAnnotations=annotations), binding())
    made = run("expand", "job.yaml", "a", "b", "--ttl", "1h", "--policies", "policies.yaml", "-o", "out")
    assert made.err == "warning: audit log: p/image: j-a\n"
    arguments = "validate", "out", "--policies", "policies.yaml", "--strict-warnings"
    found = run(*arguments)
    assert (found.code, found.out.splitlines()[-1]) == (0, "2 manifests: 2 valid, 0 invalid, 2 warnings")
    assert run(*arguments, "-o", "github").out.startswith("::notice file=out/job-a.yaml,line=1,")
    results = json.loads(run(*arguments, "-o", "sarif").out)["runs"][0]["results"]
    assert [(each["ruleId"], each["level"]) for each in results] == [("audit-annotation", "note")] * 2


BAD: list[tuple[str, str]] = [
    (
        "kind: ConfigMap\napiVersion: v1\n",
        "no ValidatingAdmissionPolicy, Namespace, LimitRange or ResourceQuota",
    ),
    ("a: [\n", "policies.yaml:2"),
    (
        dump(policy("object.spec ==")),
        "policies.yaml:17:5: spec.validations[0].expression: ValidatingAdmissionPolicy p: Invalid value",
    ),
    (
        dump(namespace(enforce="bogus")),
        'metadata.labels[pod-security.kubernetes.io/enforce]: Namespace default: Invalid value: "bogus": '
        "must be one of privileged, baseline, restricted",
    ),
    (
        f"{dump(binding())}---\n{dump(binding())}",
        "ValidatingAdmissionPolicyBinding b: given twice, the first is in",
    ),
    (dump(limited("ResourceQuota", hard={"cpu": "x"})), "spec.hard"),
    (dump({**policy("true"), "metadata": None}), "metadata.name"),
]


@pytest.mark.parametrize(("text", "words"), BAD)
def test_policies_that_no_server_would_have_are_one_clear_error(folder: Path, text: str, words: str) -> None:
    (folder / "policies.yaml").write_text(text)
    with pytest.raises(expander.ExpanderError) as error:
        load_policies("policies.yaml")
    assert words in str(error.value)


def test_a_folder_without_policies_is_named_and_no_option_that_is_not_there(folder: Path) -> None:
    (folder / "rules" / "below").mkdir(parents=True)
    found = run("expand", "job.yaml", "a", "--policies", "rules")
    assert found.code == 2
    assert found.err.startswith("error: rules: no manifests in the folder (")
    assert "hint: folders below it are not read: name them\n" in found.err
    assert "hint: -R reads folders below it too\n" in run("validate", "rules").err


def test_a_missing_file_and_no_validation_are_wrong_usage(folder: Path) -> None:
    missing = run("validate", "job.yaml", "--policies", "no.yaml")
    assert (missing.code, missing.err) == (2, "error: no.yaml: no such file or folder\n")
    with pytest.raises(
        expander.UsageError, match="policies requires validation and cannot be used with validate=False"
    ):
        errors_of("a", validate=False)


def test_lists_and_older_versions_are_read(folder: Path) -> None:
    older = {**policy("false"), "apiVersion": "admissionregistration.k8s.io/v1beta1"}
    listed = {"apiVersion": "v1", "kind": "List", "items": [older, binding(), config_map("c")]}
    write(folder, listed)
    assert len(review(job(), load_policies("policies.yaml")).findings) == 1


@pytest.mark.parametrize("kind", ["Namespace", "LimitRange", "ResourceQuota", "ValidatingAdmissionPolicy"])
@pytest.mark.parametrize("body", [{}, {"metadata": None}, {"metadata": [], "spec": []}, {"spec": "a"}])
def test_kinds_of_others_that_are_called_alike_decide_nothing(kind: str, body: dict[str, Any]) -> None:
    other = {"apiVersion": "lab.example.com/v1", "kind": kind, **body}
    assert review(job(), other, namespace()).findings == ()
    with pytest.raises(expander.InputError, match="no ValidatingAdmissionPolicy, Namespace"):
        load_policies(other)


@pytest.mark.parametrize(
    "text", ["metadata: {name: x}", "5", "[a]", "kind: Namespace", "{apiVersion: 1, kind: Namespace}"]
)
def test_a_document_that_is_no_object_is_not_left_out_silently(folder: Path, text: str) -> None:
    with (folder / "policies.yaml").open("a") as file:
        file.write(f"---\n{text}\n")
    answer = run("expand", "job.yaml", "a", "--policies", "policies.yaml")
    assert answer.code == 2
    assert ": not a Kubernetes object: it needs apiVersion and kind" in answer.err
    assert "error: policies.yaml:" in answer.err


def test_params_that_are_not_there_are_told(folder: Path) -> None:
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    ref = {"name": "most", "namespace": "default", "parameterNotFoundAction": "Allow"}
    write(folder, policy("params.data.max == '1'", paramKind=kind), binding(paramRef=ref))
    answer = run("expand", "job.yaml", "a", "--policies", "policies.yaml")
    assert answer.code == 0
    assert "ValidatingAdmissionPolicyBinding b: no ConfigMap most is among the policies" in answer.err


def test_a_binding_without_its_policy_and_what_is_not_evaluated_are_told(folder: Path) -> None:
    webhook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "w"},
    }
    write(folder, binding("other"), webhook)
    validator = Validator(policies="policies.yaml")
    assert validator.batch_warnings() == [
        "ValidatingWebhookConfiguration w is not evaluated",
        "ValidatingAdmissionPolicyBinding b: there is no ValidatingAdmissionPolicy other",
    ]
