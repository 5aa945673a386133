"""One template and a list of items become a labelled batch of Kubernetes Jobs.

The words here are those of the commands: ``expander.expand(template, items)`` gives manifests,
``expander.validate(mapping)`` says what an API server would refuse in one, ``expander.plan(template, items)``
what a batch would be in a cluster; ``expander.submit(template, items)`` creates it there, and
``expander.run(template, items)`` runs it on this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expander.version import __version__

if TYPE_CHECKING:
    from expander.batch.expand import expand
    from expander.batch.validation import validate
    from expander.pipeline.calls.plan import plan
    from expander.pipeline.calls.run import run
    from expander.pipeline.calls.submit import submit

__all__ = ["__version__", "expand", "plan", "run", "submit", "validate"]

_HOME = {
    "expand": "expander.batch.expand",
    "plan": "expander.pipeline.calls.plan",
    "run": "expander.pipeline.calls.run",
    "submit": "expander.pipeline.calls.submit",
    "validate": "expander.batch.validation",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for when it is asked for: importing expander costs almost nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'expander' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
