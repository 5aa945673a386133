"""The messages between expander and its supervisor: tuples, each behind its length.

Both ends are the same Python on the same machine, one the child of the other, so the interpreter's own
serialisation is safe here, and it is the quickest there is.
"""

from __future__ import annotations

import _socket
import marshal
from array import array
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LAUNCH, REFUSE, SIGNAL, SETTLED, ABANDON = "launch", "refuse", "signal", "settled", "abandon"
EXEC, ATTACH = "exec", "attach"
"""To the supervisor: start this; record that this cannot be started; signal; the ends of these are kept;
from now on what runs does not end by itself; run this in a container; copy what a container writes. Files of
which the last two, and a start with streams of its own, tell come with them.
"""

MAX_FILES = 4
"""Files that come with one message."""

READ_BYTES = 1 << 16
"""Bytes that are read at a time; room for more would be mapped anew for each read."""

STARTED, EXIT, ATTACHED = "started", "exit", "attached"
"""From the supervisor; the rest of the tuple is the fields of `runtime.Started` and `runtime.Exit`, or the
number that came with the command to attach.
"""


def pack(message: tuple[Any, ...]) -> bytes:
    """The bytes of one message."""
    body = marshal.dumps(message)
    return len(body).to_bytes(4, "little") + body


def send(channel: _socket.socket, data: bytes, files: Sequence[int] = ()) -> None:
    """Send packed messages whole, and copies of ``files`` with them."""
    if files:
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array("i", files))
        data = data[channel.sendmsg([data], [rights]) :]
    if data:
        channel.sendall(data)


def receive(channel: _socket.socket) -> tuple[bytes, list[int]]:
    """What has arrived, and the files that came with it; no bytes at the end."""
    files = array("i")
    space = _socket.CMSG_SPACE(MAX_FILES * files.itemsize)
    data, rights, _, _ = channel.recvmsg(READ_BYTES, space, _socket.MSG_CMSG_CLOEXEC)
    for level, kind, value in rights:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            files.frombytes(value[: len(value) - len(value) % files.itemsize])
    return data, files.tolist()


class Unpacker:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[Any, ...]]:
        """The messages that are complete now that ``data`` has arrived."""
        buffer = self._rest + data if self._rest else data
        messages = []
        at, end = 0, len(buffer)
        while end - at >= 4:
            size = int.from_bytes(buffer[at : at + 4], "little")
            if end - at - 4 < size:
                break
            messages.append(marshal.loads(buffer[at + 4 : at + 4 + size]))
            at += 4 + size
        self._rest = buffer[at:]
        return messages
