"""Texts: the standard methods, cel-go's ``ext.Strings``, and the regular expressions of Kubernetes."""

from __future__ import annotations

from typing import Any, Final

from expander.kube.gofmt import quoted
from expander.validate.cel.functions.arguments import integer, listed, on_texts, text
from expander.validate.cel.functions.formatting import formatted
from expander.validate.cel.go_regex import Expression, UntranslatedError, compiled
from expander.validate.cel.values import CelError, UncheckedError, no_overload

_LOWER: Final = {ord(each): ord(each) + 32 for each in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_UPPER: Final = {lower: upper for upper, lower in _LOWER.items()}
_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


def matches(value: Any, pattern: Any) -> bool:
    """``value.matches(pattern)``: the pattern matches somewhere."""
    return _regex(text(pattern)).search(text(value))


def _found(value: Any, pattern: Any) -> list[str]:
    try:
        return _regex(text(pattern)).found(text(value))
    except UntranslatedError as error:
        raise UncheckedError(str(error)) from None


def _regex(pattern: str) -> Expression:
    try:
        return compiled(pattern)
    except UntranslatedError as error:
        raise UncheckedError(str(error)) from None
    except ValueError as error:
        raise CelError(f"error parsing regexp: {error}") from None


def _char_at(value: Any, at: Any) -> str:
    if not 0 <= integer(at) <= len(text(value)):
        raise CelError(f"index out of range: {at}")
    return str(value[at : at + 1])


def _index_of(value: Any, part: Any, start: Any = 0) -> int:
    if start and not 0 <= integer(start) <= len(text(value)):
        raise CelError(f"index out of range: {start}")
    return text(value).find(text(part), start)


def _last_index_of(value: Any, part: Any, start: Any = None) -> int:
    if start is None:
        return text(value).rfind(text(part))
    if not 0 <= integer(start) <= len(text(value)):
        raise CelError(f"index out of range: {start}")
    return text(value).rfind(text(part), 0, start + len(part))


def _replace(value: Any, old: Any, new: Any, count: Any = -1) -> str:
    return text(value).replace(text(old), text(new), integer(count))


def _split(value: Any, separator: Any, count: Any = -1) -> list[str]:
    if integer(count) == 0:
        return []
    if text(separator):
        return text(value).split(separator, count - 1 if count > 0 else -1)
    letters = list(text(value))
    return letters if count < 0 or len(letters) < count else [*letters[: count - 1], value[count - 1 :]]


def _substring(value: Any, start: Any, end: Any = None) -> str:
    stop = len(text(value)) if end is None else integer(end)
    if not 0 <= integer(start) <= len(value):
        raise CelError(f"index out of range: {start}")
    if not 0 <= stop <= len(value):
        raise CelError(f"index out of range: {stop}")
    if start > stop:
        raise CelError(f"invalid substring range. start: {start}, end: {stop}")
    return str(value[start:stop])


def _join(values: Any, separator: Any = "") -> str:
    return text(separator).join([text(each) for each in listed(values)])


def _reverse(value: Any) -> Any:
    return value[::-1] if type(value) is str else listed(value)[::-1]


def _find(value: Any, pattern: Any) -> str:
    found = _found(value, pattern)
    return found[0] if found else ""


def _find_all(value: Any, pattern: Any, count: Any = -1) -> list[str]:
    found = _found(value, pattern)
    return found if integer(count) < 0 else found[:count]


def _contains(value: Any, part: Any) -> bool:
    return text(part) in text(value)


def _format(value: Any, arguments: Any) -> str:
    return formatted(text(value), listed(arguments))


def _quote(value: Any) -> str:
    return quoted(value) if type(value) is str else no_overload()


FUNCTIONS: Final = {("matches", 2): matches, ("strings.quote", 1): _quote}
METHODS: Final = {
    ("charAt", 1): _char_at,
    ("contains", 1): _contains,
    ("endsWith", 1): on_texts(str.endswith),
    ("find", 1): _find,
    ("findAll", 1): _find_all,
    ("findAll", 2): _find_all,
    ("format", 1): _format,
    ("indexOf", 2): _index_of,
    ("join", 0): _join,
    ("join", 1): _join,
    ("lastIndexOf", 2): _last_index_of,
    ("lowerAscii", 0): lambda value: text(value).translate(_LOWER),
    ("matches", 1): matches,
    ("replace", 2): _replace,
    ("replace", 3): _replace,
    ("reverse", 0): _reverse,
    ("split", 1): _split,
    ("split", 2): _split,
    ("startsWith", 1): on_texts(str.startswith),
    ("substring", 1): _substring,
    ("substring", 2): _substring,
    ("trim", 0): lambda value: text(value).strip(_SPACE),
    ("upperAscii", 0): lambda value: text(value).translate(_UPPER),
}
index_of, last_index_of = _index_of, _last_index_of
