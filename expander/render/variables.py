"""``--shell env``: scripts get values by environment variables instead of by text.

A placeholder in a script becomes a variable of the container, quoted as its place needs it, so that any value
arrives: the shell does not read the text of a variable as code where `placeholder_contexts` proves the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from expander.base.errors import Problem
from expander.base.option_names import option
from expander.manifests.manifest import path_text
from expander.render.commands import Context, Path, placeholder_contexts, value_at
from expander.render.placeholder import Placeholder
from expander.render.script_context import ANY, is_proven


def with_variables(
    segments: Sequence[str | int], contexts: Sequence[Context], name_of: Callable[[int], str]
) -> str | None:
    """A script with variables in place of its placeholders; None where a place is not proven."""
    if not all(map(is_proven, contexts)):
        return None
    places = iter(contexts)
    return "".join(
        segment if isinstance(segment, str) else next(places).variable % name_of(segment)
        for segment in segments
    )


def lines_with_variables(
    segments: Sequence[str | int], contexts: Sequence[Context], name_of: Callable[[int], str]
) -> list[str]:
    """For each placeholder its line of the script with variables; empty when one cannot be in a variable."""
    text = with_variables(segments, contexts, name_of)
    return [] if text is None else lines_of_places(segments, text)


def lines_of_places(segments: Sequence[str | int], text: str) -> list[str]:
    """For each placeholder its line of ``text``, which has the lines of the script."""
    lines = text.split("\n")
    places, line = [], 0
    for segment in segments:
        if isinstance(segment, str):
            line += segment.count("\n")
        else:
            places.append(lines[line].strip())
    return places


def variable_name(column: str | None) -> str:
    """The variable for a column: ``ITEM`` for the item itself (None), else ``ITEM_`` and the column."""
    return "ITEM" if not column else "ITEM_" + re.sub(r"[^A-Za-z0-9_]", "_", column)


def pass_by_variables(
    tree: dict[str, Any],
    placeholders: Mapping[str, Placeholder],
    name_of: Callable[[int], str],
    add: Callable[[int, Placeholder], str],
) -> list[Problem]:
    """Rewrite the scripts in ``tree``; gives a problem for each placeholder in code that cannot be rewritten.

    ``add`` makes a placeholder for one column of another one, at its place, and gives its token.
    """
    problems: list[Problem] = []
    found = list(placeholder_contexts(tree, lambda text: _segments(placeholders, text)))
    for path, contexts in found:
        if all(context.pattern is ANY for context in contexts):
            continue  # no code
        container, text = container_of(tree, path), value_at(tree, path)
        placeholder = placeholders[text]
        script = None if container is None else with_variables(placeholder.segments, contexts, name_of)
        if script is None or container is None:
            problems.append(
                Problem(
                    "this code cannot take values from variables: "
                    + ("there is no container that could have them" if container is None else _ONLY),
                    placeholder.where,
                    field=path_text(path),
                    hint="write the variables yourself (env: with a name and the value $ITEM)",
                )
            )
            continue
        value_at(tree, path[:-1])[path[-1]] = script
        for column in dict.fromkeys(placeholder.columns):
            problems += _declare(container, name_of(column), column, placeholder, placeholders, add, path)
    return problems


def _segments(placeholders: Mapping[str, Placeholder], text: str) -> Sequence[str | int] | None:
    return placeholders[text].segments if text in placeholders else None


def _declare(
    container: dict[str, Any],
    name: str,
    column: int,
    like: Placeholder,
    placeholders: Mapping[str, Placeholder],
    add: Callable[[int, Placeholder], str],
    path: Path,
) -> list[Problem]:
    """Add a variable to a container, unless it has the same one."""
    variables = container.setdefault("env", [])
    for each in variables if isinstance(variables, list) else ():
        if isinstance(each, dict) and each.get("name") == name:
            value = each.get("value")
            if isinstance(value, str) and value in placeholders and placeholders[value].segments == (column,):
                return []
            message = f"the container already has a variable {name}, which {option('--shell env')} would set"
            return [Problem(message, like.where, field=path_text(path))]
    if isinstance(variables, list):
        token = add(column, like)
        placeholders[token].field = path_text(path)  # nobody wrote the variable
        variables.append({"name": name, "value": token})
    return []


def container_of(tree: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """The mapping with an image around a place, which may have variables; None if there is none."""
    for length in range(len(path) - 1, 1, -1):
        holder = value_at(tree, path[:length])
        if isinstance(holder, dict) and ("image" in holder or path[length - 2] in _CONTAINERS):
            return holder
    return None


_ONLY = "only arguments and plain quotes can"
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
