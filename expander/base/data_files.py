"""Where the data files that come with expander are."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from expander.base.errors import ExpanderError

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

Folder: TypeAlias = Literal["schemas", "templates", "topics"]


@cache
def _place(name: Folder) -> str:
    above = os.path.dirname(PACKAGE)
    for parent in (PACKAGE, above, os.path.join(above, "docs")):
        if os.path.isdir(path := os.path.join(parent, name)):
            return path
    raise ExpanderError(f"the folder {name!r} is missing from this installation of expander ({PACKAGE})")


def folder(name: Folder) -> Path:
    """The folder of that name: inside the package when installed, in a checkout beside it or below docs.

    Raises ExpanderError when it is in no such place, which means the installation is broken.
    """
    from pathlib import Path  # which loads much

    return Path(_place(name))


def data(name: Folder, file: str) -> bytes:
    """The content of a file in that folder; errors as of `folder`."""
    with open(os.path.join(_place(name), file), "rb") as stream:
        return stream.read()
