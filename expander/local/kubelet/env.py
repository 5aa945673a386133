"""The environment of a container: ``envFrom``, then ``env``, later names winning.

makeEnvironmentVariables (pkg/kubelet/kubelet_pods.go) decides, with pkg/fieldpath for ``fieldRef``,
pkg/api/v1/resource for ``resourceFieldRef`` and third_party/forked/golang/expansion for ``$(NAME)``: ``$$``
stands for one ``$``, and a name that is not defined leaves its reference as written.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from expander.base.late_module import late_module
from expander.base.regex import regex
from expander.kube.quantity import parse
from expander.local.kubelet.node import ConfigError, Node, NodeInfo

if TYPE_CHECKING:
    from expander.kube import gofmt
else:  # for files of the downward API
    gofmt = late_module("expander.kube.gofmt")

_SUBSCRIPT = regex(r"metadata\.(labels|annotations)\['(.*)'\]", re.DOTALL)
MILLI = Fraction(1, 1000)
NONE: Mapping[str, str] = {}


def field_value(pod: Mapping[str, Any], path: str, node_info: NodeInfo) -> str:
    """The text of the pod's field ``path``; ConfigError when it is none that may be asked for."""
    metadata = pod["metadata"]
    found = _SUBSCRIPT.fullmatch(path)
    if found is not None:
        return str((metadata.get(found[1]) or {}).get(found[2], ""))
    match path:
        case "metadata.name" | "metadata.namespace" | "metadata.uid":
            return str(metadata[path.removeprefix("metadata.")])
        case "metadata.labels" | "metadata.annotations":
            return formatted_map(metadata.get(path.removeprefix("metadata.")) or {})
        case "spec.nodeName":
            return node_info.node.name
        case "spec.serviceAccountName":
            return str(pod["spec"].get("serviceAccountName", "default"))
        case "status.hostIP" | "status.hostIPs":
            return node_info.node.ip
        case "status.podIP" | "status.podIPs":
            return node_info.pod_ip
    raise ConfigError(f"unsupported fieldPath: {path}")


def formatted_map(pairs: Mapping[str, str]) -> str:
    """Labels or annotations as the lines of a file: ``name="value"``, sorted by name."""
    return "\n".join(f"{name}={gofmt.quoted(pairs[name])}" for name in sorted(pairs))


def resource_value(
    spec: Mapping[str, Any], container: Mapping[str, Any], reference: Mapping[str, Any], node: Node
) -> str:
    """The amount a ``resourceFieldRef`` asks for, in whole divisors, rounded up.

    ``spec`` is the pod's: ``containerName`` may name another of its containers. ConfigError when it names
    none.
    """
    name = reference.get("containerName")
    if name:
        container = _named(spec, name)
    kind, _, resource = str(reference["resource"]).partition(".")
    resources = container.get("resources") or {}
    text = (resources.get(kind) or {}).get(resource)
    if text is None and kind == "requests":
        text = (resources.get("limits") or {}).get(resource)
    amount = _of_node(resource, node) if text is None and kind == "limits" else parse(str(text or "0"))
    divisor = parse(str(reference.get("divisor") or "0")) or Fraction(1)
    if resource == "cpu":
        return str(ceil(Fraction(ceil(amount / MILLI), ceil(divisor / MILLI))))
    return str(ceil(Fraction(ceil(amount), ceil(divisor))))


