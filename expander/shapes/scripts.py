"""Shell text that gives a program one item's command line and variables, whatever is in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from expander.shapes.variables import Word

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_SHELLS = frozenset(
    "_ EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD IFS LINENO OLDPWD OPTARG OPTERR OPTIND"
    " PIPESTATUS PPID PS1 PS2 PS4 PWD RANDOM SECONDS SHELLOPTS SHLVL SRANDOM UID DIRSTACK".split()
)
OWN_NAMES = ("PWD", "OLDPWD", "SHLVL")
"""Variables that shells add to the environment of what they start."""


class Unsayable(Exception):
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
                raise Unsayable("a NUL character cannot be in a command line or a variable")
            texts.append("'" + part.replace("'", "'\\''") + "'" if part or len(word) == 1 else "")
        else:
            texts.append(_later(part.name))
    return "".join(texts)


def _later(name: str) -> str:
    """A variable of the pod; one that it lacks stays a reference, as the kubelet has it."""
    if not is_plain(name):
        raise Unsayable(
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
