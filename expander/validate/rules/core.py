"""Amounts of resources as fields hold them: texts, numbers or null, and possibly no quantity at all.

ConfigMaps and Secrets (``ValidateConfigMap`` and ``ValidateSecret`` of pkg/apis/core/validation).
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from expander.kube.quantity import Form, Quantity, fault, quantity
from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    invalid,
    invalid_each,
    key,
    required,
    too_long,
)
from expander.validate.rules.metadata import check_metadata

Written = str | int | float | None

_ZERO: Final = Quantity(Fraction(0), Form.DECIMAL_SI)


@lru_cache(maxsize=4096)
def amount(written: Written) -> Quantity:
    """The quantity of a field; null counts as zero, and so does what `check_quantity` finds to be none."""
    try:
        return _ZERO if written is None else quantity(str(written))
    except ValueError:
        return _ZERO


def check_quantity(written: Written, where: str) -> Findings:
    """The field holds a quantity. The server refuses any other while it decodes."""
    if amount(written) is not _ZERO or written is None:
        return
    if wrong := fault(str(written)):
        yield invalid(where, written, wrong)


def whole_units(given: Quantity) -> int:
    """The amount in whole units, rounded away from zero."""
    return int(given.rounded_up(0).value)


def is_whole(given: Quantity) -> bool:
    """True when nothing of a unit is left over, to the precision of a thousandth."""
    return given.rounded_up().value.denominator == 1


MAX_BYTES: Final = 1024 * 1024  # of all values together

_ACCOUNT: Final = "kubernetes.io/service-account.name"
_DOCKER_KEYS: Final = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}


def check_config_map(config_map: Mapping[str, Any], release: Release) -> list[Finding]:
    """What the API server would refuse in a new ConfigMap."""
    return [
        *check_metadata(config_map.get("metadata") or EMPTY, keeps_generation=True),
        *_check_config_data(config_map.get("data") or EMPTY, config_map.get("binaryData") or EMPTY),
    ]


def _check_config_data(data: Mapping[str, Any], binary: Mapping[str, Any]) -> Findings:
    size = 0
    for where, bag, other, other_bag in (
        ("data", data, "binaryData", binary),
        ("binaryData", binary, "data", data),
    ):
        for name, value in bag.items():
            yield from invalid_each(key(where, name), name, formats.config_key(name))
            if name in other_bag:
                yield invalid(key(where, name), name, f"duplicate of key present in {other}")
            size += formats.byte_length(value or "") if bag is data else len(_decoded(value))
    if size > MAX_BYTES:
        yield too_long("", MAX_BYTES)


def check_secret(secret: Mapping[str, Any], release: Release) -> list[Finding]:
    """What the API server would refuse in a new Secret; ``stringData`` goes over ``data`` first."""
    metadata = secret.get("metadata") or EMPTY
    data = {name: _decoded(value) for name, value in (secret.get("data") or EMPTY).items()}
    for name, text in (secret.get("stringData") or EMPTY).items():
        data[name] = (text or "").encode("utf-8", "surrogatepass")
    annotations = metadata.get("annotations") or EMPTY
    return [
        *check_metadata(metadata, keeps_generation=True),
        *_check_secret_data(data),
        *_check_secret_type(secret.get("type") or "", data, annotations),
    ]


def _check_secret_data(data: Mapping[str, bytes]) -> Findings:
    for name in data:
        yield from invalid_each(key("data", name), name, formats.config_key(name))
    if sum(map(len, data.values())) > MAX_BYTES:
        yield too_long("data", MAX_BYTES)


def _check_secret_type(
    secret_type: str, data: Mapping[str, bytes], annotations: Mapping[str, Any]
) -> Findings:
    """Types the server knows must hold what they are for."""
    if secret_type == "kubernetes.io/service-account-token" and not annotations.get(_ACCOUNT):
        yield required(key("metadata.annotations", _ACCOUNT))
    elif secret_type in _DOCKER_KEYS:
        yield from _check_json(data, _DOCKER_KEYS[secret_type])
    elif secret_type == "kubernetes.io/basic-auth":
        if "username" not in data and "password" not in data:
            yield required("data[username]")
            yield required("data[password]")
    elif secret_type == "kubernetes.io/ssh-auth":
        if not data.get("ssh-privatekey"):
            yield required("data[ssh-privatekey]")
    elif secret_type == "kubernetes.io/tls":
        for name in ("tls.crt", "tls.key"):
            if name not in data:
                yield required(key("data", name))


def _check_json(data: Mapping[str, bytes], name: str) -> Findings:
    if name not in data:
        yield required(key("data", name))
        return
    try:
        content = json.loads(data[name])
    except (ValueError, RecursionError) as error:
        yield invalid(key("data", name), "<secret contents redacted>", str(error))
        return
    if not isinstance(content, dict | None):
        yield invalid(key("data", name), "<secret contents redacted>", "must be a JSON object")


def _decoded(value: str | None) -> bytes:
    """The bytes of a base64 text; the schema has found malformed ones."""
    try:
        return b64decode(value or "")
    except ValueError:
        return b""
