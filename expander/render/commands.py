"""Which values may stand where in the command lines of a manifest: a value never becomes code.

A value of harmless characters may stand anywhere: no shell, awk, sed, Python or ``test`` treats one of
them specially. Any other value needs a proof that its place is data: it is an argument of a program that is
started without a shell, or an ordinary or plainly quoted argument in a script that `shell.parse` understands,
of a program that is no interpreter. Nothing else is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from expander.render.programs import (
    LAUNCHERS,
    SHELLS,
    Program,
    is_interpreter,
    may_hold,
    program,
    takes_data,
)
from expander.render.shell import PLACEHOLDER, Command, Script, Unproven, Word, parse

Path = tuple[str | int, ...]
Segments = Sequence[str | int]

_LETTERS = r"[^\x00-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ud800-\udfff\ufeff]"
_END = r"(?![\s\S])"
_RESERVED: Final = "if|then|else|elif|fi|do|done|case|esac|while|until|for|in|function|select|time|coproc"
HARMLESS_VALUE: Final = rf"(?!(?:{_RESERVED}){_END})(?:-?[0-9]|[A-Za-z_./])[A-Za-z0-9_./-]*"
"""Values that may stand anywhere: letters, digits and ``_ . / -``, but neither options nor reserved words."""

_PLAIN_TEXT: Final = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
_EXEC_FIELDS: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_CODE_OPTIONS: Final = re.compile(
    r"-[a-z]*[ce]|--?(?:eval|exec|execute|command|run|print|code|expression|shell)=?|-exec|-[ESIr]"
)
_SCRIPT_OPTIONS: Final = re.compile(r"-[a-z]*c[a-z]*")
_DURATION: Final = re.compile(r"[0-9.]+[smhd]?")
_VARIABLE: Final = re.compile(r"\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")


@dataclass(frozen=True, slots=True)
class Context:
    """The place of one placeholder: ``words`` name it, ``pattern`` matches the values that are data there.

    ``quoting``: a value that the quoting filter made is data there too, whatever it holds.
    """

    words: str
    pattern: str
    quoting: bool = False

    def accepts(self, value: str) -> bool:
        """Whether ``value`` is only data here."""
        return re.fullmatch(self.pattern, value) is not None


_NO_OPTION: Final = rf"(?!-)|(?=-?[0-9]*\.?[0-9]+{_END})"
_PATTERNS: Final = {
    "plain": rf"(?:[A-Za-z0-9_@%+=:,./-]|{_LETTERS})+",
    "double": r"[^\"`$\\\x00]*",
    "single": r"[^'\x00]*",
}
_WHERE: Final = {
    "plain": "outside quotes",
    "double": "inside double quotes",
    "single": "inside single quotes",
}
UNPROVEN: Final = Context("in code that is not proven to take it as data", HARMLESS_VALUE)
_COMMENT: Final = Context("in a comment", r"[^\n\x00]*")


def contexts(segments: Segments) -> list[Context]:
    """The context of each placeholder of a shell script, in order; numbers are placeholders."""
    text = "".join(segment if isinstance(segment, str) else PLACEHOLDER for segment in segments)
    count = sum(not isinstance(segment, str) for segment in segments)
    try:
        script = parse(text)
    except (Unproven, RecursionError):
        return [UNPROVEN] * count
    found = dict.fromkeys(range(count), UNPROVEN)
    if not any(_stops_all(command) for command in script.commands) and not _runs_what_it_writes(script):
        for command in script.commands:
            found |= _of_command(command)
        found |= dict.fromkeys(script.comments, _COMMENT)
    return [found[number] for number in range(count)]


def _started(words: Sequence[Word]) -> Sequence[Word]:
    """The words of a command from its program on, without launchers before it."""
    at = 0
    while at < len(words) and words[at].literal is not None and _name(words[at]) in LAUNCHERS:
        at += 1
        while at < len(words) and (
            words[at].literal == "--" or _DURATION.fullmatch(words[at].literal or " ")
        ):
            at += 1
    return words[at:]


def _name(word: Word) -> str:
    return (word.literal or "").rpartition("/")[2]


def _runs_file(words: Sequence[Word]) -> bool:
    """Whether an interpreter is given the name of a file to run: what comes behind are arguments of that."""
    rest = list(words[1:])
    while rest and rest[0].literal in ("-u", "-B", "-O", "-m"):
        rest.pop(0)
    name = rest[0].literal if rest else None
    return (
        bool(name)
        and not str(name).startswith("-")
        and _name(words[0]).startswith(
            ("python", "perl", "ruby", "node", "Rscript", "php", "julia", "sh", "bash", "dash", "ash")
        )
    )


def _kind(words: Sequence[Word]) -> Program:
    """What is known of the program of a command; INTERPRETER where its name is not constant."""
    if not words or words[0].literal is None:
        return Program.INTERPRETER
    kind = program(words[0].literal)
    if kind is Program.INTERPRETER and _runs_file(words):
        return Program.UNKNOWN
    if kind is Program.UNKNOWN and any(is_interpreter(word.literal) for word in words[1:] if word.literal):
        return Program.INTERPRETER
    return kind


def _stops_all(command: Command) -> bool:
    """Whether a command may run what another one of the script writes or sets."""
    words = _started(command.words)
    return bool(command.words) and _kind(words) is Program.INTERPRETER and not _is_quiet(words)


def _is_quiet(words: Sequence[Word]) -> bool:
    """Commands on the list of interpreters that cannot reach what the others do."""
    return (
        bool(words)
        and words[0].literal in ("umask", "ulimit", "return", "break", "continue", "unset")
        and all(word.literal is not None for word in words)
    )


def _of_command(command: Command) -> dict[int, Context]:
    words = _started(command.words)
    found: dict[int, Context] = {}
    for word in command.assignments:
        if may_hold(word.name):
            found |= _of_word(word, options=True)
    for word in command.files:
        found |= _of_word(word, options=True)
    if not words:
        return found
    harmless = _kind(words) is Program.HARMLESS
    if harmless and _name(words[0]) == "export":
        for word in words[1:]:
            found |= _of_word(word, options=True) if word.name and may_hold(word.name) else {}
    elif harmless and takes_data([word.literal for word in words]):
        for word in words[1:]:
            found |= _of_word(word, options=True)
    elif not harmless:
        for before, word in pairwise(words):
            if _PLAIN_TEXT.fullmatch(word.constant) and not _CODE_OPTIONS.fullmatch(before.literal or ""):
                found |= _of_word(word, options=False)
    return found


def _runs_what_it_writes(script: Script) -> bool:
    """Whether a file that the script writes may be a program that it starts."""
    targets = [word for command in script.commands for word in command.files if command.writes]
    for command in script.commands:
        words = _started(command.words)
        if words and _name(words[0]) == "tee":
            targets += words[1:]
    started: list[str] = []
    for command in script.commands:
        words = _started(command.words)
        if words and _kind(words) is Program.UNKNOWN:
            started += (
                [word.literal for word in words[:4] if word.literal]
                if _runs_file(words)
                else [words[0].literal or ""]
            )
    return any(
        "/" in name if target.literal is None else _base(name) == _base(target.literal)
        for target in targets
        for name in started
    )


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _of_word(word: Word, options: bool) -> dict[int, Context]:
    """The contexts of a word's placeholders; without ``options`` none may begin the word with ``-``."""
    found = {}
    for place, (number, how) in enumerate(word.places):
        pattern = _PATTERNS[how]
        if word.leads and place == 0 and not options:
            pattern = rf"(?:{_NO_OPTION}){pattern}"
        found[number] = Context(_WHERE[how], pattern, quoting=how == "plain")
    return found


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
                    replaced = names.intersection(_VARIABLE.findall(word.constant))
                    yield word.path, word.unproven() if replaced else found
        yield from _of_variables(container, lines, segments_of, path)


