"""A conservative grammar of shell scripts, which proves where a value in them stands.

`parse` reads what POSIX' Shell Command Language (section 2) calls a program: simple commands, pipelines and
lists, compound commands, functions, here-documents. Scripts for bash may have ``[[ ]]``, ``(( ))``, arrays,
here-strings and process substitution too. Anything else, and whatever shells read differently, is `Unproven`:
then nobody here claims to know what a value in that script would mean.

Commands come out flat, in the order of the text: what a value may do does not depend on which branch runs.
"""

from __future__ import annotations

from typing import Final

from expander.base.regex import regex
from expander.render.shell_redirect import Command, RedirectionReader, Script
from expander.render.shell_word import PLACEHOLDER, Unproven, Word

__all__ = ["PLACEHOLDER", "Command", "Script", "Unproven", "Word", "parse"]

_SUBSCRIPT = regex(r"[A-Za-z_][A-Za-z0-9_]*\[")
_IDENTIFIER = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_PROGRAM = regex(r"[A-Za-z0-9_./-]+(?=[ \t\n;&|]|$)")
_IN = regex(r"in(?=[ \t\n#])")
_ESAC = regex(r"esac(?=[\s;&|<>()]|$)")
_OPENING: Final = frozenset(["if", "while", "until", "for", "{"])
_INSIDE: Final = frozenset(["then", "else", "elif", "do", "!"])
_CLOSING: Final = frozenset(["fi", "done", "}"])
_UNPROVEN_WORDS: Final = frozenset(["select", "coproc", "]]", "in"])
_RESERVED: Final = (
    _OPENING | _INSIDE | _CLOSING | _UNPROVEN_WORDS | {"case", "esac", "function", "[[", "time"}
)
CONDITION: Final = "[["
CASE: Final = "case"


def parse(text: str, bash: bool = False, piped: bool = False) -> Script:
    """The commands of a script in which `PLACEHOLDER` stands for each placeholder. Raises Unproven.

    ``bash``: the script is one for bash, else for any POSIX shell. ``piped``: it may read a text.
    """
    reader = _Reader(text, bash, piped)
    reader.list_of_commands("")
    return reader.script


