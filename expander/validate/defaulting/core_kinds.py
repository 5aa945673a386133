"""The defaults of what Jobs come with (the kinds' own functions in pkg/apis/core/v1)."""

from __future__ import annotations

from typing import Any

from expander.validate.defaulting.volumes import claim_spec

THREE_HOURS = 10800
REACHABLE = ("NodePort", "LoadBalancer")


def service(obj: dict[str, Any]) -> None:
    """Fill in a Service; cluster addresses are allocated, not defaulted."""
    spec = obj["spec"]
    if not spec.get("type"):
        spec["type"] = "ClusterIP"
    if not spec.get("sessionAffinity"):
        spec["sessionAffinity"] = "None"
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        client.setdefault("timeoutSeconds", THREE_HOURS)
    for port in spec.get("ports", ()):
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port", 0)
    external = spec["type"] in REACHABLE or (spec["type"] == "ClusterIP" and spec.get("externalIPs"))
    if external and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if spec["type"] in (*REACHABLE, "ClusterIP"):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def secret(obj: dict[str, Any]) -> None:
    """Fill in a Secret."""
    if not obj.get("type"):
        obj["type"] = "Opaque"


def claim(obj: dict[str, Any]) -> None:
    """Fill in a PersistentVolumeClaim."""
    claim_spec(obj["spec"])
    if not obj["status"].get("phase"):
        obj["status"]["phase"] = "Pending"


def namespace(obj: dict[str, Any]) -> None:
    """Fill in a Namespace."""
    metadata = obj["metadata"]
    if metadata.get("name"):
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
    if not obj["status"].get("phase"):
        obj["status"]["phase"] = "Active"


def limit_range(obj: dict[str, Any]) -> None:
    """Fill in a LimitRange: limits from maxima, requests from limits, then from minima."""
    for item in obj["spec"].get("limits", ()):
        if item.get("type") == "Container":
            item["default"] = {**item.get("max", {}), **item.get("default", {})}
            item["defaultRequest"] = {
                **item.get("min", {}),
                **item["default"],
                **item.get("defaultRequest", {}),
            }
