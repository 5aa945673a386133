"""What the API server makes of a custom resource before it validates it.

Fields the schema does not have are refused (``fieldValidation=Strict``; ``schema/pruning`` of
apiextensions-apiserver), null where it is not allowed is dropped, and defaults are filled in
(``schema/defaulting``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from expander.validate.crds.paths import Place
from expander.validate.crds.structural import ABSENT, Node
from expander.validate.schema_engines import INT64

META_FIELDS: Final = frozenset(("apiVersion", "kind", "metadata"))

Fill: TypeAlias = Callable[[Any], Any]


def unknown_fields(node: Node | None, value: Any, place: Place = None) -> Iterator[Place]:
    """The places of fields that the schema does not have; what is below them is not looked at."""
    if isinstance(value, list):
        below = None if node is None else node.items
        if node is None or below is not None or not node.preserves:
            for index, each in enumerate(value):
                if isinstance(each, dict | list):
                    yield from unknown_fields(below, each, (place, index))
    elif isinstance(value, dict):
        for key, each in value.items():
            if node is not None and node.is_resource and key in META_FIELDS:
                continue
            below = None if node is None else node.below(key)
            if below is not None:
                if isinstance(each, dict | list):
                    yield from unknown_fields(below, each, (place, key))
            elif node is None or not (node.preserves or node.open):
                yield (place, key)


def pruned(node: Node | None, value: Any) -> Any:
    """A copy of a value without the fields that `unknown_fields` finds."""
    if isinstance(value, list):
        below = None if node is None else node.items
        if node is not None and below is None and node.preserves:
            return value
        return [pruned(below, each) if isinstance(each, dict | list) else each for each in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, each in value.items():
        below = None if node is None else node.below(key)
        if node is not None and node.is_resource and key in META_FIELDS:
            found[key] = each
        elif below is not None:
            found[key] = pruned(below, each)
        elif node is not None and (node.preserves or node.open):
            found[key] = each
    return found


def embedded_metadata(node: Node, value: Any, place: Place = None) -> Iterator[tuple[Any, Place]]:
    """The metadata of the object and of those embedded in it, with their places."""
    if isinstance(value, dict):
        if node.is_resource and "metadata" in value:
            yield value["metadata"], (place, "metadata")
        for key, each in value.items():
            below = node.below(key)
            if below is not None and isinstance(each, dict | list):
                yield from embedded_metadata(below, each, (place, key))
    elif isinstance(value, list) and node.items is not None:
        for index, each in enumerate(value):
            yield from embedded_metadata(node.items, each, (place, index))


def filled_valid(node: Node) -> Fill | None:
    """The function that makes a copy of a valid value of ``node`` with its defaults; None where it has none.

    What is not changed is not copied.
    """
    made = {name: filled_valid(below) for name, below in node.properties.items()}
    changing = [(name, fill) for name, fill in made.items() if fill is not None]
    defaults = [(name, below.default, made[name]) for name, below in node.properties.items()]
    defaults = [each for each in defaults if each[1] is not ABSENT]
    additional = None if node.additional is None else filled_valid(node.additional)
    items = None if node.items is None else filled_valid(node.items)
    if not (changing or defaults or additional or items):
        return None
    known = node.properties

    def fill(value: Any) -> Any:
        if type(value) is list:
            return value if items is None else [items(each) for each in value]
        if type(value) is not dict:
            return value
        result = {}
        for key, fill_field in changing:
            if key in value and (made_of := fill_field(value[key])) is not value[key]:
                result[key] = made_of
        if additional is not None:
            result |= {key: additional(each) for key, each in value.items() if key not in known}
        for key, default, fill_default in defaults:
            if key not in value:
                result[key] = copied(default) if fill_default is None else fill_default(copied(default))
        return {**value, **result} if result else value

    return fill


def filled(node: Node) -> Fill:
    """The function that makes a copy of a value of ``node`` with its defaults and without stray nulls."""
    properties = {name: (below, filled(below)) for name, below in node.properties.items()}
    defaults = [(name, below.default, fill) for name, (below, fill) in properties.items()]
    defaults = [(name, default, fill) for name, default, fill in defaults if default is not ABSENT]
    additional = None if node.additional is None else (node.additional, filled(node.additional))
    items = None if node.items is None else (node.items, filled(node.items))

    def fill(value: Any) -> Any:
        if type(value) is dict:
            result = {}
            for key, each in value.items():
                found = properties.get(key, additional)
                if found is None:
                    result[key] = copied(each)
                elif each is not None:
                    result[key] = found[1](each)
                elif found[0].nullable:
                    result[key] = None
            for key, default, fill_default in defaults:
                if key not in result:
                    result[key] = fill_default(default)
            return result
        if type(value) is list:
            if items is None:
                return copied(value)
            default = items[0].default
            keeps = items[0].nullable or default is ABSENT
            return [items[1](default if each is None and not keeps else each) for each in value]
        return number(value) if type(value) is int else value

    return fill


def copied(value: Any) -> Any:
    """A copy of JSON data as Go holds it."""
    if type(value) is dict:
        return {key: copied(each) for key, each in value.items()}
    if type(value) is list:
        return [copied(each) for each in value]
    return number(value) if type(value) is int else value


def number(value: int) -> int | float:
    """An integer as Go's JSON decoder holds it: beyond 64 bits it is a float."""
    return value if INT64["minimum"] <= value <= INT64["maximum"] else float(value)
