"""Where the data files that come with expander are."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from expander.base.errors import ExpanderError

PACKAGE = Path(__file__).resolve().parents[1]


@cache
def folder(name: Literal["schemas", "templates", "topics"]) -> Path:
    """The folder of that name: inside the package when installed, in a checkout beside it or below docs.

    Raises ExpanderError when it is in no such place, which means the installation is broken.
    """
    for parent in (PACKAGE, PACKAGE.parent, PACKAGE.parent / "docs"):
        if (parent / name).is_dir():
            return parent / name
    raise ExpanderError(f"the folder {name!r} is missing from this installation of expander ({PACKAGE})")
