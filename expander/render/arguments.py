"""Command lines: which program they start, by which launcher, with which script or file.

A `Limit` says which values are data in an argument; `languages` has those of the programs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from expander.base.dataclass import dataclass
from expander.render.programs import LAUNCHERS, SHELLS, Program, is_interpreter, may_hold, program
from expander.render.script_context import END, HARMLESS_VALUE
from expander.render.shell_word import Word

NO_OPTION: Final = rf"(?:(?!-)|(?=-?[0-9]*\.?[0-9]+{END}))[\s\S]*"

PLAIN_TEXT: Final = r"[A-Za-z0-9_@%+=:,./-]*"
CODE_OPTIONS: Final = (
    r"-[a-z]*[ce]|--?(?:eval|exec|execute|command|run|print|code|expression|expr|shell|filter)=?"
    r"|--?[a-z]+-(?:expr|eval|exec|command|code)=?|-exec|-[ES]"
)
_DURATION: Final = r"[0-9]+(?:\.[0-9]+)?[smhd]?"
FILE_NAME: Final = r"(?!/dev/|/proc/)[A-Za-z0-9_./+-]+"
_SHELL_FLAGS: Final = r"[-+][abefhkmnptuvxBCEHPTl]+"
PYTHON_FLAGS: Final = r"-[uBOEIsSq]+"
_LONG_OPTIONS: Final = frozenset(["timeout", "nice", "stdbuf", "ionice", "srun", "xvfb-run"])
_RUNS_STATEMENTS: Final = frozenset(
    ["timeit", "trace", "profile", "cProfile", "pdb", "code", "site", "runpy"]
)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a program does with an argument: ``pattern`` matches the values that are data (None: all are).

    ``why`` names the place for people. ``variable``: the shell may put any value there from a variable.
    """

    pattern: str | None = None
    why: str = ""
    variable: bool = True


DATA: Final = Limit()
OPTION_VALUE: Final = Limit(None, "as the value of an option")
ARGUMENT: Final = Limit(NO_OPTION, "where a value that begins with '-' is an option")


def code(why: str) -> Limit:
    """The limit of a word that may be code: harmless values only."""
    return Limit(HARMLESS_VALUE, why, variable=False)


def name_of(word: Word) -> str:
    """The last path component of a constant word; empty for any other."""
    return (word.literal or "").rpartition("/")[2]


def started(words: Sequence[Word]) -> Sequence[Word]:
    """The words of a command from its program on, without launchers before it.

    Empty when a launcher has an option that is not known: what it starts is then not known.
    """
    at = 0
    fed = False
    while at < len(words) and name_of(words[at]) in LAUNCHERS:
        fed |= name_of(words[at]) == "xargs"
        behind = _behind_launcher(words, at)
        if behind is None:
            return ()
        at = behind
    return () if fed and _runs_what_it_reads(words[at:]) else words[at:]


def _runs_what_it_reads(words: Sequence[Word]) -> bool:
    """Whether a command that gets further words from its standard input may run one of them."""
    if not words or not _is_file(words[0].literal) or kind_of(words) is Program.INTERPRETER:
        return True
    return any(re.fullmatch(CODE_OPTIONS, word.literal or "") for word in words)


def _behind_launcher(words: Sequence[Word], at: int) -> int | None:
    """The place behind a launcher, its options and its own arguments; None if one is not known."""
    name = name_of(words[at])
    launcher, at = LAUNCHERS[name], at + 1
    while at < len(words):
        word = words[at].literal
        if name == "env" and words[at].name and may_hold(words[at].name):
            if word is None and words[at].splits:
                return None
            at += 1
        elif word is None or not word.startswith("-") or word == "-":
            break
        elif word == "--":
            at += 1
            break
        elif word in launcher.words or (name in _LONG_OPTIONS and re.fullmatch(r"--[a-z-]+=.*", word)):
            at += 1
        elif match := re.fullmatch(r"-([A-Za-z0-9]+)", word):
            behind = _option(launcher.flags, launcher.valued, match[1])
            if behind is None or (behind and (at + 1 >= len(words) or words[at + 1].literal is None)):
                return None
            if name == "xargs" and "I" in word and not re.fullmatch(r"-I\W+|-I", word):
                return None
            if name == "xargs" and word == "-I" and not re.fullmatch(r"\W+", words[at + 1].literal or ""):
                return None
            at += 2 if behind else 1
        else:
            return None
    for _ in range(launcher.before):
        if at >= len(words) or words[at].literal is None:
            return None
        if name == "timeout" and not re.fullmatch(_DURATION, words[at].literal or ""):
            return None
        at += 1
    return None if at < len(words) and (words[at].literal or "").startswith("-") else at


