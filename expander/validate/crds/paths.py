"""Places in an object while it is walked: a pair of the place above and a step, put into text when needed."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from expander.base.named_tuple import NamedTuple


class Key(NamedTuple):
    """A key of a map where the server writes it in brackets: ``labels[app]``."""

    name: str


Place: TypeAlias = "tuple[Any, str | int | Key] | None"
"""None is the object itself."""

ROOT: Final = "<nil>"
"""What the server writes for the path of the object itself."""


def dotted(place: Place) -> str:
    """``spec.containers[0].name``; empty for the object itself."""
    steps: list[str | int | Key] = []
    while place is not None:
        place, step = place
        steps.append(step)
    text = ""
    for step in reversed(steps):
        if isinstance(step, int):
            text += f"[{step}]"
        elif isinstance(step, Key):
            text += f"[{step.name}]"
        else:
            text += f".{step}" if text else step
    return text


def field(place: Place) -> str:
    """The same as the field of a cause."""
    return dotted(place) or ROOT
