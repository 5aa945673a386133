"""Whether a server is there for a state folder, and how others find and end it.

The lock of the folder says whether one is there; ``server.json`` in it says where.
"""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from expander.base.errors import ExpanderError
from expander.local.api.server.kubeconfig import write_private
from expander.local.state import holder

NAME: Final = "server.json"
POLL: Final = 0.05


@dataclass(frozen=True, slots=True)
class Presence:
    """A server: its process, its address, and the kubeconfig that leads to it."""

    pid: int
    url: str
    kubeconfig: str

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rpartition(":")[2])


def announce(folder: Path, presence: Presence) -> None:
    """Write down where the server of this folder is."""
    write_private(folder / NAME, json.dumps(asdict(presence)))


def last(folder: Path) -> Presence | None:
    """The server that was there last, whether or not it still is; None when nobody knows."""
    try:
        return Presence(**json.loads((folder / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def current(folder: Path) -> Presence | None:
    """The server that is there now, or None."""
    found = last(folder)
    return found if found is not None and holder(folder) == found.pid else None


def stop(folder: Path, timeout: float = 15.0) -> Presence | None:
    """End the server of this folder and wait until it has; None when there was none.

    Raises ExpanderError when it has not ended within ``timeout`` seconds.
    """
    found = current(folder)
    if found is None:
        return None
    with suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    end = time.monotonic() + timeout
    while holder(folder) == found.pid:
        if time.monotonic() > end:
            raise ExpanderError(f"process {found.pid} has not ended within {timeout:g} seconds")
        time.sleep(POLL)
    return found
