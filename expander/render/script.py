"""Which values are data in a shell script, by what its commands do with their arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from expander.base.dataclass import dataclass
from expander.render.programs import LAUNCHERS, Program, is_interpreter, may_hold, program, takes_data
from expander.render.shell import PLACEHOLDER, Command, Script, Unproven, Word, parse

Segments = Sequence[str | int]

_LETTERS = r"[^\x00-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ud800-\udfff\ufeff]"
_END = r"(?![\s\S])"
_RESERVED: Final = "if|then|else|elif|fi|do|done|case|esac|while|until|for|in|function|select|time|coproc"
HARMLESS_VALUE: Final = rf"(?!(?:{_RESERVED}){_END})(?:-?[0-9]|[A-Za-z_./])[A-Za-z0-9_./-]*"
"""Values that may stand anywhere: letters, digits and ``_ . / -``, but neither options nor reserved words."""

PLAIN_TEXT: Final = r"[A-Za-z0-9_@%+=:,./-]*"
CODE_OPTIONS: Final = (
    r"-[a-z]*[ce]|--?(?:eval|exec|execute|command|run|print|code|expression|expr|shell|filter)=?"
    r"|--?[a-z]+-(?:expr|eval|exec|command|code)=?|-exec|-[ESIr]"
)
_DURATION: Final = r"[0-9]+(?:\.[0-9]+)?[smhd]?"
_ASSIGNED: Final = r"(?s)[A-Za-z_][A-Za-z0-9_]*=.*"
_DATA_FILE: Final = (
    r"\.(?:log|txt|out|err|csv|tsv|jsonl?|bam|sam|vcf|bed|fa|fasta|fastq|gz|bz2|xz|zst|png|jpe?g|gif|mp4"
    r"|pdf|html|parquet|npy|npz|done)$"
)
_FILE_NAME: Final = r"(?!/dev/|/proc/)[A-Za-z0-9_./+-]+"
_SHELL_FLAGS: Final = r"[-+][abefhkmnptuvxBCEHPTl]+"
_PYTHON_FLAGS: Final = r"-[uBOEIsSq]+"
_RUNS_STATEMENTS: Final = frozenset(
    ["timeit", "trace", "profile", "cProfile", "pdb", "code", "site", "runpy"]
)
_MOVERS: Final = frozenset(
    ["mv", "cp", "ln", "install", "rsync", "dd", "tee", "sort", "split", "gunzip", "unzip"]
)
_NO_OPTIONS: Final = frozenset(["echo", "printf", "true", "false", ":", "for", "test", "["])


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
_UNPROVEN: Final = "in code that is not proven to take it as data"
UNPROVEN: Final = Context(_UNPROVEN, HARMLESS_VALUE)
_IN_SED: Final = Context(_UNPROVEN, rf"(?![\s\S]*[0-9/][ewrRW]){HARMLESS_VALUE}")
"""For sed a line number or a pattern before ``e`` or ``w`` is a command that runs or writes something."""
_SED: Final = r"\b(?:g?sed|ed|ex|vi|vim)\b"
_COMMENT: Final = Context("in a comment", r"[^\n\x00]*")


def contexts(segments: Segments, arguments: bool = False) -> list[Context]:
    """The context of each placeholder of a shell script, in order; numbers are placeholders.

    ``arguments``: the script is given positional parameters that may hold any value.
    """
    text = "".join(segment if isinstance(segment, str) else PLACEHOLDER for segment in segments)
    count = sum(not isinstance(segment, str) for segment in segments)
    try:
        script = parse(text)
    except (Unproven, RecursionError):
        return [unproven(text)] * count
    found = dict.fromkeys(range(count), unproven(text))
    held = arguments or any(_holds(command) for command in script.commands)
    if not any(_stops_all(each, script, held) for each in script.commands) and not _runs_what_it_writes(
        script
    ):
        for command in script.commands:
            found |= _of_command(command)
        found |= dict.fromkeys(script.comments, _COMMENT)
    return [found[number] for number in range(count)]


def is_proven(context: Context) -> bool:
    """Whether a context is that of a place where a value is proven to be data."""
    return context.words != _UNPROVEN


def unproven(text: str) -> Context:
    """The context of a place in ``text`` where only harmless values may stand."""
    return _IN_SED if re.search(_SED, text) else UNPROVEN


def proves_arguments(segments: Segments) -> bool:
    """Whether positional parameters of any value are only data to a script."""
    return contexts([*segments, "\n: '", 0, "'"], arguments=True)[-1].words != _UNPROVEN


def started(words: Sequence[Word]) -> Sequence[Word]:
    """The words of a command from its program on, without launchers before it.

    Empty when a launcher has an option: what it starts is then not known.
    """
    at = 0
    while at < len(words) and words[at].literal is not None and name_of(words[at]) in LAUNCHERS:
        launcher = name_of(words[at])
        at += 1
        while at < len(words) and (word := words[at].literal) is not None:
            if not (
                word == "--"
                or (launcher == "timeout" and re.fullmatch(_DURATION, word))
                or (launcher == "env" and re.fullmatch(_ASSIGNED, word) and may_hold(word.partition("=")[0]))
            ):
                break
            at += 1
        if at < len(words) and (words[at].literal or "").startswith("-"):
            return ()
    return words[at:]


def name_of(word: Word) -> str:
    """The last path component of a constant word; empty for any other."""
    return (word.literal or "").rpartition("/")[2]


def file_run(words: Sequence[Word]) -> str:
    """The file or module that an interpreter is told to run; empty when it is told something else.

    What comes behind are arguments of that program.
    """
    name = name_of(words[0])
    shell = re.fullmatch(r"(?:ba|da|a)?sh", name) is not None
    python = re.fullmatch(r"python[0-9.]*", name) is not None
    if not (shell or python or re.fullmatch(r"perl|ruby|node|nodejs|Rscript|php|julia", name)):
        return ""
    rest = [word.literal for word in words[1:]]
    flags = _SHELL_FLAGS if shell else _PYTHON_FLAGS if python else None
    while rest and rest[0] is not None and flags is not None and re.fullmatch(flags, rest[0]):
        rest.pop(0)
    if python and rest and rest[0] == "-m":
        rest.pop(0)
        if rest and str(rest[0]).partition(".")[0] in _RUNS_STATEMENTS:
            return ""
    first = rest[0] if rest else None
    return first if first and not first.startswith("-") and re.fullmatch(_FILE_NAME, first) else ""


def kind_of(words: Sequence[Word]) -> Program:
    """What is known of the program of a command; INTERPRETER where its name is not constant."""
    if not words or words[0].literal is None:
        return Program.INTERPRETER
    kind = program(words[0].literal)
    if kind is Program.INTERPRETER and file_run(words):
        return Program.UNKNOWN
    if kind is Program.UNKNOWN and any(is_interpreter(word.literal) for word in words[1:] if word.literal):
        return Program.INTERPRETER
    return kind


def _holds(command: Command) -> bool:
    """Whether a command leaves a value in a variable or a positional parameter."""
    words = command.words
    keeps = bool(words) and words[0].literal in ("for", "set", "export")
    return any(word.places for word in [*command.assignments, *(words if keeps else ())])


def _stops_all(command: Command, script: Script, held: bool) -> bool:
    """Whether a command may run what another one of the script writes, or what a variable holds."""
    if held and any(word.literal is None and not may_hold(word.name) for word in command.assignments):
        return True
    if not command.words:
        return False
    words = started(command.words)
    kind = kind_of(words)
    if kind is Program.INTERPRETER:
        constant = all(word.literal is not None for word in [*command.words, *command.files])
        writes = any(each.writes for each in script.commands)
        return not (constant and words and not (held or script.pipes or writes))
    if held and kind is Program.HARMLESS and name_of(words[0]) == "export":
        return any(word.literal is None and not may_hold(word.name) for word in words[1:])
    if held and kind is Program.HARMLESS:
        special = words[0].literal in ("test", "[", "printf", "set")
        splits = special and any(word.splits for word in words)
        return splits or (
            (special or any(word.literal is None for word in words))
            and not takes_data([word.literal for word in words])
        )
    return False


def _of_command(command: Command) -> dict[int, Context]:
    words = started(command.words)
    found: dict[int, Context] = {}
    for word in command.assignments:
        if may_hold(word.name):
            found |= _of_word(word, options=True)
    for word in command.files:
        found |= _of_word(word, options=True)
    if not words:
        return found
    harmless = kind_of(words) is Program.HARMLESS
    if harmless and name_of(words[0]) == "export":
        for word in words[1:]:
            found |= _of_word(word, options=True) if word.name and may_hold(word.name) else {}
    elif harmless and takes_data([word.literal for word in words]):
        for word in words[1:]:
            found |= _of_word(word, options=name_of(words[0]) in _NO_OPTIONS)
    elif not harmless:
        for before, word in pairwise(words):
            if re.fullmatch(PLAIN_TEXT, word.constant) and not re.fullmatch(
                CODE_OPTIONS, before.literal or ""
            ):
                found |= _of_word(word, options=False)
    return found


def _runs_what_it_writes(script: Script) -> bool:
    """Whether a file that the script writes may be a program that it starts, or a part of one."""
    targets = [word for command in script.commands if command.writes for word in command.files]
    programs: list[str] = []
    moves = False
    for command in script.commands:
        words = started(command.words)
        if not words:
            continue
        moves |= name_of(words[0]) in _MOVERS
        targets += words[1:] if name_of(words[0]) in ("tee", "sort") else ()
        if kind_of(words) is Program.UNKNOWN:
            ran = file_run(words) or (words[0].literal or "")
            programs += (
                [ran] if file_run(words) or "/" in ran or re.fullmatch(_FILE_NAME, ran) is None else []
            )
    if not targets or not programs:
        return False
    data = all(re.search(_DATA_FILE, target.tail) for target in targets)
    return moves or not data or any(re.search(_DATA_FILE, name) for name in programs)


def _of_word(word: Word, options: bool) -> dict[int, Context]:
    """The contexts of a word's placeholders; without ``options`` none may begin the word with ``-``."""
    found = {}
    for place, (number, how) in enumerate(word.places):
        pattern = _PATTERNS[how]
        if word.leads and place == 0 and not options:
            pattern = rf"(?:{_NO_OPTION}){pattern}"
        found[number] = Context(_WHERE[how], pattern, quoting=how == "plain")
    return found
