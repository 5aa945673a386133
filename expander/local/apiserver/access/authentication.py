"""Who may talk to the server: whoever has its token, and over plain HTTP the user it runs as.

The server runs commands. So a request must not come from another user of the machine, from another machine
unless that was asked for, or from a web page in the user's own browser: the Host header must name this
server, and an Origin must be the server's own.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from expander.base.named_tuple import NamedTuple
from expander.local.apiserver.access.peer_uid import peer_uid

OPEN_PATHS: Final = frozenset(("/healthz", "/livez", "/readyz", "/version"))
"""What anybody may ask: whether the server is there, and its version."""

SAME_ORIGIN: Final = ("same-origin", "none")
"""Values of Sec-Fetch-Site: a page of this server asks, or the user typed the address."""


class AuthResult(Enum):
    """What becomes of a request of which nobody is known to be the author."""

    OPEN = "open"
    """Anybody may ask this; it says nothing of who asks."""
    UNAUTHORIZED = "unauthorized"
    FOREIGN = "foreign"


ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
"""Who issues tokens of service accounts, and the audience of those that are for this API."""


class User(NamedTuple):
    """Who asks: the name, the uid, the groups, and what else is known."""

    name: str
    uid: str
    groups: tuple[str, ...]
    extra: Mapping[str, Sequence[str]] = {}

    @property
    def info(self) -> dict[str, Any]:
        """The UserInfo of the API."""
        own: dict[str, Any] = {"uid": self.uid} if self.uid else {}
        if self.extra:
            own["extra"] = {key: list(values) for key, values in self.extra.items()}
        return {"username": self.name, **own, "groups": list(self.groups)}


AUTHENTICATED: Final = "system:authenticated"
"""The group of everybody who is known."""
ACCOUNT_PREFIX: Final = "system:serviceaccount:"
"""How the name of the user begins that a service account is; its namespace and name follow."""

OWNER: Final = User("kubernetes-admin", "", ("kubeadm:cluster-admins", AUTHENTICATED))
"""Whoever has the server's own token."""


Known = tuple[User, tuple[str, ...]]
"""Somebody, and for which of the audiences asked for the token is good."""


def unknown(token: str, audiences: Sequence[str]) -> Known | None:
    """No token but the server's own is known."""
    return None


class Transport(Protocol):
    """What is needed of `asyncio.Transport`."""

    def get_extra_info(self, name: str) -> object: ...


class Authenticator:
    """Decides about requests.

    ``hosts`` are the names under which the server is reached, without port; ``scheme`` is that of its own
    origin. ``trust_user``: a connection of this process's own user needs no token; that is for plain HTTP on
    loopback only. A connection whose user is not known, as one that was closed already, needs it.
    ``known`` tells whose another token is that is for one of some audiences, or None.
    """

    def __init__(
        self,
        token: str,
        hosts: Iterable[str],
        *,
        trust_user: bool,
        scheme: str = "http",
        known: Callable[[str, Sequence[str]], Known | None] = unknown,
    ) -> None:
        self._token = token.encode()
        self._known = known
        self._hosts = frozenset(host.lower() for host in hosts)
        self._scheme = scheme
        self._user = os.getuid() if trust_user else None
        self._own: WeakKeyDictionary[Transport, bool] = WeakKeyDictionary()
        """Whether a connection is this user's, once it was looked up."""

    def judge(self, path: str, headers: Mapping[str, str], transport: Transport | None) -> User | AuthResult:
        """Who sends a request, by its path, its headers and its connection; else what becomes of it."""
        if host_of(headers.get("Host", "")) not in self._hosts or self._is_cross_origin(headers):
            return AuthResult.FOREIGN
        if path in OPEN_PATHS:
            return AuthResult.OPEN
        if (given := headers.get("Authorization")) is not None:
            return self._bearer(given) or AuthResult.UNAUTHORIZED
        return OWNER if self._is_own(transport) else AuthResult.UNAUTHORIZED

    def _bearer(self, authorization: str) -> User | None:
        """Who asks with such an Authorization header; None for nobody who is known."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer":
            return None
        found = self.authenticate(token.strip(), (ISSUER,))
        return None if found is None else found[0]

    def authenticate(self, token: str, audiences: Sequence[str]) -> Known | None:
        """Whose a token is that is good for one of these audiences; the owner's is for the API alone."""
        said = token.encode(errors="replace")  # a header may hold any bytes
        if hmac.compare_digest(said, self._token):
            return (OWNER, (ISSUER,)) if ISSUER in audiences else None
        return self._known(token, audiences)

    def _is_cross_origin(self, headers: Mapping[str, str]) -> bool:
        """Whether a browser sends the request for a page of another origin."""
        origin = headers.get("Origin")
        if origin is not None and origin.lower() != f"{self._scheme}://{headers['Host']}".lower():
            return True
        return headers.get("Sec-Fetch-Site", "none") not in SAME_ORIGIN

    def _is_own(self, transport: Transport | None) -> bool:
        if self._user is None or transport is None:
            return False
        known = self._own.get(transport)
        if known is None:
            known = self._own[transport] = self._looks_own(transport)
        return known

    def _looks_own(self, transport: Transport) -> bool:
        peer, server = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not isinstance(peer, tuple) or not isinstance(server, tuple):
            return False
        return peer_uid((peer[0], peer[1]), (server[0], server[1])) == self._user


def account_groups(namespace: str) -> tuple[str, str]:
    """The groups of the service accounts of a namespace."""
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")


def host_of(header: str) -> str:
    """The host that a Host header names, lower case and without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
