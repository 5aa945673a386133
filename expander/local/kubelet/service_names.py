"""What names and variables tell pods of the Services of their namespace. Pure.

What kube-dns publishes decides: a headless Service gives the addresses of its ready pods under its own name,
and each pod with a host name and that subdomain one of its own; any other Service leads to one address. That
is the Service's own where its ports are forwarded (`service_proxy`), else one of a ready pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.kube.service_ports import target_ports

DOMAIN: Final = "svc.cluster.local"

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
        return hostname(self.pod)


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


def service_variables(
    service: Service, endpoints: Iterable[PodEndpoint], address: str | None = None
) -> dict[str, str]:
    """``REDIS_SERVICE_HOST`` and the like (FromServices of pkg/kubelet/envvars).

    Without an ``address`` at which its ports are forwarded they lead to a pod that is ready, if there is one,
    and the port it listens at.
    """
    spec = service.get("spec") or {}
    ports = spec.get("ports") or ()
    if is_headless(service) or not ports:
        return {}
    reached, pods = address, list[Mapping[str, Any]]()
    if address is None:
        endpoints = list(endpoints)
        reached = next((ip for _, ip in service_names(service, endpoints)), None)
        pods = [endpoint.pod for endpoint in endpoints if endpoint.ip == reached]
    reached = reached or spec.get("clusterIP")
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
    service: Service, endpoints: Iterable[PodEndpoint], address: str | None = None
) -> Iterator[tuple[str, str]]:
    """The names that a Service gives, each with an address; the full one first. ``address`` is where all of
    its ports are forwarded, if they are.
    """
    if address is not None:
        yield from ((name, address) for name in _names_of(service))
        return
    metadata, spec = service["metadata"], service.get("spec") or {}
    chosen = [
        endpoint
        for endpoint in behind(service, endpoints)
        if endpoint.ready or endpoint.over or spec.get("publishNotReadyAddresses")
    ]
    headless = spec.get("clusterIP") == "None"
    if not headless:
        chosen = [endpoint for endpoint in chosen if not endpoint.over][:1]
    for endpoint in chosen:
        for suffix in _names_of(service):
            if not endpoint.over:
                yield suffix, endpoint.ip
            if headless and endpoint.pod["spec"].get("subdomain") == metadata["name"]:
                yield f"{endpoint.hostname}.{suffix}", endpoint.ip


def no_endpoint(service: Service, address: str | None) -> Iterator[tuple[str, str]]:
    """The names of a Service without a pod that is ready: they lead to its own ``address``, where nobody
    listens, so that connections are refused as by kube-proxy.
    """
    if address and (service.get("spec") or {}).get("selector"):
        yield from ((name, address) for name in _names_of(service))


def _names_of(service: Service) -> tuple[str, ...]:
    name = service["metadata"]["name"]
    base = f"{name}.{service['metadata']['namespace']}"
    return (f"{base}.{DOMAIN}", f"{base}.svc", base, name)
