"""Services, Endpoints and EndpointSlices, by the rules of pkg/apis/core and pkg/apis/discovery."""

from __future__ import annotations

import pytest

from expander.kube.versions import Release
from expander.validate.check import check
from expander.validate.updates import check_update
from tests.validate.rules.companions.probing import whole, wrong

RELEASE = Release(1, 36)
ONE = "ports: [{port: 80}]"
BALANCED = f"{ONE}, type: LoadBalancer"

SERVICES: list[tuple[str, list[str]]] = [
    (f"spec: {{{ONE}}}", []),
    ("spec: {}", ["spec.ports: Required value"]),
    ("spec: {clusterIP: None}", []),
    ("spec: {clusterIPs: [None], clusterIP: None}", []),
    (
        f"spec: {{{ONE}, type: Other}}",
        ['spec.type: Unsupported value: "Other": supported values: "ClusterIP"'],
    ),
    (
        f"spec: {{{ONE}, clusterIPs: [10.0.0.9]}}",
        ['spec.clusterIPs: Invalid value: ["10.0.0.9"]: must be empty when `clusterIP` is not specified'],
    ),
    (
        f"spec: {{{ONE}, clusterIP: 10.0.0.8, clusterIPs: [10.0.0.9]}}",
        ['spec.clusterIPs: Invalid value: ["10.0.0.9"]: first value must match `clusterIP`'],
    ),
    (
        f"spec: {{{ONE}, clusterIP: 10.0.0.8, clusterIPs: [10.0.0.8, 10.0.0.9]}}",
        [
            'spec.clusterIPs: Invalid value: ["10.0.0.8","10.0.0.9"]: may specify no more than one IP for each IP '
            "family"
        ],
    ),
    (
        f"spec: {{{ONE}, clusterIP: None, clusterIPs: [None, 10.0.0.9]}}",
        ['spec.clusterIPs: Invalid value: ["None","10.0.0.9"]: \'None\' must be the first and only value'],
    ),
    (
        f"spec: {{{ONE}, clusterIP: 10.0.0.8, clusterIPs: [10.0.0.8, 'fd00::1', 10.0.0.9]}}",
        [
            'spec.clusterIPs: Invalid value: ["10.0.0.8","fd00::1","10.0.0.9"]: may only hold up to 2 values',
            'spec.clusterIPs: Invalid value: ["10.0.0.8","fd00::1","10.0.0.9"]: may specify no more than one IP',
        ],
    ),
    (
        f"spec: {{{ONE}, clusterIP: 010.0.0.1}}",
        ['spec.clusterIPs[0]: Invalid value: "010.0.0.1": must not have leading 0s'],
    ),
    (
        f"spec: {{{ONE}, clusterIP: '::ffff:1.2.3.4'}}",
        ['spec.clusterIPs[0]: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address'],
    ),
    (
        f"spec: {{{ONE}, clusterIP: ten}}",
        [
            'spec.clusterIPs[0]: Invalid value: "ten": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
        ],
    ),
    (
        f"spec: {{{ONE}, ipFamilies: [IPv4, IPv4]}}",
        ['spec.ipFamilies[1]: Duplicate value: "IPv4"'],
    ),
    (
        f"spec: {{{ONE}, ipFamilies: [IP4]}}",
        ['spec.ipFamilies[0]: Unsupported value: "IP4": supported values: "IPv4", "IPv6"'],
    ),
    (
        f"spec: {{{ONE}, ipFamilyPolicy: Dual}}",
        [
            'spec.ipFamilyPolicy: Unsupported value: "Dual": supported values: "PreferDualStack", "RequireDualStack"'
        ],
    ),
    (
        f"spec: {{{ONE}, ipFamilyPolicy: SingleStack, ipFamilies: [IPv4, IPv6]}}",
        [
            'spec.ipFamilyPolicy: Invalid value: "SingleStack": must be RequireDualStack or PreferDualStack when'
        ],
    ),
    (
        f"spec: {{{ONE}, clusterIP: 10.0.0.8, ipFamilies: [IPv6]}}",
        [
            'spec.clusterIPs[0]: Invalid value: "10.0.0.8": expected an IPv6 value as indicated by `ipFamilies[0]`'
        ],
    ),
    (
        "spec: {ports: [{port: 0}], clusterIP: ten}",
        ['spec.clusterIPs[0]: Invalid value: "ten"'],
    ),
    ("spec: {type: ExternalName, externalName: a.b.}", []),
    ("spec: {type: ExternalName}", ["spec.externalName: Required value"]),
    ("spec: {type: ExternalName, externalName: a_b}", ['spec.externalName: Invalid value: "a_b"']),
    (
        "spec: {type: ExternalName, externalName: a, clusterIP: 1.2.3.4, ipFamilies: [IPv4], "
        "ipFamilyPolicy: SingleStack}",
        [
            "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
            "spec.ipFamilies: Forbidden: may not be set for ExternalName services",
            "spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services",
        ],
    ),
    ("spec: {type: ExternalName, externalName: a, ports: [{port: 1, nodePort: 30000}]}", []),
    (
        f"spec: {{{ONE}, type: NodePort, clusterIP: None}}",
        ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
    ),
    (
        "spec: {type: NodePort, ports: [{port: 80, nodePort: 80}]}",
        [
            "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. "
            "The range of valid ports is 30000-32767"
        ],
    ),
    (
        "spec: {type: NodePort, ports: [{port: 1, name: a, nodePort: 30001}, {port: 2, name: b, nodePort: 30001}]}",
        ["spec.ports[1].nodePort: Invalid value: 30001: provided port is already allocated"],
    ),
    (
        "spec: {ports: [{port: 80, nodePort: 30000}]}",
        ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ),
    (
        "spec: {ports: [{port: 1, name: a}, {port: 1, name: b}]}",
        [
            'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":1,'
            '"TargetPort":0,"NodePort":0}'
        ],
    ),
    ("spec: {ports: [{port: 1, name: a}, {port: 1, name: b, protocol: UDP}]}", []),
    (
        "spec: {ports: [{port: 1, name: a}, {port: 2, name: a}]}",
        ['spec.ports[1].name: Duplicate value: "a"'],
    ),
    ("spec: {ports: [{port: 1, name: A}]}", ['spec.ports[0].name: Invalid value: "A"']),
    (
        "spec: {ports: [{port: 70000, targetPort: 1}]}",
        ["spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive"],
    ),
    (
        "spec: {ports: [{port: 1, targetPort: a_b}]}",
        ['spec.ports[0].targetPort: Invalid value: "a_b": must contain'],
    ),
    ("spec: {ports: [{port: 1, appProtocol: ''}]}", ['spec.ports[0].appProtocol: Invalid value: ""'] * 2),
    ("spec: {ports: [{port: 1, protocol: ICMP}]}", ['spec.ports[0].protocol: Unsupported value: "ICMP"']),
    (
        f"spec: {{{ONE}, externalIPs: [127.0.0.1, 0.0.0.0, 169.254.1.1, 224.0.0.5, 8.8.8.8]}}",
        [
            'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
            'spec.externalIPs[1]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
            'spec.externalIPs[2]: Invalid value: "169.254.1.1": may not be in the link-local range',
            'spec.externalIPs[3]: Invalid value: "224.0.0.5": may not be in the link-local multicast range',
        ],
    ),
    (
        f"spec: {{{ONE}, externalIPs: [1.2.3]}}",
        ['spec.externalIPs[0]: Invalid value: "1.2.3": must be a valid IP address'],
    ),
    (f"spec: {{{BALANCED}, loadBalancerSourceRanges: [10.0.0.0/8, ' fd00::/8 ']}}", []),
    (
        f"spec: {{{BALANCED}, loadBalancerSourceRanges: [10.0.0.1/8]}}",
        [
            'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix'
        ],
    ),
    (
        f"spec: {{{BALANCED}, loadBalancerSourceRanges: [10.0.0.0/08, 1.2.3.4, '::ffff:1.2.3.0/120']}}",
        [
            'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.0/08": must not have leading 0s in IP or',
            'spec.LoadBalancerSourceRanges[1]: Invalid value: "1.2.3.4": must be a valid CIDR value, (e.g.',
            'spec.LoadBalancerSourceRanges[2]: Invalid value: "::ffff:1.2.3.0/120": must not have an IPv4-mapped',
        ],
    ),
    (
        f"spec: {{{ONE}, loadBalancerSourceRanges: [10.0.0.0/8]}}",
        ["spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"],
    ),
    (
        "metadata: {name: a, annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: '1.2.3.4/33'}}, "
        f"spec: {{{BALANCED}}}",
        ["metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Invalid value: "],
    ),
    (
        f"spec: {{{ONE}, loadBalancerClass: a.b/c}}",
        ["spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"],
    ),
    (f"spec: {{{BALANCED}, loadBalancerClass: a/b/c}}", ['spec.loadBalancerClass: Invalid value: "a/b/c"']),
    (
        f"spec: {{{ONE}, allocateLoadBalancerNodePorts: false}}",
        ["spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'"],
    ),
    (
        f"spec: {{{ONE}, externalTrafficPolicy: Local}}",
        [
            'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'
        ],
    ),
    (f"spec: {{{ONE}, externalIPs: [8.8.8.8], externalTrafficPolicy: Local}}", []),
    (
        f"spec: {{{BALANCED}, externalTrafficPolicy: Near}}",
        ['spec.externalTrafficPolicy: Unsupported value: "Near": supported values: "Cluster", "Local"'],
    ),
    (f"spec: {{{BALANCED}, externalTrafficPolicy: Local, healthCheckNodePort: 30100}}", []),
    (
        f"spec: {{{BALANCED}, healthCheckNodePort: 30100}}",
        ["spec.healthCheckNodePort: Invalid value: 30100: may only be set when `type` is 'LoadBalancer' and"],
    ),
    (
        f"spec: {{{ONE}, internalTrafficPolicy: Near}}",
        ['spec.internalTrafficPolicy: Unsupported value: "Near": supported values: "Cluster", "Local"'],
    ),
    (f"spec: {{{ONE}, trafficDistribution: PreferSameNode}}", []),
    (
        f"spec: {{{ONE}, trafficDistribution: Far}}",
        ['spec.trafficDistribution: Unsupported value: "Far": supported values: "PreferClose"'],
    ),
    (
        f"spec: {{{ONE}, sessionAffinity: ClientIP, sessionAffinityConfig: {{clientIP: {{timeoutSeconds: 86401}}}}}}",
        [
            "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less"
        ],
    ),
    (
        f"spec: {{{ONE}, sessionAffinity: None, sessionAffinityConfig: {{clientIP: {{timeoutSeconds: 0}}}}}}",
        [],
    ),
    (f"spec: {{{ONE}, sessionAffinity: IP}}", ['spec.sessionAffinity: Unsupported value: "IP"']),
    (f"spec: {{{ONE}, selector: {{a: b c}}}}", ['spec.selector: Invalid value: "b c"']),
    (
        "metadata: {name: a, annotations: {service.kubernetes.io/topology-aware-hints: a, "
        f"service.kubernetes.io/topology-mode: b}}}}, spec: {{{ONE}}}",
        [
            'metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "b": must match annotations['
        ],
    ),
    (f"metadata: {{name: A}}, spec: {{{ONE}}}", ['metadata.name: Invalid value: "A"']),
]