def code_words(tree: Any) -> Iterator[Path]:
    """The paths of the words of command lines in ``tree`` that are code, or may be."""
    for container, path in _containers(tree, ()):
        for line in _lines(container, lambda _: None, path):
            for number, word in enumerate(line):
                if number and _is_code(line, number):
                    yield word.path


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

    def unproven(self) -> list[Context]:
        """The contexts of a word that takes harmless values only."""
        return [UNPROVEN] * sum(not isinstance(segment, str) for segment in self.segments)


def _lines(
    container: Mapping[str, Any], segments_of: Callable[[str], Segments | None], path: Path
) -> list[list[_Argument]]:
    """The command lines of a container: its own, and those of its probes and hooks."""
    own = [*_words(container, "command", segments_of, path), *_words(container, "args", segments_of, path)]
    if own and not container.get("command"):  # the image's entrypoint is not known: `-c` suggests a shell
        own.insert(0, _Argument(["sh" if _SCRIPT_OPTIONS.fullmatch(own[0].literal or "") else "?"], ()))
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
    at = 0
    while at < len(line) and (line[at].literal or "").rpartition("/")[2] in LAUNCHERS:
        at += 1
        while at < len(line) and (line[at].literal == "--" or _DURATION.fullmatch(line[at].literal or " ")):
            at += 1
    line = line[at:]
    if not line:
        return
    first = line[0].literal
    if first is None:
        yield line[0], line[0].unproven()
    script = _script_of(line)
    if script is not None:
        yield from _of_script(line, script)
    elif first is not None and program(first) is Program.HARMLESS:
        return
    elif _runs_code(line):
        yield from ((word, word.unproven()) for word in line[1:])
    else:
        for before, word in pairwise(line):
            code = word.literal is None and _CODE_OPTIONS.fullmatch(before.literal or "")
            if (code and _is_interpreted(line)) or _looks_like_code(word):
                yield word, word.unproven()


