"""The printers of Endpoints and EndpointSlices (those of kube-apiserver)."""

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
