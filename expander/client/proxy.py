"""HTTP and SOCKS5 proxies, chosen by the rules of Go's net/http, which kubectl follows.

``proxy-url`` of a kubeconfig always counts; ``HTTPS_PROXY`` and ``HTTP_PROXY`` (also in lower case) do not
count for this machine itself and for what ``NO_PROXY`` names.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from expander.base.errors import InputError

_PORTS: Final = {"http": 80, "socks5": 1080, "socks5h": 1080}


class ProxyError(OSError):
    """The proxy cannot be reached or refuses the connection."""


def proxy_for(server: str, given: str, environ: Mapping[str, str]) -> str:
    """The URL of the proxy for ``server``, empty for none; ``given`` is the ``proxy-url`` of the kubeconfig.

    Raises InputError for a URL that is neither http:// nor socks5://.
    """
    parts = urlsplit(server)
    name = f"{parts.scheme}_proxy"
    host = parts.hostname or ""
    found = given
    if not found and not _is_loopback(host):
        found = environ.get(name.upper()) or environ.get(name) or ""
        excluded = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
        if found and any(_matches(entry.strip().lower(), host, parts.port) for entry in excluded.split(",")):
            return ""
    if not found:
        return ""
    url = found if "://" in found else f"http://{found}"
    try:
        parts = urlsplit(url)
        good = parts.scheme in _PORTS and parts.hostname and (parts.port or 1) > 0
    except ValueError:  # the port or an IPv6 address
        good = False
    if not good:
        raise InputError("unsupported proxy; expected http://HOST:PORT or socks5://HOST:PORT")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _matches(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of ``NO_PROXY`` matches: a domain and its subdomains, an address or a network."""
    if not entry or entry == "*":
        return entry == "*"
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        pass
    name, _, wanted = entry.partition(":")
    if wanted and wanted != str(port):
        return False
    name = name.removeprefix("*")
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def connect(proxy: str, host: str, port: int, seconds: float, tunnel: bool) -> socket.socket:
    """A connection to a host through a proxy; without ``tunnel`` an HTTP proxy expects absolute URLs.

    Raises OSError.
    """
    parts = urlsplit(proxy)
    address = (parts.hostname, parts.port or _PORTS[parts.scheme])
    try:
        sock = socket.create_connection(address, seconds)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ProxyError(f"proxy {address[0]}:{address[1]}: {why}") from None
    try:
        if parts.scheme.startswith("socks5"):
            _socks(sock, parts, host, port)
        elif tunnel:
            _tunnel(sock, parts, host, port)
    except BaseException:
        sock.close()
        raise
    return sock


def authorization(proxy: str) -> str:
    """The Proxy-Authorization header line for an HTTP proxy with a user, else nothing."""
    parts = urlsplit(proxy)
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Proxy-Authorization: Basic {b64encode(pair.encode()).decode()}\r\n"


def _tunnel(sock: socket.socket, proxy: SplitResult, host: str, port: int) -> None:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    credentials = authorization(proxy.geturl())
    sock.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):  # byte by byte: what follows belongs to the server
        byte = sock.recv(1)
        if not byte or len(answer) > 1 << 16:
            raise ProxyError("the proxy closed the connection")
        answer += byte
    status = answer.split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise ProxyError(f"the proxy answered {status[0].decode(errors='replace') if status else 'nothing'}")


def _socks(sock: socket.socket, proxy: SplitResult, host: str, port: int) -> None:
    """SOCKS5 (RFC 1928, 1929); the proxy resolves the name."""
    sock.sendall(b"\x05\x01\x02" if proxy.username else b"\x05\x01\x00")
    method = _exactly(sock, 2)[1]
    if method == 2:
        user, word = (unquote(text or "").encode() for text in (proxy.username, proxy.password))
        sock.sendall(b"\x01%c%b%c%b" % (len(user), user, len(word), word))
        if _exactly(sock, 2)[1] != 0:
            raise ProxyError("the proxy refused the user and password")
    elif method != 0:
        raise ProxyError("the proxy requires another authentication method")
    name = host.encode("idna") if not host.isascii() else host.encode()
    sock.sendall(b"\x05\x01\x00\x03%c%b%b" % (len(name), name, struct.pack(">H", port)))
    _, code, _, kind = _exactly(sock, 4)
    if code != 0:
        raise ProxyError(f"the proxy cannot reach the server (SOCKS error {code})")
    _exactly(sock, {1: 4, 4: 16}.get(kind) or _exactly(sock, 1)[0])
    _exactly(sock, 2)


def _exactly(sock: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = sock.recv(count - len(found))
        if not piece:
            raise ProxyError("the proxy closed the connection")
        found += piece
    return found
