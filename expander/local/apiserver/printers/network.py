"""The printers of endpoints, NetworkPolicies, Ingresses and their classes (those of kube-apiserver)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from expander.kube.time import age
from expander.local.apiserver.printers.columns import (
    AGE,
    NAME,
    NONE,
    Cells,
    Column,
    Layout,
    Object,
    created,
    name_of,
    selector_text,
)

MAX_SHOWN: Final = 3


def _listed(values: Iterable[str], nothing: str) -> str:
    """The first few values, and how many more there are."""
    found = list(values)
    more = f" + {len(found) - MAX_SHOWN} more..." if len(found) > MAX_SHOWN else ""
    return ",".join(found[:MAX_SHOWN]) + more or nothing


def _endpoints(obj: Object, now: float) -> Cells:
    found = (
        f"{address['ip']}:{port['port']}" if port else address["ip"]
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or (None,)
        for address in subset.get("addresses") or ()
    )
    return [name_of(obj), _listed(found, NONE), age(created(obj), now)]


def _slice(obj: Object, now: float) -> Cells:
    ports = (str(each.get("port", "*")) for each in obj.get("ports") or ())
    addresses = (address for each in obj.get("endpoints") or () for address in each.get("addresses") or ())
    return [
        name_of(obj),
        obj.get("addressType") or "",
        _listed(ports, "<unset>"),
        _listed(addresses, "<unset>"),
        age(created(obj), now),
    ]


_ENDPOINTS: Final = Column("Endpoints", description="Where the Service leads.")
ENDPOINTS: Final = Layout((NAME, _ENDPOINTS, AGE), _endpoints)
ENDPOINT_SLICE: Final = Layout(
    (
        NAME,
        Column("AddressType", description="What the addresses are: IPv4, IPv6 or FQDN."),
        Column("Ports", description="The ports that the endpoints listen at."),
        _ENDPOINTS,
        AGE,
    ),
    _slice,
)


def _policy(obj: Object, now: float) -> Cells:
    return [name_of(obj), selector_text(obj["spec"].get("podSelector")), age(created(obj), now)]


POLICY: Final = Layout((NAME, Column("Pod-Selector", description="The pods that it is about."), AGE), _policy)


def _ingress(obj: Object, now: float) -> Cells:
    spec = obj["spec"]
    hosts = [each["host"] for each in spec.get("rules") or () if each.get("host")]
    at = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    addresses = ",".join(each.get("ip") or each.get("hostname") or "" for each in at)
    ports = "80, 443" if spec.get("tls") else "80"
    shown = _listed(hosts, "*")
    return [
        name_of(obj),
        spec.get("ingressClassName") or NONE,
        shown,
        addresses,
        ports,
        age(created(obj), now),
    ]


INGRESS: Final = Layout(
    (
        NAME,
        Column("Class", description="Who would look after it."),
        Column("Hosts", description="The hosts that it is about."),
        Column("Address", description="Where it is reached."),
        Column("Ports", description="The ports of HTTP, and of HTTPS where it has certificates."),
        AGE,
    ),
    _ingress,
)


def _class(obj: Object, now: float) -> Cells:
    spec = obj["spec"]
    shown, given = NONE, spec.get("parameters")
    if given:
        group = f".{given['apiGroup']}" if given.get("apiGroup") else ""
        shown = f"{given['kind']}{group}/{given['name']}"
    return [name_of(obj), spec["controller"], shown, age(created(obj), now)]


INGRESS_CLASS: Final = Layout(
    (
        NAME,
        Column("Controller", description="Who looks after its Ingresses."),
        Column("Parameters", description="The object that has more for the controller."),
        AGE,
    ),
    _class,
)
