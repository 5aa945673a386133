"""One template and a list of items become a labelled batch of Kubernetes Jobs.

The words here are those of the commands: ``expander.expand(template, items)`` gives manifests,
``expander.validate(mapping)`` says what an API server would refuse in one, ``expander.plan(template, items)``
what a batch would be in a cluster; ``expander.submit(template, items)`` creates it there, and
``expander.run(template, items)`` runs it on this machine.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from expander.version import __version__

if TYPE_CHECKING:
    from expander.api import expand, plan, run, submit, validate

__all__ = ["__version__", "expand", "plan", "run", "submit", "validate"]

_HOME = {
    "expand": "expander.api",
    "plan": "expander.api",
    "run": "expander.api",
    "submit": "expander.api",
    "validate": "expander.api",
}


class _Package(ModuleType):
    """Keeps ``expander.run`` the function, although importing from the package ``expander.run`` sets it."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Load what is asked for when it is asked for: importing expander costs almost nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'expander' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
