"""What programs make of values that are only data to them: some would arrive changed.

echo of a POSIX shell reads backslashes, as awk does in its variables and ``read`` in its lines; a string of
JSON ends at a quote. A `_Use` is such a place of a script. It counts for what stands there and, by
assignments, loops, functions and positional parameters, for what the variables there were given; not for the
output of commands, nor for files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final, TypeAlias

from expander.render.arguments import name_of, shell_line, started
from expander.render.languages import strings_of_json
from expander.render.programs import ASSIGNING, SHELLS, family_of
from expander.render.script_context import ANY, END, NO_DASH, Change
from expander.render.shell import Command, Script, Unproven, parse
from expander.render.shell_word import PLACEHOLDER, POSITIONAL, Word

Hole: TypeAlias = int | str
"""What is put into a word: the number of a placeholder, or the name of a variable."""

_Rule: TypeAlias = Callable[[str, str], "Change | None"]
"""Gives the change of what stands between two texts of a word; None where there is none."""

_Use: TypeAlias = tuple[Hole, str, str, _Rule]
"""What stands in a word, the text before and behind it, and what becomes of it."""

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
_DOCUMENT: Final = Change(
    "dash cuts a letter that is not ASCII behind the beginning of the delimiter of a here-document",
    ANY,
    "end the here-document with a word that no line begins like: <<_END_",
)


def changes_of(script: Script) -> dict[Hole, tuple[Change, ...]]:
    """The changes that a script makes in its placeholders, and in what its variables held before."""
    found: dict[Hole, dict[Change, None]] = {}
    for hole, before, after, rule in _uses(script):
        if (change := rule(before, after)) is not None:
            found.setdefault(hole, {})[change] = None
    return {hole: tuple(changes) for hole, changes in found.items()}


def changes_of_line(words: Sequence[Word]) -> dict[Hole, tuple[Change, ...]]:
    """The changes that a program makes in its arguments and variables when no shell starts it."""
    return changes_of(Script("", bash=True, commands=[Command(words=list(words))]))


def _uses(script: Script) -> Iterator[_Use]:
    """The uses of placeholders and variables, and of what the variables were given."""
    assigned = _assigned(script)
    for number in range(len(script.commands)):
        left = list(_of_command(script, number))
        seen: set[tuple[Hole, _Rule]] = set()
        while left:
            use = left.pop(0)
            yield use
            hole, before, after, rule = use
            if isinstance(hole, str) and (hole, rule) not in seen:
                seen.add((hole, rule))
                left += [(each, before + b, a + after, rule) for each, b, a in assigned.get(hole, ())]


def _text_of(word: Word) -> str:
    """A word, or of an assignment the value."""
    return re.sub(r"^\w+\+?=", "", word.filled) if word.name else word.filled


def _around(word: Word) -> Iterator[tuple[Hole, str, str]]:
    """What is put into a word, or into the value that it assigns, each with the text before and behind it."""
    parts = _text_of(word).split(PLACEHOLDER)
    for number, hole in enumerate(word.holes, 1):
        yield hole, PLACEHOLDER.join(parts[:number]), PLACEHOLDER.join(parts[number:])


def _all(words: Iterable[Word], *rules: _Rule) -> Iterator[_Use]:
    """The same rules for all that is put into words."""
    for word in words:
        for hole, before, after in _around(word):
            yield from ((hole, before, after, rule) for rule in rules)


def _always(change: Change) -> _Rule:
    return lambda before, after: change


def _assigned(script: Script) -> dict[str, list[tuple[Hole, str, str]]]:
    """For each variable what is put into it."""
    found: dict[str, list[tuple[Hole, str, str]]] = {}

    def put(name: str, words: Iterable[Word]) -> None:
        found.setdefault(name, []).extend(each for word in words for each in _around(word))

    for number, command in enumerate(script.commands):
        words = started(command.words)
        name = name_of(words[0]) if words else ""
        before = command.words[: len(command.words) - len(words)]
        for word in [*command.assignments, *before, *(words[1:] if name in ASSIGNING else ())]:
            put(word.name, [word])
        if name == "for" and len(words) > 1:
            put(words[1].constant, words[2:] or [Word(filled=PLACEHOLDER, holes=[POSITIONAL])])
        elif name == "set" or name in script.functions:
            put(POSITIONAL, words[1:])
        elif name == "read":
            lines = [each for word in _fed(script, number) for each in _around(word)]
            line = [(hole, b.rpartition("\n")[2], a.partition("\n")[0]) for hole, b, a in lines]
            for word in words[1:]:
                found.setdefault(word.constant, []).extend(line)
    found.pop("", None)
    return found


def _of_command(script: Script, number: int) -> Iterator[_Use]:
    command = script.commands[number]
    words = started(command.words)
    for word in [*command.assignments, *command.feeds]:
        yield from _of_json(word)
    for word in command.assignments:
        if not re.match(r"\w+\+?=", word.filled):  # of a list
            yield from (use for use in _all([word], _always(_LIST)) if isinstance(use[0], int))
    for word in command.feeds if not script.bash else ():
        rule = _behind_delimiter(word.delimiter)
        yield from (use for use in _all([word], rule) if isinstance(use[0], int))
    if not command.words:
        return
    before = command.words[: len(command.words) - len(words)]
    builtin = all(word.literal in ("command", "-p", "time") for word in before)
    yield from _of_program(words, builtin and (not script.bash or "xpg_echo" in script.text))
    if name_of(command.words[0]) == "xargs" and not _reads_nul(command.words):
        lines = any((word.literal or "").startswith("-I") for word in command.words)
        yield from _all(_fed(script, number), _always(_XARGS_LINE if lines else _XARGS))
    name = name_of(words[0]) if words else ""
    if name == "read":
        yield from _of_read(script, number, words)
    elif name == "jq":
        for word in _fed(script, number):
            yield from _of_json(word, _JSON, alone=True)
    elif name in SHELLS and (place := shell_line(words)) is not None and place[1]:
        yield from _of_shell(words, place[0])


def _behind_delimiter(delimiter: str) -> _Rule:
    """What dash 0.5.12 reads wrongly in the text of a here-document: "Eé" where it ends with EOF."""

    def rule(before: str, after: str) -> Change | None:
        line = before.rpartition("\n")[2].lstrip("\t")
        if not delimiter.startswith(line):
            return None
        rest = delimiter[len(line) :]
        begun = "|".join(re.escape(rest[:end]) for end in range(0 if line else 1, len(rest) + 1))
        return replace(_DOCUMENT, kept=rf"(?!(?:{begun})[^\x00-\x7f]){ANY}", plain=r"[\x00-\x7f]*")

    return rule


def _of_shell(words: Sequence[Word], at: int) -> Iterator[_Use]:
    """The uses of variables in a script at ``at``, and of the arguments behind it."""
    try:
        script = parse(words[at].shape, name_of(words[0]) == "bash")
    except (Unproven, RecursionError):
        return
    for hole, before, after, rule in _uses(script):
        if hole == POSITIONAL:
            behind = [each for word in words[at + 1 :] for each in _around(word)]
            yield from ((each, before + b, a + after, rule) for each, b, a in behind)
        elif isinstance(hole, str):
            yield hole, before, after, rule


def _of_program(words: Sequence[Word], echo_reads: bool) -> Iterator[_Use]:
    """The uses in the arguments of a program; ``echo_reads``: its echo may read backslashes."""
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


def _of_echo(words: Sequence[Word], reads: bool) -> Iterator[_Use]:
    at, letters = 1, _ESCAPE if reads else ""
    while at < len(words) and re.fullmatch("-[neE]+", words[at].literal or ""):
        letters = _ESCAPE_BASH if "e" in (words[at].literal or "") else letters
        at += 1
    yield from _all(words[at : at + 1], _echo_option)
    if letters:
        yield from _all(words[1:], _escapes(_ECHO, letters))


def _echo_option(before: str, after: str) -> Change | None:
    """What makes an option of a word: ``-n`` and the like, or their letters behind a constant dash."""
    constant = (before + after).replace(PLACEHOLDER, "")
    dash = before.startswith("-")
    if before[:1] not in ("", "-", PLACEHOLDER):
        return None
    if not dash and re.fullmatch("-[neE]+", constant):
        return replace(_ECHO_OPTION, kept=r"[\s\S]+")
    if not re.fullmatch("-[neE]*" if dash else "[neE]*", constant):
        return None
    alone = constant in ("", "-") and PLACEHOLDER not in before + after
    option = ("[neE]" if dash else "-[neE]") + ("+" if alone else "*")
    return replace(_ECHO_OPTION, kept=rf"(?!{option}{END}){ANY}", plain="" if dash else NO_DASH)


def _escapes(change: Change, letters: str) -> _Rule:
    """``change`` where backslashes are read, also with the text around a value.

    ``letters`` are those behind a backslash that mean something; any other is kept with its backslash.
    """

    def rule(before: str, after: str) -> Change:
        behind = _behind_backslash(before)
        last = f"|{END}" if re.match(rf"\0|{letters}", after) else ""
        first = f"(?!{letters}{last})" if behind else ""
        kept = rf"{first}(?:[^\\]|\\(?!{letters}{last}))*"
        return replace(change, kept=kept, plain=kept if behind else _NO_BACKSLASH)

    return rule


def _behind_backslash(before: str) -> bool:
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _of_printf(words: Sequence[Word]) -> Iterator[_Use]:
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
            yield from _all([word], _escapes(_PRINTF, _ESCAPE_BASH))
        if strings and (strings[number % len(strings)] or (any(strings) and not exact)):
            yield from _all([word], _always(_JSON))


def _of_awk(words: Sequence[Word]) -> Iterator[_Use]:
    program: str | None = None
    for before, word in pairwise(words):
        if program is None and before.literal == "-v":
            yield from _all([replace(word, name="")], _awk_operand)
        elif program is None and before.literal != "-F" and not (word.literal or "-").startswith("-"):
            program = word.literal
        elif program is not None and not re.fullmatch(r"\s*BEGIN\s*\{[^{}]*\}\s*", program):
            yield from _all([replace(word, name="")], _awk_operand)


def _awk_operand(before: str, after: str) -> Change | None:
    """``NAME=...`` is a variable, as ``-v`` has it, and anything else a file.

    awks differ in what they make of a backslash before other characters than their escapes.
    """
    if re.match(r"[A-Za-z_][A-Za-z0-9_]*=", before):
        behind = f"(?!{_ESCAPE_AWK})" if _behind_backslash(before) else ""
        return replace(_AWK, kept=f"{behind}{_NO_BACKSLASH}")
    if before and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", before):
        return None
    name = "[A-Za-z0-9_]*" if before else "[A-Za-z_][A-Za-z0-9_]*"
    return replace(_AWK_FILE, kept=rf"(?!{name}=){ANY}")


def _of_json(word: Word, change: Change = _JSON, alone: bool = False) -> Iterator[_Use]:
    """The uses in strings of a text of JSON, or of its lines; ``alone``: a string is one."""
    text = _text_of(word)
    begins = '{["' if alone else "{["
    if not word.holes or text.lstrip()[:1] not in begins:
        return
    whole = strings_of_json(text)
    inside: list[bool] = []
    for line in [text] if whole is not None else text.split("\n"):
        found = strings_of_json(line) if line.lstrip()[:1] in begins else None
        inside += [False] * line.count(PLACEHOLDER) if found is None else found
    rule = _always(change)
    for (hole, before, after), is_inside in zip(_around(word), inside, strict=True):
        if is_inside:
            yield hole, before, after, rule


def _of_read(script: Script, number: int, words: Sequence[Word]) -> Iterator[_Use]:
    options, at = "", 1
    while at < len(words) and (words[at].literal or "").startswith("-"):
        options += words[at].literal or ""
        at += 2 if re.fullmatch("-[a-z]*[dnpt]", words[at].literal or "") else 1
    command, fed = script.commands[number], _fed(script, number)
    if "r" not in options:
        yield from _all(fed, _always(_READ))
    if "d" not in options and not re.search(r"\b(?:while|until)\s+$", script.text[: _begin(command)]):
        yield from _all(fed, _always(_READ_LINE))
    if len(words) - at == 1 and not any(word.name == "IFS" for word in command.assignments):
        yield from _all(fed, _read_blanks)


def _read_blanks(before: str, after: str) -> Change:
    first = r"(?![ \t])" if before[-1:] in ("", "\n") else ""
    last = r"(?<![ \t])" if after[:1] in ("", "\n") else ""
    return replace(_READ_BLANKS, kept=rf"{first}(?![\s\S]*(?:[ \t]\n|\n[ \t])){ANY}{last}")


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
