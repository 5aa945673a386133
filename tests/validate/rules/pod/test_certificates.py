"""Projected trust bundles and pod certificates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Check = Callable[..., list[tuple[str, str]]]
Found = list[tuple[str, str]]

AT = "projected.sources[0]"


@pytest.fixture
def in_bundle(in_volume: Check) -> Callable[..., Found]:
    """The findings in a trust bundle with the given fields, their paths without its own."""

    def check(**fields: Any) -> Found:
        found = in_volume(projected={"sources": [{"clusterTrustBundle": fields}]})
        return [(path.removeprefix(f"{AT}.clusterTrustBundle."), message) for path, message in found]

    return check


@pytest.fixture
def in_certificate(in_volume: Check) -> Callable[..., Found]:
    """The same for a pod certificate that is good but for the given fields."""
    good = {"signerName": "example.com/a", "keyType": "ED25519", "credentialBundlePath": "a.pem"}

    def check(**fields: Any) -> Found:
        found = in_volume(projected={"sources": [{"podCertificate": {**good, **fields}}]})
        return [(path.removeprefix(f"{AT}.podCertificate."), message) for path, message in found]

    return check


def test_a_trust_bundle_has_a_name_or_a_signer(in_bundle: Check) -> None:
    assert in_bundle(name="a", path="p") == []
    assert in_bundle(signerName="example.com/a", labelSelector={"matchLabels": {"a": "b"}}, path="p") == []
    assert in_bundle(path="p") == [
        (f"{AT}.clusterTrustBundle", "Required value: either name or signerName must be specified")
    ]
    (both,) = in_bundle(name="a", signerName="example.com/a", path="p")
    assert both[1].endswith("only one of name and signerName may be used")


def test_a_trust_bundle_by_name_has_no_selector(in_bundle: Check) -> None:
    ((path, message),) = in_bundle(name="a", labelSelector={}, path="p")
    assert path == "labelSelector"
    assert message.endswith("labelSelector must be unset if name is specified")


def test_a_trust_bundle_may_be_named_after_its_signer(in_bundle: Check) -> None:
    assert in_bundle(name="example.com:a:b", path="p") == []
    ((path, message),) = in_bundle(name="example.com:a:-", path="p")
    assert path == "name"
    assert message.startswith(
        'Invalid value: "example.com:a:-": not a valid clustertrustbundlename: a lowercase'
    )


def test_a_trust_bundle_has_a_file_inside_the_volume(in_bundle: Check) -> None:
    assert in_bundle(name="a") == [("path", "Required value")]
    assert in_bundle(name="a", path="../p") == [("path", "Invalid value: \"../p\": must not contain '..'")]


def test_the_files_of_all_sources_differ(in_volume: Check) -> None:
    bundle = {"clusterTrustBundle": {"name": "a", "path": "p"}}
    key = {"signerName": "example.com/a", "keyType": "ED25519", "keyPath": "p"}
    assert in_volume(projected={"sources": [bundle, {"podCertificate": key}]}) == [
        ("projected", 'Invalid value: "p": conflicting duplicate paths')
    ]


@pytest.mark.parametrize(
    ("signer", "messages"),
    [
        ("example.com/a.b", []),
        ("", ["Required value"]),
        ("a", ["must be a fully qualified domain and path of the form 'example.com/signer-name'"]),
        ("example/a", ["should be a domain with at least two segments separated by dots"]),
        ("Example.com/a", ['validating label "Example": a lowercase RFC 1123 label']),
        ("example.com/-", ['validating label "-": a lowercase RFC 1123 subdomain']),
    ],
)
def test_a_signer_is_a_domain_and_a_path(in_certificate: Check, signer: str, messages: list[str]) -> None:
    found = in_certificate(signerName=signer)
    assert [path for path, _ in found] == ["signerName"] * len(messages)
    assert all(part in message for part, (_, message) in zip(messages, found, strict=True))


def test_the_type_of_a_key_is_one_of_six(in_certificate: Check) -> None:
    assert in_certificate(keyType="DSA") == [
        (
            "keyType",
            'Unsupported value: "DSA": supported values: "RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", '
            '"ECDSAP521", "ED25519"',
        )
    ]


def test_a_certificate_lives_for_an_hour_at_least_and_91_days_at_most(in_certificate: Check) -> None:
    assert in_certificate(maxExpirationSeconds=3600) == in_certificate(maxExpirationSeconds=7862400) == []
    detail = "if provided, maxExpirationSeconds must be"
    assert in_certificate(maxExpirationSeconds=3599) == [
        ("maxExpirationSeconds", f"Invalid value: 3599: {detail} >= 3600")
    ]
    assert in_certificate(maxExpirationSeconds=7862401) == [
        ("maxExpirationSeconds", f"Invalid value: 7862401: {detail} <= 7862400")
    ]
    assert in_certificate(signerName="kubernetes.io/a", maxExpirationSeconds=86401) == [
        ("maxExpirationSeconds", f"Invalid value: 86401: {detail} <= 86400")
    ]


def test_a_certificate_is_written_to_a_file_inside_the_volume(in_certificate: Check) -> None:
    detail = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
    assert in_certificate(credentialBundlePath="") == [(f"{AT}.podCertificate", f"Required value: {detail}")]
    assert in_certificate(keyPath="/k") == [("keyPath", 'Invalid value: "/k": must be a relative path')]
