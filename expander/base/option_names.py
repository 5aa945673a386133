"""Options in messages and hints: ``--allow-shell`` on the command line, ``allow_shell=True`` in Python.

A text marks what it says of an option, ``f"or allow it with {option('--allow-shell', True)}"``, and so the
values beside it stay as they are. Who runs the program as a command says so (`command_line`); else the caller
is Python. It is one for the process: threads say what their process does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

_KEYWORDS: Final[Mapping[str, str]] = {
    "--as": "shape",
    "--claim": "claims",
    "--for": "goal",
    "--image": "images",
    "--image-command": "image_commands",
    "--kueue": "queue",
    "--no-logs": "save_logs=False",
    "--no-validate": "validate=False",
    "--set": "overrides",
    "--slice": "slices of items",
    "--text": "engine='text'",
    "--with": "changes",
    "-A": "everywhere",
    "-l": "selector",
    "-l/--selector": "selector",
    "-n/--namespace": "namespace",
    "-A/--all-namespaces": "everywhere",
    "retry --with": "retry(changes=...)",
}
"""What Python has for an option, where that is not its name."""

_MAPPINGS: Final = frozenset(("claims", "images", "image_commands"))
"""Keywords that take a mapping, where options are NAME=VALUE."""

_typed = False


@contextmanager
def command_line() -> Iterator[None]:
    """Within it, options are what is typed."""
    global _typed
    before, _typed = _typed, True
    try:
        yield
    finally:
        _typed = before


def option(typed: str, value: object = None) -> str:
    """The option ``typed`` (``--as``, ``--as jobs``) as the caller gives it: ``shape``, ``shape='jobs'``.

    ``value`` is Python's where it is not that text, as True for a flag. Names in capitals stay as they are.
    """
    if _typed:
        return typed
    if typed in _KEYWORDS and value is None:
        return _KEYWORDS[typed]
    flag, _, given = typed.partition(" ")
    name = _KEYWORDS.get(flag) or flag.lstrip("-").replace("-", "_")
    if value is None and name in _MAPPINGS and given:
        key, _, of_key = given.partition("=")
        value = {key: of_key}
    if value is not None:
        return f"{name}={value!r}"
    if not given:
        return name
    is_plain = given.isupper() or given.replace(".", "", 1).isdigit()
    return f"{name}={given if is_plain else repr(given)}"


def if_typed(words: str) -> str:
    """``words`` about what only the command line has; empty in Python."""
    return words if _typed else ""