class _Reader(RedirectionReader):
    def __init__(self, text: str, bash: bool, piped: bool = False) -> None:
        super().__init__(text, bash, piped)
        self._inherited = [piped]
        """Whether commands in the compound commands around may read a text."""

    def list_of_commands(self, closing: str) -> None:
        """Read commands up to ``closing``: the end of the text, ``)``, or ``;;`` (or ``esac``)."""
        command, after = self._new(), False  # behind `done`, `fi` or `}` only redirections may come
        depth = len(self._inherited)
        while True:
            self._skip_blanks()
            char = self._char()
            if not char or char == ")" or self._text.startswith(";;", self._at):
                self._end(command)
                self._close(closing, depth)
                return
            if char in "\n;&|":
                command, after = self._operator(char, command, after)
            elif self._substituted(command):
                continue
            elif char in "<>":
                self._redirection(command, after)
            elif char == "#":
                self._comment()
            elif after:
                raise self._unproven(f"{char!r} behind the end of a compound command")
            elif char == "(":
                after = self._parenthesis(command)
            elif (word := self._word()) is not None:
                if closing == ";;" and word.literal == "esac" and not word.quoted and _empty(command):
                    self._at -= len("esac")
                    self._close(closing, depth)
                    return
                after = self._take(command, word)

    def _new(self) -> Command:
        return Command(piped=self._piped, at=self._at)

    def _close(self, closing: str, depth: int) -> None:
        found = self._char()
        if closing == ";;":
            if found not in (";", "e") or self._text[self._at : self._at + 3] in (";;&",):
                raise self._unproven("the end of a case clause")
        elif found != closing:
            raise self._unproven(f"{found!r} without a beginning" if found else f"a missing {closing!r}")
        if len(self._inherited) != depth:
            raise self._unproven("a compound command that does not end")
        if self._documents:
            if closing != "":
                raise self._unproven("a here-document in parentheses")
            self._read_documents()
        self._at += len(closing) if found and found != "e" else 0

    def _operator(self, char: str, command: Command, after: bool) -> tuple[Command, bool]:
        """Read an operator between commands; gives the next command."""
        following = self._char(1)
        if char + following == "&>" and self._bash:
            self._at += 1
            self._redirection(command, after)
            return command, after
        if char + following in ("&>", ";&") or (char + following == "|&" and not self._bash):
            raise self._unproven(char + following)
        pending = char == "\n" and _empty(command) and not after
        self._end(command)
        self._at += 2 if (char in "&|" and following == char) or char + following == "|&" else 1
        if char == "\n" and self._documents:
            self._read_documents()
        if not pending:
            self._piped = (char == "|" and following != "|") or self._inherited[-1]
        return self._new(), False

    def _enter(self, piped: bool = False) -> None:
        self._inherited.append(self._piped or piped)

    def _leave(self) -> None:
        if len(self._inherited) < 2:
            raise self._unproven("the end of a compound command that has no beginning")
        self._inherited.pop()

    def _substitution(self, text: str | None = None) -> list[int]:
        first = len(self.script.commands)
        if text is not None:
            inner = _Reader(text, self._bash, self._piped)
            inner.list_of_commands("")
            self.script.commands += inner.script.commands
            return list(range(first, len(self.script.commands)))
        if self._documents:
            raise self._unproven("$(...) in a line with <<")
        piped, inherited = self._piped, self._inherited
        self._inherited = [piped]
        self._nested += 1
        self.list_of_commands(")")
        self._nested -= 1
        self._piped, self._inherited = piped, inherited
        return list(range(first, len(self.script.commands)))

    def _substituted(self, command: Command) -> bool:
        """Read ``<(...)`` or ``>(...)`` as a word of a command, if it stands here."""
        if (word := self._process()) is None:
            return False
        if _empty(command):
            raise self._unproven("process substitution in place of a program")
        command.words.append(word)
        return True

    def _comment(self) -> None:
        while self._char() and self._char() != "\n":
            if self._char() == PLACEHOLDER:
                self.script.comments.append(self._number)
                self._number += 1
            self._at += 1

    def _parenthesis(self, command: Command) -> bool:
        """Read what begins with ``(``; True for a compound command, behind which only redirections come."""
        double = self._char(1) == "("
        if double and self._bash and (_empty(command) or _is_loop(command)):
            self._at += 2
            if command.words:
                self._counting()
                return False
            self._arithmetic("))")
            return True
        if double:
            raise self._unproven("((")
        if _empty(command):
            self._at += 1
            self._enter()
            self.list_of_commands(")")
            self._leave()
            return True
        if self._array(command) or self._function(command):
            return False
        raise self._unproven("'('")

    def _counting(self) -> None:
        """Read the three expressions of ``for (( ; ; ))``."""
        for closing in (";", ";", "))"):
            self._arithmetic(closing)

    def _array(self, command: Command) -> bool:
        """Read the elements of ``NAME=(...)``; each becomes an assignment of the name."""
        word = (command.words or command.assignments or [Word()])[-1]
        if not (self._bash and word.name and self._text[self._at - 1] == "="):
            return False
        self._at += 1
        elements: list[Word] = []
        while self._char() != ")":
            if self._char() and self._char() in " \t\n" and not self._documents:
                self._at += 1
            elif (
                self._char() == "#"
                or (element := self._word()) is None
                or (element.literal == "" and not element.quoted)
            ):
                raise self._unproven("an array that is not a list of words")
            else:
                if element.name or element.constant.startswith("["):
                    raise self._unproven("an array with subscripts")
                element.name = word.name
                elements.append(element)
        self._at += 1
        (command.words if command.words else command.assignments).extend(elements)
        return True

    def _function(self, command: Command) -> bool:
        plain = len(command.words) == 1 and not command.words[0].quoted
        name = command.words[0].literal or "" if plain else ""
        if not _IDENTIFIER.fullmatch(name) or command.assignments or command.files:
            return False
        self._at += 1
        self._skip_blanks()
        if self._char() != ")":
            return False
        self._at += 1
        self._define(command, name)
        return True

    def _define(self, command: Command, name: str) -> None:
        self.script.functions.add(name)
        command.words.clear()
        while self._char() and self._char() in " \t\n" and not self._documents:
            self._at += 1
        if self._char() != "{" or self._char(1) not in (" ", "\t", "\n"):
            raise self._unproven("a function whose body has no braces")
        self._at += 1
        self._enter(piped=True)
        self._piped = True
        command.piped = True

    def _take(self, command: Command, word: Word) -> bool:
        """Put a word where it belongs; True behind a word that ends a compound command."""
        if not command.words and _SUBSCRIPT.match(self._text, word.at):
            raise Unproven("assignment of an element NAME[...]", word.at)
        if not command.words and not word.quoted and word.literal is not None:
            if word.literal in _UNPROVEN_WORDS:
                raise Unproven(word.literal, word.at)
            if word.literal in _RESERVED and not command.assignments and not command.files:
                return self._reserved(command, word)
        if not command.words and word.name:
            command.assignments.append(word)
        else:
            command.words.append(word)
        return False

    def _reserved(self, command: Command, word: Word) -> bool:
        name = word.literal or ""
        if name in _OPENING:
            self._enter()
            command.words += [word] if name == "for" else []
        elif name in _CLOSING:
            self._leave()
            return True
        elif name == CASE:
            self._case(word)
            return True
        elif name == CONDITION:
            self._condition(word)
            return True
        elif name == "function" and self._bash:
            self._skip_blanks()
            named = self._word()
            self._skip_blanks()
            if self._char() == "(":
                self._at += 1
                self._skip_blanks()
                self._at += 1 if self._char() == ")" else 0
            if named is None or named.literal is None or not _IDENTIFIER.fullmatch(named.literal):
                raise self._unproven("the name of a function")
            self._define(command, named.literal)
        elif name == "time":
            self._timed(command, word)
        elif name not in _INSIDE:
            raise Unproven(name, word.at)
        return False

    def _timed(self, command: Command, word: Word) -> None:
        """``time`` is a program or a reserved word: before a plain program both mean the same."""
        self._skip_blanks()
        at = self._at
        following = _PLAIN_PROGRAM.match(self._text, at)
        if following is None or following[0] in _RESERVED or following[0].startswith("-"):
            raise self._unproven("time before something that is no plain program")
        command.words.append(word)

    def _case(self, keyword: Word) -> None:
        self._skip_blanks()
        command = Command(words=[keyword], piped=self._piped, at=keyword.at)
        subject = self._word()
        if subject is None or not (
            subject.constant or subject.places or subject.quoted or subject.literal is None
        ):
            raise self._unproven("case without a word")
        command.words.append(subject)
        self._skip_lines()
        if not _IN.match(self._text, self._at):
            raise self._unproven("case without in")
        self._at += 2
        self._enter()
        while not self._clause(command):
            pass
        self._leave()
        self._end(command)

    def _clause(self, command: Command) -> bool:
        """Read one clause of ``case``; True for ``esac``."""
        self._skip_lines()
        if _ESAC.match(self._text, self._at):
            self._at += 4
            return True
        self._at += 1 if self._char() == "(" else 0
        while True:
            self._skip_blanks()
            pattern = self._word()
            if pattern is None or (pattern.literal == "" and not pattern.quoted):
                raise self._unproven("a pattern of case")
            command.words.append(pattern)
            self._skip_blanks()
            if self._char() not in ("|", ")"):
                raise self._unproven("a pattern of case")
            self._at += 1
            if self._text[self._at - 1] == ")":
                break
        self._piped = self._inherited[-1]
        self.list_of_commands(";;")
        return False

    def _skip_lines(self) -> None:
        while True:
            self._skip_blanks()
            if self._char() == "\n" and not self._documents:
                self._at += 1
            elif self._char() == "#":
                self._comment()
            else:
                return

    def _condition(self, keyword: Word) -> None:
        """Read ``[[ ... ]]`` up to its end: a command for each primary."""
        command = Command(words=[keyword], at=keyword.at)
        while True:
            self._skip_lines()
            if self._text.startswith(("&&", "||"), self._at):
                self._at += 2
                self._end(command)
                command = Command(words=[keyword], at=self._at)
                continue
            word = self._word()
            if word is None or (word.literal == "" and not word.quoted):
                raise self._unproven(f"{self._char()!r} in [[ ]]" if self._char() else "[[ without ]]")
            if word.literal == "]]" and not word.quoted:
                self._end(command)
                return
            command.words.append(word)

    def _end(self, command: Command) -> None:
        if not _empty(command):
            self.script.commands.append(command)


def _empty(command: Command) -> bool:
    return not (command.words or command.assignments or command.files or command.feeds)


def _is_loop(command: Command) -> bool:
    return len(command.words) == 1 and command.words[0].literal == "for"
