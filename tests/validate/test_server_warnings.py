"""What the API server says of objects that it takes, word by word."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from expander.kube.versions import DEFAULT, Release
from expander.validate.check import check
from expander.validate.defaults.defaults import defaults
from expander.validate.server_warnings import server_warnings

RECORDED_JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: a.b.c}
spec:
  template:
    metadata:
      annotations: {container.apparmor.security.beta.kubernetes.io/c: runtime/default}
    spec:
      restartPolicy: Never
      nodeSelector: {beta.kubernetes.io/os: linux}
      containers:
      - name: c
        image: x
        env: [{name: A, value: "1"}, {name: A, value: "2"}]
        ports: [{containerPort: 80}, {containerPort: 80}]
        resources: {requests: {memory: 100m, cpu: 1}, limits: {memory: 128}}
      imagePullSecrets: [{name: x}, {name: x}, {}]
      tolerations: [{key: a}]
      hostAliases: [{ip: 1.1.1.1}, {ip: 1.1.1.1}]
      terminationGracePeriodSeconds: -1
      volumes: [{name: g, gitRepo: {repository: x}}]
"""


def said(obj: dict[str, Any], release: Release = DEFAULT) -> list[str]:
    """The warnings about ``obj``, the same with and without its defaults."""
    assert check(obj, release) == []
    found = [str(each) for each in server_warnings(obj, release)]
    assert [str(each) for each in server_warnings(defaults(obj, release=release), release)] == found
    return found


def pod(fields: str, **metadata: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "x"}
    spec = {"containers": [container], **yaml.safe_load(f"{{{fields}}}")}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", **metadata}, "spec": spec}


def other(kind: str, fields: str, api: str = "v1") -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "a"}, **yaml.safe_load(f"{{{fields}}}")}


def test_a_real_server_said_eleven_things_of_this_job() -> None:
    at = "spec.template.spec"
    assert said(yaml.safe_load(RECORDED_JOB)) == [
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; "
        "a DNS label is recommended: [must not contain dots]",
        f'{at}.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
        f"{at}.volumes[0].gitRepo: deprecated in v1.11",
        f'{at}.hostAliases[1].ip: duplicate ip "1.1.1.1"',
        f'{at}.imagePullSecrets[1].name: duplicate name "x"',
        f'{at}.imagePullSecrets[2].name: invalid empty name ""',
        "spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: "
        'deprecated since v1.30; use the "appArmorProfile" field instead',
        f'{at}.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an '
        "integer",
        f'{at}.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
        f"{at}.containers[0].ports[1]: duplicate port definition with {at}.containers[0].ports[0]",
        f"{at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
    ]


TERM = "nodeSelectorTerms: [{matchExpressions: [{key: beta.kubernetes.io/arch, operator: Exists}]}]"
OLD_ARCH = 'beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" instead'
NOTHING = "a null labelSelector results in matching no pod"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
FILE = "items: [{key: k, path: t}]"
SHARED = 'has duplicated path with ServiceAccountToken "t"'

