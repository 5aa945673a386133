"""Which values may stand where in the command lines of a manifest: a value never becomes code.

A value of harmless characters may stand anywhere: no shell, awk, sed, Python or ``test`` treats one of
them specially. Any other value needs a proof that its place is data: it is an argument of a program that is
started without a shell, or an ordinary or plainly quoted argument in a script that `shell.parse` understands,
of a program that is not an interpreter. Nothing else is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.render.arguments import (
    ARGUMENT,
    Limit,
    code,
    kind_of,
    name_of,
    shell_line,
    started,
)
from expander.render.languages import limits, of_user_program
from expander.render.programs import SHELLS, Program, is_run
from expander.render.script_context import ANY, HARMLESS_VALUE, Change, Context, Segments, unproven
from expander.render.script_fields import OTHER, script_fields
from expander.render.shell_word import PLACEHOLDER, Word

__all__ = [
    "HARMLESS_VALUE",
    "Context",
    "changed_code",
    "code_words",
    "placeholder_contexts",
    "value_at",
]

Path = tuple[str | int, ...]

_EXEC_FIELDS: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_SCRIPT_OPTIONS: Final = r"-[a-zA-Z]*c[a-zA-Z]*"
_VARIABLE: Final = r"\$\(([^()]*)\)"


def placeholder_contexts(
    tree: Any, segments_of: Callable[[str], Segments | None]
) -> Iterator[tuple[Path, list[Context]]]:
    """The checked texts of all command lines in ``tree``: path, and the context of each placeholder there.

    ``segments_of`` gives the segments of a text with placeholders, None for any other. Texts that may have
    any value (arguments of a program that no shell starts) do not come up.
    """
    for container, path in _containers(tree, ()):
        lines = _lines(container, segments_of, path)
        variables = [each for each in container.get("env") or () if isinstance(each, Mapping)]
        names = {each.get("name") for each in variables}
        held = [str(each.get("name")) for each in variables if _gets_value(each, segments_of)]
        for line in lines:
            for word, found in _of_line(line, held):
                if word.literal is None:
                    # Kubernetes puts variables into the text before a shell reads it.
                    replaced = names.intersection(re.findall(_VARIABLE, word.constant))
                    yield word.path, word.limited(_REPLACED) if replaced else found
        yield from _of_variables(container, lines, segments_of, path)
    for path, shell in script_fields(tree, lambda text: _constant(segments_of(text), text)):
        segments = segments_of(value_at(tree, path))
        if segments is not None:
            yield path, _of_script(segments, shell)


def _of_script(segments: Segments, shell: str) -> list[Context]:
    from expander.render.script import contexts  # most templates have no script

    if shell == OTHER:
        return [_OTHER] * sum(not isinstance(segment, str) for segment in segments)
    return contexts(segments, bash=shell == "bash")


def script_shell(tree: Any, path: Path, segments_of: Callable[[str], Segments | None]) -> str:
    """The shell that runs the text at ``path`` as its script; empty when it is another word."""
    for field, shell in script_fields(tree, lambda text: _constant(segments_of(text), text)):
        if field == path:
            return "" if shell == OTHER else shell
    for container, where in _containers(tree, ()):
        if path[: len(where)] == where:
            for line in _lines(container, segments_of, where):
                words = [word.as_word() for word in line]
                rest = started(words)
                place = shell_line(rest) if rest and name_of(rest[0]) in SHELLS else None
                if place is not None and place[1] and line[len(line) - len(rest) + place[0]].path == path:
                    return name_of(rest[0])
    return ""


_OTHER: Final = unproven("", "in a script or command line that expander does not read")
_CHANGING: Final = r"echo|printf|awk|jq|read|xargs|=\(|[\[{]"
"""What a command line has that may change a value: most have nothing, and load no more."""
_ANYTHING: Final = Limit(ANY)
_REPLACED: Final = code("in code that Kubernetes puts a variable into: $(NAME)")
_ANNOTATION: Final = "metadata.annotations["


def _gets_value(variable: Mapping[str, Any], segments_of: Callable[[str], Segments | None]) -> bool:
    """Whether a variable of a container may get any value of an item: by its text, or by an annotation."""
    source = variable.get("valueFrom")
    reference = source.get("fieldRef") if isinstance(source, Mapping) else None
    field = reference.get("fieldPath") if isinstance(reference, Mapping) else None
    if isinstance(field, str) and field.startswith(_ANNOTATION):
        return True
    return isinstance(value := variable.get("value"), str) and segments_of(value) is not None


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
    yield from (path for path, _ in script_fields(tree, str))


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


def _constant(segments: Segments | None, text: str) -> str:
    """The constant parts of a text."""
    return text if segments is None else "".join(part for part in segments if isinstance(part, str))


def _containers(tree: Any, path: Path) -> Iterator[tuple[Mapping[str, Any], Path]]:
    """What is started: containers of pods, and whatever else has a command line as they have."""
    if isinstance(tree, Mapping):
        if path and any(isinstance(tree.get(name), list) for name in ("command", "args")):
            yield tree, path
            return
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

    @property
    def count(self) -> int:
        """How many placeholders stand in the word."""
        return sum(not isinstance(segment, str) for segment in self.segments)

    def as_word(self, first: int = 0) -> Word:
        """The word as a shell would see it in single quotes; ``first`` numbers its placeholders."""
        filled = "".join(part if isinstance(part, str) else PLACEHOLDER for part in self.segments)
        assigned = re.match(r"([A-Za-z_][A-Za-z0-9_]*)=", filled)
        return Word(
            literal=self.literal,
            constant=self.constant,
            filled=filled,
            holes=list(range(first, first + self.count)),
            leads=filled.startswith(PLACEHOLDER),
            name=assigned[1] if assigned else "",
        )

    def limited(self, limit: Limit, why: str = "") -> list[Context]:
        """The contexts of a word under a limit of its program."""
        context = (
            unproven(f"{why} {self.constant}", limit.why)
            if limit.pattern is HARMLESS_VALUE
            else Context(limit.why, str(limit.pattern))
        )
        return [context] * self.count


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


def _of_line(line: Sequence[_Argument], held: Sequence[str]) -> Iterator[tuple[_Argument, list[Context]]]:
    """The words of a command line that are checked, or in which values may arrive changed."""
    checked = {word.path: contexts for word, contexts in _checked(line, held)}
    changes = _changes(line)
    number = 0
    for word in line:
        here = [changes.get(each, ()) for each in range(number, number + word.count)]
        number += word.count
        found = checked.get(word.path)
        if found is None and any(here):
            found = word.limited(_ANYTHING)
        if found is not None:
            yield word, list(map(_changed, found, here))


def _changes(line: Sequence[_Argument]) -> dict[int | str, tuple[Change, ...]]:
    """What a command line changes: by the numbers of its placeholders, and the names of variables."""
    if not any(re.search(_CHANGING, word.constant) for word in line):
        return {}
    from expander.render.changes import changes_of_line

    words, number = [], 0
    for word in line:
        words.append(word.as_word(number))
        number += word.count
    return changes_of_line(words)


def _changed(context: Context, changes: tuple[Change, ...]) -> Context:
    return replace(context, changes=(*context.changes, *changes)) if changes else context


def _checked(
    line: Sequence[_Argument], held: Sequence[str] = ()
) -> Iterator[tuple[_Argument, list[Context]]]:
    """The checked words of a command line, by the program it starts."""
    words = [word.as_word() for word in line]
    rest = started(words)
    code_line = line[len(line) - len(rest) :]
    if not line:
        return
    if not rest or rest[0].literal is None:
        yield from ((word, word.limited(code("as the name of a program, or behind one"))) for word in line)
        return
    kind = kind_of(rest)
    if kind is Program.HARMLESS:
        return
    if name_of(rest[0]) in SHELLS:
        yield from _of_shell(code_line, rest, held)
        return
    if kind is Program.UNKNOWN:
        found = of_user_program(rest)
    else:
        name = name_of(rest[0])
        why = code(f"as an argument of {name}, which runs what it is given")
        found = limits(rest) or [why] * len(rest)
    for word, limit in zip(code_line[1:], found[1:], strict=True):
        if word.literal is None and limit.pattern is not None and limit is not ARGUMENT:
            yield word, word.limited(limit, rest[0].literal)


def _of_shell(
    line: Sequence[_Argument], words: Sequence[Word], held: Sequence[str]
) -> Iterator[tuple[_Argument, list[Context]]]:
    """The words of a shell's command line: its script or the file it runs, and what comes behind."""
    from expander.render.script import contexts, of_arguments

    place = shell_line(words)
    if place is None:
        yield from (
            (each, each.limited(code("in a command line of a shell that is not understood"))) for each in line
        )
        return
    at, takes_script = place
    bash = name_of(words[0]) == "bash"
    if not takes_script:
        if kind_of(words) is Program.INTERPRETER:
            why = code("as the file that a shell runs")
            yield from ((word, word.limited(why)) for word in line[at:])
        return
    behind = [word for word in line[at + 1 :] if word.literal is None]
    yield line[at], contexts(line[at].segments, bash=bash, held=held, arguments=bool(behind))
    if behind and (context := of_arguments(line[at].segments, bash)) is not None:
        yield from ((word, [context] * word.count) for word in behind)


