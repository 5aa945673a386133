"""Names of pods and Services: /etc/hosts where there are Services.

A cluster's DNS is served by a hosts file per pod, with its own name and those of Services, that is rewritten
in place as other pods come, become ready and go: containers that have it mounted see the change. The name of
a pod alone leads nowhere for others. `service_names` says which names there are. The own name of a pod that
has ended is answered for `DNS_TTL_SECONDS` more, as a cluster's DNS does from its cache: pods that look for
each other and end when all were found would else wait for ever for the quickest.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from pathlib import Path
from time import thread_time
from typing import Any

from expander.base.state_dir import make_private
from expander.local.kubelet.addresses import LOOPBACK
from expander.local.kubelet.api_access import API_NAMES, ApiAccess
from expander.local.kubelet.host_lookup import HostLookup
from expander.local.kubelet.service_names import (
    DOMAIN,
    PodEndpoint,
    hostname,
    link_variables,
    names_of,
    service_names,
    service_variables,
)
from expander.local.kubelet.service_proxy import ServiceProxy

API_NAMESPACE = "default"
"""The namespace of the Service of the API."""

LOCALHOST = f"{LOOPBACK}\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
DNS_TTL_SECONDS = 30.0
"""Seconds; the time to live that kubeadm gives the records of CoreDNS."""

SHORT_SECONDS = 0.005
PAUSE_RATIO = 9
MAX_PAUSE_SECONDS = 1.0
"""Names that took longer to write are written again after so many times as long, but no later than this."""

Services = Callable[[str], Collection[dict[str, Any]]]
"""The Services of a namespace."""

Slices = Callable[[str, str], Iterable[dict[str, Any]]]
"""The EndpointSlices that others write for a Service, by its namespace and name."""


def no_slices(_namespace: str, _name: str) -> Iterable[dict[str, Any]]:
    """Nobody writes EndpointSlices."""
    return ()


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
    """The names that pods know where there are Services, and the pods behind these.

    ``folder`` is for the hosts files, which pods get unless ``mounted`` is false; ``access`` says where the
    API is, ``proxy`` forwards the ports of Services.
    """

    def __init__(
        self,
        folder: Path,
        services: Services,
        access: ApiAccess,
        proxy: ServiceProxy,
        slices: Slices = no_slices,
        *,
        mounted: bool = True,
        lookup: HostLookup | None = None,
    ) -> None:
        self._folder = folder
        self._services = services
        self._slices = slices
        self._mounted = mounted
        self.access = access
        self.proxy = proxy
        self._lookup = lookup or HostLookup()
        self._endpoints: dict[str, dict[str, PodEndpoint]] = {}
        self._names: dict[str, list[tuple[str, str]]] = {}
        """The names that the Services of a namespace give, as `service_names` says."""
        self._shared: dict[str, str] = {}
        """What all files of a namespace have in common, as it was last written."""
        self._stale: set[str] = set()
        self._write_at = 0.0
        self._removed: deque[tuple[float, str, str]] = deque()
        """When a pod ended, its namespace and its uid."""
        self._over: dict[tuple[str, str], set[str]] = {}
        """The uids of those that had a hosts file, by namespace and host name."""

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
        for service in self._of_users(namespace):
            address, refusing = self.proxy.address(service), self.proxy.own_address(service)
            found = service_variables(service, endpoints, address, refusing) | found
        return found

    def _of_users(self, namespace: str) -> list[dict[str, Any]]:
        """The Services of a namespace but that of the API, to which `access` leads."""
        here = self._services(namespace)
        if namespace != API_NAMESPACE:
            return list(here)
        return [each for each in here if each["metadata"]["name"] != API_NAMES[-1]]

    def add_pod(self, pod: Mapping[str, Any], ip: str) -> str | None:
        """A pod comes; the hosts file it is to see, or None where there are no Services."""
        namespace = pod["metadata"]["namespace"]
        here = self._endpoints.setdefault(namespace, {})
        if self._over:
            for uid in self._over.pop((namespace, hostname(pod)), ()):
                del here[uid]
        endpoint = here[pod["metadata"]["uid"]] = PodEndpoint(pod, ip)
        self.proxy.add_pod(endpoint)
        self._write_stale()
        if not self._has_names(namespace):
            return None
        self._write(namespace)
        if not self._mounted:
            return None
        endpoint.has_file = True
        self._write_pod(endpoint, self._shared[namespace])
        return str(self._file(pod["metadata"]["uid"]))

    def _has_names(self, namespace: str) -> bool:
        return bool(self.access.address or self._names or self._services(namespace))

    def set_ready(self, pod: Mapping[str, Any], ready: bool) -> None:
        """A pod is ready to be spoken to, or not any more."""
        found = self._endpoints.get(pod["metadata"]["namespace"], {}).get(pod["metadata"]["uid"])
        if found is not None and found.ready is not ready:
            found.ready = ready
            self._pods_changed(pod["metadata"]["namespace"])

    def remove_pod(self, pod: Mapping[str, Any], now: float) -> None:
        """A pod is over at ``now`` (Unix seconds)."""
        namespace, uid = pod["metadata"]["namespace"], pod["metadata"]["uid"]
        here = self._endpoints.get(namespace, {})
        found = here.get(uid)
        if found is None:
            return
        self._pods_changed(namespace)
        self.proxy.remove_pod(found)
        if not found.has_file:
            del here[uid]
            return
        found.over, found.has_file = True, False
        self._file(uid).unlink(missing_ok=True)
        self._removed.append((now, namespace, uid))
        self._over.setdefault((namespace, found.hostname), set()).add(uid)

    def _pods_changed(self, namespace: str) -> None:
        """The pods of a namespace are others, which matters to Services."""
        if self._has_names(namespace):
            self._stale.add(namespace)

    def rewrite(self, namespaces: Iterable[str]) -> None:
        """The Services of these namespaces are others: their names are written, and their ports forwarded."""
        self._stale.update(namespaces)

    def deadline(self) -> float | None:
        """When to call `refresh` though nothing happened (Unix seconds); None for never."""
        times = (0.0 if self._stale else None, self.proxy.deadline(), self._lookup.deadline())
        due = min((at for at in times if at is not None), default=None)
        return None if due is None else max(due, self._write_at)

    def refresh(self, now: float) -> None:
        """Write the files in which something changed, and forward what is to be forwarded from now on.

        Where that takes long, as many Services change, it is not done at once again.
        """
        while self._removed and self._removed[0][0] + DNS_TTL_SECONDS <= now:
            _, namespace, uid = self._removed.popleft()
            if (ended := self._endpoints[namespace].pop(uid, None)) is not None:
                self._stale.add(namespace)
                self._over[namespace, ended.hostname].discard(uid)
                if not self._over[namespace, ended.hostname]:
                    del self._over[namespace, ended.hostname]
        if self._write_at - MAX_PAUSE_SECONDS <= now < self._write_at:
            return
        took = self._write_stale()
        self._stale |= self.proxy.refresh(now)
        took += self._write_stale()
        for namespace in self._endpoints if self._lookup.refresh(now) else ():
            self._write_shared(namespace)
        self._write_at = now + min(MAX_PAUSE_SECONDS, PAUSE_RATIO * took) if took > SHORT_SECONDS else 0.0

    def _write_stale(self) -> float:
        """Write what changed; the CPU seconds that it took."""
        if not self._stale:
            return 0.0
        start = thread_time()
        while self._stale:
            self._write(self._stale.pop())
        return thread_time() - start

    def sweep(self, known: Container[str]) -> None:
        """Remove the files of pods whose uid is not ``known``."""
        for path in self._folder.glob("*.hosts"):
            if path.stem not in known:
                path.unlink(missing_ok=True)

    def _file(self, uid: str) -> Path:
        return self._folder / f"{uid}.hosts"

    def _write(self, namespace: str) -> None:
        """Write the names of a namespace, if they are others, into the files of all pods that know them."""
        endpoints = self._endpoints.get(namespace, {}).values()
        found: list[tuple[str, str]] = []
        services = self._of_users(namespace)
        self.proxy.update(namespace, services, endpoints, self._slices)
        for service in services if self._mounted else ():
            slices = self._slices(namespace, service["metadata"]["name"])
            names = list(service_names(service, endpoints, self.proxy.address(service), slices))
            refusing = self.proxy.own_address(service)
            if not names and refusing is not None:
                names = [(service["metadata"]["name"], refusing)]
            found += names
        changed = found != self._names.get(namespace, [])
        if found:
            self._names[namespace] = found
        else:
            self._names.pop(namespace, None)
        for each in list(self._endpoints) if changed else [namespace]:
            self._write_shared(each)

    def _write_shared(self, namespace: str) -> None:
        """Write what the pods of a namespace know, if it is something else, into their files."""
        if not self._mounted or not (namespace in self._shared or self._has_names(namespace)):
            return
        lines: list[str] = []
        for there, names in self._names.items():
            for name, target in names:
                for ip in self._resolve(target):
                    lines += (f"{ip}\t{each}\n" for each in names_of(name, there, there == namespace))
        lines += (f"{ip}\t{name}\n" for name, ip in self.access.names(namespace).items())
        shared = "".join(lines)
        if shared != self._shared.get(namespace):
            self._shared[namespace] = shared
            for endpoint in self._endpoints.get(namespace, {}).values():
                if endpoint.has_file:
                    self._write_pod(endpoint, shared)

    def _resolve(self, target: str) -> list[str]:
        """The addresses of what a Service leads to: its own, or those of the host that ``target`` names."""
        host = target.removesuffix(".")
        if host == target:
            return [target]
        if host == "localhost":
            return [LOOPBACK]
        if host in API_NAMES:
            return [ip for name, ip in self.access.names(API_NAMESPACE).items() if name == host]
        if not host.endswith((".svc", f".{DOMAIN}")):
            return self._lookup.addresses(host)
        name, _, namespace = host.removesuffix(f".{DOMAIN}").removesuffix(".svc").rpartition(".")
        found = self._names.get(namespace, ())
        return [ip for each, ip in found if each == name and not ip.endswith(".")]

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
