"""Which values may stand where in the command lines of a manifest: a value never becomes code.

A value of harmless characters may stand anywhere: no shell, awk, sed, Python or ``test`` treats one of
them specially. Any other value needs a proof that its place is data: it is an argument of a program that is
started without a shell, or an ordinary or plainly quoted argument in a script that `shell.parse` understands,
of a program that is not an interpreter. Nothing else is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.render.programs import SHELLS, Program, program
from expander.render.script import (
    CODE_OPTIONS,
    HARMLESS_VALUE,
    PLAIN_TEXT,
    Context,
    Segments,
    contexts,
    kind_of,
    proves_arguments,
    started,
    unproven,
)
from expander.render.shell import Word

__all__ = [
    "HARMLESS_VALUE",
    "Context",
    "changed_code",
    "code_words",
    "contexts",
    "placeholder_contexts",
    "value_at",
]

Path = tuple[str | int, ...]

_EXEC_FIELDS: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_SCRIPT_OPTIONS: Final = r"-[a-zA-Z]*c[a-zA-Z]*"
_VARIABLE: Final = r"\$\(([^()]*)\)"
_SYNTAX: Final = r"[\s;&|<>()$`'\"\\{}\[\]]"


def placeholder_contexts(
    tree: Any, segments_of: Callable[[str], Segments | None]
) -> Iterator[tuple[Path, list[Context]]]:
    """The checked texts of all command lines in ``tree``: path, and the context of each placeholder there.

    ``segments_of`` gives the segments of a text with placeholders, None for any other. Texts that may have
    any value (arguments of a program that no shell starts) do not come up.
    """
    for container, path in _containers(tree, ()):
        lines = _lines(container, segments_of, path)
        names = {each.get("name") for each in container.get("env") or () if isinstance(each, Mapping)}
        for line in lines:
            for word, found in _of_line(line):
                if word.literal is None:
                    # Kubernetes puts variables into the text before a shell reads it.
                    replaced = names.intersection(re.findall(_VARIABLE, word.constant))
                    yield word.path, word.unproven() if replaced else found
        yield from _of_variables(container, lines, segments_of, path)


def code_words(tree: Any) -> Iterator[Path]:
    """The paths of texts in ``tree`` that are code, or may be, or that Kubernetes puts into such a text."""
    for container, path in _containers(tree, ()):
        names: set[str] = set()
        for line in _lines(container, lambda _: None, path):
            for number, word in enumerate(line):
                if not number or _is_code(line, number):
                    names.update(re.findall(_VARIABLE, word.constant))
                    if word.path:
                        yield word.path
        variables = container.get("env")
        for number, variable in enumerate(variables if isinstance(variables, list) else ()):
            if isinstance(variable, Mapping) and variable.get("name") in names and "value" in variable:
                yield (*path, "env", number, "value")


def value_at(tree: Any, path: Path) -> Any:
    """What stands at a path. Raises KeyError, IndexError or TypeError when there is no such place."""
    for part in path:
        tree = tree[part]
    return tree


def changed_code(tree: Any, constant: Any) -> Path | None:
    """Where code in ``tree`` is not what it is in ``constant``; None if it is the same everywhere."""
    for path in code_words(tree):
        try:
            same = value_at(tree, path) == value_at(constant, path)
        except (KeyError, IndexError, TypeError):
            same = False
        if not same:
            return path
    return None


def _containers(tree: Any, path: Path) -> Iterator[tuple[Mapping[str, Any], Path]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            here = (*path, key)
            if key in ("containers", "initContainers", "ephemeralContainers") and isinstance(value, list):
                for number, container in enumerate(value):
                    if isinstance(container, Mapping):
                        yield container, (*here, number)
            else:
                yield from _containers(value, here)
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from _containers(value, (*path, number))


@dataclass(frozen=True, slots=True)
class _Argument:
    """A word of a command line, and where it stands."""

    segments: Segments
    path: Path

    @property
    def literal(self) -> str | None:
        """The word, if no placeholder stands in it."""
        texts = [segment for segment in self.segments if isinstance(segment, str)]
        return "".join(texts) if len(texts) == len(self.segments) else None

    @property
    def constant(self) -> str:
        """All constant text of the word."""
        return "".join(segment for segment in self.segments if isinstance(segment, str))

    def unproven(self, program: str = "") -> list[Context]:
        """The contexts of a word that takes harmless values only, as an argument of ``program``."""
        return [unproven(f"{program} {self.constant}")] * sum(
            not isinstance(segment, str) for segment in self.segments
        )


def _lines(
    container: Mapping[str, Any], segments_of: Callable[[str], Segments | None], path: Path
) -> list[list[_Argument]]:
    """The command lines of a container: its own, and those of its probes and hooks."""
    own = [*_words(container, "command", segments_of, path), *_words(container, "args", segments_of, path)]
    if own and not container.get("command"):  # the image's entrypoint is not known: `-c` suggests a shell
        suspect = any(re.fullmatch(_SCRIPT_OPTIONS, word.literal or "") for word in own)
        own.insert(0, _Argument(["sh" if suspect else "?"], ()))
    lines = [own]
    handlers: list[tuple[Path, Any]] = [((name,), container.get(name)) for name in _EXEC_FIELDS]
    lifecycle = container.get("lifecycle")
    if isinstance(lifecycle, Mapping):
        handlers += [(("lifecycle", name), lifecycle.get(name)) for name in ("postStart", "preStop")]
    for where, handler in handlers:
        action = handler.get("exec") if isinstance(handler, Mapping) else None
        if isinstance(action, Mapping):
            lines.append(_words(action, "command", segments_of, (*path, *where, "exec")))
    return lines


def _words(
    holder: Mapping[str, Any], name: str, segments_of: Callable[[str], Segments | None], path: Path
) -> list[_Argument]:
    words = holder.get(name)
    return [
        _Argument((segments_of(word) or [word]) if isinstance(word, str) else [""], (*path, name, number))
        for number, word in enumerate(words if isinstance(words, list) else ())
    ]


def _of_line(line: Sequence[_Argument]) -> Iterator[tuple[_Argument, list[Context]]]:
    """The checked words of a command line, by the program it starts."""
    rest = started([Word(literal=word.literal) for word in line])
    code = line[len(line) - len(rest) :] if rest else line
    name = code[0].literal if code else None
    if not code or (rest and name is not None and program(name) is Program.HARMLESS):
        return
    if not rest or name is None:
        yield from ((word, word.unproven()) for word in line)
    elif name.rpartition("/")[2] in SHELLS:
        yield from _of_shell(code)
    elif kind_of(rest) is Program.INTERPRETER:
        yield from ((word, word.unproven(name)) for word in code[1 : _end_of_code(code)])
    else:
        for before, word in pairwise(code):
            if word.literal is None and (
                re.fullmatch(CODE_OPTIONS, before.literal or "") or _looks_like_code(word)
            ):
                yield word, word.unproven()


def _end_of_code(line: Sequence[_Argument]) -> int | None:
    """The place behind constant code, as in ``python3 -c CODE``: what follows are arguments of that code."""
    if re.fullmatch(r"(?:.*/)?(?:python[0-9.]*|perl|ruby|node|nodejs|php)", line[0].literal or ""):
        for number, word in enumerate(line[1:], 1):
            if word.literal in ("-c", "-e", "-r", "--eval"):
                constant = number + 1 < len(line) and line[number + 1].literal is not None
                return number + 2 if constant else None
            if word.literal is None or not word.literal.startswith("-"):
                break
    return None


def _of_shell(line: Sequence[_Argument]) -> Iterator[tuple[_Argument, list[Context]]]:
    """The words of a shell's command line: its script or the file it runs, and what comes behind."""
    at, takes_script = 1, False
    while at < len(line) and (word := line[at].literal) is not None and word[:1] in ("-", "+"):
        at += 1
        if word in ("-", "--"):
            break
        if not re.fullmatch(r"[-+][abcefhkmnoptuvxBCEHPTlOi]+|--(?:login|norc|noprofile|posix)", word):
            yield from ((each, each.unproven()) for each in line)
            return
        if not word.startswith("--"):
            takes_script |= word[0] == "-" and "c" in word
            at += word.count("o") + word.count("O")
    if at >= len(line):
        yield from ((each, each.unproven()) for each in line)
        return
    behind = line[at + 1 :]
    if takes_script:
        yield line[at], contexts(line[at].segments)
        proven = not any(word.literal is None for word in behind) or proves_arguments(line[at].segments)
    else:
        proven = kind_of([Word(literal=word.literal) for word in line]) is not Program.INTERPRETER
        behind = line[at:]
    if not proven:
        yield from ((word, word.unproven()) for word in behind)


