"""IP addresses and CIDRs as Go's ``net/netip`` reads them (k8s.io/apiserver/pkg/cel: ip.go, cidr.go)."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address


def accepted_by(parse: Callable[[str], object]) -> Callable[[str], bool]:
    """Whether ``parse``, which raises ValueError else, takes a text."""

    def accepts(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return accepts


def parse_ip(text: str) -> Address:
    """The address ``text`` stands for; zones are refused. Raises ValueError."""
    if "%" in text or not text.isascii():
        raise ValueError(f"invalid address {text!r}")
    return ip_address(text)


class Cidr:
    """A CIDR: an address, whatever bits it has, and the length of its prefix."""

    __slots__ = ("address", "length")

    def __init__(self, address: Address, length: int) -> None:
        self.address, self.length = address, length

    @property
    def network(self) -> IPv4Network | IPv6Network:
        """The addresses it covers."""
        return ip_network(f"{self.address}/{self.length}", strict=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cidr) and (self.address, self.length) == (other.address, other.length)

    def __hash__(self) -> int:
        return hash((self.address, self.length))

    def __str__(self) -> str:
        return f"{self.address}/{self.length}"


def parse_cidr(text: str) -> Cidr:
    """The CIDR ``text`` stands for. Raises ValueError."""
    head, slash, bits = text.rpartition("/")
    address = parse_ip(head)
    if not slash or not bits.isdecimal() or not bits.isascii() or (len(bits) > 1 and bits[0] == "0"):
        raise ValueError(f"invalid CIDR {text!r}")
    if int(bits) > address.max_prefixlen:
        raise ValueError(f"invalid CIDR {text!r}")
    return Cidr(address, int(bits))
