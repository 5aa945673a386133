"""Strategic merge patches: merge patches that merge lists by key and take directives.

``$patch: replace|delete`` in an object, ``$retainKeys``, ``$setElementOrder/LIST`` and
``$deleteFromPrimitiveList/LIST`` beside a list. Decided by apimachinery's ``strategicpatch``. An order that
the patch asks for goes before that of the live list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.kube.gofmt import plain, type_name
from expander.kube.merge_patch import without_nulls
from expander.local.apiserver.patch.errors import BadPatch, Unprocessable, Untyped
from expander.local.apiserver.patch.merge_schema import MergeSchema, root

Merge = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]


def merged_list(before: list[Any], patch: list[Any], key: str, merge: Merge) -> list[Any]:
    """``before`` with the elements of ``patch`` merged in by ``key``, which is empty for scalars.

    `Untyped` when an element has no key, or a directive that is not known.
    """
    if any(isinstance(each, list) for each in (*before, *patch)):
        raise Unprocessable("lists of lists are not supported")
    if not any(isinstance(each, Mapping) for each in (*before, *patch)):
        return ordered(_distinct([*before, *patch]), patch, before, "")
    if not key:
        raise Untyped("cannot merge lists without merge key for type struct")
    before, patch = _directed_list(before, patch, key)
    together = list(before)
    for each in patch:
        value = _key_of(each, key)
        place = next((index for index, old in enumerate(together) if _is(old, key, value)), None)
        if place is None:
            together.append(merge({}, each))
        else:
            together[place] = merge(together[place], each)
    return ordered(together, patch, before, key)


def ordered(elements: list[Any], wanted: list[Any], live: list[Any], key: str) -> list[Any]:
    """``elements`` with those in ``wanted`` in its order, the others among them as ``live`` has them."""
    rank, served = _places(wanted, key), _places(live, key)
    first = sorted(
        (each for each in elements if _id(each, key) in rank), key=lambda each: rank[_id(each, key)]
    )
    others = [each for each in elements if _id(each, key) not in rank]
    others.sort(key=lambda each: served.get(_id(each, key), len(live)))
    out: list[Any] = []
    for each in first:
        limit = served.get(_id(each, key))
        while limit is not None and others and served.get(_id(others[0], key), len(live)) < limit:
            out.append(others.pop(0))
        out.append(each)
    return out + others


def check_order(patch: list[Any], order: list[Any], key: str) -> None:
    """`Untyped` unless ``order`` names what ``patch`` keeps, in the order it is there."""
    kept = [_id(each, key) for each in patch if not (isinstance(each, Mapping) and "$patch" in each)]
    wanted = [_id(each, key) for each in order]
    if [each for each in wanted if each in kept] != kept:
        found = f"The order in patch list:\n{plain(patch)}\n"
        raise Untyped(f"{found} doesn't match $setElementOrder list:\n{plain(order)}\n")


def _directed_list(before: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Both lists after the elements of the patch that are directives."""
    replaced, rest = False, []
    for each in patch:
        directive = each.get("$patch") if isinstance(each, Mapping) else None
        if directive is None:
            rest.append(each)
        elif directive == "delete":
            value = _key_of(each, key)
            before = [old for old in before if not _is(old, key, value)]
        elif directive == "replace":
            replaced = True
        elif directive == "merge":
            raise Untyped("merging lists cannot yet be specified in the patch")
        else:
            raise Untyped(f"unknown patch type: {plain(directive)} in map: {plain(each)}")
    return ([], rest) if replaced else (before, rest)


def _key_of(element: Any, key: str) -> Any:
    if not isinstance(element, Mapping) or key not in element:
        raise Untyped(f"map: {plain(element)} does not contain declared merge key: {key}")
    return element[key]


def _is(element: Any, key: str, value: Any) -> bool:
    return isinstance(element, Mapping) and key in element and bool(element[key] == value)


def _id(element: Any, key: str) -> str:
    """What tells an element apart."""
    return repr(_key_of(element, key) if key else element)


def _places(elements: list[Any], key: str) -> dict[str, int]:
    """Where each element is, by what tells it apart; the first counts."""
    found: dict[str, int] = {}
    for index, each in enumerate(elements):
        found.setdefault(_id(each, key), index)
    return found


def _distinct(elements: list[Any]) -> list[Any]:
    return list({repr(each): each for each in elements}.values())


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


def merged(shape: MergeSchema | None, obj: Mapping[str, Any], patch: Mapping[str, Any]) -> Object:
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


def _value(shape: MergeSchema | None, before: Any, value: Any) -> Any:
    """What a field is after the patch; ``before`` is None when there is none."""
    replaced = shape is not None and "replace" in shape.strategies
    if isinstance(before, Mapping) and isinstance(value, Mapping):
        return dict(value) if replaced else merged(shape, before, value)
    if isinstance(before, list) and isinstance(value, list):
        return _list(shape, before, value)
    return plainly(value)


def _list(shape: MergeSchema | None, before: list[Any], value: list[Any]) -> list[Any]:
    if shape is None or "merge" not in shape.strategies:
        return [without_nulls(each) for each in value]
    return merged_list(before, value, shape.merge_key, lambda one, two: merged(shape.element, one, two))


def _set_order(shape: MergeSchema | None, result: Object, name: str, patch: Object, order: Any) -> None:
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
    check_order(value or [], order, key)
    patched = before if value is None else _list(field, before or [], value)
    result[name] = ordered(patched or [], order, before or [], key)


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


def _field(shape: MergeSchema | None, name: str) -> MergeSchema | None:
    return None if shape is None else shape.field(name)
