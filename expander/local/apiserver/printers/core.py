"""The printers of the core group but Pods: Namespace, Node, ResourceQuota, ConfigMap, Secret, Event, Service.

Decided by kube-apiserver's printers (``printNode``, ``printEvent`` ...).
"""

from __future__ import annotations

from typing import Final

from expander.kube.time import age
from expander.local.apiserver.printers.columns import (
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

_ROLE: Final = "node-role.kubernetes.io/"
_OLD_ROLE: Final = "kubernetes.io/role"
_MISSING: Final = "<unknown>"


def _namespace(namespace: Object, now: float) -> Cells:
    phase = (namespace.get("status") or NOTHING).get("phase") or ""
    return [name_of(namespace), phase, age(created(namespace), now)]


def _node(node: Object, now: float) -> Cells:
    status = node.get("status") or NOTHING
    info = status.get("nodeInfo") or NOTHING
    return [
        name_of(node),
        _readiness(node.get("spec") or NOTHING, status),
        _roles(node["metadata"].get("labels") or NOTHING),
        age(created(node), now),
        info.get("kubeletVersion") or "",
        _address(status, "InternalIP"),
        _address(status, "ExternalIP"),
        info.get("osImage") or _MISSING,
        info.get("kernelVersion") or _MISSING,
        info.get("containerRuntimeVersion") or _MISSING,
    ]


def _readiness(spec: Object, status: Object) -> str:
    ready = [each for each in status.get("conditions") or () if each["type"] == "Ready"]
    words = ["Unknown"]
    if ready:
        words = ["Ready" if ready[-1].get("status") == "True" else "NotReady"]
    if spec.get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(labels: Object) -> str:
    roles = {key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE)}
    roles.add(labels.get(_OLD_ROLE) or "")
    return ",".join(sorted(roles - {""})) or NONE


def _address(status: Object, type: str) -> str:
    found = [each["address"] for each in status.get("addresses") or () if each["type"] == type]
    return found[0] if found else NONE


def _quota(quota: Object, now: float) -> Cells:
    status = quota.get("status") or NOTHING
    hard, used = status.get("hard") or NOTHING, status.get("used") or NOTHING
    requests: list[str] = []
    limits: list[str] = []
    for resource in sorted(hard):
        among = limits if resource.startswith("limits.") else requests
        among.append(f"{resource}: {used.get(resource, '0')}/{hard[resource]}")
    return [name_of(quota), ", ".join(requests), ", ".join(limits), age(created(quota), now)]


def _definition(definition: Object, now: float) -> Cells:
    return [name_of(definition), created(definition)]


DEFINITION: Final = Layout(
    (NAME, Column("Created At", "date", description="When the definition came into being.")), _definition
)
NAMESPACE: Final = Layout(
    (NAME, Column("Status", description="Whether the namespace is there to stay."), AGE), _namespace
)
NODE: Final = Layout(
    (
        NAME,
        Column("Status", description="Whether the node is ready, and takes pods."),
        Column("Roles", description="What the node is for."),
        AGE,
        Column("Version", description="The version of what runs the pods."),
        wide("Internal-IP", "Its address within the cluster."),
        wide("External-IP", "Its address outside of the cluster."),
        wide("OS-Image", "The operating system."),
        wide("Kernel-Version", "The version of the kernel."),
        wide("Container-Runtime", "What runs containers, and its version."),
    ),
    _node,
)
RESOURCE_QUOTA: Final = Layout(
    (
        NAME,
        Column("Request", description="What is used of each resource, of what may be."),
        Column("Limit", description="The same for resources that are limits of containers."),
        AGE,
    ),
    _quota,
)
_DATA: Final = Column("Data", description="How many entries it has.")


def _config_map(config: Object, now: float) -> Cells:
    entries = len(config.get("data") or ()) + len(config.get("binaryData") or ())
    return [name_of(config), entries, age(created(config), now)]


def _secret(secret: Object, now: float) -> Cells:
    entries = len(secret.get("data") or ())
    return [name_of(secret), secret.get("type") or "", entries, age(created(secret), now)]


CONFIG_MAP: Final = Layout((NAME, _DATA, AGE), _config_map)
SECRET: Final = Layout((NAME, Column("Type", description="What it is for."), _DATA, AGE), _secret)
"""Secrets of accounts are not counted any more since v1.35."""


def _event(event: Object, now: float) -> Cells:
    first = age(event.get("firstTimestamp") or event.get("eventTime"), now)
    last = age(event["lastTimestamp"], now) if event.get("lastTimestamp") else first
    count, series = event.get("count") or 1, event.get("series")
    if series is not None:
        last, count = age(series.get("lastObservedTime"), now), series.get("count") or 0
    about = event.get("involvedObject") or NOTHING
    named = [(about.get("kind") or "").lower(), *([about["name"]] if about.get("name") else [])]
    return [
        last,
        event.get("type") or "",
        event.get("reason") or "",
        "/".join(named),
        about.get("fieldPath") or "",
        _source(event),
        (event.get("message") or "").strip(),
        first,
        count,
        name_of(event),
    ]


def _source(event: Object) -> str:
    source = event.get("source") or NOTHING
    component = source.get("component") or event.get("reportingComponent") or ""
    instance = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


EVENT: Final = Layout(
    (
        Column("Last Seen", description="How long ago it last happened."),
        Column("Type", description="Normal, or Warning."),
        Column("Reason", description="What happened, in one word."),
        Column("Object", description="What it happened to."),
        wide("Subobject", "The part of the object it happened to."),
        wide("Source", "Who tells it."),
        Column("Message", description="What happened, for people."),
        wide("First Seen", "How long ago it first happened."),
        wide("Count", "How often it happened."),
        Column("Name", format="name", priority=1, description="What the event is called."),
    ),
    _event,
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
