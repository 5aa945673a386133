"""Who may talk to the server: the user it runs as, and whoever has its token.

The server runs commands, so a request must not come from another user of the machine, from another machine
unless that was asked for, or from a web page in the user's own browser. The first two need a token (or, on
loopback without TLS, the same user at the other end); against the last the Host header must name
this server, and requests that a browser made for another origin are refused.

Which user is at the other end of a loopback connection, as Linux tells it in /proc/net/tcp.

kubectl sends its token only over TLS. Without TLS this is what keeps the other users of a machine out: a
connection of the server's own user needs no further proof.

A certificate of the server's own, made by the ``openssl`` program and kept in the state folder.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from expander.base.errors import UsageError

TABLES: Final = ("/proc/net/tcp", "/proc/net/tcp6")

Address = tuple[str, int]


def user_of(peer: Address, server: Address) -> int | None:
    """The uid of the user whose socket at ``peer`` is connected to ``server``; None when nobody says."""
    wanted = {(hexed(peer, wide), hexed(server, wide)) for wide in (False, True)}
    for table in TABLES:
        try:
            with open(table, encoding="ascii") as rows:
                next(rows)
                for row in rows:
                    fields = row.split()
                    if (fields[1], fields[2]) in wanted:
                        return int(fields[7])
        except OSError:
            continue
    return None


def hexed(address: Address, wide: bool) -> str:
    """An address as the tables write it; ``wide``: as an IPv6 address, an IPv4 one within it."""
    host, port = address[0], address[1]
    if ":" in host:
        data = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    else:
        data = socket.inet_pton(socket.AF_INET, host)
        if wide:
            data = b"\0" * 10 + b"\xff\xff" + data
    if sys.byteorder == "little":
        data = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
    return f"{data.hex().upper()}:{port:04X}"


DAYS: Final = 3650
"""Days that a certificate is good for: as long as the folder will ever be used."""


def certificate(folder: Path, hosts: Iterable[str]) -> tuple[Path, Path]:
    """The files of a certificate for these hosts and of its key, made when they are not there.

    Raises UsageError when there is no ``openssl`` to make them.
    """
    names = ",".join(f"IP:{host}" if _is_address(host) else f"DNS:{host}" for host in sorted(hosts))
    cert, key, note = folder / "tls.crt", folder / "tls.key", folder / "tls.names"
    if cert.exists() and key.exists() and note.exists() and note.read_text() == names:
        return cert, key
    folder.mkdir(parents=True, exist_ok=True)
    before = os.umask(0o077)
    try:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-nodes", "-keyout", str(key), "-out", str(cert), "-days", str(DAYS)),
                *("-subj", "/CN=expander", "-addext", f"subjectAltName={names}"),
            ],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise UsageError("--tls needs the program openssl, which is not installed") from error
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(
            f"openssl made no certificate: {words[-1] if words else 'no reason given'}"
        ) from error
    finally:
        os.umask(before)
    note.write_text(names)
    return cert, key


def context(cert: Path, key: Path) -> ssl.SSLContext:
    """What the server's sockets are wrapped in."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(cert, key)
    return made


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


OPEN_PATHS: Final = frozenset(("/healthz", "/livez", "/readyz", "/version"))
"""What anybody may ask: whether the server is there, and its version."""

BROWSER_HEADERS: Final = ("Origin", "Sec-Fetch-Site")
"""Headers that browsers send with what a page asks for, and kubectl and client libraries do not."""


class Verdict(Enum):
    """What becomes of a request."""

    WELCOME = "welcome"
    UNAUTHORIZED = "unauthorized"
    FOREIGN = "foreign"


class Transport(Protocol):
    """What is needed of `asyncio.Transport`."""

    def get_extra_info(self, name: str) -> object: ...


class Guard:
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

    def judge(self, path: str, headers: Mapping[str, str], transport: Transport | None) -> Verdict:
        """The verdict on a request by its path, its headers and its connection."""
        if host_of(headers.get("Host", "")) not in self._hosts:
            return Verdict.FOREIGN
        if any(header in headers for header in BROWSER_HEADERS):
            return Verdict.FOREIGN
        if path in OPEN_PATHS:
            return Verdict.WELCOME
        given = headers.get("Authorization")
        if given is not None:
            kind, _, token = given.partition(" ")
            proven = kind.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token)
            return Verdict.WELCOME if proven else Verdict.UNAUTHORIZED
        return Verdict.WELCOME if self._is_own(transport) else Verdict.UNAUTHORIZED

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
        return user_of((peer[0], peer[1]), (server[0], server[1])) in self._users


def host_of(header: str) -> str:
    """The host that a Host header names, lower case and without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
