"""How two objects differ, field by field, with lists of named parts matched by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.kube.versions import DEFAULT, Release
from expander.manifests.rerun import ITEMS_ANNOTATION
from expander.validate.defaults.defaults import defaults

Object = Mapping[str, Any]

_MERGE_KEYS: Final = ("name", "mountPath", "devicePath", "containerPort", "port", "key", "topologyKey", "ip")
"""What tells the parts of a list apart, as the API's patch merge keys do."""

_FROM_SERVER: Final = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
"""Fields of metadata that an API server writes."""

_SCALARS: Final = (str, int, bool, float, type(None))
_SECRET: Final = ("data", "stringData")

_PART: Final = regex(r"\[([^\[\]]+)\]|([^.\[\]]+)")
_PATH: Final = regex(r"[^.\[\]]+(?:\.[^.\[\]]+|\[[^\[\]]+\])*")

_OWN_PREFIX: Final = "expander/"
_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


class FieldChange(NamedTuple):
    """One difference. ``path`` is such as ``spec.template.spec.containers[main].image``.

    ``old`` and ``new`` are plain JSON data, None where the field is not there.
    """

    path: str
    old: Any
    new: Any


class _Written(NamedTuple):
    """The fields that are compared: those at ``paths``, all below, and ``above`` what they are parts of."""

    paths: set[str]
    above: set[str]


def field_changes(old: Object, new: Object, release: Release = DEFAULT) -> list[FieldChange]:
    """The differences of two objects as an API server of ``release`` has them: defaults are none.

    What neither of them writes itself is left out, and values of Secrets are told as ``***``.
    """
    written = {each.path for each in _changes(*_comparable(old, new), "")}
    if not written:
        return []
    part = _Written(written, {whole for path in written for whole in _wholes(path)})
    found = _changes(*_comparable(_defaulted(old, release), _defaulted(new, release)), "", part)
    return [_hidden(each) if _is_secret(new, each.path) else each for each in found]


def value_changes(obj: Object, path: str, expected: Any, release: Release = DEFAULT) -> list[FieldChange]:
    """How the field at ``path`` of ``obj`` differs from what is ``expected`` there, None for nothing.

    ``path`` is as in a `FieldChange`, also with the number of a part in place of its name. A field that
    ``obj`` does not write has its default.
    """
    found = _at_path(obj, path)
    if found is None and expected is not None:
        found = _at_path(_defaulted(obj, release), path)
    changes = [*_changes(expected, found, path)]
    return [_hidden(each) for each in changes] if _is_secret(obj, path) else changes


def is_path(text: str) -> bool:
    """Whether ``text`` is the path of a field, as `FieldChange` has them."""
    return _PATH.fullmatch(text) is not None


def _at_path(value: Any, path: str) -> Any:
    for quoted, plain in _PART.findall(path):
        part = quoted or plain
        if isinstance(value, list):
            value = _part_of(value, part)
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _part_of(values: Sequence[Any], part: str) -> Any:
    """The one among ``values`` that ``part`` names, else that of this number; None if there is none."""
    for key in _MERGE_KEYS:
        named = [each for each in values if isinstance(each, Mapping) and str(each.get(key, "")) == part]
        if len(named) == 1:
            return named[0]
    return _at(values, int(part)) if part.isascii() and part.isdigit() and len(part) < 10 else None


def _is_secret(obj: Object, path: str) -> bool:
    return obj.get("kind") == "Secret" and path.startswith(_SECRET)


def _defaulted(obj: Object, release: Release) -> Object:
    try:
        return defaults(obj, release=release)
    except (AttributeError, KeyError, TypeError, ValueError):
        return obj  # it was not validated


def _comparable(old: Object, new: Object) -> tuple[Object, Object]:
    """Both without what only a server or expander writes, and without a namespace that one of them lacks."""
    before, after = _own_fields(old), _own_fields(new)
    if None in (before["metadata"].get("namespace"), after["metadata"].get("namespace")):
        for each in (before, after):
            each["metadata"].pop("namespace", None)
    return before, after


