"""JSONPath as CustomResourceDefinitions have it: ``.status.conditions[?(@.type=="Ready")].status``.

The simple paths of ``k8s.io/client-go/util/jsonpath``: fields, keys in brackets, places, ranges, ``*`` and
comparisons; no recursion and no unions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, TypeAlias

from expander.base.regex import regex

Step: TypeAlias = Callable[[Any], Iterable[Any]]

_steps = regex(
    r"""\.(?P<field>(?:\\.|[^.\[\]\\])+)
    |\[(?P<quote>['"])(?P<key>(?:\\.|(?!(?P=quote))[^\\])*)(?P=quote)\]
    |\[(?P<place>-?\d+)\]
    |(?:\.|\[)(?P<any>\*)\]?
    |\[(?P<start>-?\d*):(?P<end>-?\d*)\]
    |\[\?\(\s*@(?P<left>[^=!<>)]*?)\s*(?:(?P<sign>==|!=|<=|>=|<|>)\s*(?P<right>[^)]*?)\s*)?\)\]""",
    64,  # re.VERBOSE
).match
_unescaped = regex(r"\\(.)").sub
_SIGNS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


def values(path: str, obj: Any) -> Iterator[Any]:
    """The values at a path, in order. Raises ValueError for what is no such path."""
    found: Iterable[Any] = [obj]
    for step in _compiled(path):
        found = [below for each in found for below in step(each)]
    return iter(found)


def check(path: str) -> None:
    """Raises ValueError for what is no such path."""
    _compiled(path)


def text(value: Any) -> str:
    """A value as a column shows it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@lru_cache(maxsize=1024)
def _compiled(path: str) -> tuple[Step, ...]:
    path = path.removeprefix("{").removesuffix("}")
    steps: list[Step] = []
    at = 0
    while at < len(path):
        found = _steps(path, at)
        if found is None or path.startswith("..", at):
            raise ValueError(f"{path[at:]!r} is not understood in the path {path!r}")
        steps.append(_step(found.groupdict()))
        at = found.end()
    return tuple(steps)


def _step(parts: Mapping[str, str | None]) -> Step:
    name = parts["field"] if parts["field"] is not None else parts["key"]
    if name == "*" or parts["any"]:
        return _members
    if name is not None:
        key = _unescaped(r"\1", name)
        return lambda value: [value[key]] if isinstance(value, dict) and key in value else []
    if (place := parts["place"]) is not None:
        number = int(place)
        return lambda value: value[number : number + 1 or None] if isinstance(value, list) else []
    if parts["start"] is not None:
        start, end = (int(each) if each else None for each in (parts["start"], parts["end"]))
        return lambda value: value[start:end] if isinstance(value, list) else []
    return _filter(parts["left"] or "", parts["sign"], parts["right"] or "")


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return value if isinstance(value, list) else []


def _filter(left: str, sign: str | None, right: str) -> Step:
    """The elements for which a comparison holds, or, without a sign, that have such a field."""
    _compiled(left)  # refuses now what the first element would
    other = _literal(right) if sign else None

    def holds(each: Any) -> bool:
        found = list(values(left, each))
        if sign is None:
            return bool(found)
        try:
            return any(_SIGNS[sign](value, other) for value in found)
        except TypeError:
            return False

    return lambda value: [each for each in value if holds(each)] if isinstance(value, list) else []


def _literal(written: str) -> Any:
    if written[:1] in ("'", '"'):
        return written[1:-1]
    try:
        return json.loads(written)
    except ValueError:
        return written
