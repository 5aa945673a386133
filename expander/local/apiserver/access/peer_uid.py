"""Which user is at the other end of a loopback connection, from ``/proc/net/tcp`` of Linux.

The kernel reports uid 0 for a socket that its process has closed already. Such a socket has no inode, and
nobody can tell any more whose it was.
"""

from __future__ import annotations

import socket
import sys
from typing import Final

SOCKET_TABLES: Final = ("/proc/net/tcp", "/proc/net/tcp6")

OVERFLOW_UID: Final = 65534
"""What the kernel reports for every user of another user namespace."""

SocketAddress = tuple[str, int]


def peer_uid(peer: SocketAddress, server: SocketAddress) -> int | None:
    """The uid of the user whose socket at ``peer`` is connected to ``server``; None when unknown."""
    wanted = {(hex_address(peer, wide), hex_address(server, wide)) for wide in (False, True)}
    for table in SOCKET_TABLES:
        try:
            with open(table, encoding="ascii") as rows:
                next(rows)
                for row in rows:
                    fields = row.split()
                    if (fields[1], fields[2]) in wanted:
                        return _owner(int(fields[7]), inode=int(fields[9]))
        except OSError:
            continue
    return None


def _owner(uid: int, *, inode: int) -> int | None:
    return None if inode == 0 or uid == OVERFLOW_UID else uid


def hex_address(address: SocketAddress, wide: bool) -> str:
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