def _is_code(line: Sequence[_Argument], number: int) -> bool:
    """Whether a word of a command line is code, or may be."""
    words = [_Argument([word.literal or "x"], word.path) for word in line]
    tried = words[number] = _Argument([line[number].constant, 0], line[number].path)
    return any(word is tried for word, _ in _checked(words))


def _of_variables(
    container: Mapping[str, Any],
    lines: Sequence[Sequence[_Argument]],
    segments_of: Callable[[str], Segments | None],
    path: Path,
) -> Iterator[tuple[Path, list[Context]]]:
    """The values of variables that Kubernetes puts into code (``$(NAME)``), that a script runs as code, or
    that shells and other programs run by themselves (``BASH_ENV``)."""
    variables = container.get("env")
    if not isinstance(variables, list):
        return
    names: dict[str, Limit] = {}
    for line in lines:
        for number, word in enumerate(line):
            found = re.findall(_VARIABLE, word.constant)
            if number and found and _is_code(line, number):
                names.update(dict.fromkeys(found, _REPLACED))
    for number in range(len(variables) - 1, -1, -1):
        variable = variables[number]
        value = variable.get("value") if isinstance(variable, Mapping) else None
        if not isinstance(value, str):
            continue
        word = _Argument(segments_of(value) or [value], (*path, "env", number, "value"))
        name = str(variable.get("name"))
        limit = names.get(name) or (_of_variable(name, lines) if word.literal is None else None)
        if limit is not None:
            names.update(dict.fromkeys(re.findall(_VARIABLE, word.constant), limit))
        if word.literal is None:
            changes = tuple(each for line in lines for each in _changes(line).get(name, ()))
            if limit is not None or changes:
                found = word.limited(limit or _ANYTHING)
                yield word.path, [_changed(context, changes) for context in found]


def _of_variable(name: str, lines: Sequence[Sequence[_Argument]]) -> Limit | None:
    """What a container's own scripts, or the programs in them, do with the value of a variable."""
    if is_run(name):
        return code(f"as {name}, which shells or other programs run")
    for line in lines:
        words = [word.as_word() for word in line]
        rest = started(words)
        place = shell_line(rest) if rest and name_of(rest[0]) in SHELLS else None
        if place is not None and place[1]:
            from expander.render.script import runs_value

            script = line[len(line) - len(rest) + place[0]]
            if why := runs_value(script.segments, name_of(rest[0]) == "bash", [name]):
                return code(f"in a variable of a script: {why}")
    return None
