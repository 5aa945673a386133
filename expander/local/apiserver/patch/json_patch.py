"""JSON patches (RFC 6902) and JSON merge patches (RFC 7386), as the API server's libraries apply them.

A negative index counts from the end of a list; ``-`` is the place after the end, where only ``add`` can go.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.base.regex import regex
from expander.kube.merge_patch import merged
from expander.local.apiserver.patch.errors import BadPatch, PatchTooLarge, Unprocessable
from expander.local.store.encoding import encode


def merge_patch(obj: Mapping[str, Any], patch: object) -> dict[str, Any]:
    """A new object: ``obj`` with ``patch`` applied; what stays the same is shared with ``obj``.

    `BadPatch` when the patch is not an object.
    """
    if not isinstance(patch, Mapping):
        raise BadPatch("Invalid JSON Patch")
    return merged(obj, patch)


MAX_OPERATIONS: Final = 10_000
"""Operations a patch may have (``maxJSONPatchOperations`` of the API server)."""

MAX_COPIED_BYTES: Final = 3 * 1024 * 1024
"""Bytes of JSON that all copies of a patch may add (``JSONPatchMaxCopyBytes`` of the API server): one that
copies a list into itself doubles it with each operation.
"""

_NOTHING: Final = object()
_index = regex(r"-?[0-9]{1,9}").fullmatch


def json_patch(obj: Mapping[str, Any], operations: object) -> dict[str, Any]:
    """A new object: ``obj`` after all the operations, in order.

    `BadPatch` when ``operations`` is not a list of objects, `PatchTooLarge` when it is too long,
    `Unprocessable` when one cannot be done: then none is.
    """
    if not isinstance(operations, list) or not all(isinstance(each, Mapping) for each in operations):
        raise BadPatch("json: cannot unmarshal into Go value of type jsonpatch.Patch")
    if len(operations) > MAX_OPERATIONS:
        raise PatchTooLarge(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        )
    result: Any = copy.deepcopy(dict(obj))
    copied = 0
    for operation in operations:
        act = OPERATIONS.get(str(operation.get("op")))
        if act is None:
            raise Unprocessable(f"Unexpected kind: {operation.get('op')}")
        if act is _copy:
            copied += len(encode(_get(result, _path(operation, "from"))))
            if copied > MAX_COPIED_BYTES:
                raise Unprocessable(f"the copies of the patch are larger than {MAX_COPIED_BYTES} bytes")
        result = act(result, operation)
    if not isinstance(result, dict):
        raise Unprocessable("what is left is not an object")
    return result


def _add(root: Any, operation: Mapping[str, Any]) -> Any:
    return _put(root, _path(operation, "path"), _value(operation))


def _remove(root: Any, operation: Mapping[str, Any]) -> Any:
    _take(root, _path(operation, "path"))
    return root


def _replace(root: Any, operation: Mapping[str, Any]) -> Any:
    path = _path(operation, "path")
    if not path:
        return _value(operation)
    holder, key = _holder(root, path)
    _existing(holder, key, path)
    holder[key] = _value(operation)
    return root


def _move(root: Any, operation: Mapping[str, Any]) -> Any:
    path = _path(operation, "path")
    return _put(root, path, _take(root, _path(operation, "from")))


def _copy(root: Any, operation: Mapping[str, Any]) -> Any:
    value = _get(root, _path(operation, "from"))
    return _put(root, _path(operation, "path"), copy.deepcopy(value))


def _test(root: Any, operation: Mapping[str, Any]) -> Any:
    """A missing field is equal to null."""
    path = _path(operation, "path")
    expected = operation.get("value")
    found: Any = root
    if path:
        holder, key = _holder(root, path)
        found = holder.get(key) if isinstance(holder, dict) else _existing(holder, key, path)
    if not _same(found, expected):
        raise Unprocessable(f"testing value {operation.get('path')} failed: test failed")
    return root


OPERATIONS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Any]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _path(operation: Mapping[str, Any], name: str) -> list[str]:
    """The steps of a JSON pointer."""
    pointer = operation.get(name)
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise Unprocessable(f"{operation.get('op')} operation needs a JSON pointer in {name!r}")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _value(operation: Mapping[str, Any]) -> Any:
    """The value of an operation; none means null."""
    return copy.deepcopy(operation.get("value"))


def _get(root: Any, path: list[str]) -> Any:
    return _existing(*_holder(root, path), path) if path else root


def _put(root: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    holder, key = _holder(root, path, room=1)
    if isinstance(holder, list):
        holder.insert(key, value)
    else:
        holder[key] = value
    return root


def _take(root: Any, path: list[str]) -> Any:
    if not path:
        raise Unprocessable("unable to remove the whole object")
    holder, key = _holder(root, path)
    _existing(holder, key, path)
    return holder.pop(key)


def _holder(root: Any, path: list[str], room: int = 0) -> tuple[Any, Any]:
    """The object or list the last step of a path is taken in, and its key or index there.

    ``room`` 1 allows the place after the end of a list.
    """
    at = root
    for step in path[:-1]:
        at = _existing(at, _key(at, step, path), path)
    return at, _key(at, path[-1], path, room)


def _key(holder: Any, step: str, path: list[str], room: int = 0) -> Any:
    if isinstance(holder, dict):
        return step
    if not isinstance(holder, list):
        raise _missing(path)
    if step == "-" and room:
        return len(holder)
    if not _index(step):
        raise _missing(path)
    places = len(holder) + room
    index = int(step)
    if not -places <= index < places:
        raise _missing(path)
    return index + places if index < 0 else index


def _existing(holder: Any, key: Any, path: list[str]) -> Any:
    found = holder[key] if isinstance(holder, list) else holder.get(key, _NOTHING)
    if found is _NOTHING:
        raise _missing(path)
    return found


def _missing(path: list[str]) -> Unprocessable:
    return Unprocessable(f"there is nothing at /{'/'.join(path)}")


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; unlike in Python, true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