def _looks_like_code(word: _Argument) -> bool:
    """Whether a word with a placeholder holds blanks or syntax beside it."""
    return not re.fullmatch(PLAIN_TEXT, word.constant) and re.search(_SYNTAX, word.constant) is not None


def _is_code(line: Sequence[_Argument], number: int) -> bool:
    """Whether a word of a command line is code, or may be."""
    words = [_Argument([word.literal or "x"], word.path) for word in line]
    tried = words[number] = _Argument([line[number].constant, 0], line[number].path)
    return any(word is tried for word, _ in _of_line(words))


def _of_variables(
    container: Mapping[str, Any],
    lines: Sequence[Sequence[_Argument]],
    segments_of: Callable[[str], Segments | None],
    path: Path,
) -> Iterator[tuple[Path, list[Context]]]:
    """The values of variables that Kubernetes puts into code (``$(NAME)``), or into such a variable."""
    variables = container.get("env")
    if not isinstance(variables, list):
        return
    names: set[str] = set()
    for line in lines:
        for number, word in enumerate(line):
            found = re.findall(_VARIABLE, word.constant)
            if number and found and _is_code(line, number):
                names.update(found)
    for number in range(len(variables) - 1, -1, -1):
        variable = variables[number]
        value = variable.get("value") if isinstance(variable, Mapping) else None
        if isinstance(value, str) and variable.get("name") in names:
            word = _Argument(segments_of(value) or [value], (*path, "env", number, "value"))
            names.update(re.findall(_VARIABLE, word.constant))
            if word.literal is None:
                yield word.path, word.unproven()
