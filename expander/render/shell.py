"""A small grammar of shell scripts that proves a value in them to be data.

`parse` reads lists of simple commands as POSIX' Shell Command Language (section 2) has them: words, plain
quotes, ``$NAME``, ``${NAME}``, ``$(...)``, redirections to files, comments, ``if``, ``while`` and ``for``.
Whatever else there is (here-documents, backquotes, arithmetic, ``case``, ``[[``, functions ...) is
`Unproven`: then nobody here claims to know what a value in that script would mean.
"""

from __future__ import annotations

from dataclasses import field
from typing import Final

from expander.base.dataclass import dataclass
from expander.base.regex import regex

PLACEHOLDER: Final = "\0"
"""What stands for a placeholder in the text of a script."""

_NAME = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED = regex(r"\{[A-Za-z_][A-Za-z0-9_]*(?::?-[A-Za-z0-9_./]*)?\}")
_ASSIGNMENT = regex(r"([A-Za-z_][A-Za-z0-9_]*)=")
_SUBSCRIPT = regex(r"[A-Za-z_][A-Za-z0-9_]*\[")
_BLANKS = " \t"
_ENDS = " \t\n;&|<>()"
_SPECIAL_PARAMETERS = "@*#?$!-0123456789"
_NUMBERS = "#?$!"  # parameters that are numbers, whatever a script is given
_BEFORE_COMMANDS = frozenset(["if", "then", "else", "elif", "do", "while", "until", "!", "{"])
_AFTER_COMMANDS = frozenset(["fi", "done", "}"])
_UNPROVEN_WORDS = frozenset(["case", "esac", "select", "function", "time", "coproc", "[[", "]]", "in"])


class Unproven(Exception):
    """The script has something that the grammar does not know."""


@dataclass(slots=True)
class Word:
    """One word of a command.

    ``literal`` is its text when the shell adds nothing to it and no placeholder stands in it, else None.
    ``constant`` is all constant text in it; ``places`` are its placeholders: number and how it is quoted
    (``plain``, ``double`` or ``single``). ``leads``: the word begins with a placeholder. ``name`` is that of
    the variable which the word assigns. ``splits``: a variable stands outside of quotes. ``tail`` is the
    constant text at the end of the word.
    """

    literal: str | None = ""
    constant: str = ""
    places: list[tuple[int, str]] = field(default_factory=list)
    leads: bool = False
    braces: bool = False
    quoted: bool = False
    splits: bool = False
    tail: str = ""
    name: str = ""


@dataclass(slots=True)
class Command:
    """A simple command: its words, without the assignments before it, and where its output goes."""

    words: list[Word] = field(default_factory=list)
    assignments: list[Word] = field(default_factory=list)
    files: list[Word] = field(default_factory=list)
    """The words behind ``<``, ``>`` and ``>>``."""
    writes: bool = False
    """Whether its output goes to a file."""


@dataclass(slots=True)
class Script:
    """What `parse` found: the simple commands in order, and the placeholders in comments."""

    commands: list[Command] = field(default_factory=list)
    comments: list[int] = field(default_factory=list)
    pipes: bool = False
    """Whether a command reads what another one writes."""


