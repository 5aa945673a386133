"""Services as rows. Decided by ``printService`` of kube-apiserver's printers."""

from __future__ import annotations

from typing import Final

from expander.kube.time import age
from expander.local.api.views.columns import (
    AGE,
    NAME,
    NONE,
    NOTHING,
    Cells,
    Column,
    Layout,
    Object,
    created,
    labels_text,
    name_of,
    wide,
)


def _service(service: Object, now: float) -> Cells:
    spec = service["spec"]
    addresses = spec.get("clusterIPs") or ()
    return [
        name_of(service),
        spec.get("type") or "",
        addresses[0] if addresses else NONE,
        _outside(spec, service.get("status") or NOTHING),
        ",".join(map(_port, spec.get("ports") or ())) or NONE,
        age(created(service), now),
        labels_text(spec.get("selector")),
    ]


def _outside(spec: Object, status: Object) -> str:
    """Where the service can be reached from outside of the cluster."""
    given = spec.get("externalIPs") or []
    match spec.get("type"):
        case "ClusterIP" | "NodePort":
            return ",".join(given) or NONE
        case "LoadBalancer":
            ingress = (status.get("loadBalancer") or NOTHING).get("ingress") or ()
            balanced = {each.get("ip") or each.get("hostname") or "" for each in ingress} - {""}
            return ",".join([*sorted(balanced), *given]) or "<pending>"
        case "ExternalName":
            return spec.get("externalName") or ""
    return "<unknown>"


def _port(port: Object) -> str:
    number = f"{port['port']}:{port['nodePort']}" if port.get("nodePort") else str(port["port"])
    return f"{number}/{port.get('protocol') or ''}"


SERVICE: Final = Layout(
    (
        NAME,
        Column("Type", description="How the service can be reached."),
        Column("Cluster-IP", description="Its address within the cluster."),
        Column("External-IP", description="Its addresses outside of the cluster."),
        Column("Port(s)", description="The ports it listens on."),
        AGE,
        wide("Selector", "The labels of the pods behind it."),
    ),
    _service,
)
