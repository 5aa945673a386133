"""The folders of a user for configuration, state and caches, by the XDG base directory specification."""

from __future__ import annotations

import os
from typing import Final, Literal

_FALLBACK: Final = {
    "XDG_CONFIG_HOME": ".config",
    "XDG_STATE_HOME": ".local/state",
    "XDG_CACHE_HOME": ".cache",
}


def user_folder(variable: Literal["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"]) -> str:
    """The folder of expander in the one that ``variable`` names; a relative path there counts as none."""
    home = os.environ.get(variable, "")
    if not os.path.isabs(home):
        home = os.path.join(os.path.expanduser("~"), _FALLBACK[variable])
    return os.path.join(home, "expander")