def _option(flags: str, valued: str, letters: str) -> bool | None:
    """Whether an option takes the next word; None if it is not known."""
    if letters == "np" and "N" in valued:
        return True
    for place, letter in enumerate(letters):
        if letter in valued:
            return place == len(letters) - 1
        if letter not in flags:
            return None
    return False


def file_run(words: Sequence[Word]) -> str:
    """The file or module that an interpreter is told to run; empty when it is told something else.

    What comes behind are arguments of that program.
    """
    name = name_of(words[0])
    if name in (".", "source"):
        return words[1].literal or "" if len(words) > 1 and _is_file(words[1].literal) else ""
    if name in ("uv", "poetry", "pipenv") and len(words) > 2 and words[1].literal == "run":
        inner = words[2].literal or ""
        return file_run(words[2:]) if is_interpreter(inner) else inner if _is_file(inner) else ""
    shell = name in SHELLS
    python = re.fullmatch(r"python[0-9.]*", name) is not None
    if not (shell or python or re.fullmatch(r"perl|ruby|node|nodejs|Rscript|php|julia", name)):
        return ""
    rest = [word.literal for word in words[1:]]
    flags = _SHELL_FLAGS if shell else PYTHON_FLAGS if python else None
    while rest and rest[0] is not None and flags is not None and re.fullmatch(flags, rest[0]):
        rest.pop(0)
    if python and rest and rest[0] == "-m":
        rest.pop(0)
        if rest and str(rest[0]).partition(".")[0] in _RUNS_STATEMENTS:
            return ""
    return str(rest[0]) if rest and _is_file(rest[0]) else ""


def _is_file(word: str | None) -> bool:
    text = word or "-"
    return re.fullmatch(FILE_NAME, text) is not None and not re.search(
        r"^-|\b(?:dev|proc)/|(?:^|/)(?:stdin|[0-9]+)$", text
    )


def kind_of(words: Sequence[Word]) -> Program:
    """What is known of the program of a command; INTERPRETER where its name is not constant."""
    if not words or words[0].literal is None:
        return Program.INTERPRETER
    kind = program(words[0].literal)
    if name_of(words[0]) == "sort" and any(word.constant.startswith("--comp") for word in words):
        return Program.INTERPRETER  # --compress-program
    if kind is Program.INTERPRETER and file_run(words):
        return Program.UNKNOWN
    if kind is Program.UNKNOWN:
        for number, word in enumerate(words[1:], 1):
            if word.literal and is_interpreter(word.literal):
                before = [each.literal or " " for each in words[1:number]]
                plain = all(
                    re.fullmatch(PLAIN_TEXT, each) and not re.fullmatch(CODE_OPTIONS, each) for each in before
                )
                return kind if plain and file_run(words[number:]) else Program.INTERPRETER
    return kind


def shell_line(words: Sequence[Word]) -> tuple[int, bool] | None:
    """Where the script of a shell's command line stands, and whether it is code (``-c``) or a file.

    None where it has options that are not known, or no script.
    """
    at, takes_code = 1, False
    while at < len(words) and (word := words[at].literal) is not None and word[:1] in ("-", "+"):
        at += 1
        if word in ("-", "--"):
            break
        if not re.fullmatch(r"[-+][abcefhkmnoptuvxBCEHPTlOi]+|--(?:login|norc|noprofile|posix)", word):
            return None
        if not word.startswith("--"):
            takes_code |= word[0] == "-" and "c" in word
            at += word.count("o") + word.count("O")
    return (at, takes_code) if at < len(words) else None
