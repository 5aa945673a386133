"""What the kubelet makes of a command, its arguments and its environment, as far as it can be known before.

``$(NAME)`` is replaced by the value of NAME, ``$$`` by one ``$``, and a reference to a name that is not
defined stays (third_party/forked/golang/expansion). Values see the variables in front of them, commands all
of them (pkg/kubelet: makeEnvironmentVariables, ExpandContainerCommandAndArgs).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
_SERVICE = re.compile(r"[A-Z_][A-Z0-9_]*_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[A-Z0-9_]+)?)")
_EXPANDED = re.compile(r"\$(?=[$(])")


@dataclass(frozen=True, slots=True)
class Later:
    """A variable whose value only the pod knows: from a Secret, a field of the pod, a Service."""

    name: str


Word: TypeAlias = "tuple[str | Later, ...]"
"""A text, in which some parts are known later."""


class Own(NamedTuple):
    """What of a container may depend on the item: lists of texts, and the entries of ``env``."""

    command: Sequence[str]
    args: Sequence[str]
    env: Sequence[Mapping[str, Any]]


class Resolved(NamedTuple):
    """A command line and variables with references followed; None for a value that the pod gets itself."""

    argv: tuple[Word, ...]
    env: tuple[tuple[str, Word | None], ...]


def resolve(own: Own, *, env_from: bool) -> Resolved:
    """``own`` as the container sees it. ``env_from`` is whether it also has an ``envFrom``."""
    known: dict[str, Word] = {}
    env: list[tuple[str, Word | None]] = []

    def scope(name: str) -> Word | None:
        found = known.get(name)
        if found is None and (env_from or _SERVICE.fullmatch(name)):
            return (Later(name),)
        return found

    for entry in own.env:
        name, value = entry["name"], entry.get("value") or ""
        word = None if not value and entry.get("valueFrom") else follow(value, scope)
        known[name] = (Later(name),) if word is None else word
        env.append((name, word))
    return Resolved(tuple([follow(text, scope) for text in (*own.command, *own.args)]), tuple(env))


def follow(text: str, scope: Callable[[str], Word | None]) -> Word:
    """``text`` with its references replaced; ``scope`` gives None for a name that is not defined."""
    if "$" not in text:
        return (text,)
    parts: list[str | Later] = [""]
    end = 0
    for found in _REFERENCE.finditer(text):
        _add(parts, (text[end : found.start()],))
        known = ("$",) if found[1] is None else scope(found[1])
        _add(parts, (found[0],) if known is None else known)
        end = found.end()
    _add(parts, (text[end:],))
    return tuple([part for part in parts if part != ""]) or ("",)


def _add(parts: list[str | Later], more: Word) -> None:
    for part in more:
        last = parts[-1]
        if isinstance(part, str) and isinstance(last, str):
            parts[-1] = last + part
        else:
            parts.append(part)


def protect(text: str) -> str:
    """A text for ``command``, ``args`` or ``env`` of which the kubelet makes exactly ``text``."""
    return _EXPANDED.sub("$$", text)
