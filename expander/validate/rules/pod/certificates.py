"""Projected trust bundles and pod certificates, which the kubelet gets from the cluster's signers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.gofmt import quoted
from expander.validate.rules import formats
from expander.validate.rules.field import (
    Findings,
    invalid,
    invalid_each,
    not_supported,
    required,
    too_long,
)
from expander.validate.rules.metadata import check_label_selector
from expander.validate.rules.pod.references import check_unreserved

CERTIFICATE_PATHS: Final = ("credentialBundlePath", "keyPath", "certificateChainPath")
_KEY_TYPES: Final = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
_MIN_SECONDS: Final = 3600
_MAX_SECONDS: Final = 91 * 86_400
_MAX_SECONDS_OF_KUBERNETES: Final = 86_400  # of certificates by signers of kubernetes.io
_MAX_DOMAIN: Final = 253
_MAX_SIGNER: Final = _MAX_DOMAIN + 1 + 253 + 63 + 1

Source = Mapping[str, Any]


def check_trust_bundle(source: Source, where: str) -> Findings:
    """One bundle by its name, or those of a signer by their labels; and a file."""
    name, signer, selector = (source.get(field) for field in ("name", "signerName", "labelSelector"))
    if name is not None and signer is not None:
        yield invalid(where, _as_go(source), "only one of name and signerName may be used")
    elif name is not None:
        if not name:
            yield required(f"{where}.name", "must be a valid object name")
        details = (f"not a valid clustertrustbundlename: {detail}" for detail in _wrong_bundle_name(name))
        yield from invalid_each(f"{where}.name", name, details)
        if selector is not None:
            detail = "labelSelector must be unset if name is specified"
            yield invalid(f"{where}.labelSelector", selector, detail)
    elif signer is not None:
        if not signer:
            yield required(f"{where}.signerName", "must be a valid signer name")
        yield from _check_signer(signer, f"{where}.signerName")
        yield from check_label_selector(selector, f"{where}.labelSelector")
    else:
        yield required(where, "either name or signerName must be specified")
    path = source.get("path") or ""
    if not path:
        yield required(f"{where}.path")
    yield from check_unreserved(path, f"{where}.path")


def check_certificate(source: Source, where: str) -> Findings:
    """A signer, a type of key, a lifetime, and at least one file."""
    signer, key_type = source.get("signerName") or "", source.get("keyType") or ""
    yield from _check_signer(signer, f"{where}.signerName")
    if key_type not in _KEY_TYPES:
        yield not_supported(f"{where}.keyType", key_type, _KEY_TYPES)
    seconds = source.get("maxExpirationSeconds")
    if seconds is not None:
        domain = signer.partition("/")[0]
        own = domain == "kubernetes.io" or domain.endswith(".kubernetes.io")
        most = _MAX_SECONDS_OF_KUBERNETES if own else _MAX_SECONDS
        if seconds < _MIN_SECONDS:
            detail = f"if provided, maxExpirationSeconds must be >= {_MIN_SECONDS}"
            yield invalid(f"{where}.maxExpirationSeconds", seconds, detail)
        if seconds > most:
            detail = f"if provided, maxExpirationSeconds must be <= {most}"
            yield invalid(f"{where}.maxExpirationSeconds", seconds, detail)
    given = [field for field in CERTIFICATE_PATHS if source.get(field)]
    for field in given:
        yield from check_unreserved(source[field], f"{where}.{field}")
    if not given:
        *most_fields, last = CERTIFICATE_PATHS
        yield required(where, f"specify at least one of {', '.join(most_fields)}, and {last}")


def _check_signer(name: str, where: str) -> Findings:
    """``domain/path``, whose parts are labels and subdomains (``ValidateSignerName``)."""
    if not name:
        yield required(where)
        return
    if name.count("/") != 1:
        form = "'example.com/signer-name'"
        yield invalid(where, name, f"must be a fully qualified domain and path of the form {form}")
        return
    domain, _, path = name.partition("/")
    if formats.byte_length(domain) > _MAX_DOMAIN:
        yield too_long(where, _MAX_DOMAIN)
    labels = domain.split(".")
    yield from _check_first_wrong(labels, formats.dns_label, domain, where)
    if len(labels) < 2:
        yield invalid(where, domain, "should be a domain with at least two segments separated by dots")
    yield from _check_first_wrong(path.split("."), formats.dns_subdomain, path, where)
    if formats.byte_length(name) > _MAX_SIGNER:
        yield too_long(where, _MAX_SIGNER)


def _check_first_wrong(labels: list[str], rule: formats.Rule, part: str, where: str) -> Findings:
    for label in labels:
        if wrong := rule(label):
            details = (f"validating label {quoted(label)}: {detail}" for detail in wrong)
            yield from invalid_each(where, part, details)
            return


def _wrong_bundle_name(name: str) -> formats.Details:
    """A bundle of a signer is named after it, with colons for slashes."""
    return formats.dns_subdomain(name.rpartition(":")[2])


def _as_go(source: Source) -> dict[str, Any]:
    """The source as the server shows it: every field, under the names of its own type."""
    names = ("Name", "SignerName", "LabelSelector", "Optional", "Path")
    given = {field.lower(): value for field, value in source.items()}
    return {name: given.get(name.lower()) for name in names}
