"""Whether a server runs for a state folder, and how others find and stop it.

The lock of the folder says whether one runs, ``server.json`` in it where.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

from expander.base.dataclass import dataclass
from expander.local.apiserver.kubeconfig_file import write_private
from expander.local.state import lock_holder

RECORD_FILE: Final = "server.json"


STOP_POLL_SECONDS: Final = 0.05
STOP_NOTE_SECONDS: Final = 1.0
"""Seconds after which the user is told that a server that stops waits for its pods."""


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """A server: its process, its address, the kubeconfig that leads to it, and the contexts in that file:
    the server's and the current one; the options it was started with, None where nobody knows, and what it
    says of its runtime."""

    pid: int
    url: str
    kubeconfig: str
    context: str = ""
    current_context: str = ""
    options: Mapping[str, str] | None = None
    note: str = ""

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rpartition(":")[2])


def write_record(folder: Path, presence: ServerRecord) -> None:
    """Write down where the server of this folder is."""
    write_private(folder / RECORD_FILE, json.dumps(asdict(presence)))


def last_record(folder: Path) -> ServerRecord | None:
    """The server that was there last_record, whether or not it still is; None when nobody knows."""
    try:
        return ServerRecord(**json.loads((folder / RECORD_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def running_server(folder: Path) -> ServerRecord | None:
    """The server that is there now, or None."""
    found = last_record(folder)
    return found if found is not None and lock_holder(folder) == found.pid else None


def stop_server(folder: Path, on_wait: Callable[[], None]) -> ServerRecord | None:
    """End the server of this folder and wait until it has; None when there was none.

    Its pods have their grace periods; ``on_wait`` is called once if that takes a while. Called again
    meanwhile, it makes the server kill them.
    """
    found = running_server(folder)
    if found is None:
        return None
    with suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    note_at: float | None = time.monotonic() + STOP_NOTE_SECONDS
    while lock_holder(folder) == found.pid:
        if note_at is not None and time.monotonic() > note_at:
            note_at = None
            on_wait()
        time.sleep(STOP_POLL_SECONDS)
    return found
