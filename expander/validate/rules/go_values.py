"""Objects as the API server prints them in messages: the JSON of its own Go structs.

The names are those of the Go fields, in the order of the struct, and what is left out shows its zero value;
`go_structs` lists them. Labels, selectors and other values of apimachinery look as in a manifest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from expander.validate.rules.go_structs import STRUCTS

ZERO: Final = {"=": "", "!": False, "#": 0, "": None, ":": None}
METADATA: Final = (
    "name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp "
    "deletionGracePeriodSeconds labels annotations ownerReferences finalizers managedFields"
).split()
OF_THE_POD: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")
"""Fields of a manifest's pod spec that the server keeps in its security context."""

SELECTOR: Final = ("matchLabels", "matchExpressions")

_capitals = re.compile(r"[A-Z]+(?![a-z])|[A-Z]").match
_entry = re.compile(r"(\w+)([=!#:]?)(\w*)").fullmatch
_UNLIKE: Final = {"CephFS": "cephfs", "StorageOS": "storageos", "GMSACredentialSpec": "gmsaCredentialSpec"}


class Field(NamedTuple):
    """A field of a Go struct: its name there and in manifests, its zero value, the struct of its value."""

    name: str
    key: str
    zero: Any
    struct: str


def printed(struct: str, value: Any) -> Any:
    """JSON data of ``value``, or of each of a list of values, as the server prints it as ``struct``."""
    if isinstance(value, list):
        return [printed(struct, each or {}) for each in value]
    if not isinstance(value, Mapping):
        return value
    if struct == "Any":
        return {name[:1].upper() + name[1:]: below for name, below in value.items()}
    return {field.name: _value_of(value, field) for field in fields(struct)}


def printed_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """JSON data of a pod template; the fields of its metadata stand beside its spec."""
    metadata = template.get("metadata") or {}
    named = {name: _in_order(metadata[name]) for name in METADATA if metadata.get(name)}
    return {**named, "Spec": printed_pod_spec(template.get("spec") or {})}


def printed_pod_spec(spec: Mapping[str, Any]) -> Any:
    """JSON data of the spec of a pod."""
    moved = {name: spec[name] for name in OF_THE_POD if name in spec}
    context = spec.get("securityContext")
    if moved or context is not None:
        spec = {**spec, "securityContext": {**moved, **(context or {})}}
    return printed("PodSpec", spec)


@cache
def fields(struct: str) -> tuple[Field, ...]:
    """The fields of a struct, in its order."""
    found = []
    for entry in STRUCTS[struct].split():
        match = _entry(entry)
        assert match is not None
        name, sign, below = match.groups()
        found.append(Field(name, _key_of(name), ZERO[sign], below))
    return tuple(found)


def _value_of(value: Mapping[str, Any], field: Field) -> Any:
    below = value.get(field.key)
    if below is None:
        return field.zero
    return printed(field.struct, below) if field.struct else _in_order(below)


def _in_order(value: Any) -> Any:
    """A map as Go prints it: in the order of its keys, a selector in that of its fields."""
    if not isinstance(value, Mapping):
        return value
    if not value.keys() <= {*SELECTOR}:
        return dict(sorted(value.items()))
    return {name: _in_order(value[name]) for name in SELECTOR if name in value}


def _key_of(name: str) -> str:
    """The key in manifests of a field of Go: ``DNSPolicy`` is ``dnsPolicy``."""
    if name in _UNLIKE:
        return _UNLIKE[name]
    capitals = _capitals(name)
    return name if capitals is None else capitals[0].lower() + name[capitals.end() :]
