"""What programs make of values that are only data to them: some would arrive changed.

echo of a POSIX shell reads backslashes, as awk does in its variables and ``read`` in its lines; a string of
JSON ends at a quote. A change belongs to a place of a script and, by assignments, loops, functions and
positional parameters, to what stands in the variables there. It does not follow the output of commands, nor
files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count, pairwise
from typing import Final, TypeAlias

from expander.render.arguments import name_of, shell_line, started
from expander.render.languages import strings_of_json
from expander.render.programs import ASSIGNING, SHELLS, family_of
from expander.render.script_context import ANY, END, Change
from expander.render.shell import Command, Script, Unproven, parse
from expander.render.shell_word import PLACEHOLDER, POSITIONAL, Word

Hole: TypeAlias = int | str
"""What is put into a word: the number of a placeholder, or the name of a variable."""

_Found: TypeAlias = Iterable[tuple[Hole, Change]]

_NO_BACKSLASH: Final = r"[^\\]*"
_ESCAPE: Final = r"[abcefnrtv0-7\\]"
"""What echo of dash and BusyBox reads behind a backslash."""
_ESCAPE_BASH: Final = r"[abcefnrtuvxEU0-7\\]"
"""What ``echo -e`` and ``%b`` read in one shell or another."""
_ESCAPE_AWK: Final = r"[abfnrtv0-7\\\"/]"

_ECHO: Final = Change(
    "echo reads backslashes here", _NO_BACKSLASH, "print it with printf '%s\\n' instead of echo"
)
_ECHO_OPTION: Final = replace(_ECHO, words="echo takes it for an option")
_PRINTF: Final = Change("%b of printf reads backslashes", _NO_BACKSLASH, "print it with %s instead of %b")
_AWK: Final = Change(
    "awk reads backslashes in its variables",
    _NO_BACKSLASH,
    'put it into the environment: x="..." awk \'...\', where awk has it as ENVIRON["x"]',
)
_AWK_FILE: Final = Change("awk takes NAME=... for a variable", ANY, "write ./ before the name of a file")
_JSON: Final = Change(
    "a string of JSON ends at a quote and reads backslashes",
    r"[^\"\\\x00-\x1f]*",
    "let jq write the JSON: jq -n --arg x \"...\" '{name: $x}'",
)
_JSON_ARGUMENT: Final = replace(_JSON, hint="pass it with --arg instead of --argjson")
_READ: Final = Change("read without -r reads backslashes", _NO_BACKSLASH, "read it with IFS= read -r")
_READ_BLANKS: Final = replace(_READ, words="read leaves out blanks around a line")
_READ_LINE: Final = Change(
    "read takes one line", r"[^\n]*", "read each line: while IFS= read -r line; do ...; done"
)
_XARGS: Final = Change(
    "xargs reads quotes and backslashes",
    r"[^\\'\"]*",
    "print it with printf '%s\\0' and read it with xargs -0",
)
_XARGS_LINE: Final = replace(_XARGS, kept=r"(?![ \t])[^\\'\"\n]*")
_LIST: Final = Change(
    "bash doubles some control characters in NAME=(...)",
    r"[^\x01\x7f]*",
    "put it into a variable first: x='...'; NAME=(\"$x\")",
)


def changes_of(script: Script) -> dict[Hole, tuple[Change, ...]]:
    """The changes that a script makes in its placeholders, and in what its variables held before."""
    found: dict[Hole, dict[Change, None]] = {}
    assigned = _assigned(script)
    for number in range(len(script.commands)):
        for hole, change in _of_command(script, number):
            for source in _sources(hole, assigned):
                found.setdefault(source, {})[change] = None
    return {hole: tuple(changes) for hole, changes in found.items()}


def changes_of_line(words: Sequence[Word]) -> dict[Hole, tuple[Change, ...]]:
    """The changes that a program makes in its arguments and variables when no shell starts it."""
    return changes_of(Script("", bash=True, commands=[Command(words=list(words))]))


def _sources(hole: Hole, assigned: dict[str, set[Hole]]) -> set[Hole]:
    """What may stand in a hole: itself, and what the variable was given."""
    found: set[Hole] = set()
    left = {hole}
    while left:
        found |= left
        left = {each for name in left if isinstance(name, str) for each in assigned.get(name, ())} - found
    return found


def _assigned(script: Script) -> dict[str, set[Hole]]:
    """For each variable what is put into it."""
    found: dict[str, set[Hole]] = {}
    for number, command in enumerate(script.commands):
        words = started(command.words)
        name = name_of(words[0]) if words else ""
        behind = command.words[: len(command.words) - len(words)]
        for word in [*command.assignments, *behind, *(words[1:] if name in ASSIGNING else ())]:
            found.setdefault(word.name, set()).update(word.holes)
        if name == "for" and len(words) > 1:
            items = [hole for word in words[2:] for hole in word.holes] if words[2:] else [POSITIONAL]
            found.setdefault(words[1].constant, set()).update(items)
        elif name == "set" or name in script.functions:
            found.setdefault(POSITIONAL, set()).update(hole for word in words[1:] for hole in word.holes)
        elif name == "read":
            holes = [hole for word in _fed(script, number) for hole in word.holes]
            for word in words[1:]:
                found.setdefault(word.constant, set()).update(holes)
    found.pop("", None)
    return found


def _of_command(script: Script, number: int) -> _Found:
    command = script.commands[number]
    words = started(command.words)
    for word in [*command.assignments, *command.feeds]:
        yield from _of_json(word)
    for word in command.assignments:
        if not word.filled.startswith(f"{word.name}=") and not word.filled.startswith(f"{word.name}+="):
            yield from ((hole, _LIST) for hole in word.holes if isinstance(hole, int))
    if not command.words:
        return
    before = command.words[: len(command.words) - len(words)]
    builtin = all(word.literal in ("command", "-p", "time") for word in before)
    yield from _of_program(words, builtin and (not script.bash or "xpg_echo" in script.text))
    if words and name_of(words[0]) == "read":
        yield from _of_read(script, number, words)
    if name_of(command.words[0]) == "xargs" and not _reads_nul(command.words):
        lines = any((word.literal or "").startswith("-I") for word in command.words)
        change = _XARGS_LINE if lines else _XARGS
        yield from ((hole, change) for word in _fed(script, number) for hole in word.holes)
    if words and name_of(words[0]) == "jq":
        for word in _fed(script, number):
            yield from _of_json(word, _JSON, alone=True)
    if words and name_of(words[0]) in SHELLS and (place := shell_line(words)) is not None and place[1]:
        yield from _of_shell(words, place[0])


def _of_shell(words: Sequence[Word], at: int) -> _Found:
    """The changes of a script at ``at`` in variables, and in the arguments behind it."""
    try:
        found = changes_of(parse(words[at].shape, name_of(words[0]) == "bash"))
    except (Unproven, RecursionError):
        return
    for hole, changes in found.items():
        for change in changes:
            if hole == POSITIONAL:
                yield from ((each, change) for word in words[at + 1 :] for each in word.holes)
            elif isinstance(hole, str):
                yield hole, change


def _of_program(words: Sequence[Word], echo_reads: bool) -> _Found:
    """The changes in the arguments of a program; ``echo_reads``: its echo may read backslashes."""
    name = name_of(words[0]) if words else ""
    for word in words[1:]:
        yield from _of_json(word)
    if name == "echo":
        yield from _of_echo(words, echo_reads and words[0].literal == name)
    elif name == "printf":
        yield from _of_printf(words)
    elif family_of(name).endswith("awk"):
        yield from _of_awk(words)
    elif name == "jq":
        for before, word in zip(words, words[2:], strict=False):
            if before.literal == "--argjson":
                yield from _of_json(word, _JSON_ARGUMENT, alone=True)


def _of_echo(words: Sequence[Word], reads: bool) -> _Found:
    at, letters = 1, _ESCAPE if reads else ""
    while at < len(words) and re.fullmatch("-[neE]+", words[at].literal or ""):
        letters = _ESCAPE_BASH if "e" in (words[at].literal or "") else letters
        at += 1
    if at < len(words):
        yield from _of_echo_option(words[at])
    for word in words[1:] if letters else ():
        yield from _of_escapes(word, _ECHO, letters)


def _of_echo_option(word: Word) -> _Found:
    """Values that make an option of a word: ``-n`` and the like, or their letters behind a constant dash."""
    before = word.filled.partition(PLACEHOLDER)[0]
    if not word.holes or not re.fullmatch("-[neE]*" if before else "[neE]*", word.constant):
        return
    option = "[neE]" if before else "-[neE]"
    option += "+" if len(word.holes) == 1 and word.constant in ("", "-") else "*"
    yield from ((hole, replace(_ECHO_OPTION, kept=rf"(?!{option}{END}){ANY}")) for hole in word.holes)


def _of_printf(words: Sequence[Word]) -> _Found:
    form = words[1].literal or "" if len(words) > 1 else ""
    kinds = re.sub("[^a-zA-Z]", "", "".join(re.findall(r"%[-+ 0#]*[0-9]*(?:\.[0-9]+)?([a-zA-Z%])", form)))
    if not kinds:
        return
    filled = re.sub(r"%[-+ 0#]*[0-9]*(?:\.[0-9]+)?[a-zA-Z]", PLACEHOLDER, form.replace("%%", "x"))
    filled = re.sub(r"\\n\s*$", "", filled).replace(r"\"", '"').replace("\\\\", "\\")
    strings = strings_of_json(filled) if filled.lstrip()[:1] in ("{", "[") else None
    exact = not any(word.splits or POSITIONAL in word.holes for word in words[2:])
    for number, word in enumerate(words[2:]):
        if kinds[number % len(kinds)] == "b" or ("b" in kinds and not exact):
            yield from _of_escapes(word, _PRINTF, _ESCAPE_BASH)
        if strings and (strings[number % len(strings)] or (any(strings) and not exact)):
            yield from ((hole, _JSON) for hole in word.holes)


def _of_awk(words: Sequence[Word]) -> _Found:
    program: str | None = None
    for before, word in pairwise(words):
        if program is None and before.literal == "-v":
            yield from _of_awk_variable(word)
        elif program is None and before.literal != "-F" and not (word.literal or "-").startswith("-"):
            program = word.literal
        elif program is None or re.fullmatch(r"\s*BEGIN\s*\{[^{}]*\}\s*", program):
            continue  # without rules it reads no files
        elif re.match(r"[A-Za-z_][A-Za-z0-9_]*=", word.filled):
            yield from _of_awk_variable(word)
        elif match := re.match(r"([A-Za-z_][A-Za-z0-9_]*)?\0", word.filled):
            name = "[A-Za-z0-9_]*" if match[1] else "[A-Za-z_][A-Za-z0-9_]*"
            yield word.holes[0], replace(_AWK_FILE, kept=rf"(?!{name}=){ANY}")


def _of_awk_variable(word: Word) -> _Found:
    """awks differ in what they make of a backslash before other characters than their escapes."""
    for hole, before in zip(word.holes, word.filled.split(PLACEHOLDER), strict=False):
        odd = (len(before) - len(before.rstrip("\\"))) % 2
        yield hole, replace(_AWK, kept=f"(?!{_ESCAPE_AWK}){_NO_BACKSLASH}") if odd else _AWK


def _of_escapes(word: Word, change: Change, letters: str) -> _Found:
    """``change`` for all of a word whose backslashes are read, also with the text around a value.

    ``letters`` are those behind a backslash that mean something; any other is kept with its backslash.
    """
    for hole, (before, after) in zip(word.holes, pairwise(word.filled.split(PLACEHOLDER)), strict=True):
        odd = (len(before) - len(before.rstrip("\\"))) % 2
        first = f"(?!{letters})" if odd else ""
        last = f"|{END}" if re.match(letters, after) or (not after and hole != word.holes[-1]) else ""
        kept = rf"{first}(?:[^\\]|\\(?!{letters}{last}))*"
        yield hole, replace(change, kept=kept, plain=kept if odd else _NO_BACKSLASH)


def _of_json(word: Word, change: Change = _JSON, alone: bool = False) -> _Found:
    """The change of what stands in strings of a text of JSON, or of its lines; ``alone``: a string is one."""
    text = re.sub(r"^\w+\+?=", "", word.filled) if word.name else word.filled
    begins = '{["' if alone else "{["
    if not word.holes or text.lstrip()[:1] not in begins:
        return
    whole = strings_of_json(text)
    lines = [text] if whole is not None else text.split("\n")
    numbers = count()
    for line in lines:
        strings = strings_of_json(line) if line.lstrip()[:1] in begins else None
        for inside in strings if strings is not None else [False] * line.count(PLACEHOLDER):
            hole = word.holes[next(numbers)]
            if inside:
                yield hole, change


def _of_read(script: Script, number: int, words: Sequence[Word]) -> _Found:
    options, names, at = "", 0, 1
    while at < len(words) and (words[at].literal or "").startswith("-"):
        options += words[at].literal or ""
        at += 2 if re.fullmatch("-[a-z]*[dnpt]", words[at].literal or "") else 1
    names = len(words) - at
    command = script.commands[number]
    loops = re.search(r"\b(?:while|until)\s+$", script.text[: _begin(command)]) is not None
    blanks = names == 1 and not any(word.name == "IFS" for word in command.assignments)
    for word in _fed(script, number):
        for hole, (before, after) in zip(word.holes, pairwise(word.filled.split(PLACEHOLDER)), strict=True):
            if "r" not in options:
                yield hole, _READ
            if not loops and "d" not in options:
                yield hole, _READ_LINE
            if blanks:
                first = r"(?![ \t])" if before[-1:] in ("", "\n") else ""
                last = r"(?<![ \t])" if after[:1] in ("", "\n") else ""
                inner = r"(?![\s\S]*(?:[ \t]\n|\n[ \t]))"
                yield hole, replace(_READ_BLANKS, kept=f"{first}{inner}{ANY}{last}")


def _reads_nul(words: Sequence[Word]) -> bool:
    """Whether xargs reads texts that end with a NUL or another character of their own."""
    options = [word.literal or "" for word in words[1:] if (word.literal or "").startswith("-")]
    return any(re.match(r"--null|-[rtx]*[0d]", option) for option in options)


def _fed(script: Script, number: int) -> list[Word]:
    """The words that a command reads: of its here-documents, of those of a compound command around it, or of
    the command that prints them into its pipe."""
    command = script.commands[number]
    if command.feeds:
        return command.feeds
    before = script.commands[number - 1] if number else Command()
    words = started(before.words)
    if words and name_of(words[0]) in ("echo", "printf", "cat"):
        between = r"(?<!\|)\|\s*(?:(?:while|until|if)\s+|[{(!]\s*)*$"
        if re.search(between, script.text[: _begin(command)]):
            return [*words[1:], *before.feeds]
    around = (each.feeds for each in script.commands[number + 1 :] if each.feeds and not each.words)
    return next(around, [])


def _begin(command: Command) -> int:
    """Where the first word of a command stands."""
    return min((word.at for word in [*command.assignments, *command.words]), default=command.at)
