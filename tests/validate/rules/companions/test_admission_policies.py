"""ValidatingAdmissionPolicies and bindings, by the rules of pkg/apis/admissionregistration."""

from __future__ import annotations

import pytest

from expander.kube.versions import Release
from expander.validate.check import check
from expander.validate.finding import Reason
from tests.validate.rules.companions.probing import whole, wrong

JOBS = "matchConstraints: {resourceRules: [{apiGroups: [batch], apiVersions: [v1], operations: [CREATE], resources: [jobs]}]}"
TRUE = "validations: [{expression: 'true'}]"
ONE = "validations or auditAnnotations must contain at least one item"

POLICIES: list[tuple[str, list[str]]] = [
    (f"{JOBS}, {TRUE}", []),
    (f"{JOBS}, {TRUE}, failurePolicy: Ignore, paramKind: {{apiVersion: v1, kind: ConfigMap}}", []),
    (TRUE, ["spec.matchConstraints: Required value"]),
    (f"matchConstraints: {{}}, {TRUE}", ["spec.matchConstraints.resourceRules: Required value"]),
    (JOBS, [f"spec.validations: Required value: {ONE}", f"spec.auditAnnotations: Required value: {ONE}"]),
    (
        f"{JOBS}, {TRUE}, failurePolicy: Never",
        ['spec.failurePolicy: Unsupported value: "Never": supported values: "Fail", "Ignore"'],
    ),
    (
        f"{JOBS}, {TRUE}, paramKind: {{apiVersion: a/b/c}}",
        [
            'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
            "spec.paramKind.kind: Required value",
        ],
    ),
    (
        f"{JOBS}, validations: [{{expression: ' '}}, {{expression: 'true', reason: Bad, message: ' '}}]",
        [
            "spec.validations[0].expression: Required value: expression is not specified",
            'spec.validations[1].message: Invalid value: " ": message must be non-empty if specified',
            'spec.validations[1].reason: Unsupported value: "Bad"',
        ],
    ),
    (
        f"{JOBS}, validations: [{{expression: 'object.spec =='}}]",
        ['spec.validations[0].expression: Invalid value: "object.spec ==": compilation failed: expected'],
    ),
    (
        f"{JOBS}, validations: [{{expression: '1', messageExpression: 'true'}}, {{expression: '[true]'}}]",
        [
            'spec.validations[0].expression: Invalid value: "1": compilation failed: must evaluate to bool',
            'spec.validations[0].messageExpression: Invalid value: "true": compilation failed: must evaluate',
            'spec.validations[1].expression: Invalid value: "[true]": compilation failed: must evaluate to bool',
        ],
    ),
    (
        f"{JOBS}, validations: [{{expression: 'params.a'}}]",
        [
            "spec.validations[0].expression: Invalid value: \"params.a\": compilation failed: undeclared reference to 'params'"
        ],
    ),
    (
        f"{JOBS}, {TRUE}, variables: [{{name: a, expression: variables.b}}, {{name: b, expression: '1'}}]",
        [
            "spec.variables[0].expression: Invalid value: \"variables.b\": compilation failed: undefined field 'b'"
        ],
    ),
    (
        f"{JOBS}, {TRUE}, variables: [{{name: 1a, expression: '1'}}, {{name: c, expression: ''}}, {{name: c, expression: '1'}}]",
        [
            'spec.variables[0].name: Invalid value: "1a": name is not a valid CEL identifier',
            "spec.variables[1].expression: Required value: expression is not specified",
            'spec.variables[2].name: Duplicate value: "c"',
        ],
    ),
    (
        f"{JOBS}, {TRUE}, matchConditions: [{{name: a, expression: variables.x}}, {{name: a, expression: 'true'}}]",
        [
            'spec.matchConditions[1].name: Duplicate value: "a"',
            'spec.matchConditions[0].expression: Invalid value: "variables.x": compilation failed: undeclared',
        ],
    ),
    (
        f"{JOBS}, validations: [{{expression: 'true', messageExpression: authorizer.x}}]",
        [
            'spec.validations[0].messageExpression: Invalid value: "authorizer.x": compilation failed: undeclared'
        ],
    ),
    (
        f"{JOBS}, auditAnnotations: [{{key: a b, valueExpression: \"'x'\"}}, {{key: ok, valueExpression: ''}}]",
        [
            'spec.auditAnnotations[0].key: Invalid value: "a b"',
            "spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified",
        ],
    ),
    (
        f"{TRUE}, matchConstraints: {{resourceRules: [{{apiGroups: ['*', a], operations: [MAKE], scope: All}}]}}",
        [
            'spec.matchConstraints.resourceRules[0].apiGroups: Invalid value: ["*","a"]: if \'*\' is present',
            "spec.matchConstraints.resourceRules[0].apiVersions: Required value",
            "spec.matchConstraints.resourceRules[0].resources: Required value",
            'spec.matchConstraints.resourceRules[0].operations[0]: Unsupported value: "MAKE"',
            'spec.matchConstraints.resourceRules[0].scope: Unsupported value: "All"',
        ],
    ),
]

BINDINGS: list[tuple[str, list[str]]] = [
    ("policyName: a, validationActions: [Deny]", []),
    ("", ["spec.policyName: Required value", "spec.validationActions: Required value"]),
    (
        "policyName: a, validationActions: [Warn, Deny]",
        ['spec.validationActions: Invalid value: ["Warn","Deny"]: must not contain both Deny and Warn'],
    ),
    (
        "policyName: a, validationActions: [Audit, Audit]",
        ['spec.validationActions[1]: Duplicate value: "Audit"'],
    ),
    (
        "policyName: a, validationActions: [Deny], paramRef: {}",
        [
            "spec.paramRef: Required value: one of name or selector must be specified",
            "spec.paramRef.parameterNotFoundAction: Required value",
        ],
    ),
    (
        "policyName: a, validationActions: [Deny], paramRef: {name: a, selector: {}, parameterNotFoundAction: Deny}",
        ["spec.paramRef.name: Forbidden: name and selector", "spec.paramRef.selector: Forbidden"],
    ),
]


@pytest.mark.parametrize(("spec", "causes"), POLICIES)
def test_policies(spec: str, causes: list[str]) -> None:
    assert not wrong("ValidatingAdmissionPolicy", f"spec: {{{spec}}}", causes)


@pytest.mark.parametrize(("spec", "causes"), BINDINGS)
def test_bindings(spec: str, causes: list[str]) -> None:
    assert not wrong("ValidatingAdmissionPolicyBinding", f"spec: {{{spec}}}", causes)


def test_a_function_that_is_not_known_here_is_named_as_unchecked() -> None:
    policy = whole("ValidatingAdmissionPolicy", f"spec: {{{JOBS}, validations: [{{expression: f(object)}}]}}")
    found = check(policy) or []
    assert [(each.path, each.reason) for each in found] == [
        ("spec.validations[0].expression", Reason.UNCHECKED)
    ]


def test_the_kinds_are_those_of_1_30_and_later() -> None:
    policy = whole("ValidatingAdmissionPolicy", f"spec: {{{JOBS}, {TRUE}}}")
    assert check(policy, Release(1, 30)) == []
    found = check(policy, Release(1, 29)) or []
    assert [each.path for each in found] == ["apiVersion"]
