"""Addresses and names of pods: one loopback address each, and /etc/hosts where there are Services.

A cluster's DNS is served by a hosts file per pod, with its own name and those of the Services of its
namespace, that is rewritten in place as other pods come, become ready and go: containers that have it mounted
see the change. The name of a pod alone leads nowhere for others. What kube-dns publishes decides: a headless
Service gives the addresses of its ready pods under its own name, and each pod with a host name and that
subdomain one of its own; any other Service leads to one ready pod, without translating ports. The own name
of a pod that has ended is answered for `DNS_TTL_SECONDS` more, as a cluster's DNS does from its cache: pods
that look for each other and end when all were found would else wait for ever for the quickest.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from expander.base.dataclass import dataclass
from expander.base.state_dir import make_private
from expander.kube.service_ports import target_ports
from expander.local.kubelet.api_access import API_NAMES, ApiAccess

DOMAIN = "svc.cluster.local"
LOOPBACK = "127.0.0.1"
LOCALHOST = f"{LOOPBACK}\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
FIRST_POD_ADDRESS = 1 << 16
"""Pods' addresses begin at 127.1.0.0 and end at 127.255.255.254."""

DNS_TTL_SECONDS = 30.0
"""Seconds; the time to live that kubeadm gives the records of CoreDNS."""

Services = Callable[[str], Iterable[Mapping[str, Any]]]
"""The Services of a namespace."""


class Addresses:
    """Hands out loopback addresses that nobody has."""

    def __init__(self) -> None:
        self._next = FIRST_POD_ADDRESS
        self._taken: set[str] = set()

    def allocate(self) -> str:
        """An address; where a system has but one on its loopback device, that one."""
        if not sys.platform.startswith("linux"):
            return LOOPBACK
        while True:
            self._next = FIRST_POD_ADDRESS if self._next >= (1 << 24) - 2 else self._next + 1
            number = self._next
            found = f"127.{number >> 16}.{number >> 8 & 255}.{number & 255}"
            if found not in self._taken and number & 255 not in (0, 255):
                self._taken.add(found)
                return found

    def release(self, address: str) -> None:
        """The pod with this address is over."""
        self._taken.discard(address)


@dataclass(slots=True)
class PodEndpoint:
    """A pod as names know it."""

    pod: Mapping[str, Any]
    ip: str
    ready: bool = False
    over: bool = False

    @property
    def hostname(self) -> str:
        return hostname(self.pod)


def hostname(pod: Mapping[str, Any]) -> str:
    """The host name of a pod: ``spec.hostname``, or its name; 63 characters at most."""
    name: str = pod["spec"].get("hostname") or pod["metadata"]["name"]
    return name if len(name) <= 63 else name[:63].rstrip("-.")


def own_names(pod: Mapping[str, Any], ip: str) -> dict[str, str]:
    """The names that a pod's own /etc/hosts always has: its own, and its hostAliases."""
    name, subdomain = hostname(pod), pod["spec"].get("subdomain")
    found = {name: ip}
    if subdomain:
        found[f"{name}.{subdomain}.{pod['metadata']['namespace']}.{DOMAIN}"] = ip
    return found | dict(aliases(pod))


