"""Libraries that only some installations have: the extras of the package."""

from __future__ import annotations

import json
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from expander.base.errors import SourceLocation, UsageError

DISTRIBUTION: Final = "kube-expander"


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
            hint=install_command(extra),
        ) from None


def install_command(extra: str, *packages: str) -> str:
    """The command that installs ``extra``, and ``packages`` beside it: from where this package came."""
    return shlex.join(["pip", "install", f"{_installed_from()}[{extra}]", *packages])


def _installed_from() -> str:
    from importlib.metadata import PackageNotFoundError, distribution

    here = Path(__file__).parents[2]
    if (here / "pyproject.toml").is_file():
        return str(here)
    try:
        return source_of(distribution(DISTRIBUTION).read_text("direct_url.json"))
    except PackageNotFoundError:
        return DISTRIBUTION


def source_of(direct_url: str | None) -> str:
    """What pip installs the package from again: its folder, if that is still there, else its name.

    ``direct_url`` is the text of direct_url.json (PEP 610), None for what came from an index.
    """
    from urllib.parse import unquote, urlsplit

    found = json.loads(direct_url or "{}")
    folder = unquote(urlsplit(found.get("url", "")).path)
    return folder if "dir_info" in found and Path(folder, "pyproject.toml").is_file() else DISTRIBUTION
