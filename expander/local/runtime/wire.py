"""The messages between expander and its supervisor: tuples, each behind its length.

Both ends are the same Python on the same machine, one the child of the other, so the interpreter's own
serialisation is safe here, and it is the quickest there is.
"""

from __future__ import annotations

import marshal
from typing import Any

LAUNCH, REFUSE, SIGNAL, SETTLED, ABANDON = "launch", "refuse", "signal", "settled", "abandon"
"""To the supervisor: start this; record that this cannot be started; signal; the ends of these are kept;
from now on what runs does not end by itself.
"""

STARTED, EXIT = "started", "exit"
"""From the supervisor; the rest of the tuple is the fields of `runtime.Started` and `runtime.Exit`."""


def pack(message: tuple[Any, ...]) -> bytes:
    """The bytes of one message."""
    body = marshal.dumps(message)
    return len(body).to_bytes(4, "little") + body


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