SLICES: list[tuple[str, list[str]]] = [
    ("addressType: IPv4, endpoints: [{addresses: [1.2.3.4]}], ports: [{port: 80}]", []),
    ("endpoints: []", ["addressType: Required value"]),
    (
        "addressType: IP, endpoints: []",
        ['addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4"'],
    ),
    (
        "addressType: IPv4, endpoints: [{addresses: []}]",
        ["endpoints[0].addresses: Required value: must contain at least 1 address"],
    ),
    (
        "addressType: IPv4, endpoints: [{addresses: ['fd00::1']}]",
        ['endpoints[0].addresses[0]: Invalid value: "fd00::1": must be an IPv4 address'],
    ),
    (
        "addressType: IPv6, endpoints: [{addresses: ['::1']}]",
        ['endpoints[0].addresses[0]: Invalid value: "::1": may not be in the loopback range'],
    ),
    (
        "addressType: IPv4, endpoints: [{addresses: [01.2.3.4, x]}]",
        [
            'endpoints[0].addresses[0]: Invalid value: "01.2.3.4": must not have leading 0s',
            'endpoints[0].addresses[1]: Invalid value: "x": must be a valid IP address',
        ],
    ),
    (
        "addressType: FQDN, endpoints: [{addresses: [a, a.b, A.b]}]",
        [
            'endpoints[0].addresses[0]: Invalid value: "a": should be a domain with at least two segments',
            'endpoints[0].addresses[2]: Invalid value: "A.b": a lowercase',
        ],
    ),
    (
        "addressType: IPv4, endpoints: [{addresses: [1.2.3.4], hostname: A, nodeName: B}]",
        [
            'endpoints[0].hostname: Invalid value: "A"',
            'endpoints[0].nodeName: Invalid value: "B"',
        ],
    ),
    (
        "addressType: IPv4, endpoints: [{addresses: [1.2.3.4], hints: {forZones: [{name: a}, {name: a}]}}]",
        ['endpoints[0].hints.forZones[1].name: Duplicate value: "a"'],
    ),
    (
        "addressType: IPv4, endpoints: [], ports: [{name: A}, {name: b}, {name: b, protocol: X}]",
        [
            'ports[0].name: Invalid value: "A"',
            'ports[2].name: Duplicate value: "b"',
            'ports[2].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
        ],
    ),
    (
        "addressType: IPv4, endpoints: [{addresses: [" + "1.2.3.4, " * 101 + "]}]",
        ["endpoints[0].addresses: Too many: 101: must have at most 100 items"],
    ),
    (
        "addressType: IPv4, endpoints: [" + "{}, " * 1001 + "]",
        ["endpoints: Too many: 1001: must have at most 1000 items"],
    ),
]


