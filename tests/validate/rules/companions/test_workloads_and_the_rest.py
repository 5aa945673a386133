"""What keeps pods running, and kinds with few rules, as the API server judges them."""

from __future__ import annotations

import pytest

from expander.validate.check import check
from tests.validate.rules.companions.probing import API, whole, wrong

PODS = "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}"
CHOSEN = f"selector: {{matchLabels: {{a: b}}}}, {PODS}"
NO_LABELS = "template: {spec: {containers: [{name: c, image: x}]}}"
UNLIKE = "`selector` does not match template `labels`"

PROBES: list[tuple[str, str, list[str]]] = [
    ("DaemonSet", f"spec: {{{CHOSEN}}}", []),
    (
        "DaemonSet",
        f"spec: {{{PODS}}}",
        [f'spec.template.metadata.labels: Invalid value: {{"a":"b"}}: {UNLIKE}'],
    ),
    (
        "DaemonSet",
        f"spec: {{selector: {{}}, {PODS}}}",
        ["spec.selector: Invalid value: {}: empty selector is invalid for daemonset"],
    ),
    (
        "DaemonSet",
        f"spec: {{selector: {{matchLabels: {{a: c}}}}, {PODS}}}",
        [f'spec.template.metadata.labels: Invalid value: {{"a":"b"}}: {UNLIKE}'],
    ),
    (
        "DaemonSet",
        f"spec: {{selector: {{matchLabels: {{a: b}}}}, {NO_LABELS}}}",
        [f"spec.template.metadata.labels: Invalid value: null: {UNLIKE}"],
    ),
    (
        "DaemonSet",
        f"spec: {{{CHOSEN}, updateStrategy: {{type: Sometimes}}}}",
        [
            'spec.updateStrategy: Unsupported value: {"Type":"Sometimes","RollingUpdate":null}: supported values: '
            '"RollingUpdate", "OnDelete"'
        ],
    ),
    ("DaemonSet", f"spec: {{{CHOSEN}, updateStrategy: {{type: OnDelete}}}}", []),
    (
        "DaemonSet",
        f"spec: {{{CHOSEN}, updateStrategy: {{rollingUpdate: {{maxUnavailable: 0}}}}}}",
        ["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"],
    ),
    (
        "DaemonSet",
        f"spec: {{{CHOSEN}, updateStrategy: {{rollingUpdate: {{maxSurge: 10%}}}}}}",
        [
            'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "10%": may not be set when maxUnavailable'
        ],
    ),
    (
        "DaemonSet",
        f"spec: {{{CHOSEN}, updateStrategy: {{rollingUpdate: {{maxUnavailable: 101%}}}}}}",
        [
            'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'
        ],
    ),
    (
        "DaemonSet",
        f"spec: {{{CHOSEN}, minReadySeconds: -1, revisionHistoryLimit: -1}}",
        [
            "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
            "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    (
        "DaemonSet",
        "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: "
        "{restartPolicy: Never, activeDeadlineSeconds: 1, containers: [{name: c, image: x}]}}}",
        [
            "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported",
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        ],
    ),
    ("Deployment", f"spec: {{{CHOSEN}}}", []),
    (
        "Deployment",
        f"spec: {{{PODS}}}",
        ["spec.selector: Required value"],
    ),
    (
        "Deployment",
        f"spec: {{{CHOSEN}, replicas: -1}}",
        ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    ),
    (
        "Deployment",
        f"spec: {{{CHOSEN}, strategy: {{type: Recreate, rollingUpdate: {{}}}}}}",
        ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ),
    (
        "Deployment",
        f"spec: {{{CHOSEN}, strategy: {{rollingUpdate: {{maxUnavailable: 0, maxSurge: 0}}}}}}",
        ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
    ),
    (
        "Deployment",
        f"spec: {{{CHOSEN}, progressDeadlineSeconds: 10, minReadySeconds: 10}}",
        ["spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds"],
    ),
    (
        "ReplicaSet",
        f"spec: {{selector: {{}}, {PODS}}}",
        ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
    ),
    (
        "ReplicaSet",
        f"spec: {{{CHOSEN}, minReadySeconds: -1}}",
        ["spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"],
    ),
    ("StatefulSet", f"spec: {{serviceName: s, {CHOSEN}}}", []),
    (
        "StatefulSet",
        f"spec: {{{CHOSEN}, podManagementPolicy: Random}}",
        ["spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"],
    ),
    (
        "StatefulSet",
        f"spec: {{{CHOSEN}, updateStrategy: {{type: OnDelete, rollingUpdate: {{partition: 1}}}}}}",
        ["spec.updateStrategy.rollingUpdate: Invalid value: {"],
    ),
    (
        "StatefulSet",
        f"spec: {{{CHOSEN}, persistentVolumeClaimRetentionPolicy: {{whenDeleted: Keep}}}}",
        [
            'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Keep": supported values:'
        ],
    ),
    (
        "StatefulSet",
        f"spec: {{{CHOSEN}, ordinals: {{start: -1}}}}",
        ["spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0"],
    ),
    ("ReplicationController", f"spec: {{{PODS}}}", []),
    ("ReplicationController", f"spec: {{{NO_LABELS}}}", ["spec.selector: Required value"]),
    (
        "ReplicationController",
        f"spec: {{selector: {{a: c}}, {PODS}}}",
        [f'spec.template.metadata.labels: Invalid value: {{"a":"b"}}: {UNLIKE}'],
    ),
    ("PodTemplate", PODS, []),
    ("PodTemplate", "template: {spec: {containers: []}}", ["template.spec.containers: Required value"]),
    (
        "PodTemplate",
        "template: {metadata: {labels: {a: '-'}}, spec: {containers: [{name: c, image: x}]}}",
        [
            'template.labels: Invalid value: "-"',
        ],
    ),
    ("PriorityClass", "value: 1000000000", []),
    (
        "PriorityClass",
        "value: 1000000001",
        ["value: Forbidden: maximum allowed value of a user defined priority is"],
    ),
    (
        "PriorityClass",
        "metadata: {name: system-mine}, value: 1",
        ["metadata.name: Forbidden: priority class names with"],
    ),
    ("PriorityClass", "value: 1, preemptionPolicy: Maybe", ['preemptionPolicy: Unsupported value: "Maybe"']),
    ("PriorityClass", "value: 1, preemptionPolicy: ''", ["preemptionPolicy: Required value"]),
    ("PriorityClass", "metadata: {name: a, namespace: b}, value: 1", []),
    (
        "RuntimeClass",
        "handler: runc, overhead: {podFixed: {cpu: 100m}}, scheduling: {nodeSelector: {a: b}}",
        [],
    ),
    (
        "RuntimeClass",
        "handler: A",
        ['handler: Invalid value: "A": a lowercase RFC 1123 label must consist of'],
    ),
    (
        "RuntimeClass",
        "handler: a, overhead: {podFixed: {cpu: -1}}",
        ['overhead.limits[cpu]: Invalid value: "-1"'],
    ),
    (
        "RuntimeClass",
        "handler: a, scheduling: {nodeSelector: {a: '-'}, tolerations: [{value: b}]}",
        [
            'scheduling.nodeSelector: Invalid value: "-"',
            'scheduling.tolerations[0].operator: Invalid value: ""',
        ],
    ),
    ("ServiceAccount", "imagePullSecrets: [{name: ''}], secrets: [{}]", []),
    ("ServiceAccount", "metadata: {name: A}", ['metadata.name: Invalid value: "A"']),
    ("ServiceAccount", "metadata: {}", ["metadata.name: Required value: name or generateName is required"]),
    ("Namespace", "metadata: {name: a, namespace: a}", []),
    ("Namespace", "metadata: {name: a.b}", ['metadata.name: Invalid value: "a.b": must not contain dots']),
    ("Namespace", "spec: {finalizers: [kubernetes, example.com/done]}", []),
    (
        "Namespace",
        "spec: {finalizers: [mine]}",
        ['spec.finalizers: Invalid value: "mine": name is neither a standard'],
    ),
    ("Lease", "spec: {holderIdentity: a, leaseDurationSeconds: 15}", []),
    (
        "Lease",
        "spec: {leaseDurationSeconds: 0, leaseTransitions: -1}",
        [
            "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
            "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    ("Lease", "spec: {preferredHolder: a, strategy: Mine}", []),
    ("ControllerRevision", "revision: 1, data: {a: b}", []),
    (
        "ControllerRevision",
        "revision: -1",
        [
            "data: Required value: data is mandatory",
            "revision: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    (
        "Pod",
        "spec: {containers: [{name: c, image: x}], hostAliases: [{ip: 010.0.0.1}, {ip: '::ffff:1.2.3.4'}], "
        "dnsConfig: {nameservers: [01.1.1.1]}}",
        [
            'spec.dnsConfig.nameservers[0]: Invalid value: "01.1.1.1": must not have leading 0s',
            'spec.hostAliases[0].ip: Invalid value: "010.0.0.1": must not have leading 0s',
            'spec.hostAliases[1].ip: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address',
        ],
    ),
    (
        "Pod",
        "spec: {containers: [{name: c, image: x}], volumes: [{name: t, projected: {sources: "
        "[{serviceAccountToken: {path: token}}]}}]}",
        [],
    ),
    (
        "Pod",
        "spec: {hostPID: true, shareProcessNamespace: true, containers: [{name: c, image: x}]}",
        [
            "spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot",
        ],
    ),
    (
        "Pod",
        "spec: {resources: {claims: [{name: a}], limits: {cpu: 1}}, resourceClaims: "
        "[{name: a, resourceClaimName: b}], containers: [{name: c, image: x}]}",
        [
            "spec.resources.claims: Forbidden: claims may not be set for Resources at pod-level",
        ],
    ),
]


@pytest.mark.parametrize(("kind", "fields", "causes"), PROBES)
def test_workloads_and_the_rest(kind: str, fields: str, causes: list[str]) -> None:
    assert not wrong(kind, fields, causes)


@pytest.mark.parametrize("fields", ["", "spec: {}", "spec: null"])
@pytest.mark.parametrize("kind", API)
def test_an_object_without_its_fields_is_judged_as_any_other(kind: str, fields: str) -> None:
    assert check(whole(kind, fields)) is not None
