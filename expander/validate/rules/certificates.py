"""CertificateSigningRequests.

``ValidateCertificateSigningRequestCreate`` of pkg/apis/certificates/validation decides. The
signature of a request is not checked, only that it is a PEM block of a request.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    invalid,
    invalid_each,
    not_supported,
    required,
    texts,
    too_long,
)
from expander.validate.rules.metadata import check_metadata

USAGES: Final = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)
LEGACY_SIGNER: Final = "kubernetes.io/legacy-unknown"
MAX_SIGNER_BYTES: Final = 571
MIN_SECONDS: Final = 600
_BLOCK: Final = re.compile(
    rb"-----BEGIN CERTIFICATE REQUEST-----\s[\w+/=\s]+-----END CERTIFICATE REQUEST-----"
)


def check_certificate_signing_request(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """A new CertificateSigningRequest."""
    spec = obj.get("spec") or EMPTY
    return [
        *check_metadata(obj.get("metadata") or EMPTY, namespaced=False, name_rule=formats.path_segment),
        *_check_request(spec.get("request") or ""),
        *_check_usages(spec.get("usages") or ()),
        *_check_signer(spec.get("signerName") or ""),
        *_check_duration(spec.get("expirationSeconds")),
    ]


def _check_request(request: str) -> Findings:
    try:
        found = _BLOCK.search(b64decode(request))
    except ValueError:
        found = None  # a finding of the schema
    if found is None:
        yield invalid("spec.request", request, "PEM block type must be CERTIFICATE REQUEST")


def _check_usages(usages: Any) -> Findings:
    if not usages:
        yield required("spec.usages")
    for at, usage in texts(usages, "spec.usages"):
        if usage not in USAGES:
            yield not_supported(at, usage, USAGES)
    seen: set[str] = set()
    for at, usage in texts(usages, "spec.usages"):
        if usage in seen:
            yield duplicate(at, usage)
        seen.add(usage)


def _check_signer(signer: str) -> Findings:
    at = "spec.signerName"
    domain, _, path = signer.partition("/")
    if not signer:
        yield required(at)
    elif signer.count("/") != 1:
        words = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        yield invalid(at, signer, words)
    else:
        if len(domain.split(".")) < 2:
            words = "should be a domain with at least two segments separated by dots"
            yield invalid(at, domain, words)
        yield from invalid_each(at, domain, formats.dns_subdomain(domain))
        yield from invalid_each(at, path, formats.dns_subdomain(path))
        if formats.byte_length(signer) > MAX_SIGNER_BYTES:
            yield too_long(at, MAX_SIGNER_BYTES)
    if signer == LEGACY_SIGNER:
        yield invalid(at, signer, "the legacy signerName is not allowed via this API version")


def _check_duration(seconds: int | None) -> Findings:
    if seconds is not None and seconds < MIN_SECONDS:
        words = "may not specify a duration less than 600 seconds (10 minutes)"
        yield invalid("spec.expirationSeconds", seconds, words)
