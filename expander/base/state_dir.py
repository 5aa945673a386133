"""Where the state of groups is kept between commands."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder(group: str, chosen: str | None = None) -> Path:
    """The folder of a group's state: below ``chosen``, ``$EXPANDER_STATE``, or the user's state folder."""
    if chosen is None:
        chosen = os.environ.get("EXPANDER_STATE")
    if chosen is None:
        home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
        chosen = os.path.join(home, "expander")
    return Path(chosen).absolute() / group
