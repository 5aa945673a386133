"""Modules that are loaded when something of them is first used: a command uses few of all there are."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class _LateModule:
    """Stands for a module; what has been asked for once is an attribute."""

    def __init__(self, name: str) -> None:
        self._module = name

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self._module), name)
        setattr(self, name, found)
        return found


def late_module(name: str) -> Any:
    """The module called ``name``, for whoever uses nothing of it until it has been imported itself.

    A type checker is told by an import under ``TYPE_CHECKING``; the assignment is its ``else``.
    """
    return _LateModule(name)
