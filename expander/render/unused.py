"""Values that a template was given and never uses: most likely one of the two is misspelt."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from expander.base.errors import Problem, SourceLocation, suggest
from expander.base.option_names import option
from expander.base.urls import without_credentials


def unused_values(
    given: Iterable[str], used: Collection[str], text: str, source: str, *, written: str
) -> list[Problem]:
    """A problem for each of the names ``given`` that is not among those ``used`` by the template ``text``.

    ``written`` is how the template would refer to a value, with ``NAME`` for its name.
    """
    options = f"{option('--set')}, {option('--values')}"
    return [
        Problem(
            f"the value {shown!r} ({options}) is not used by the template",
            _position(name, text, source),
            hint=_hint(name, used, text, written.replace("NAME", shown)),
        )
        for name in given
        if name not in used
        for shown in [without_credentials(name)]
    ]


def _mention(name: str, text: str) -> re.Match[str] | None:
    """Where the template has the name in another notation: ``${NAME}``, ``$NAME`` or ``{{ NAME }}``."""
    word = re.escape(name)
    return re.search(rf"\$\{{{word}\}}|\$(?:ITEM\.)?{word}(?!\w)|\{{\{{[- ]*{word}[- ]*\}}\}}", text)


def _position(name: str, text: str, source: str) -> SourceLocation:
    found = _mention(name, text)
    return SourceLocation(source, text.count("\n", 0, found.start()) + 1 if found else 0)


def _hint(name: str, used: Collection[str], text: str, reference: str) -> str:
    found = _mention(name, text)
    if found is not None and found[0].startswith("$") and reference.startswith("$"):
        return (
            f"write {reference} instead of {found[0]}, or fill such names with {option('--envsubst', True)}"
        )
    if found is not None:
        return f"write {reference} instead of {found[0]}"
    close = suggest(name, used)
    return f"did you mean {close}?" if close else f"the template would refer to it as {reference}"
