"""Who may talk to the server: whoever has its token, and over plain HTTP the user it runs as.

The server runs commands. So a request must not come from another user of the machine, from another machine
unless that was asked for, or from a web page in the user's own browser: the Host header must name this
server, and an Origin must be the server's own.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from expander.local.apiserver.peer_uid import peer_uid

OPEN_PATHS: Final = frozenset(("/healthz", "/livez", "/readyz", "/version"))
"""What anybody may ask: whether the server is there, and its version."""

BROWSER_HEADERS: Final = ("Origin", "Sec-Fetch-Site")
"""Headers that browsers send with what a page asks for, and kubectl and client libraries do not."""


class AuthResult(Enum):
    """What becomes of a request."""

    WELCOME = "welcome"
    UNAUTHORIZED = "unauthorized"
    FOREIGN = "foreign"


class Transport(Protocol):
    """What is needed of `asyncio.Transport`."""

    def get_extra_info(self, name: str) -> object: ...


class Authenticator:
    """Decides about requests.

    ``hosts`` are the names under which the server is reached, without port. ``trust_user``: a connection of
    this process's own user (or of root) needs no token; that is for plain HTTP on loopback only.
    """

    def __init__(self, token: str, hosts: Iterable[str], *, trust_user: bool) -> None:
        self._token = token.encode()
        self._hosts = frozenset(host.lower() for host in hosts)
        self._users = frozenset((os.getuid(), 0)) if trust_user else frozenset()
        self._own: WeakKeyDictionary[Transport, bool] = WeakKeyDictionary()
        """Whether a connection is a trusted user's, once it was looked up."""

    def judge(self, path: str, headers: Mapping[str, str], transport: Transport | None) -> AuthResult:
        """The verdict on a request by its path, its headers and its connection."""
        if host_of(headers.get("Host", "")) not in self._hosts:
            return AuthResult.FOREIGN
        if any(header in headers for header in BROWSER_HEADERS):
            return AuthResult.FOREIGN
        if path in OPEN_PATHS:
            return AuthResult.WELCOME
        given = headers.get("Authorization")
        if given is not None:
            kind, _, token = given.partition(" ")
            proven = kind.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token)
            return AuthResult.WELCOME if proven else AuthResult.UNAUTHORIZED
        return AuthResult.WELCOME if self._is_own(transport) else AuthResult.UNAUTHORIZED

    def _is_own(self, transport: Transport | None) -> bool:
        if not self._users or transport is None:
            return False
        known = self._own.get(transport)
        if known is None:
            known = self._own[transport] = self._looks_own(transport)
        return known

    def _looks_own(self, transport: Transport) -> bool:
        peer, server = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not isinstance(peer, tuple) or not isinstance(server, tuple):
            return False
        return peer_uid((peer[0], peer[1]), (server[0], server[1])) in self._users


def host_of(header: str) -> str:
    """The host that a Host header names, lower case and without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
