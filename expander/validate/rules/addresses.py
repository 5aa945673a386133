"""Formats of IP addresses and CIDRs, loose as they were and strict as they are since 1.36.

The rules and words are those of apimachinery's ``util/validation/ip.go``. What Go's ``net`` takes for an
address is one here: leading zeros are let through, and an IPv4 address within IPv6 is the IPv4 address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from expander.base.regex import regex
from expander.kube.gofmt import quoted
from expander.kube.versions import Release
from expander.validate.rules.formats import Details, Rule

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_FINE: Final[Details] = ()
_BAD_IP: Final[Details] = ("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",)
_BAD_CIDR: Final[Details] = ("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",)

_HEX_GROUP = regex("[0-9A-Fa-f]{1,4}")
_DECIMAL = regex("[0-9]+")
_LEADING_ZERO = regex(r"(?:^|[:.])0[0-9]+\.|\.0[0-9]+$")


def ip_rule(release: Release) -> Rule:
    """The format of addresses in fields that are older than its strict form."""
    return strict_ip_address if release.has("StrictIPCIDRValidation") else ip_address


def cidr_rule(release: Release) -> Rule:
    """The format of CIDRs in fields that are older than its strict form."""
    return strict_cidr if release.has("StrictIPCIDRValidation") else cidr


def ip_address(text: str) -> Details:
    """An IPv4 or IPv6 address; leading zeros in IPv4 are let through."""
    return _FINE if _is_ipv4(text) or _is_ipv6(text) else _BAD_IP


def strict_ip_address(text: str) -> Details:
    """An address that all software reads alike: no octal numbers, no IPv4 within IPv6."""
    if wrong := ip_address(text):
        return wrong
    if _LEADING_ZERO.search(text):
        return ("must not have leading 0s",)
    return ("must not be an IPv4-mapped IPv6 address",) if _is_mapped(text) else _FINE


def cidr(text: str) -> Details:
    """An address and the length of a prefix; bits behind the prefix are let through."""
    address, slash, length = text.partition("/")
    if not slash or ip_address(address) or not _DECIMAL.fullmatch(length):
        return _BAD_CIDR
    return _FINE if int(length[-20:]) <= (32 if _is_ipv4(address) else 128) else _BAD_CIDR


def strict_cidr(text: str) -> Details:
    """A CIDR that all software reads alike, and that stands for a network."""
    if wrong := cidr(text):
        return wrong
    address, _, length = text.partition("/")
    if _LEADING_ZERO.search(address) or (length != "0" and length.startswith("0")):
        return ("must not have leading 0s in IP or prefix length",)
    if _is_mapped(address):
        return ("must not have an IPv4-mapped IPv6 address",)
    if parse_ip(address) != parse_cidr(text).network_address:
        return ("must not have bits set beyond the prefix length",)
    return _FINE


IN_LOOPBACK_RANGE: Final = "may not be in the loopback range (127.0.0.0/8, ::1/128)"


def ordinary_ip(text: str) -> Details:
    """An address that others can reach (``ValidateNonSpecialIP``); ``text`` is one."""
    found = parse_ip(text)
    wrong = []
    if found.is_unspecified:
        wrong.append(f"may not be unspecified ({text})")
    if found.is_loopback:
        wrong.append(IN_LOOPBACK_RANGE)
    if found.is_link_local:
        wrong.append("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if _is_local_multicast(found):
        wrong.append("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    return wrong


def _is_local_multicast(address: IPv4Address | IPv6Address) -> bool:
    bits = address.packed
    return bits[:3] == b"\xe0\x00\x00" if address.version == 4 else bits[0] == 0xFF and bits[1] & 0xF == 2


def ip_warnings(text: str) -> Details:
    """What the server says of an address that is valid and not written as it should be."""
    if ip_address(text):
        return _FINE
    canonical = str(parse_ip(text))
    if strict_ip_address(text):
        return (
            f"non-standard IP address {quoted(text)} will be considered invalid in a future Kubernetes "
            f"release: use {quoted(canonical)}",
        )
    if ":" in text and canonical != text:
        return (f"IPv6 address {quoted(text)} should be in RFC 5952 canonical format ({quoted(canonical)})",)
    return _FINE


def cidr_warnings(text: str) -> Details:
    """What the server says of a CIDR that is valid and not written as it should be."""
    if cidr(text):
        return _FINE
    address, network = parse_ip(text.partition("/")[0]), parse_cidr(text)
    wrong, strict = [], strict_cidr(text)
    if address != network.network_address:
        single = f"{address}/{network.max_prefixlen}"
        wrong.append(
            f"CIDR value {quoted(text)} is ambiguous in this context "
            f"(should be {quoted(str(network))} or {quoted(single)}?)"
        )
    if strict and "beyond" not in strict[0]:
        wrong.append(
            f"non-standard CIDR value {quoted(text)} will be considered invalid in a future Kubernetes "
            f"release: use {quoted(str(network))}"
        )
    if not wrong and ":" in text and str(network) != text:
        wrong.append(
            f"IPv6 CIDR value {quoted(text)} should be in RFC 5952 canonical format ({quoted(str(network))})"
        )
    return wrong


def parse_ip(text: str) -> IPv4Address | IPv6Address:
    """What `ip_address` takes for an address; ValueError for anything else."""
    from ipaddress import IPv4Address, IPv6Address

    if ":" not in text:
        return IPv4Address(_without_zeros(text))
    head, colon, last = text.rpartition(":")
    found = IPv6Address(head + colon + (_without_zeros(last) if "." in last else last))
    return found.ipv4_mapped or found


def parse_cidr(text: str) -> IPv4Network | IPv6Network:
    """The network of what `cidr` takes for one; ValueError for anything else."""
    from ipaddress import ip_network

    address, _, length = text.partition("/")
    found, bits = parse_ip(address), int(length)
    if ":" in address and found.version == 4:  # a length of IPv6 before an address of IPv4
        bits = max(bits - 96, 0)
    return ip_network((found, bits), strict=False)


def _without_zeros(text: str) -> str:
    return ".".join(str(int(part)) for part in text.split("."))


def _is_mapped(text: str) -> bool:
    return ":" in text and parse_ip(text).version == 4


def _is_ipv4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(_DECIMAL.fullmatch(part) and int(part[-20:]) <= 255 for part in parts)


def _is_ipv6(text: str) -> bool:
    head, double, tail = text.partition("::")
    if not double:
        return _group_count(head, last=True) == 8
    if "::" in tail:
        return False
    left = _group_count(head, last=False) if head else 0
    right = _group_count(tail, last=True) if tail else 0
    return left is not None and right is not None and left + right <= 7


def _group_count(text: str, *, last: bool) -> int | None:
    """How many 16-bit groups ``text`` holds; None when it is malformed. IPv4 may end the ``last`` part."""
    groups = text.split(":")
    count = len(groups)
    if last and "." in groups[-1]:
        if not _is_ipv4(groups.pop()):
            return None
        count += 1
    return count if all(_HEX_GROUP.fullmatch(group) for group in groups) else None
