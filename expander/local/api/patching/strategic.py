"""Strategic merge patches: merge patches that merge lists by key and take directives.

``$patch: replace|delete`` in an object, ``$retainKeys``, ``$setElementOrder/<list>`` and
``$deleteFromPrimitiveList/<list>`` beside a list. Decided by the ``strategicpatch`` package of apimachinery;
what tells list elements apart are the patch strategies in the struct tags of the Go types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.gofmt import plain, type_name
from expander.kube.merge_patch import without_nulls
from expander.local.api.patching import lists
from expander.local.api.patching.refusals import BadPatch, Untyped
from expander.local.api.patching.shapes import Shape, root

DIRECTIVE: Final = "$patch"
RETAIN: Final = "$retainKeys"
ORDER: Final = "$setElementOrder/"
DELETE: Final = "$deleteFromPrimitiveList/"

Object = dict[str, Any]


def strategic_merge_patch(
    obj: Mapping[str, Any], patch: object, api_version: str = "", kind: str = ""
) -> Object:
    """A new object: ``obj`` with ``patch`` applied; what stays the same is shared with ``obj``.

    ``api_version`` and ``kind`` say which schema counts, by default the object's own. `BadPatch` when the
    patch is not an object or breaks the format of a directive, `Untyped` when there is no way to merge.
    """
    if not isinstance(patch, Mapping):
        raise BadPatch("invalid JSON document")
    api_version = api_version or str(obj.get("apiVersion") or "")
    return merged(root(api_version, kind or str(obj.get("kind") or "")), obj, patch)


def merged(shape: Shape | None, obj: Mapping[str, Any], patch: Mapping[str, Any]) -> Object:
    """One object with its patch applied."""
    if DIRECTIVE in patch:
        return _directed(patch)
    result = _retained(obj, patch)
    rest = {key: value for key, value in patch.items() if key != RETAIN}
    for key in [key for key in rest if key.startswith(ORDER)]:
        name, order = key.removeprefix(ORDER), rest.pop(key)
        _set_order(shape, result, name, rest, order)
    for key, value in rest.items():
        if key.startswith(DELETE):
            _delete_from(result, key.removeprefix(DELETE), value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = _value(_field(shape, key), result.get(key), value)
    return result


def plainly(value: Any) -> Any:
    """A value that is not there yet, without directives and nulls."""
    if isinstance(value, list):
        return [plainly(each) for each in value if not (isinstance(each, Mapping) and DIRECTIVE in each)]
    if not isinstance(value, Mapping):
        return value
    return {
        key: plainly(below)
        for key, below in value.items()
        if below is not None and key not in (DIRECTIVE, RETAIN) and not key.startswith((ORDER, DELETE))
    }


def _value(shape: Shape | None, before: Any, value: Any) -> Any:
    """What a field is after the patch; ``before`` is None when there is none."""
    replaced = shape is not None and "replace" in shape.strategies
    if isinstance(before, Mapping) and isinstance(value, Mapping):
        return dict(value) if replaced else merged(shape, before, value)
    if isinstance(before, list) and isinstance(value, list):
        return _list(shape, before, value)
    return plainly(value)


def _list(shape: Shape | None, before: list[Any], value: list[Any]) -> list[Any]:
    if shape is None or "merge" not in shape.strategies:
        return [without_nulls(each) for each in value]
    return lists.merged_list(before, value, shape.merge_key, lambda one, two: merged(shape.element, one, two))


def _set_order(shape: Shape | None, result: Object, name: str, patch: Object, order: Any) -> None:
    """Patch the list of that name, take it out of the patch and put its elements into ``order``."""
    _check_list(order)
    if name not in result and name not in patch:
        return
    before, value = result.get(name), patch.pop(name, None)
    for each in (before, value):
        if each is not None:
            _check_list(each)
    field = _field(shape, name)
    key = field.merge_key if field is not None else ""
    lists.check_order(value or [], order, key)
    patched = before if value is None else _list(field, before or [], value)
    result[name] = lists.ordered(patched or [], order, before or [], key)


def _check_list(value: Any) -> None:
    if not isinstance(value, list):
        raise Untyped(f"expected a {type_name([])}, but received a {type_name(value)}")


def _delete_from(result: Object, name: str, unwanted: Any) -> None:
    """Take scalars out of a list; null takes the list away, and anything else does nothing."""
    if unwanted is None:
        result.pop(name, None)
    elif isinstance(unwanted, list) and isinstance(result.get(name), list):
        result[name] = [each for each in result[name] if each not in unwanted]


def _directed(patch: Mapping[str, Any]) -> Object:
    """The object that a ``$patch`` in it makes."""
    directive = patch[DIRECTIVE]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != DIRECTIVE}
    if directive == "delete":
        return {}
    raise Untyped(f"unknown patch type: {plain(directive)} in map: {plain(patch)}")


def _retained(obj: Mapping[str, Any], patch: Mapping[str, Any]) -> Object:
    """The fields of ``obj`` that ``$retainKeys`` lets stay."""
    if RETAIN not in patch:
        return dict(obj)
    retained = patch[RETAIN]
    if not isinstance(retained, list):
        raise BadPatch("invalid patch format of retainKeys")
    named = (key for key, value in patch.items() if value is not None and not key.startswith((ORDER, DELETE)))
    if any(key != RETAIN and key not in retained for key in named):
        raise BadPatch("invalid patch format of retainKeys")
    return {key: value for key, value in obj.items() if key in retained}


def _field(shape: Shape | None, name: str) -> Shape | None:
    return None if shape is None else shape.field(name)
