"""What the kubelet makes of a command line and variables, and shell text that gives a program just that.

``$(NAME)`` is replaced by the value of NAME, ``$$`` by one ``$``, and a reference to a name that is not
defined stays (third_party/forked/golang/expansion). Values see the variables in front of them, commands all
of them (pkg/kubelet: makeEnvironmentVariables, ExpandContainerCommandAndArgs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.render.placeholder import NO_NUL

_REFERENCE = regex(r"\$(?:\$|\(([^)]*)\))")
_SERVICE = regex(r"[A-Z_][A-Z0-9_]*_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[A-Z0-9_]+)?)")


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


_IDENTIFIER = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_SHELLS = frozenset(
    "_ EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD IFS LINENO OLDPWD OPTARG OPTERR OPTIND"
    " PIPESTATUS PPID PS1 PS2 PS4 PWD RANDOM SECONDS SHELLOPTS SHLVL SRANDOM UID DIRSTACK".split()
)
OWN_NAMES = ("PWD", "OLDPWD", "SHLVL")
"""Variables that shells add to the environment of what they start."""


class NotExpressible(Exception):
    """A text that no shell script can hand on; says why and what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def is_plain(name: str) -> bool:
    """Whether a shell hands a variable of this name on as it is: others go through ``env``."""
    return _IDENTIFIER.fullmatch(name) is not None and name not in _OF_SHELLS and not name.startswith("BASH")


def quoted(word: Word) -> str:
    """A word for a POSIX shell that stands for exactly these characters."""
    texts = []
    for part in word:
        if isinstance(part, str):
            if "\0" in part:
                raise NotExpressible(NO_NUL)
            texts.append("'" + part.replace("'", "'\\''") + "'" if part or len(word) == 1 else "")
        else:
            texts.append(_later(part.name))
    return "".join(texts)


def _later(name: str) -> str:
    """A variable of the pod; one that it lacks stays a reference, as the kubelet has it."""
    if not is_plain(name):
        raise NotExpressible(
            f"$({name}) cannot be followed here: a shell cannot read a variable of that name",
            "give the variable a name of letters, digits and '_'",
        )
    return f'"${{{name}-\\$({name})}}"'


def cleaning(env: Iterable[Mapping[str, Any]], *more: str) -> str:
    """A shell command that removes what a shell adds to its environment, but for what ``env`` declares."""
    declared = {entry["name"] for entry in env}
    names = [name for name in (*OWN_NAMES, *more) if name not in declared]
    return " ".join(["unset", *names] if names else [":"])


def assignments(env: list[tuple[str, Word]], argv: tuple[Word, ...] | None) -> str:
    """Shell commands after which ``exec "$@"`` starts the program with these variables.

    ``argv`` None means that "$@" is its command line already.
    """
    lines = [f"export {name}={quoted(word)}" for name, word in env if is_plain(name)]
    others = [(name, word) for name, word in env if not is_plain(name)]
    words = [] if argv is None else [quoted(word) for word in argv]
    if others:
        pairs = [quoted((f"{name}=", *word)) for name, word in others]
        words = ["/usr/bin/env", *pairs, *(['"$@"'] if argv is None else words)]
    if words:
        lines.append("set -- " + " ".join(words))
    return "\n".join(lines)
