"""Roles, bindings, network policies and disruption budgets, by their packages in pkg/apis."""

from __future__ import annotations

import pytest

from expander.validate.check import check_replacement
from tests.validate.rules.companions.probing import whole, wrong

RULE = "verbs: [get], apiGroups: [''], resources: [pods]"

ROLES: list[tuple[str, str, list[str]]] = [
    ("Role", f"rules: [{{{RULE}}}]", []),
    ("Role", "metadata: {name: 'system:Any_name'}, rules: []", []),
    (
        "Role",
        "metadata: {name: a/b%}",
        [
            "metadata.name: Invalid value: \"a/b%\": may not contain '/'",
            "metadata.name: Invalid value: \"a/b%\": may not contain '%'",
        ],
    ),
    ("Role", "metadata: {name: '..'}", ["metadata.name: Invalid value: \"..\": may not be '..'"]),
    (
        "Role",
        "rules: [{}]",
        [
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
            "rules[0].resources: Required value: resource rules must supply at least one resource",
            "rules[0].verbs: Required value: verbs must contain at least one value",
        ],
    ),
    (
        "Role",
        "rules: [{verbs: [get], nonResourceURLs: [/healthz]}]",
        [
            'rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs',
        ],
    ),
    ("ClusterRole", "rules: [{verbs: [get], nonResourceURLs: [/healthz]}]", []),
    (
        "ClusterRole",
        "rules: [{verbs: [get], nonResourceURLs: [/a], resources: [pods]}]",
        [
            'rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and',
        ],
    ),
    (
        "Role",
        "rules: [{verbs: [get], apiGroups: [''], resources: [a, b], resourceNames: [c]}]",
        [
            "rules[0].resourceNames: Required value: resource names cannot apply to multiple resources",
        ],
    ),
    ("Role", "rules: [{verbs: [get], apiGroups: [''], resources: [a], resourceNames: [c, d]}]", []),
    (
        "ClusterRole",
        "aggregationRule: {}",
        [
            "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if",
        ],
    ),
    (
        "ClusterRole",
        "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: '-'}}]}",
        [
            'aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: "-"',
        ],
    ),
    ("ClusterRole", "metadata: {name: a, namespace: b}", []),
]

TO = "roleRef: {kind: Role, name: r}"

