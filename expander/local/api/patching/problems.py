"""What is wrong with the types in an applied object, in the words of structured-merge-diff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from expander.kube.gofmt import literal, plain, type_name
from expander.local.api.patching.fieldsets import named
from expander.local.api.patching.refusals import Untyped
from expander.local.api.patching.shapes import Form, Holds, Shape
from expander.local.api.patching.typed import step_to


def check_typed(shape: Shape, applied: Mapping[str, Any]) -> None:
    """Raise `Untyped` when ``applied`` has fields its kind does not have, values of a wrong type, or two
    list elements with the same key."""
    found = [f"{path}: {message}" if path else message for path, message in problems(shape, applied)]
    if not found:
        return
    metadata = applied.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    about = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {_kind(applied)}"
    told = found[0] if len(found) == 1 else "\n".join(["errors:", *(f"  {each}" for each in found)])
    raise Untyped(f"failed to create typed patch object ({about}): {told}")


def problems(shape: Shape, value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and message of everything that does not fit."""
    if value is None or shape.holds is Holds.ANYTHING:
        return
    if shape.holds is Holds.FIELDS:
        yield from _fields(shape, value, path)
    elif shape.holds is Holds.ELEMENTS:
        yield from _elements(shape, value, path)
    else:
        yield from _scalar(shape, value, path)


def _fields(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield path, f"expected map, got &{{{plain(value)}}}"
        return
    for key, below in value.items():
        under = shape.field(key)
        if under is None:
            yield f"{path}.{key}", "field not declared in schema"
        else:
            yield from problems(under, below, f"{path}.{key}")


def _elements(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list):
        yield path, f"expected list, got &{{{plain(value)}}}"
        return
    seen: set[str] = set()
    for index, below in enumerate(value):
        place = f"i:{index}"
        if shape.form in (Form.SET, Form.KEYED):
            if message := _misfit(shape, below):
                yield path, f"element {index}: {message}"
                return
            place = step_to(shape, below)
            if place in seen:
                yield path, f"duplicate entries for key {named(place)}"
            seen.add(place)
        yield from problems(shape.element, below, path + named(place))


def _misfit(shape: Shape, element: Any) -> str:
    """Why an element of a SET or KEYED list cannot be told apart from others."""
    if shape.form is Form.SET:
        if element is None:
            return "associative list without keys has an element that's an explicit null"
        if isinstance(element, Mapping):
            return "associative list without keys has an element that's a map type"
        return "not supported: associative list with lists as elements" if isinstance(element, list) else ""
    if element is None:
        return "associative list with keys may not have a null element"
    if not isinstance(element, Mapping):
        return "associative list with keys may not have non-map elements"
    if step_to(shape, element) == "k:{}":
        keys = " ".join(f'"{key}"' for key in shape.keys)
        told = "(and doesn't have default values for any key fields)"
        return f"associative list with keys has an element that omits all key fields [{keys}] {told}"
    return ""


def _scalar(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, str]]:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if shape.scalar == "numeric" and not numeric:
        yield path, f"expected numeric (int or float), got {type_name(value)}"
    elif shape.scalar == "string" and not isinstance(value, str):
        yield path, f"expected string, got &value.valueUnstructured{{Value:{literal(value)}}}"
    elif shape.scalar == "boolean" and not isinstance(value, bool):
        yield path, f"expected boolean, got &{{{plain(value)}}}"
    elif isinstance(value, Mapping | list):
        yield path, f"expected any scalar, got &{{{plain(value)}}}"


def _kind(applied: Mapping[str, Any]) -> str:
    version = str(applied.get("apiVersion") or "")
    return f"{version if '/' in version else '/' + version}, Kind={applied.get('kind') or ''}"
