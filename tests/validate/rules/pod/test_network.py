"""Names, DNS and the rest of the pod spec."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Check = Callable[..., list[tuple[str, str]]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("restartPolicy", "Sometimes"),
        ("dnsPolicy", "Guess"),
        ("nodeSelector", {"a": "-"}),
        ("serviceAccountName", "Up"),
        ("nodeName", "Up"),
        ("activeDeadlineSeconds", 0),
        ("activeDeadlineSeconds", 2**31),
        ("hostname", "dot.ted"),
        ("subdomain", "dot.ted"),
        ("hostnameOverride", ""),
        ("priorityClassName", "Up"),
        ("runtimeClassName", ""),
        ("preemptionPolicy", ""),
        ("preemptionPolicy", "Sometimes"),
    ],
)
def test_a_field_of_the_pod_with_a_bad_value_is_found(in_spec: Check, field: str, value: object) -> None:
    assert [path for path, _ in in_spec(**{field: value})] == [f"spec.{field}"]


def test_the_old_name_of_the_service_account_counts_when_the_new_is_left_out(in_spec: Check) -> None:
    assert [path for path, _ in in_spec(serviceAccount="Up")] == ["spec.serviceAccountName"]
    assert in_spec(serviceAccount="Up", serviceAccountName="fine") == []


def test_left_out_and_null_fields_have_no_findings(in_spec: Check) -> None:
    assert (
        in_spec(volumes=None, affinity=None, securityContext=None, hostUsers=None, hostnameOverride=None)
        == []
    )


def test_the_dns_policy_none_needs_servers(in_spec: Check) -> None:
    assert in_spec(dnsPolicy="None") == [
        ("spec.dnsConfig", "Required value: must provide `dnsConfig` when `dnsPolicy` is None")
    ]
    assert in_spec(dnsPolicy="None", dnsConfig={}) == [
        (
            "spec.dnsConfig.nameservers",
            "Required value: must provide at least one DNS nameserver when `dnsPolicy` is None",
        )
    ]


def test_dns_stays_within_the_limits_of_the_resolver(in_spec: Check) -> None:
    config = {
        "nameservers": ["10.0.0.1", "::1", "10.0.0.2", "dns"],
        "searches": [".", "a_b.example.", "-"],
        "options": [{"value": "2"}],
    }
    found = in_spec(dnsConfig=config)
    assert [path.removeprefix("spec.dnsConfig.") for path, _ in found] == [
        "nameservers",
        "nameservers[3]",
        "searches[2]",
        "options[0]",
    ]
    assert found[0][1] == (
        'Invalid value: ["10.0.0.1","::1","10.0.0.2","dns"]: must not have more than 3 nameservers'
    )
    long = {"searches": ["a" * 63] * 33}
    assert len(in_spec(dnsConfig=long)) == 2


def test_lines_of_the_hosts_file_are_addresses_and_names(in_spec: Check) -> None:
    aliases = [{"ip": "10.0.0.5", "hostnames": ["queue.local", "Up"]}, {}]
    assert [path for path, _ in in_spec(hostAliases=aliases)] == [
        "spec.hostAliases[0].hostnames[1]",
        "spec.hostAliases[1].ip",
    ]


def test_a_host_name_that_goes_before_all_is_alone_and_short(in_spec: Check) -> None:
    found = in_spec(hostnameOverride="a." * 32 + "a", hostNetwork=True, setHostnameAsFQDN=True)
    assert [message for _, message in found] == [
        "Forbidden: may not be specified when setHostnameAsFQDN is true",
        "Forbidden: may not be specified when hostNetwork is true",
        "Too long: may not be more than 64 bytes",
    ]
