"""Libraries that only some installations have: the extras of the package."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from expander.base.errors import SourceLocation, UsageError


def library(name: str, extra: str, where: SourceLocation | None = None) -> Any:
    """The module ``name``, which ``extra`` installs and the file at ``where`` requires.

    Raises UsageError when it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise UsageError(
            f"this requires {name.partition('.')[0]}, which is not installed",
            where=where,
            hint=f"pip install 'kube-expander[{extra}]'",
        ) from None