def parse(text: str) -> Script:
    """The commands of a script in which `PLACEHOLDER` stands for each placeholder. Raises Unproven."""
    reader = _Reader(text)
    reader.commands("")
    return reader.script


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._number = 0
        self.script = Script()

    def _char(self, ahead: int = 0) -> str:
        return self._text[self._at + ahead : self._at + ahead + 1]

    def commands(self, closing: str) -> None:
        """A list of commands until ``closing``, which is taken, or the end of the text."""
        command = Command()
        after = False  # behind `done`, `fi` or `}` only redirections may come
        while True:
            self._skip_blanks()
            char = self._char()
            if not char or char == ")":
                if char != closing:
                    raise Unproven
                self._at += 1 if char else 0
                self._end(command)
                return
            if char in "\n;&|":
                self._operator(char)
                self._end(command)
                command, after = Command(), False
            elif char in "<>":
                self._redirection(command)
            elif char == "#":
                self._comment()
            elif char == "(" or after:
                raise Unproven
            elif (word := self._word()) is not None:
                after = self._take(command, word)

    def _skip_blanks(self) -> None:
        while True:
            if self._char() and self._char() in _BLANKS:
                self._at += 1
            elif self._text.startswith("\\\n", self._at):
                self._at += 2
            else:
                return

    def _operator(self, char: str) -> None:
        following = self._char(1)
        if char + following in ("&>", "|&", ";;"):
            raise Unproven
        self.script.pipes |= char == "|" and following != "|"
        self._at += 2 if char in "&|" and following == char else 1

    def _redirection(self, command: Command) -> None:
        operator = ">>" if self._text.startswith(">>", self._at) else self._char()
        self._at += len(operator)
        if self._char() and self._char() in "<>|":
            raise Unproven
        if self._char() == "&":
            target = self._char(1)
            if operator == ">>" or not (target.isdigit() or target == "-") or self._char(2) == PLACEHOLDER:
                raise Unproven
            self._at += 2
            return
        self._skip_blanks()
        word = self._word()
        if word is None or (word.literal == "" and not word.quoted):
            raise Unproven
        command.files.append(word)
        if operator != "<" and word.literal != "/dev/null":
            command.writes = True

    def _comment(self) -> None:
        while self._char() and self._char() != "\n":
            if self._char() == PLACEHOLDER:
                self.script.comments.append(self._number)
                self._number += 1
            self._at += 1

    def _take(self, command: Command, word: Word) -> bool:
        """Put a word where it belongs; True behind a word that ends a compound command."""
        if not command.words and not word.quoted and word.literal is not None:
            if word.literal in _UNPROVEN_WORDS or _SUBSCRIPT.match(word.literal):
                raise Unproven
            if word.literal in _BEFORE_COMMANDS and not command.assignments:
                return False
            if word.literal in _AFTER_COMMANDS and not command.assignments:
                return True
        if not command.words and word.name:
            command.assignments.append(word)
        else:
            command.words.append(word)
        return False

    def _end(self, command: Command) -> None:
        if command.words or command.assignments or command.files:
            self.script.commands.append(command)

    def _word(self) -> Word | None:
        """The word that begins here; None for the number of a file descriptor, as in ``2>``."""
        word = Word()
        begin = self._at
        while (char := self._char()) and char not in _ENDS:
            if char == "'":
                self._single(word)
            elif char == '"':
                self._double(word)
            else:
                self._unquoted(word, char)
        if char and char in "<>" and not word.quoted:
            if word.literal is not None and word.literal.isdigit():
                return None
            if word.places:
                raise Unproven  # a value that is a number would name a descriptor
        if word.braces and word.places:
            raise Unproven
        if match := _ASSIGNMENT.match(self._text, begin):
            word.name = match[1]
        return word

    def _single(self, word: Word) -> None:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise Unproven
        word.quoted = True
        for char in self._text[self._at + 1 : end]:
            if char == PLACEHOLDER:
                self._place(word, "single")
            else:
                self._add(word, char)
        self._at = end + 1

    def _double(self, word: Word) -> None:
        word.quoted = True
        self._at += 1
        while (char := self._char()) != '"':
            if not char or char == "`":
                raise Unproven
            if char == PLACEHOLDER:
                self._place(word, "double")
                self._at += 1
            elif char == "$":
                self._expansion(word, quoted=True)
            elif char == "\\":
                self._escape(word, quoted=True)
            else:
                self._add(word, char)
                self._at += 1
        self._at += 1

    def _unquoted(self, word: Word, char: str) -> None:
        if char == PLACEHOLDER:
            self._place(word, "plain")
            self._at += 1
        elif char == "$":
            self._expansion(word, quoted=False)
        elif char == "\\":
            self._escape(word, quoted=False)
        elif char == "`" or (char < " " or char == "\x7f"):
            raise Unproven
        else:
            word.braces |= char in "{}"
            self._add(word, char)
            self._at += 1

    def _escape(self, word: Word, quoted: bool) -> None:
        following = self._char(1)
        if not following or following == PLACEHOLDER:
            raise Unproven
        if following != "\n":
            self._add(word, following if not quoted or following in '"$\\`' else "\\" + following)
        word.quoted |= following != "\n"
        self._at += 2

    def _expansion(self, word: Word, quoted: bool) -> None:
        rest = self._char(1)
        if rest and rest in _NUMBERS:
            self._add(word, "0")
        elif rest and (rest in "({" or rest in _SPECIAL_PARAMETERS or _NAME.match(rest)):
            word.literal, word.tail = None, ""
            word.splits |= not quoted
        if rest == "(":
            if self._char(2) == "(":
                raise Unproven
            self._at += 2
            self.commands(")")
        elif match := _BRACED.match(self._text, self._at + 1):
            self._at = match.end()
        elif match := _NAME.match(self._text, self._at + 1):
            self._at = match.end()
            if self._char() in (PLACEHOLDER, "["):
                raise Unproven
        elif rest and rest in _SPECIAL_PARAMETERS:
            self._at += 2
            if self._char() == PLACEHOLDER:
                raise Unproven
        elif not rest or (rest in "/.,:%+=" or rest in _BLANKS or rest == "\n" or (quoted and rest == '"')):
            self._add(word, "$")
            self._at += 1
        else:
            raise Unproven

    def _place(self, word: Word, how: str) -> None:
        word.leads |= word.literal == ""
        word.literal, word.tail = None, ""
        word.places.append((self._number, how))
        self._number += 1

    @staticmethod
    def _add(word: Word, text: str) -> None:
        word.constant += text
        word.tail += text
        if word.literal is not None:
            word.literal += text