def _named(spec: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The container of that name."""
    for group in ("containers", "initContainers"):
        for container in spec.get(group) or ():
            if container["name"] == name:
                return container  # type: ignore[no-any-return]
    raise ConfigError(f"container {name} not found")


def _of_node(resource: str, node: Node) -> Fraction:
    """What the node has of ``resource``."""
    amounts = {"cpu": node.cpus, "memory": node.memory, "ephemeral-storage": node.storage}
    return Fraction(amounts.get(resource, 0))


_each_reference = regex(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """``text`` with each reference to one of ``variables`` replaced by its value."""
    if "$" not in text:
        return text
    return _each_reference.sub(
        lambda found: "$" if found[1] is None else variables.get(found[1], found[0]), text
    )


def first_missing(text: str, variables: Mapping[str, str]) -> str | None:
    """The first name that ``text`` refers to and ``variables`` lacks; None when there is none."""
    for found in _each_reference.finditer(text):
        if found[1] is not None and found[1] not in variables:
            return str(found[1])
    return None


Lookup = Callable[[str, str, str], Mapping[str, Any] | None]
"""An object by kind, namespace and name; None when there is none."""
Kind = Literal["ConfigMap", "Secret"]


class MissingReference(Exception):
    """There is no such object, or it has no such key; the message is the kubelet's."""


def env_entries(lookup: Lookup, kind: Kind, namespace: str, name: str) -> dict[str, str]:
    """The entries that can be environment variables; Missing when the object is not there.

    Bytes of a Secret that are not UTF-8 keep their place as the replacement character.
    """
    found = _object(lookup, kind, namespace, name)
    if kind == "ConfigMap":
        return dict(found.get("data") or {})
    return {key: value.decode(errors="replace") for key, value in _secret(found).items()}


def file_entries(lookup: Lookup, kind: Kind, namespace: str, name: str) -> dict[str, bytes]:
    """Every entry as bytes, for files; Missing when the object is not there."""
    found = _object(lookup, kind, namespace, name)
    if kind == "Secret":
        return _secret(found)
    entries = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    return entries | {key: b64decode(value) for key, value in (found.get("binaryData") or {}).items()}


def _object(lookup: Lookup, kind: Kind, namespace: str, name: str) -> Mapping[str, Any]:
    found = lookup(kind, namespace, name)
    if found is None:
        raise MissingReference(f'{kind.lower()} "{name}" not found')
    return found


def _secret(found: Mapping[str, Any]) -> dict[str, bytes]:
    """What the API server makes of ``data`` and the write-only ``stringData``."""
    entries = {key: b64decode(value or "") for key, value in (found.get("data") or {}).items()}
    return entries | {key: value.encode() for key, value in (found.get("stringData") or {}).items()}


def environment(
    pod: Mapping[str, Any],
    container: Mapping[str, Any],
    lookup: Lookup,
    node_info: NodeInfo,
    services: Mapping[str, str] = NONE,
) -> dict[str, str]:
    """The variables that the pod's author asked for, behind those of ``services``, to which they may refer.

    ConfigError when one cannot be had.
    """
    variables = dict(services)
    for source in container.get("envFrom") or ():
        variables |= _all_of(source, pod["metadata"]["namespace"], lookup)
    for variable in container.get("env") or ():
        value = variable.get("value")
        if value:
            variables[variable["name"]] = expand(value, variables)
        elif variable.get("valueFrom"):
            found = _value(pod, container, variable["valueFrom"], lookup, node_info)
            if found is not None:
                variables[variable["name"]] = found
        else:
            variables[variable["name"]] = ""
    return variables


def _all_of(source: Mapping[str, Any], namespace: str, lookup: Lookup) -> dict[str, str]:
    """Every entry of the ConfigMap or Secret that an ``envFrom`` names, with its prefix."""
    prefix = source.get("prefix", "")
    references: tuple[tuple[str, Kind], ...] = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
    for field, kind in references:
        reference = source.get(field)
        if reference is None:
            continue
        try:
            found = env_entries(lookup, kind, namespace, reference.get("name", ""))
        except MissingReference as missing:
            if reference.get("optional"):
                return {}
            raise ConfigError(str(missing)) from None
        return {prefix + key: found[key] for key in sorted(found)}
    return {}


def _value(
    pod: Mapping[str, Any],
    container: Mapping[str, Any],
    source: Mapping[str, Any],
    lookup: Lookup,
    node_info: NodeInfo,
) -> str | None:
    """The value from ``valueFrom``; None when it is optional and not there."""
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"], node_info)
    if "resourceFieldRef" in source:
        return resource_value(pod["spec"], container, source["resourceFieldRef"], node_info.node)
    namespace = pod["metadata"]["namespace"]
    references: tuple[tuple[str, Kind], ...] = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))
    for field, kind in references:
        if field in source:
            return _entry(source[field], kind, namespace, lookup)
    raise ConfigError(f"{next(iter(source), 'an empty valueFrom')} is not supported on this machine")


def _entry(reference: Mapping[str, Any], kind: Kind, namespace: str, lookup: Lookup) -> str | None:
    """One entry of a ConfigMap or Secret."""
    name, key = reference.get("name", ""), reference["key"]
    try:
        found = env_entries(lookup, kind, namespace, name)
        if key not in found:
            raise MissingReference(f"couldn't find key {key} in {kind} {namespace}/{name}")
    except MissingReference as missing:
        if reference.get("optional"):
            return None
        raise ConfigError(str(missing)) from None
    return found[key]