BINDINGS: list[tuple[str, str, list[str]]] = [
    ("RoleBinding", f"{TO}, subjects: [{{kind: ServiceAccount, name: default}}]", []),
    ("RoleBinding", f"{TO}, subjects: [{{kind: User, name: 'a b'}}, {{kind: Group, name: g}}]", []),
    (
        "RoleBinding",
        "subjects: []",
        [
            'roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole"',
            "roleRef.name: Required value",
        ],
    ),
    (
        "RoleBinding",
        "roleRef: {kind: Role, name: a/b}",
        ["roleRef.name: Invalid value: \"a/b\": may not contain '/'"],
    ),
    (
        "RoleBinding",
        "roleRef: {kind: Role, name: a, apiGroup: v1}",
        [
            'roleRef.apiGroup: Unsupported value: "v1": supported values: "rbac.authorization.k8s.io"',
        ],
    ),
    ("ClusterRoleBinding", TO, ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"']),
    (
        "ClusterRoleBinding",
        "roleRef: {kind: ClusterRole, name: r}, subjects: [{kind: ServiceAccount, name: a}]",
        [
            "subjects[0].namespace: Required value",
        ],
    ),
    (
        "RoleBinding",
        f"{TO}, subjects: [{{kind: ServiceAccount, name: A, apiGroup: x}}]",
        [
            'subjects[0].apiGroup: Unsupported value: "x": supported values: ""',
            'subjects[0].name: Invalid value: "A"',
        ],
    ),
    (
        "RoleBinding",
        f"{TO}, subjects: [{{kind: User, name: '', apiGroup: x}}]",
        [
            'subjects[0].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
            'subjects[0].name: Invalid value: "": user name cannot be empty',
            "subjects[0].name: Required value",
        ],
    ),
    (
        "RoleBinding",
        f"{TO}, subjects: [{{kind: Group, name: ''}}]",
        [
            'subjects[0].name: Invalid value: "": group name cannot be empty',
            "subjects[0].name: Required value",
        ],
    ),
    (
        "RoleBinding",
        f"{TO}, subjects: [{{kind: Robot, name: r}}]",
        [
            'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
        ],
    ),
]


def ingress(rule: str) -> str:
    return f"spec: {{podSelector: {{}}, ingress: [{{{rule}}}]}}"


POLICIES: list[tuple[str, list[str]]] = [
    ("spec: {podSelector: {}}", []),
    ("spec: {}", []),
    ("spec: {podSelector: {matchLabels: {a: '-'}}}", ['spec.podSelector.matchLabels: Invalid value: "-"']),
    (ingress("from: [{}]"), ["spec.ingress[0].from[0]: Required value: must specify a peer"]),
    (ingress("from: [{podSelector: {}}, {namespaceSelector: {}}]"), []),
    (
        ingress("from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]"),
        ["spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer"],
    ),
    (ingress("from: [{ipBlock: {}}]"), ["spec.ingress[0].from[0].ipBlock.cidr: Required value"]),
    (
        ingress("from: [{ipBlock: {cidr: 10.0.0.1/8}}]"),
        ['spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond'],
    ),
    (
        ingress("from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8, 11.0.0.0/9, 10.1.0.0/16, x]}}]"),
        [
            'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of',
            'spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: "11.0.0.0/9": must be a strict subset of',
            'spec.ingress[0].from[0].ipBlock.except[3]: Invalid value: "x": must be a valid CIDR value',
        ],
    ),
    (ingress("from: [{ipBlock: {cidr: 'fd00::/8', except: ['fd00:1::/32']}}]"), []),
    (ingress("ports: [{port: 80, endPort: 90}, {port: web}, {}]"), []),
    (
        ingress("ports: [{port: 80, endPort: 79}]"),
        ["spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`"],
    ),
    (
        ingress("ports: [{port: web, endPort: 79}]"),
        [
            "spec.ingress[0].ports[0].endPort: Invalid value: 79: may not be specified when `port` is non-numeric"
        ],
    ),
    (
        ingress("ports: [{endPort: 79}]"),
        [
            "spec.ingress[0].ports[0].endPort: Invalid value: 79: may not be specified when `port` is not specified"
        ],
    ),
    (
        ingress("ports: [{port: 0}]"),
        ["spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and"],
    ),
    (
        ingress("ports: [{port: a_b}]"),
        ['spec.ingress[0].ports[0].port: Invalid value: "a_b": must contain only'],
    ),
    (
        ingress("ports: [{protocol: ICMP}]"),
        [
            'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"'
        ],
    ),
    (
        "spec: {podSelector: {}, egress: [{to: [{}]}]}",
        ["spec.egress[0].to[0]: Required value: must specify a peer"],
    ),
    (
        "spec: {podSelector: {}, policyTypes: [Both]}",
        ['spec.policyTypes[0]: Unsupported value: "Both": supported values: "Ingress", "Egress"'],
    ),
    (
        "spec: {podSelector: {}, policyTypes: [Ingress, Egress, Ingress]}",
        ['spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: may not specify more than two'],
    ),
    ("metadata: {name: A}, spec: {}", ['metadata.name: Invalid value: "A"']),
]

BUDGETS: list[tuple[str, list[str]]] = [
    ("spec: {minAvailable: 1, selector: {matchLabels: {a: b}}}", []),
    ("spec: {}", []),
    ("metadata: {name: Any_Name}, spec: {maxUnavailable: 50%}", []),
    (
        "metadata: {name: a/b}, spec: {maxUnavailable: -1}",
        [
            "spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    ("metadata: {name: a/b}, spec: {}", ["metadata.name: Invalid value: \"a/b\": may not contain '/'"]),
    (
        "spec: {minAvailable: 1, maxUnavailable: 1}",
        [
            'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: '
            "minAvailable and maxUnavailable cannot be both set",
        ],
    ),
    (
        "spec: {minAvailable: 101%}",
        ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%'],
    ),
    (
        "spec: {minAvailable: half}",
        ['spec.minAvailable: Invalid value: "half": a valid percent string must be'],
    ),
    (
        "spec: {selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}",
        [
            "spec.selector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists'",
        ],
    ),
    (
        "spec: {unhealthyPodEvictionPolicy: Never}",
        [
            'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
        ],
    ),
]


@pytest.mark.parametrize(("kind", "fields", "causes"), [*ROLES, *BINDINGS])
def test_roles_and_bindings(kind: str, fields: str, causes: list[str]) -> None:
    assert not wrong(kind, fields, causes)


@pytest.mark.parametrize(("fields", "causes"), POLICIES)
def test_network_policies(fields: str, causes: list[str]) -> None:
    assert not wrong("NetworkPolicy", fields, causes)


@pytest.mark.parametrize(("fields", "causes"), BUDGETS)
def test_disruption_budgets(fields: str, causes: list[str]) -> None:
    assert not wrong("PodDisruptionBudget", fields, causes)


def test_a_binding_keeps_its_role() -> None:
    old = whole("RoleBinding", TO)
    assert check_replacement(whole("RoleBinding", f"{TO}, subjects: [{{kind: User, name: u}}]"), old) == []
    found = check_replacement(whole("RoleBinding", "roleRef: {kind: Role, name: other}"), old)
    assert [str(each) for each in found or ()] == [
        'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"other"}: '
        "cannot change roleRef"
    ]
