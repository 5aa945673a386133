"""Forwards the ports of Services that are not those of their pods, and ports of the node, as kube-proxy does.

A Service with such a port has an address of its own, to which its names and variables lead: there each of its
ports is forwarded to its ready pods in turn, or to what EndpointSlices name if it selects none. Pods share
the network of this machine, and most programs listen at all of its addresses, which fails where somebody
listens at one of them with that port. So pods go first: a port is forwarded once pods listen behind it, and
once those that have it among theirs were seen to listen, at their own addresses. What cannot be forwarded is
told, and the Service leads to a pod, as others do.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from expander.base.dataclass import dataclass
from expander.kube.service_ports import target_ports
from expander.local.kubelet.service_names import (
    PodEndpoint,
    Service,
    SliceEndpoint,
    behind,
    is_external_name,
    is_headless,
    slice_endpoints,
)
from expander.local.kubelet.streaming.listeners import EVERY_ADDRESS, listening

if TYPE_CHECKING:
    from expander.local.kubelet.forwarder import Forwarder

MIN_LOOK_SECONDS: Final = 0.1
MAX_LOOK_SECONDS: Final = 1.0
"""How often it is looked whether pods listen that should, soon after a change and later."""

GIVE_WAY_SECONDS: Final = 10.0
"""How long a pod may take to listen at a port it declares, before it is told that the Service waits."""

RESERVED_ADDRESSES: Final = 512
"""127.0.0.0 to 127.0.1.255 have meanings of their own (localhost, resolvers, the host's name)."""

API_PORT: Final = 443
"""The port of the Service of the API."""

NODE_ADDRESS: Final = "127.0.0.1"
"""Where ports of the node are listened at."""

LOOPBACK_PREFIX: Final = "127."

Target = tuple[str, int]
Reached = tuple[Target, PodEndpoint | None]
"""Where something listens, and the pod that does."""


def _tells_who_listens() -> bool:
    """Whether this machine says who listens, as Linux does, whose loopback addresses are many, too."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        listening()
    except OSError:
        return False
    return True


def service_address(service: Service, seed: int) -> str | None:
    """The loopback address that stands for a Service; None if it has none. ``seed`` keeps those of several
    programs on a machine apart. A run has no cluster that gives Services addresses: there the name decides.
    """
    metadata, address = service["metadata"], str((service.get("spec") or {}).get("clusterIP") or "")
    numbers = address.split(".")
    if address and len(numbers) != 4:
        return None
    if address:
        number = int(numbers[2]) << 8 | int(numbers[3])
    else:
        number = crc32(f"{metadata['namespace']}/{metadata['name']}".encode())
    number = (number ^ seed) & 0xFFFF
    number = number if number >= RESERVED_ADDRESSES else number | 0x8000
    return f"127.0.{number >> 8}.{number & 255}"


@dataclass(slots=True)
class _Port:
    """A port of a Service. ``targets`` are where its ready ``pods`` listen, or others, ``known`` the uids of
    pods that have this port too and do not mind, ``waiting`` since when there is one that may.
    """

    at: Target
    targets: Sequence[Target] = ()
    pods: Sequence[PodEndpoint | None] = ()
    known: set[str] = field(default_factory=set)
    waiting: float | None = None
    failure: str | None = None


@dataclass(slots=True)
class _Forwarded:
    """A Service with its ports, or those of the node, by number. ``told`` is what was told last, ``left_out``
    which other ports are never forwarded.
    """

    service: Service
    ports: dict[int, _Port]
    told: str | None = None
    left_out: str | None = None

    @property
    def failure(self) -> str | None:
        """Why it is not forwarded, with the port."""
        if not self.ports:
            return self.left_out
        failed = ((each.at[1], each.failure) for each in self.ports.values() if each.failure)
        return next((f"port {number} is not forwarded: {why}" for number, why in failed), None)


class ServiceProxy:
    """Knows the Services of a kubelet whose ports are to be forwarded; `refresh` does what has come up.

    ``every``: those with equal ports too, since containers have nothing but variables that lead to them.
    """

    def __init__(self, seed: int = 0, *, every: bool = False) -> None:
        self._seed, self._every = seed, every
        self._able = _tells_who_listens()
        self._forwarded: dict[str, dict[str, _Forwarded]] = {}
        """By namespace and name; the ports of the node behind a space."""
        self._declared: dict[int, dict[str, PodEndpoint]] = {}
        """The pods that declare a port, by its number and their uids."""
        self._forwarder: Forwarder | None = None
        self._changed = False
        self._changed_at = 0.0
        self._look_at: float | None = None
        self._failures: list[tuple[Service, str]] = []

    def own_address(self, service: Service) -> str | None:
        """The address that stands for a Service; None on a machine that has no such."""
        return service_address(service, self._seed) if self._able else None

    def address(self, service: Service) -> str | None:
        """The address at which all ports of a Service are forwarded; None when it leads to a pod itself."""
        metadata = service["metadata"]
        found = self._forwarded.get(metadata["namespace"], {}).get(metadata["name"])
        return None if found is None or found.failure else self.own_address(service)

    def deadline(self) -> float | None:
        """When to call `refresh` though nothing happened (Unix seconds); None for never."""
        return 0.0 if self._changed else self._look_at

    def take_failures(self) -> list[tuple[Service, str]]:
        """The Services that are not forwarded, and why, since the last call."""
        failures, self._failures = self._failures, []
        return failures

    def forward_api(self, service: Service, api: Target) -> str | None:
        """Forward the port of the API's Service, 443, and that of the server, to the server; the address
        where that is done, None if it cannot be.
        """
        address = self.own_address(service)
        if address is None or ":" in api[0] or _denied(address, API_PORT):
            return None
        ports = {number: _Port((address, number), [api]) for number in (API_PORT, api[1])}
        self._forwarded[""] = {"": _Forwarded(service, ports)}
        self._changed = True
        return address

    def add_pod(self, endpoint: PodEndpoint) -> None:
        """A pod is about to start: it may listen where it says so."""
        for number in declared_ports(endpoint.pod):
            self._declared.setdefault(number, {})[endpoint.pod["metadata"]["uid"]] = endpoint
            self._changed |= bool(self._forwarded)

    def remove_pod(self, endpoint: PodEndpoint) -> None:
        """A pod has ended."""
        for number in declared_ports(endpoint.pod) if self._declared else ():
            pods = self._declared.get(number, {})
            pods.pop(endpoint.pod["metadata"]["uid"], None)
            if not pods:
                self._declared.pop(number, None)
            self._changed |= bool(self._forwarded)

    def update(
        self,
        namespace: str,
        services: Iterable[Service],
        endpoints: Iterable[PodEndpoint],
        slices: Callable[[str, str], Iterable[Mapping[str, Any]]] = lambda _namespace, _name: (),
    ) -> None:
        """These are the Services and pods of a namespace now; `refresh` is due if anything follows.

        ``slices`` gives the EndpointSlices that others write for a Service.
        """
        before = self._forwarded.pop(namespace, {})
        now: dict[str, _Forwarded] = {}
        for service in services:
            address, name = self.own_address(service), service["metadata"]["name"]
            if address is None or is_headless(service) or is_external_name(service):
                continue
            outside = list(slice_endpoints(slices(namespace, name)))
            targets = forwarded_ports(service, endpoints, outside, self._every)
            left_out = _left_out(service, self._every or bool(targets))
            if targets or left_out:
                now[name] = _entry(before.get(name), service, address, targets or {}, left_out)
            if targets := node_ports(service, endpoints, outside):
                name += " "
                now[name] = _entry(before.get(name), service, NODE_ADDRESS, targets, None)
        for entry in now.values():
            self._tell(entry)
        if now:
            self._forwarded[namespace] = now
        self._changed |= bool(now or before)

    def refresh(self, now: float) -> set[str]:
        """Listen where pods are ready; the namespaces with Services that are forwarded now, or no more."""
        if self._changed:
            self._changed, self._changed_at = False, now
        elif self._look_at is None or self._look_at > now:
            return set()
        self._look_at = None
        stale: set[str] = set()
        ports = {port.at for _, entry in self._entries() for port in entry.ports.values()}
        for at in self._forwarder.addresses() if self._forwarder is not None else ():
            if at not in ports:
                self._close(at)
        seen = listening() if ports else frozenset[Target]()
        claims = self._claims() if ports else {}
        again = False
        for namespace, entry in self._entries():
            before = entry.failure
            for number, port in entry.ports.items():
                again |= self._look(entry.service, port, seen, claims.get(number, {}), now)
            if entry.failure != before:
                stale.add(namespace)
            self._tell(entry)
        if again:
            age = now - self._changed_at
            self._look_at = now + min(MAX_LOOK_SECONDS, max(MIN_LOOK_SECONDS, age / 4))
        return stale

    def stop(self) -> None:
        """Forward nothing more."""
        if self._forwarder is not None:
            self._forwarder.stop()

    def _entries(self) -> Iterator[tuple[str, _Forwarded]]:
        for namespace, entries in self._forwarded.items():
            for entry in entries.values():
                yield namespace, entry

    def _claims(self) -> dict[int, dict[str, PodEndpoint]]:
        """The pods that declare a port, or have it behind a Service, by its number and their uids."""
        found = {number: dict(pods) for number, pods in self._declared.items()}
        for _, entry in self._entries():
            for port in entry.ports.values():
                for (_, number), pod in zip(port.targets, port.pods, strict=False):
                    if pod is not None:
                        found.setdefault(number, {})[pod.pod["metadata"]["uid"]] = pod
        return found

    def _look(
        self,
        service: Service,
        port: _Port,
        seen: frozenset[Target],
        claims: Mapping[str, PodEndpoint],
        now: float,
    ) -> bool:
        """Begin or cease to forward one port; whether it is to be looked at again soon."""
        number = port.at[1]
        everywhere = (EVERY_ADDRESS, number) in seen
        targets = [each for each in port.targets if _listens(each, seen)]
        if not targets or (everywhere and all(each[1] == number and _is_here(each) for each in targets)):
            self._close(port.at)  # who listens everywhere is reached at this address too
            port.waiting = None
            port.failure = None if targets else port.failure
            return not targets and bool(port.targets)
        known = port.known
        if any(each in seen for each in targets if each[1] == number):  # pods of a Service listen alike
            known = known | {each.pod["metadata"]["uid"] for each in behind(service, claims.values())}
        shy = [
            each
            for uid, each in claims.items()
            if uid not in known and (each.ip, number) not in seen and not everywhere
        ]
        if shy:
            self._close(port.at)
            port.waiting = now if port.waiting is None else port.waiting
            if now - port.waiting >= GIVE_WAY_SECONDS:
                metadata = shy[0].pod["metadata"]
                pod = f"{metadata['namespace']}/{metadata['name']}"
                port.failure = f"pod {pod} has the same port and does not listen yet"
            return True
        port.waiting, port.known = None, set(claims)
        port.failure = self._listen(port.at, targets, service)
        return len(targets) < len(port.targets)

    def _listen(self, at: Target, targets: Sequence[Target], service: Service) -> str | None:
        """Forward a port from now on; why that cannot be."""
        if self._forwarder is None:
            from expander.local.kubelet.forwarder import Forwarder  # asyncio, which few runs need

            self._forwarder = Forwarder()
        sticky = service["spec"].get("sessionAffinity") == "ClientIP"
        try:
            self._forwarder.listen(at, targets, sticky=sticky)
        except OSError as error:
            return _why_not(error, at[1])
        return None

    def _close(self, at: Target) -> None:
        if self._forwarder is not None:
            self._forwarder.close(at)

    def _tell(self, entry: _Forwarded) -> None:
        """Note why a Service is not forwarded, once."""
        words = entry.failure or entry.left_out
        if words != entry.told:
            entry.told = words
            if words is not None:
                self._failures.append((entry.service, f"{words}; use the target port"))


def _entry(
    old: _Forwarded | None,
    service: Service,
    address: str,
    targets: Mapping[int, Sequence[Reached]],
    left_out: str | None,
) -> _Forwarded:
    """A Service whose ports lead to these ``targets`` from now on; of ``old`` it keeps what is known."""
    if old is None or old.service["metadata"].get("uid") != service["metadata"].get("uid"):
        old = _Forwarded(service, {})
    entry = _Forwarded(service, {}, old.told, left_out)
    for number, found in targets.items():
        port = old.ports.get(number) or _Port((address, number), failure=_denied(address, number))
        port.targets = [target for target, _ in found]
        port.pods = [pod for _, pod in found]
        entry.ports[number] = port
    return entry


def forwarded_ports(
    service: Service,
    endpoints: Iterable[PodEndpoint],
    outside: Sequence[SliceEndpoint] = (),
    every: bool = False,
) -> dict[int, list[Reached]] | None:
    """The TCP ports of a Service, each with where its ready pods listen, or what is ``outside``; None if none
    is to be forwarded, as none is that is equal to what it leads to, but for ``every``.
    """
    spec = service.get("spec") or {}
    ports = [each for each in spec.get("ports") or () if _is_tcp(each)]
    differs = every or not spec.get("selector")
    if not differs and all(port.get("targetPort", port["port"]) in (0, port["port"]) for port in ports):
        return None
    pods = [each for each in behind(service, endpoints) if not each.over]
    found: dict[int, list[Reached]] = {}
    for port in ports:
        numbers = {number for each in pods for number in _numbers(port, each)} or {*target_ports(port, ())}
        differs |= bool(numbers - {port["port"]})
        found[port["port"]] = _reached(service, port, pods, outside)
    return found if differs else None


def node_ports(
    service: Service, endpoints: Iterable[PodEndpoint], outside: Sequence[SliceEndpoint]
) -> dict[int, list[Reached]]:
    """The TCP ports of the node that lead to a Service, each with where they lead."""
    ports = (service.get("spec") or {}).get("ports") or ()
    wanted = [each for each in ports if each.get("nodePort") and _is_tcp(each)]
    pods = [each for each in behind(service, endpoints) if not each.over] if wanted else []
    return {each["nodePort"]: _reached(service, each, pods, outside) for each in wanted}


def _reached(
    service: Service,
    port: Mapping[str, Any],
    pods: Iterable[PodEndpoint],
    outside: Iterable[SliceEndpoint],
) -> list[Reached]:
    """Where connections to a port of a Service go."""
    spec, name = service["spec"], port.get("name") or ""
    if not spec.get("selector"):
        return [((each.ip, each.ports[name]), None) for each in outside if name in each.ports]
    unready = bool(spec.get("publishNotReadyAddresses"))
    ready = [each for each in pods if each.ready or unready]
    return [((each.ip, number), each) for each in ready for number in _numbers(port, each)]


def _numbers(port: Mapping[str, Any], pod: PodEndpoint) -> Iterator[int]:
    """Where a pod listens for a port of its Service, if it does."""
    return islice(target_ports(port, (pod.pod,)), 1)


def _is_here(target: Target) -> bool:
    """Whether a target is of this machine alone, which says whether somebody listens there."""
    return target[0].startswith(LOOPBACK_PREFIX)


def _listens(target: Target, seen: frozenset[Target]) -> bool:
    """Whether somebody listens at a target, or may."""
    return not _is_here(target) or target in seen or (EVERY_ADDRESS, target[1]) in seen


def declared_ports(pod: Mapping[str, Any]) -> Iterator[int]:
    """The TCP ports that the containers of a pod say they listen at."""
    spec = pod["spec"]
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        for port in container.get("ports") or ():
            if _is_tcp(port):
                yield port["containerPort"]


def _is_tcp(port: Mapping[str, Any]) -> bool:
    return (port.get("protocol") or "TCP") == "TCP"


def _left_out(service: Service, every: bool) -> str | None:
    """The first port of a Service that is not of TCP and is not what it leads to; any such with ``every``."""
    for port in (service.get("spec") or {}).get("ports") or ():
        if not _is_tcp(port) and (every or port.get("targetPort", port["port"]) not in (0, port["port"])):
            return f"port {port['port']} is not forwarded: it is {port['protocol']}"
    return None


def _denied(address: str, number: int) -> str | None:
    """Why nobody may listen at a port of this address; None if one may, though perhaps not now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, number))
        except OSError as error:
            return None if error.errno == errno.EADDRINUSE else _why_not(error, number)
    return None


def _why_not(error: OSError, number: int) -> str:
    if error.errno == errno.EACCES:
        way = f"sysctl -w net.ipv4.ip_unprivileged_port_start={number} opens it"
        return f"ports below 1024 are for root here ({way})"
    if error.errno == errno.EADDRINUSE:
        return "somebody on this machine listens at all addresses with it"
    return os.strerror(error.errno or 0)