ENDPOINTS: list[tuple[str, list[str]]] = [
    ("subsets: [{addresses: [{ip: 10.1.1.1, hostname: a, nodeName: n}], ports: [{port: 80}]}]", []),
    ("subsets: [{notReadyAddresses: [{ip: 'fd00::1'}]}]", []),
    ("subsets: null", []),
    (
        "subsets: [null, {ports: [{port: 80}]}]",
        [
            "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
            "subsets[1]: Required value: must specify `addresses` or `notReadyAddresses`",
        ],
    ),
    (
        "subsets: [{addresses: [{}, {ip: 127.0.0.1}], notReadyAddresses: [{ip: 10.1.1.1, hostname: a.b, nodeName: ''}]}]",
        [
            'subsets[0].addresses[0].ip: Invalid value: "": must be a valid IP address',
            'subsets[0].addresses[1].ip: Invalid value: "127.0.0.1": may not be in the loopback range',
            'subsets[0].notReadyAddresses[0].hostname: Invalid value: "a.b": must not contain dots',
            'subsets[0].notReadyAddresses[0].nodeName: Invalid value: "": a lowercase RFC 1123 subdomain',
        ],
    ),
    (
        "subsets: [{addresses: [{ip: 10.1.1.1}], ports: [{port: 0}, {name: A, port: 1, protocol: X}]}]",
        [
            "subsets[0].ports[0].name: Required value",
            "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            'subsets[0].ports[1].name: Invalid value: "A": a lowercase RFC 1123 label',
            'subsets[0].ports[1].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
        ],
    ),
]