PODS: list[tuple[str, list[str]]] = [
    ("volumes: [{name: a, emptyDir: {}}], nodeSelector: {kubernetes.io/os: linux}", []),
    (
        f"affinity: {{nodeAffinity: {{{REQUIRED}: {{{TERM}}}}}}}",
        [
            f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].key: {OLD_ARCH}",
        ],
    ),
    (
        f"affinity: {{nodeAffinity: {{{PREFERRED}: [{{weight: 1, preference: {{matchExpressions: "
        "[{key: a, operator: In, values: [b c]}]}}]}}",
        [
            f"spec.affinity.nodeAffinity.{PREFERRED}[0].preference.matchExpressions[0].values[0]: b c is invalid, "
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
            "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        ],
    ),
    (
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: failure-domain.beta.kubernetes.io/zone, "
        "whenUnsatisfiable: DoNotSchedule}]",
        [
            "spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated "
            'since v1.17; use "topology.kubernetes.io/zone" instead',
            f"spec.topologySpreadConstraints[0].labelSelector: {NOTHING}",
        ],
    ),
    (
        f"affinity: {{podAffinity: {{{REQUIRED}: [{{topologyKey: a}}]}}, podAntiAffinity: "
        f"{{{PREFERRED}: [{{weight: 1, podAffinityTerm: {{topologyKey: a}}}}]}}}}",
        [
            f"spec.affinity.podAffinity.{REQUIRED}[0].labelSelector: {NOTHING}",
            f"spec.affinity.podAntiAffinity.{PREFERRED}[0].podAffinityTerm.labelSelector: {NOTHING}",
        ],
    ),
    (
        "volumes: [{name: a, rbd: {monitors: [m], image: i}}, {name: b, storageos: {volumeName: v}}]",
        [
            "spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+",
            "spec.volumes[1].storageOS: deprecated in v1.22, non-functional in v1.25+",
        ],
    ),
    (
        "volumes: [{name: a, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], "
        "resources: {requests: {storage: 1500m}}}}}}]",
        [
            "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: fractional byte value "
            '"1500m" is invalid, must be an integer',
        ],
    ),
    (
        "volumes: [{name: a, projected: {sources: [{serviceAccountToken: {path: t}}]}}, {name: b, projected: "
        f"{{sources: [{{configMap: {{name: n, {FILE}}}}}]}}}}, {{name: c, projected: {{sources: "
        f"[{{secret: {{name: n, {FILE}}}}}]}}}}]",
        [
            f"spec.volumes[1].projected.sources.configMap[0]: {SHARED}",
            f"spec.volumes[2].projected.sources.secrets[0]: {SHARED}",
        ],
    ),
    (
        "containers: [{name: c, image: x, env: [{name: A, value: a}, {name: A, value: $(A)b}, {name: A, value: "
        "$(A)}, {name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}]",
        [
            'spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply',
            'spec.containers[0].env[3]: hides previous definition of "A", which may be dropped when using apply',
        ],
    ),
    (
        "containers: [{name: c, image: x, ports: [{containerPort: 1, hostPort: 2}, {containerPort: 1}, "
        "{containerPort: 1, protocol: UDP}, {containerPort: 1, hostPort: 2, hostIP: 1.2.3.4}, "
        "{containerPort: 3, hostIP: 1.2.3.4, name: n}]}]",
        [
            "spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]",
            "spec.containers[0].ports[3]: dangerously ambiguous port definition with spec.containers[0].ports[0]",
            "spec.containers[0].ports[3]: overlapping port definition with spec.containers[0].ports[1]",
            "spec.containers[0].ports[4]: hostIP set without hostPort: {Name:n HostPort:0 ContainerPort:3 "
            "Protocol:TCP HostIP:1.2.3.4}",
        ],
    ),
]


@pytest.mark.parametrize(("fields", "words"), PODS)
def test_pods(fields: str, words: list[str]) -> None:
    assert said(pod(fields)) == words


def test_the_name_and_the_annotations_of_a_pod() -> None:
    critical, seccomp = (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "seccomp.security.alpha.kubernetes.io/pod",
    )
    annotations = {critical: "", seccomp: "runtime/default"}
    assert said(pod("", name="p.q", annotations=annotations)) == [
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; "
        "a DNS label is recommended: [must not contain dots]",
        f'metadata.annotations[{critical}]: non-functional in v1.16+; use the "priorityClassName" field instead',
        f'metadata.annotations[{seccomp}]: non-functional in v1.27+; use the "seccompProfile" field instead',
    ]


ONE = "ports: [{port: 80}]"
CLAIM = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1500m}}"
PODS_OF = "selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}"