def _script_of(line: Sequence[_Argument]) -> int | None:
    """The place of the script in ``sh -c SCRIPT``, with options that are known; None for anything else."""
    if (line[0].literal or "").rpartition("/")[2] not in SHELLS:
        return None
    takes_script, at = False, 1
    while at < len(line) and (word := line[at].literal) is not None and re.fullmatch(r"[-+][a-z]+|--", word):
        takes_script = takes_script or _SCRIPT_OPTIONS.fullmatch(word) is not None
        at += 2 if word[-1] == "o" else 1
    return at if takes_script and at < len(line) else None


def _of_script(line: Sequence[_Argument], at: int) -> Iterator[tuple[_Argument, list[Context]]]:
    """The script of a shell, and its positional parameters: data only if the script is proven."""
    yield line[at], contexts(line[at].segments)
    if any(word.literal is None for word in line[at + 1 :]):
        proof = contexts([*line[at].segments, "\n: '", 0, "'"])
        if proof[-1] is UNPROVEN:
            yield from ((word, word.unproven()) for word in line[at + 1 :])


def _runs_code(line: Sequence[_Argument]) -> bool:
    """Whether the program of a line runs some argument as code, or starts a program that does."""
    words = [Word(literal=word.literal) for word in line]
    return line[0].literal is not None and _kind(words) is Program.INTERPRETER


def _is_interpreted(line: Sequence[_Argument]) -> bool:
    return any(is_interpreter(word.literal) for word in line if word.literal)


def _looks_like_code(word: _Argument) -> bool:
    """Whether a word with a placeholder holds more than an option, a path or a name around it."""
    if word.literal is not None or _PLAIN_TEXT.fullmatch(word.constant):
        return False
    first = word.constant.split(None, 1)[0] if word.constant.split() else ""
    known = program(first) is not Program.UNKNOWN
    return known or re.search(r"[;&|<>()$`'\"\\{}\n\[\]]", word.constant) is not None


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
            found = _VARIABLE.findall(word.constant)
            if number and found and _is_code(line, number):
                names.update(found)
    for number in range(len(variables) - 1, -1, -1):
        variable = variables[number]
        value = variable.get("value") if isinstance(variable, Mapping) else None
        if isinstance(value, str) and variable.get("name") in names:
            word = _Argument(segments_of(value) or [value], (*path, "env", number, "value"))
            names.update(_VARIABLE.findall(word.constant))
            if word.literal is None:
                yield word.path, word.unproven()
