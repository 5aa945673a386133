"""Addresses of pods: one loopback address each, of those that are this program's.

Pods share the network of this machine, so two of them with one address would take each other's ports and
connections. Programs therefore have parts of 127.0.0.0/8 of their own: who has bound the abstract socket of
a part has it, and the kernel gives it back with the process, however that ends.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import Final

LOOPBACK: Final = "127.0.0.1"

PARTS: Final = range(1, 256)
"""The second bytes of addresses: 127.1.0.0/16 is the first part; 127.0.0.0/16 is that of Services."""

PART_SIZE: Final = 256 * 254
"""Addresses of a part; those that end in 0 and 255 are nobody's."""


class Addresses:
    """Hands out loopback addresses that nobody has: of parts that no other program has, if ``reserved``."""

    def __init__(self, *, reserved: bool = False) -> None:
        self._reserved = reserved
        self._parts: list[int] = []
        self._held: list[int] = []
        """The sockets of the parts."""
        self._next = 0
        self._taken: set[str] = set()

    def allocate(self) -> str:
        """An address; where a system has but one on its loopback device, that one."""
        if not sys.platform.startswith("linux"):
            return LOOPBACK
        if len(self._taken) >= len(self._parts) * PART_SIZE:
            self._next = len(self._parts) << 16
            self._parts.append(self._new_part())
        while True:
            self._next = (self._next + 1) % (len(self._parts) << 16)
            part, number = self._parts[self._next >> 16], self._next
            found = f"127.{part}.{number >> 8 & 255}.{number & 255}"
            if found not in self._taken and number & 255 not in (0, 255):
                self._taken.add(found)
                return found

    def release(self, address: str) -> None:
        """The pod with this address is over."""
        self._taken.discard(address)

    def close(self) -> None:
        """Leave the addresses to other programs."""
        while self._held:
            os.close(self._held.pop())

    def _new_part(self) -> int:
        """A part for this program; with none left, or no way to tell, one that others may have too."""
        free = [each for each in PARTS if each not in self._parts]
        for part in free if self._reserved else ():
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                sock.bind(f"\0expander/pods/127.{part}")
            except OSError as error:
                sock.close()
                if error.errno != errno.EADDRINUSE:
                    break
            else:
                self._held.append(sock.detach())
                return part
        return free[0]