@pytest.mark.parametrize(("fields", "causes"), ENDPOINTS)
def test_endpoints(fields: str, causes: list[str]) -> None:
    assert not wrong("Endpoints", fields, causes)


def test_endpoints_that_stay_are_held_to_no_rules() -> None:
    old = whole("Endpoints", "subsets: [{addresses: [{ip: 127.1.0.1}], ports: [{port: 80, protocol: TCP}]}]")
    new = {**old, "metadata": {"name": "thing", "labels": {"a": "b"}}}
    assert check_update(new, old, RELEASE) == []
    new["subsets"] = [{"addresses": [{"ip": "127.1.0.2"}]}]
    assert [each.path for each in check_update(new, old, RELEASE)] == ["subsets[0].addresses[0].ip"]


@pytest.mark.parametrize(("fields", "causes"), SERVICES)
def test_services(fields: str, causes: list[str]) -> None:
    assert not wrong("Service", fields, causes)


@pytest.mark.parametrize(("fields", "causes"), SLICES)
def test_endpoint_slices(fields: str, causes: list[str]) -> None:
    assert not wrong("EndpointSlice", fields, causes)


@pytest.mark.parametrize(("minor", "accepted"), [(35, True), (36, False)])
def test_addresses_are_strict_since_1_36(minor: int, accepted: bool) -> None:
    service = whole("Service", f"spec: {{{ONE}, externalIPs: [010.0.0.1]}}")
    assert (check(service, Release(1, minor)) == []) == accepted
