"""Which ports the processes of a pod listen at on localhost, from /proc (Linux)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from typing import Final

from expander.local.runtime.process_tree import descendants

_LISTENING: Final = "0A"
_TABLES: Final = (
    ("/proc/net/tcp", "127.0.0.1", ("00000000", struct.pack("@I", 0x7F000001).hex().upper())),
    ("/proc/net/tcp6", "::1", ("0" * 32, "0" * 24 + struct.pack("@I", 1).hex().upper())),
)
"""The tables of sockets, an address at which each can be reached, and how they write those that mean it."""


def local_addresses(pids: Iterable[int], port: int) -> list[str]:
    """The addresses of localhost at which these processes, or what they have started, listen at a port.

    In a cluster a pod has a localhost of its own. Here others may listen at the same one, a port-forward
    to this very port among them.
    """
    wanted: dict[str, str] = {}
    for table, address, hosts in _TABLES:
        try:
            with open(table, encoding="ascii") as rows:
                for fields in map(str.split, rows):
                    host, _, number = fields[1].partition(":")
                    if fields[3] == _LISTENING and host in hosts and int(number, 16) == port:
                        wanted[f"socket:[{fields[9]}]"] = address
        except OSError:
            continue
    if not wanted:
        return []
    found = {
        wanted[name] for pid in pids for each in (pid, *descendants(pid)) for name in _sockets(each, wanted)
    }
    return sorted(found)


def _sockets(pid: int, wanted: Iterable[str]) -> set[str]:
    """Those of the sockets that a process has open."""
    found = set()
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            found.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    except OSError:
        pass
    return found.intersection(wanted)
