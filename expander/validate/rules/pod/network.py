"""The pod's names and its view of the network: DNS, host names, the node's namespaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.rules import addresses, formats
from expander.validate.rules.field import (
    Findings,
    each,
    forbidden,
    invalid,
    invalid_each,
    required,
    texts,
    too_long,
)
from expander.validate.rules.pod.references import every_container

_MAX_NAMESERVERS: Final = 3
_MAX_SEARCHES: Final = 32
_MAX_SEARCH_BYTES: Final = 2048  # of all search domains and the spaces between them
_MAX_HOSTNAME: Final = 64

Spec = Mapping[str, Any]


def check_dns_config(config: Spec | None, policy: str, where: str, release: Release) -> Findings:
    """Limits of the C library's resolver; the policy None leaves all to ``dnsConfig``."""
    if policy == "None" and config is None:
        yield required(where, "must provide `dnsConfig` when `dnsPolicy` is None")
    if config is None:
        return
    servers: Sequence[str] = config.get("nameservers") or ()
    if policy == "None" and not servers:
        detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        yield required(f"{where}.nameservers", detail)
        return
    if len(servers) > _MAX_NAMESERVERS:
        detail = f"must not have more than {_MAX_NAMESERVERS} nameservers"
        yield invalid(f"{where}.nameservers", servers, detail)
    ip_rule = addresses.ip_rule(release)
    for at, server in texts(servers, f"{where}.nameservers"):
        yield from invalid_each(at, server, ip_rule(server))
    yield from _check_searches(config.get("searches") or (), f"{where}.searches", release)
    for at, option in each(config.get("options"), f"{where}.options"):
        if not option.get("name"):
            yield required(at, "must not be empty")


def _check_searches(searches: Sequence[str], where: str, release: Release) -> Findings:
    if len(searches) > _MAX_SEARCHES:
        yield invalid(where, searches, f"must not have more than {_MAX_SEARCHES} search paths")
    if formats.byte_length(" ".join(text or "" for text in searches)) > _MAX_SEARCH_BYTES:
        detail = (
            f"must not have more than {_MAX_SEARCH_BYTES} characters (including spaces) in the search list"
        )
        yield invalid(where, searches, detail)
    relaxed = release.has("RelaxedDNSSearchValidation")
    name_rule = formats.dns_subdomain_with_underscores if relaxed else formats.dns_subdomain
    for at, search in texts(searches, where):
        if not (relaxed and search == "."):
            name = search.removesuffix(".")
            yield from invalid_each(at, name, name_rule(name))


def check_host_aliases(aliases: Sequence[Any], where: str, release: Release) -> Findings:
    """Lines of the hosts file: an address and its names."""
    ip_rule = addresses.ip_rule(release)
    for at, alias in each(aliases, where):
        address = alias.get("ip") or ""
        yield from invalid_each(f"{at}.ip", address, ip_rule(address))
        for name_at, name in texts(alias.get("hostnames"), f"{at}.hostnames"):
            yield from invalid_each(name_at, name, formats.dns_subdomain(name))


def check_hostname_override(name: str, where: str, spec: Spec) -> Findings:
    """A host name that goes before all others: short, and not beside the ways it would contradict."""
    if spec.get("setHostnameAsFQDN"):
        yield forbidden(where, "may not be specified when setHostnameAsFQDN is true")
    if spec.get("hostNetwork"):
        yield forbidden(where, "may not be specified when hostNetwork is true")
    if formats.byte_length(name) > _MAX_HOSTNAME:
        yield too_long(where, _MAX_HOSTNAME)
    yield from invalid_each(where, name, formats.dns_subdomain(name))


def check_shared_processes(spec: Spec, where: str) -> Findings:
    """Containers share processes with each other or with the node, not both."""
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid(f"{where}.shareProcessNamespace", True, detail)


def check_own_users(spec: Spec, where: str, release: Release) -> Findings:
    """A pod with users of its own has no namespace of the node, and no raw devices."""
    excludes_devices = release >= (1, 34)
    detail = f"when `{'hostUsers' if excludes_devices else 'pod.Spec.HostUsers'}` is false"
    for field, name in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
        if spec.get(field):
            yield forbidden(f"{where}.{name}", detail)
    for at, container in every_container(spec, where):
        if excludes_devices and container.get("volumeDevices"):
            yield forbidden(f"{at}.volumeDevices", detail)