def _own_fields(obj: Object) -> dict[str, Any]:
    metadata = obj.get("metadata")
    kept = {key: each for key, each in (metadata or {}).items() if key not in _FROM_SERVER}
    if isinstance(notes := kept.get("annotations"), Mapping):
        kept["annotations"] = {key: each for key, each in notes.items() if not _is_bookkeeping(key)}
    return {**{key: each for key, each in obj.items() if key != "status"}, "metadata": kept}


def _is_bookkeeping(annotation: str) -> bool:
    return (annotation.startswith(_OWN_PREFIX) and annotation != ITEMS_ANNOTATION) or annotation == _APPLIED


def _wholes(path: str) -> Iterator[str]:
    """The path itself, and all that it may be a part of."""
    yield path
    for place, char in enumerate(path):
        if char in ".[ ":
            yield path[:place]


def _hidden(change: FieldChange) -> FieldChange:
    old, new = ("*** (before)", "*** (after)") if change.old and change.new else ("***", "***")
    return FieldChange(change.path, change.old and old, change.new and new)


def _changes(old: Any, new: Any, path: str, only: _Written | None = None) -> Iterator[FieldChange]:
    """The differences of two values, ``only`` in some fields; values are the same at once in most."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            before, after = old.get(key), new.get(key)
            if type(before) is type(after) and type(before) in _SCALARS and before == after:
                continue
            field = f"{path}.{key}" if path and "." not in key else f"{path}[{key}]" if path else key
            yield from _changes_at(before, after, field, only)
    elif isinstance(old, list) and isinstance(new, list):
        key = _merge_key(old, new)
        if key is not None:
            yield from _changes_by_key(old, new, key, path, only)
        elif len(old) == len(new) or _mappings(old, new):
            for number in range(max(len(old), len(new))):
                yield from _changes_at(_at(old, number), _at(new, number), f"{path}[{number}]", only)
        else:
            yield FieldChange(path, old, new)
    elif not _same(old := _value(old), new := _value(new)):
        yield FieldChange(path, old, new)


def _changes_at(old: Any, new: Any, path: str, only: _Written | None) -> Iterator[FieldChange]:
    """The differences of the field at ``path``, if it is among those that are compared."""
    if only is None or path in only.paths:
        return _changes(old, new, path)
    return _changes(old, new, path, only) if path in only.above else iter(())


def _same(old: Any, new: Any) -> bool:
    """Whether both are one JSON value: 1.0 is 1, but true is not."""
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


def _value(value: Any) -> Any:
    """None for what the server does not tell from a field that is not there."""
    return None if value is None or value == {} or value == [] else value


def _merge_key(old: Sequence[Any], new: Sequence[Any]) -> str | None:
    """The field that every part of both lists has, with another value in each."""
    if not _mappings(old, new):
        return None
    for key in _MERGE_KEYS:
        if all(isinstance(part.get(key), (str, int)) for part in (*old, *new)) and all(
            len({part[key] for part in parts}) == len(parts) for parts in (old, new)
        ):
            return key
    return None


def _mappings(old: Sequence[Any], new: Sequence[Any]) -> bool:
    return all(isinstance(part, dict) for part in (*old, *new))


def _changes_by_key(
    old: Sequence[Any], new: Sequence[Any], key: str, path: str, only: _Written | None
) -> Iterator[FieldChange]:
    before = {part[key]: part for part in old}
    after = {part[key]: part for part in new}
    for name in {**before, **after}:
        yield from _changes_at(before.get(name), after.get(name), f"{path}[{name}]", only)
    order, now = [name for name in before if name in after], [name for name in after if name in before]
    place = f"{path} (order)"
    if order != now and (only is None or place in only.above):
        yield FieldChange(place, order, now)


def _at(values: Sequence[Any], number: int) -> Any:
    return values[number] if number < len(values) else None
