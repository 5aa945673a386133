"""IP addresses, CIDRs and URLs (``cel/library`` of apiserver: ip.go, cidr.go, urls.go)."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from expander.validate.cel.addresses import Address, Cidr, accepted_by, parse_cidr, parse_ip
from expander.validate.cel.functions.arguments import text
from expander.validate.cel.urls import Url, parse_request_uri
from expander.validate.cel.values import CelError, no_overload


def _plain_ip(value: str) -> Address:
    """An address in its plain form. Raises ValueError for IPv4 in IPv6."""
    found = parse_ip(value)
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        raise ValueError(f"IPv4-mapped IPv6 address {value!r} is not allowed")
    return found


def _plain_cidr(value: str) -> Cidr:
    found = parse_cidr(value)
    _plain_ip(str(found.address))
    return found


def to_ip(value: Any) -> Address:
    """``ip(text)``."""
    try:
        return _plain_ip(text(value))
    except ValueError as error:
        raise CelError(f'IP Address "{value}" parse error during conversion from string: {error}') from None


def to_cidr(value: Any) -> Cidr:
    """``cidr(text)``."""
    try:
        return _plain_cidr(text(value))
    except ValueError as error:
        raise CelError(f"network address parse error during conversion from string: {error}") from None


def to_url(value: Any) -> Url:
    """``url(text)``."""
    try:
        return parse_request_uri(text(value))
    except ValueError as error:
        raise CelError(f'URL parse error during conversion from string: parse "{value}": {error}') from None


def _is(parse: Callable[[str], object]) -> Callable[[Any], bool]:
    accepts = accepted_by(parse)
    return lambda value: accepts(text(value))


def _ip(value: Any) -> Address:
    return value if isinstance(value, IPv4Address | IPv6Address) else no_overload()


def _cidr(value: Any) -> Cidr:
    return value if isinstance(value, Cidr) else no_overload()


def _url(value: Any) -> Url:
    return value if isinstance(value, Url) else no_overload()


def _is_local_group(value: Any) -> bool:
    address = _ip(value)
    if isinstance(address, IPv4Address):
        return address.packed[:3] == b"\xe0\x00\x00"
    return address.packed[0] == 0xFF and address.packed[1] & 0x0F == 2


def _is_global(value: Any) -> bool:
    address = _ip(value)
    return not (
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
        or str(address) == "255.255.255.255"
    )


def _contains_ip(value: Any, other: Any) -> bool:
    return (to_ip(other) if type(other) is str else _ip(other)) in _cidr(value).network


def _contains_cidr(value: Any, other: Any) -> bool:
    inner, outer = to_cidr(other) if type(other) is str else _cidr(other), _cidr(value)
    return outer.length <= inner.length and inner.address in outer.network


def _masked(value: Any) -> Cidr:
    return Cidr(ip_address(_cidr(value).network.network_address), value.length)


FUNCTIONS: Final = {
    ("cidr", 1): to_cidr,
    ("ip", 1): to_ip,
    ("ip.isCanonical", 1): lambda value: str(to_ip(value)) == value,
    ("isCIDR", 1): _is(_plain_cidr),
    ("isIP", 1): _is(_plain_ip),
    ("isURL", 1): _is(parse_request_uri),
    ("url", 1): to_url,
}
METHODS: Final = {
    ("containsCIDR", 1): _contains_cidr,
    ("containsIP", 1): _contains_ip,
    ("family", 0): lambda value: _ip(value).version,
    ("getEscapedPath", 0): lambda value: _url(value).path,
    ("getHost", 0): lambda value: _url(value).host,
    ("getHostname", 0): lambda value: _url(value).hostname,
    ("getPort", 0): lambda value: _url(value).port,
    ("getQuery", 0): lambda value: _url(value).queries(),
    ("getScheme", 0): lambda value: _url(value).scheme,
    ("ip", 0): lambda value: _cidr(value).address,
    ("isGlobalUnicast", 0): _is_global,
    ("isLinkLocalMulticast", 0): _is_local_group,
    ("isLinkLocalUnicast", 0): lambda value: _ip(value).is_link_local,
    ("isLoopback", 0): lambda value: _ip(value).is_loopback,
    ("isUnspecified", 0): lambda value: _ip(value).is_unspecified,
    ("masked", 0): _masked,
    ("prefixLength", 0): lambda value: _cidr(value).length,
}
