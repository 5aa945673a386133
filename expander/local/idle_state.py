"""A state folder in which nobody works: what other processes ask for is done in their place."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from expander.local.api_operations import ApiOperations
from expander.local.control_plane import ControlPlane
from expander.local.requests import Suspension, posted
from expander.local.scheduler import MAX_PODS, Scheduler
from expander.local.state import StateFolder


def obey_requests(folder: Path) -> list[Suspension]:
    """Obey the requests that are posted in ``folder``; what was done.

    Pods that a killed run left are not touched: the next one takes them up, and ends those of suspended Jobs.
    Raises ExpanderError when somebody works in the folder, or it cannot be used.
    """
    state = StateFolder(folder)
    with state.opening():
        scheduler = Scheduler(cpus=1, memory=1, pods=MAX_PODS, bound=None)
        control = ControlPlane(state.database, scheduler, node=socket.gethostname().lower())
        control.restore()
        done = ApiOperations(control, time.time).obey(posted(folder), sync=True)
    state.close()
    return done