OTHERS: list[tuple[dict[str, Any], list[str]]] = [
    (
        other("Service", f"spec: {{{ONE}, externalName: a.b, externalIPs: ['2001:DB8::1']}}"),
        [
            'spec.externalIPs[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
            'spec.externalName is ignored when spec.type is not "ExternalName"',
        ],
    ),
    (
        other("Service", "spec: {clusterIP: None, sessionAffinity: ClientIP, loadBalancerIP: 1.2.3.4}"),
        [
            "spec.loadBalancerIP is ignored for headless services",
            "spec.SessionAffinity is ignored for headless services",
        ],
    ),
    (
        other("Service", f"spec: {{{ONE}, type: LoadBalancer, loadBalancerSourceRanges: ['FD00::/8']}}"),
        [
            'spec.loadBalancerSourceRanges[0]: IPv6 CIDR value "FD00::/8" should be in RFC 5952 canonical format '
            '("fd00::/8")',
        ],
    ),
    (
        other("PersistentVolumeClaim", f"spec: {{{CLAIM}}}"),
        ['spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer'],
    ),
    (
        other(
            "PersistentVolume",
            "spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1}, rbd: {monitors: [m], image: i}, "
            f"persistentVolumeReclaimPolicy: Recycle, nodeAffinity: {{required: {{{TERM}}}}}}}",
        ),
        [
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended "
            "approach is to use dynamic provisioning.",
            f"spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: {OLD_ARCH}",
            "spec.rbd: deprecated in v1.28, non-functional in v1.31+",
        ],
    ),
    (
        other(
            "StorageClass",
            "provisioner: p, allowedTopologies: [{matchLabelExpressions: "
            "[{key: failure-domain.beta.kubernetes.io/zone, values: [a]}]}]",
            "storage.k8s.io/v1",
        ),
        [
            "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.17; use "
            '"topology.kubernetes.io/zone" instead',
        ],
    ),
    (
        other(
            "StatefulSet",
            f"spec: {{{PODS_OF}, volumeClaimTemplates: [{{metadata: {{name: d}}, spec: {{{CLAIM}}}}}]}}",
            "apps/v1",
        ),
        [
            'spec.volumeClaimTemplates[0].resources.requests[storage]: fractional byte value "1500m" is invalid, '
            "must be an integer",
        ],
    ),
    (
        other("Deployment", f"metadata: {{name: a.b}}, spec: {{{PODS_OF}}}", "apps/v1"),
        [
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; "
            "a DNS label is recommended: [must not contain dots]",
        ],
    ),
    (other("DaemonSet", f"metadata: {{name: a.b}}, spec: {{{PODS_OF}}}", "apps/v1"), []),
    (
        other("EndpointSlice", "addressType: FQDN, endpoints: [{addresses: [a.b]}]", "discovery.k8s.io/v1"),
        ["spec.addressType: FQDN endpoints are deprecated"],
    ),
    (
        other(
            "NetworkPolicy",
            "spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 'FD00::/8'}}]}]}",
            "networking.k8s.io/v1",
        ),
        [
            'spec.ingress[0].from[0].ipBlock.cidr: IPv6 CIDR value "FD00::/8" should be in RFC 5952 canonical format '
            '("fd00::/8")',
        ],
    ),
    (
        other(
            "ServiceAccount",
            "metadata: {name: a, annotations: {kubernetes.io/enforce-mountable-secrets: 'true'}}",
        ),
        [
            "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate "
            "namespaces to isolate access to mounted secrets",
        ],
    ),
    (
        other("Secret", "type: kubernetes.io/tls, stringData: {tls.crt: '', tls.key: ''}"),
        ["tls: failed to find any PEM data in certificate input"],
    ),
    (other("ConfigMap", "data: {a: b}"), []),
]


@pytest.mark.parametrize(("obj", "words"), OTHERS)
def test_other_kinds(obj: dict[str, Any], words: list[str]) -> None:
    assert said(obj) == words


def test_addresses_that_are_refused_today_were_warnings_before() -> None:
    service = other("Service", f"spec: {{{ONE}, externalIPs: [010.0.0.1]}}")
    assert said(service, Release(1, 35)) == [
        'spec.externalIPs[0]: non-standard IP address "010.0.0.1" will be considered invalid in a future Kubernetes '
        'release: use "10.0.0.1"'
    ]
    policy = other(
        "NetworkPolicy",
        "spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/08}}]}]}",
        "networking.k8s.io/v1",
    )
    at = "spec.ingress[0].from[0].ipBlock.cidr"
    assert said(policy, Release(1, 35)) == [
        f'{at}: CIDR value "10.0.0.1/08" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)',
        f'{at}: non-standard CIDR value "10.0.0.1/08" will be considered invalid in a future Kubernetes release: '
        'use "10.0.0.0/8"',
    ]


def test_a_kind_that_has_another_now() -> None:
    (found,) = server_warnings({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "a"}})
    assert str(found) == "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
