"""What a pod may ask about itself: fields (``fieldRef``) and resources (``resourceFieldRef``).

pkg/fieldpath, pkg/api/v1/resource and pkg/kubelet/kubelet_pods.go decide. A label or annotation that does not
exist is the empty text; a limit that is not set is what the node has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import Any

from expander.kube.gofmt import quoted
from expander.kube.quantity import parse
from expander.local.kubelet.node import Node, Surroundings
from expander.local.kubelet.refusals import ConfigError

_subscript = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]", re.DOTALL).fullmatch
MILLI = Fraction(1, 1000)


def field_value(pod: Mapping[str, Any], path: str, place: Surroundings) -> str:
    """The text of the pod's field ``path``; ConfigError when it is none that may be asked for."""
    metadata = pod["metadata"]
    found = _subscript(path)
    if found is not None:
        return str((metadata.get(found[1]) or {}).get(found[2], ""))
    match path:
        case "metadata.name" | "metadata.namespace" | "metadata.uid":
            return str(metadata[path.removeprefix("metadata.")])
        case "metadata.labels" | "metadata.annotations":
            return formatted_map(metadata.get(path.removeprefix("metadata.")) or {})
        case "spec.nodeName":
            return place.node.name
        case "spec.serviceAccountName":
            return str(pod["spec"].get("serviceAccountName", "default"))
        case "status.hostIP" | "status.hostIPs":
            return place.node.ip
        case "status.podIP" | "status.podIPs":
            return place.pod_ip
    raise ConfigError(f"unsupported fieldPath: {path}")


def formatted_map(pairs: Mapping[str, str]) -> str:
    """Labels or annotations as the lines of a file: ``name="value"``, sorted by name."""
    return "\n".join(f"{name}={quoted(pairs[name])}" for name in sorted(pairs))


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
