"""What names and variables tell pods of the Services of a cluster. Pure.

What kube-dns publishes decides: a headless Service gives the addresses of its ready pods under its own name,
and each pod with a host name and that subdomain one of its own; any other Service leads to one address. That
is the Service's own where its ports are forwarded (`service_proxy`), else one of a ready pod. Of a Service
without a selector the EndpointSlices that others write stand for the pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.kube.service_ports import target_ports

DOMAIN: Final = "svc.cluster.local"
MAX_PORT: Final = 65535
"""EndpointSlices may have any number; no rule of the API server holds it."""

Service = dict[str, Any]


@dataclass(slots=True)
class PodEndpoint:
    """A pod as names know it; ``has_file``: it has a hosts file."""

    pod: Mapping[str, Any]
    ip: str
    ready: bool = False
    over: bool = False
    has_file: bool = False

    @property
    def hostname(self) -> str:
        """The first label of its name."""
        return hostname(self.pod)


@dataclass(slots=True)
class SliceEndpoint:
    """An endpoint that an EndpointSlice names, with its TCP ports by their names."""

    ip: str
    hostname: str
    ports: Mapping[str, int]


def slice_endpoints(slices: Iterable[Mapping[str, Any]]) -> Iterator[SliceEndpoint]:
    """The endpoints of EndpointSlices that are ready, or do not say."""
    for each in slices:
        ports = {
            port.get("name") or "": port["port"]
            for port in each.get("ports") or ()
            if 0 < (port.get("port") or 0) <= MAX_PORT and (port.get("protocol") or "TCP") == "TCP"
        }
        for endpoint in each.get("endpoints") or () if each["addressType"] == "IPv4" else ():
            if (endpoint.get("conditions") or {}).get("ready") is not False:
                yield SliceEndpoint(endpoint["addresses"][0], endpoint.get("hostname") or "", ports)


def hostname(pod: Mapping[str, Any]) -> str:
    """The host name of a pod: ``spec.hostname``, or its name; 63 characters at most."""
    name: str = pod["spec"].get("hostname") or pod["metadata"]["name"]
    return name if len(name) <= 63 else name[:63].rstrip("-.")


def behind(service: Service, endpoints: Iterable[PodEndpoint]) -> Iterator[PodEndpoint]:
    """The pods that a Service selects, ready or not; those that have ended too."""
    selector = (service.get("spec") or {}).get("selector")
    if selector:
        for endpoint in endpoints:
            if selector.items() <= (endpoint.pod["metadata"].get("labels") or {}).items():
                yield endpoint


def is_headless(service: Service) -> bool:
    """Whether a Service has no address of its own."""
    return (service.get("spec") or {}).get("clusterIP") == "None"


def is_external_name(service: Service) -> bool:
    """Whether a Service is another name for a host."""
    return (service.get("spec") or {}).get("type") == "ExternalName"


def service_variables(
    service: Service,
    endpoints: Iterable[PodEndpoint],
    address: str | None = None,
    refusing: str | None = None,
) -> dict[str, str]:
    """``REDIS_SERVICE_HOST`` and the like (FromServices of pkg/kubelet/envvars).

    Without an ``address`` at which its ports are forwarded they lead to a pod that is ready and the port it
    listens at; if there is none, to the address ``refusing``.
    """
    spec = service.get("spec") or {}
    ports = spec.get("ports") or ()
    if is_headless(service) or is_external_name(service) or not ports:
        return {}
    reached, pods = address, list[Mapping[str, Any]]()
    if address is None:
        endpoints = list(endpoints)
        reached = next((ip for _, ip in service_names(service, endpoints)), None)
        pods = [endpoint.pod for endpoint in endpoints if endpoint.ip == reached]
    reached = reached or refusing or spec.get("clusterIP")
    if not reached:
        return {}
    found = []
    for port in ports:
        at = next(target_ports(port, pods), port["port"]) if pods else port["port"]
        found.append((port["port"], port.get("name") or "", port.get("protocol") or "TCP", at))
    return link_variables(service["metadata"]["name"], reached, found)


def link_variables(name: str, host: str, ports: Iterable[tuple[int, str, str, int]]) -> dict[str, str]:
    """The variables of one Service at ``host``; of a port its number, name, protocol, and where it is."""
    name = name.upper().replace("-", "_")
    found = {f"{name}_SERVICE_HOST": host}
    for number, (port, port_name, protocol, reached_at) in enumerate(ports):
        if number == 0:
            found[f"{name}_SERVICE_PORT"] = str(reached_at)
        if port_name:
            found[f"{name}_SERVICE_PORT_{port_name.upper().replace('-', '_')}"] = str(reached_at)
        url, link = f"{protocol.lower()}://{host}:{reached_at}", f"{name}_PORT_{port}_{protocol}"
        if number == 0:
            found[f"{name}_PORT"] = url
        found |= {link: url, f"{link}_PROTO": protocol.lower(), f"{link}_PORT": str(reached_at)}
        found[f"{link}_ADDR"] = host
    return found


def service_names(
    service: Service,
    endpoints: Iterable[PodEndpoint],
    address: str | None = None,
    slices: Iterable[Mapping[str, Any]] = (),
) -> Iterator[tuple[str, str]]:
    """The names that a Service gives in its namespace, each with an address, or the name of a host with a dot
    behind it. ``address`` is where all of its ports are forwarded, if they are, ``slices`` are those that
    others write.
    """
    name, spec = service["metadata"]["name"], service.get("spec") or {}
    headless = is_headless(service)
    if is_external_name(service):
        yield name, f"{spec['externalName'].lower().rstrip('.')}."
    elif address is not None:
        yield name, address
    elif not spec.get("selector"):
        for found in islice(slice_endpoints(slices), None if headless else 1):
            yield name, found.ip
            if headless and found.hostname:
                yield f"{found.hostname}.{name}", found.ip
    else:
        chosen = [
            endpoint
            for endpoint in behind(service, endpoints)
            if endpoint.ready or endpoint.over or spec.get("publishNotReadyAddresses")
        ]
        if not headless:
            chosen = [endpoint for endpoint in chosen if not endpoint.over][:1]
        for endpoint in chosen:
            if not endpoint.over:
                yield name, endpoint.ip
            if headless and endpoint.pod["spec"].get("subdomain") == name:
                yield f"{endpoint.hostname}.{name}", endpoint.ip


def names_of(name: str, namespace: str, own: bool) -> Iterator[str]:
    """The names under which pods find ``name`` of a namespace; its ``own`` pods by the bare one too."""
    base = f"{name}.{namespace}"
    yield from (f"{base}.{DOMAIN}", f"{base}.svc", base)
    if own:
        yield name
