"""Lists that are sets or maps (``schema/listtype`` of apiextensions-apiserver): no entry is there twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, TypeAlias

from expander.validate.crds.paths import Key, Place, field
from expander.validate.crds.structural import Node
from expander.validate.finding import Finding
from expander.validate.rules.field import duplicate, invalid

Check: TypeAlias = Callable[[Any, Place, list[Finding]], None]
"""value, place, findings to add to."""


def list_check(node: Node) -> Check | None:
    """The check of all lists at and below ``node``; None when there is nothing to check."""
    checks = [(name, list_check(below)) for name, below in node.properties.items()]
    properties = {name: each for name, each in checks if each is not None}
    additional = None if node.additional is None else list_check(node.additional)
    items = None if node.items is None else list_check(node.items)
    own: Callable[[list[Any], Place, list[Finding]], None] | None = None
    if node.list_type == "set":
        own = _check_set
    elif node.list_type == "map":
        own = partial(_check_map, node.map_keys, itemgetter(*node.map_keys) if node.map_keys else dict)
    if not (properties or additional or items or own):
        return None

    def check(value: Any, place: Place, found: list[Finding]) -> None:
        if type(value) is list:
            if own is not None:
                own(value, place, found)
            if items is not None:
                for index, each in enumerate(value):
                    items(each, (place, index), found)
        elif type(value) is dict:
            for key, each in value.items():
                if key in properties:
                    properties[key](each, (place, key), found)
                elif additional is not None:
                    additional(each, (place, Key(key)), found)

    return check


def _are_distinct(entries: list[Any], key: Callable[[Any], Any] | None = None) -> bool:
    """Whether entries, or their keys, are certainly distinct: Python takes more for equal than Go does."""
    try:
        return len(set(map(key, entries) if key else entries)) == len(entries)
    except (KeyError, TypeError):
        return False


def _check_set(entries: list[Any], place: Place, found: list[Finding]) -> None:
    if not _are_distinct(entries):
        for index in _repeated([_comparable(each) for each in entries]):
            found.append(duplicate(field((place, index)), entries[index]))


def _check_map(
    names: Sequence[str],
    key_of: Callable[[Any], Any],
    entries: list[Any],
    place: Place,
    found: list[Finding],
) -> None:
    if _are_distinct(entries, key_of):
        return
    for index, each in enumerate(entries):
        if type(each) is not dict and each is not None:
            detail = "must be an object for an array of list-type map"
            found.append(invalid(field((place, index)), each, detail))
            return
    keys = [{name: each[name] for name in names if name in each} if each else {} for each in entries]
    for index in _repeated([tuple([(name, _comparable(key[name])) for name in key]) for key in keys]):
        found.append(duplicate(field((place, index)), dict(sorted(keys[index].items()))))


def _repeated(keys: list[Any]) -> Iterator[int]:
    """Where a key stands for the second time; a third one is not named."""
    if len(set(keys)) == len(keys):
        return
    seen: dict[Any, int] = {}
    for index, key in enumerate(keys):
        seen[key] = seen.get(key, 0) + 1
        if seen[key] == 2:
            yield index


def _comparable(value: Any) -> Any:
    """A value that is equal to another's when Go takes the two for the same; 1 and 1.0 are not."""
    if type(value) is str:
        return value
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else (type(value), value)
