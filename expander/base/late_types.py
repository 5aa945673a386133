"""Types that annotations name and nothing else needs: loaded when somebody evaluates the annotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def late_types(module: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of ``module``; ``homes`` has the module of each type, and its name there.

    `typing.get_type_hints` sees no ``__getattr__`` of the module that it looks into, but that of a module
    whose name stands in the annotation: ``types.Shell``.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        from importlib import import_module

        home, _, own = homes[name].partition(":")
        return getattr(import_module(home), own or name)

    return load