def aliases(pod: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names, each with an address, of a pod's hostAliases."""
    for alias in pod["spec"].get("hostAliases") or ():
        for name in alias.get("hostnames") or ():
            yield name, alias["ip"]


class HostsFiles:
    """The names that pods know in namespaces with Services. ``folder`` is for the hosts files, ``access``
    says where the API is.
    """

    def __init__(self, folder: Path, services: Services, access: ApiAccess) -> None:
        self._folder = folder
        self._services = services
        self.access = access
        self._endpoints: dict[str, dict[str, PodEndpoint]] = {}
        self._shared: dict[str, str] = {}
        """What all files of a namespace have in common, as it was last written."""
        self._stale: set[str] = set()
        self._removed: deque[tuple[float, str, str]] = deque()
        """When a pod ended, its namespace and its uid."""

    def services(self, namespace: str) -> dict[str, str]:
        """The Services of a namespace, each with its address."""
        return {
            each["metadata"]["name"]: str((each.get("spec") or {}).get("clusterIP") or "")
            for each in self._services(namespace)
        }

    def variables(self, pod: Mapping[str, Any]) -> dict[str, str]:
        """The variables that tell a pod of the Services there are; of the API's alone if it wants no more."""
        namespace, access = pod["metadata"]["namespace"], self.access
        found: dict[str, str] = {}
        if access.address:
            ports = [(443, "https", "TCP", access.port)]
            found = link_variables(API_NAMES[-1], access.address, ports)
        if pod["spec"].get("enableServiceLinks") is False:
            return found
        endpoints = self._endpoints.get(namespace, {}).values()
        for service in self._services(namespace):
            found = service_variables(service, endpoints) | found
        return found

    def add_pod(self, pod: Mapping[str, Any], ip: str) -> str | None:
        """A pod comes; the hosts file it is to see, or None where there are no Services."""
        namespace = pod["metadata"]["namespace"]
        if namespace not in self._endpoints:
            if not self.access.address and not any(True for _ in self._services(namespace)):
                return None
            self._endpoints[namespace] = {}
        here = self._endpoints[namespace]
        for uid in [uid for uid, each in here.items() if each.over and each.hostname == hostname(pod)]:
            del here[uid]
        endpoint = here[pod["metadata"]["uid"]] = PodEndpoint(pod, ip)
        self._write(namespace)
        self._write_pod(endpoint, self._shared[namespace])
        return str(self._file(pod["metadata"]["uid"]))

    def set_ready(self, pod: Mapping[str, Any], ready: bool) -> None:
        """A pod is ready to be spoken to, or not any more."""
        found = self._endpoints.get(pod["metadata"]["namespace"], {}).get(pod["metadata"]["uid"])
        if found is not None and found.ready is not ready:
            found.ready = ready
            self._stale.add(pod["metadata"]["namespace"])

    def remove_pod(self, pod: Mapping[str, Any], now: float) -> None:
        """A pod is over at ``now`` (Unix seconds)."""
        namespace, uid = pod["metadata"]["namespace"], pod["metadata"]["uid"]
        found = self._endpoints.get(namespace, {}).get(uid)
        if found is not None:
            found.over = True
            self._file(uid).unlink(missing_ok=True)
            self._removed.append((now, namespace, uid))
            self._stale.add(namespace)

    def rewrite(self, namespaces: Iterable[str]) -> None:
        """Write the names of these namespaces anew, where there are pods."""
        for namespace in namespaces:
            if namespace in self._endpoints:
                self._write(namespace)

    def refresh(self, now: float) -> None:
        """Write the files in which something changed."""
        while self._removed and self._removed[0][0] + DNS_TTL_SECONDS <= now:
            _, namespace, uid = self._removed.popleft()
            if self._endpoints[namespace].pop(uid, None) is not None:
                self._stale.add(namespace)
        while self._stale:
            self._write(self._stale.pop())

    def sweep(self, known: Container[str]) -> None:
        """Remove the files of pods whose uid is not ``known``."""
        for path in self._folder.glob("*.hosts"):
            if path.stem not in known:
                path.unlink(missing_ok=True)

    def _file(self, uid: str) -> Path:
        return self._folder / f"{uid}.hosts"

    def _write(self, namespace: str) -> None:
        """Write the names of a namespace, if they are others, into the files of its pods."""
        endpoints = self._endpoints[namespace]
        lines: list[str] = []
        for service in self._services(namespace):
            found = list(service_names(service, endpoints.values()))
            lines += (f"{ip}\t{name}\n" for name, ip in found or no_endpoint(service))
        lines += (f"{ip}\t{name}\n" for name, ip in self.access.names(namespace).items())
        shared = "".join(lines)
        if shared != self._shared.get(namespace):
            self._shared[namespace] = shared
            for endpoint in endpoints.values():
                if not endpoint.over:
                    self._write_pod(endpoint, shared)

    def _write_pod(self, endpoint: PodEndpoint, shared: str) -> None:
        """Write the names that a pod knows over those that were there; the file stays the same."""
        own = [f"{endpoint.ip}\t{endpoint.hostname}\n"]
        own += (f"{ip}\t{name}\n" for name, ip in aliases(endpoint.pod))
        data = "".join((LOCALHOST, *own, shared)).encode()
        make_private(self._folder)
        descriptor = os.open(self._file(endpoint.pod["metadata"]["uid"]), os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.fchmod(descriptor, 0o644)
            os.pwrite(descriptor, data, 0)
            os.ftruncate(descriptor, len(data))
        finally:
            os.close(descriptor)


def service_variables(service: Mapping[str, Any], endpoints: Iterable[PodEndpoint]) -> dict[str, str]:
    """``REDIS_SERVICE_HOST`` and the like (FromServices of pkg/kubelet/envvars).

    Nobody translates addresses here: where a pod is ready, they lead to that pod and the port it listens at.
    """
    spec = service.get("spec") or {}
    address, ports = spec.get("clusterIP") or "", spec.get("ports") or ()
    if address in ("", "None") or not ports:
        return {}
    reached = next((ip for _, ip in service_names(service, endpoints)), None)
    pods = [endpoint.pod for endpoint in endpoints if endpoint.ip == reached]
    found = []
    for port in ports:
        at = next(target_ports(port, pods), port["port"]) if pods else port["port"]
        found.append((port["port"], port.get("name") or "", port.get("protocol") or "TCP", at))
    return link_variables(service["metadata"]["name"], reached or address, found)


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


def no_endpoint(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names of a Service without a pod that is ready, with an address at which nobody answers: it refuses
    connections, as kube-proxy does.
    """
    spec = service.get("spec") or {}
    numbers = str(spec.get("clusterIP") or "").split(".")
    if spec.get("selector") and len(numbers) == 4:
        yield from ((name, f"127.0.{numbers[2]}.{numbers[3]}") for name in _names_of(service))


def _names_of(service: Mapping[str, Any]) -> tuple[str, ...]:
    name = service["metadata"]["name"]
    base = f"{name}.{service['metadata']['namespace']}"
    return (f"{base}.{DOMAIN}", f"{base}.svc", base, name)


def service_names(service: Mapping[str, Any], endpoints: Iterable[PodEndpoint]) -> Iterator[tuple[str, str]]:
    """The names that a Service gives, each with an address; the full one first."""
    metadata, spec = service["metadata"], service.get("spec") or {}
    selector = spec.get("selector")
    if not selector:
        return
    chosen = [
        endpoint
        for endpoint in endpoints
        if selector.items() <= (endpoint.pod["metadata"].get("labels") or {}).items()
        and (endpoint.ready or endpoint.over or spec.get("publishNotReadyAddresses"))
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
