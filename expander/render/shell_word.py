"""Words of shell scripts: quotes, expansions and the placeholders in them.

`WordReader` reads what POSIX' Shell Command Language (section 2) calls a word, and of bash's additions those
that a script for bash may use. Whatever is not read alike by dash, bash and BusyBox's ash is `Unproven`.
"""

from __future__ import annotations

from dataclasses import field
from typing import Final

from expander.base.dataclass import dataclass
from expander.base.regex import regex

PLACEHOLDER: Final = "\0"
"""What stands for a placeholder in the text of a script."""

POSITIONAL: Final = "@"
"""What stands for all positional parameters among the names that a word refers to."""

_NAME = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER: Final = r"(?P<name>[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?])"
_CHANGE: Final = r"(?:(?::?[-+?=]|%%?|##?)[A-Za-z0-9_./,:@%+=*?~^{blank}-]*)?"
_BRACED = regex(rf"\{{(?P<length>#?){_PARAMETER}{_CHANGE.format(blank='')}\}}")
_BRACED_QUOTED = regex(rf"\{{(?P<length>#?){_PARAMETER}{_CHANGE.format(blank=' ')}\}}")
_BRACED_BASH = regex(
    rf"\{{(?P<length>#?){_PARAMETER}(?P<subscript>\[(?:[@*]|[0-9]+|\$?[A-Za-z_][A-Za-z0-9_]*)\])?"
    r"(?:(?:%%?|##?)[A-Za-z0-9_./,:@%+=*?~^-]*|\^\^?|,,?|:[0-9]+(?::[0-9]+)?"
    r"|//?[A-Za-z0-9_.,:@%+=*? -]+(?:/[A-Za-z0-9_.,:@%+= -]*)?)?\}"
)
_ARITHMETIC = regex(
    r"(?:[A-Za-z0-9_+*/%<>=!&|^~?:, \t\n-]|\$(?=[A-Za-z_])|\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[#?])*"
)
_ASSIGNMENT = regex(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
_SIMPLE_BACKQUOTES = regex(r"`([A-Za-z0-9_./,:@%+= |-]*)`")
_BLANKS: Final = " \t"
_ENDS: Final = " \t\n;&|<>()"
_SPECIAL_PARAMETERS: Final = "@*#?$!-0123456789"
_NUMBERS: Final = "#?$!"  # parameters that are numbers, whatever a script is given


class Unproven(Exception):
    """The script has something that the grammar does not know; ``at`` is the place in its text."""

    def __init__(self, construct: str, at: int = -1) -> None:
        super().__init__(construct)
        self.construct = construct
        self.at = at


@dataclass(slots=True)
class Word:
    """One word of a command.

    ``literal`` is its text when the shell adds nothing to it and no placeholder stands in it, else None.
    ``constant`` is all constant text in it. In ``filled`` `PLACEHOLDER` stands for each of ``holes``: the
    number of a placeholder, the name of a variable, nothing for the output of a command. ``places`` are its
    placeholders: number and how it is quoted (``plain``, ``double``, ``single``, ``document`` for the text of
    a here-document, ``verbatim`` for one that nothing is expanded in). ``leads``: the word begins with a
    placeholder or an expansion. ``name`` is that of the variable which the word assigns. ``splits``: a
    variable stands outside of quotes. ``tail`` is the constant text at the end of the word. ``refs`` are the
    variables it refers to, ``inner`` the numbers of the commands whose output it holds. ``ends`` has for a
    placeholder the value that would end its here-document, whose ``delimiter`` that is; ``after_tabs`` are
    those before which ``<<-`` leaves out tabs, and so those that their value begins with.
    """

    literal: str | None = ""
    constant: str = ""
    filled: str = ""
    holes: list[int | str] = field(default_factory=list)
    places: list[tuple[int, str]] = field(default_factory=list)
    leads: bool = False
    braces: bool = False
    quoted: bool = False
    splits: bool = False
    tail: str = ""
    name: str = ""
    refs: set[str] = field(default_factory=set)
    inner: list[int] = field(default_factory=list)
    ends: dict[int, str] = field(default_factory=dict)
    delimiter: str = ""
    after_tabs: set[int] = field(default_factory=set)
    at: int = 0

    def add(self, text: str) -> None:
        """Append constant text."""
        self.constant += text
        self.filled += text
        self.tail += text
        if self.literal is not None:
            self.literal += text

    def expanded(self, hole: int | str = "") -> None:
        """Note that the shell puts something in here."""
        self.leads |= self.literal == ""
        self.literal, self.tail = None, ""
        self.filled += PLACEHOLDER
        self.holes.append(hole)

    @property
    def shape(self) -> str:
        """The constant text with `PLACEHOLDER` for each placeholder."""
        first, *rest = self.filled.split(PLACEHOLDER)
        marks = [PLACEHOLDER if isinstance(hole, int) else "" for hole in self.holes]
        return first + "".join(mark + text for mark, text in zip(marks, rest, strict=True))


class WordReader:
    """Reads words of ``text`` from where it stands; ``bash``: the script is one for bash."""

    def __init__(self, text: str, bash: bool) -> None:
        self._text = text
        self._at = 0
        self._number = 0
        self._bash = bash
        self._documents: list[object] = []
        self.numbers: dict[str, int] = {}
        """The variables that arithmetic evaluates, and where."""

    def _char(self, ahead: int = 0) -> str:
        return self._text[self._at + ahead : self._at + ahead + 1]

    def _unproven(self, construct: str) -> Unproven:
        return Unproven(construct, self._at)

    def _substitution(self, text: str | None = None) -> list[int]:
        """Read the commands of ``$(...)`` up to its end, or those of ``text``; gives their numbers."""
        raise NotImplementedError

    def _skip_blanks(self) -> None:
        while True:
            if self._char() and self._char() in _BLANKS:
                self._at += 1
            elif self._text.startswith("\\\n", self._at):
                if self._documents:
                    raise self._unproven("a continued line behind <<")
                self._at += 2
            else:
                return

    def _word(self) -> Word | None:
        """The word that begins here; None for the number of a file descriptor, as in ``2>``."""
        word = Word(at=self._at)
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
                raise self._unproven("a value right before a redirection")  # it would name a descriptor
        if word.braces and word.places:
            raise self._unproven("braces in the word of a value")
        if match := _ASSIGNMENT.match(self._text, word.at):
            if not match[2] or self._bash:
                word.name = match[1]
            if match[2] and word.name:
                word.refs.add(word.name)
        elif not word.quoted and _ASSIGNMENT.match(word.constant):
            raise self._unproven("a name that goes on in the next line")
        if self._documents and "\n" in self._text[word.at : self._at]:
            raise self._unproven("a line break in a word behind <<")
        return word

    def _single(self, word: Word) -> None:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise self._unproven("a single quote that does not end")
        word.quoted = True
        for char in self._text[self._at + 1 : end]:
            if char == PLACEHOLDER:
                self._place(word, "single")
            else:
                word.add(char)
        self._at = end + 1

    def _double(self, word: Word) -> None:
        word.quoted = True
        self._at += 1
        while (char := self._char()) != '"':
            if not char:
                raise self._unproven("a double quote that does not end")
            self._quoted_char(word, char, "double")
        self._at += 1

    def _quoted_char(self, word: Word, char: str, how: str) -> None:
        """Read one character or expansion inside of double quotes, or of a here-document."""
        if char == PLACEHOLDER:
            self._place(word, how)
            self._at += 1
        elif char == "$":
            self._expansion(word, quoted=True)
        elif char == "`":
            self._backquotes(word, quoted=True)
        elif char == "\\":
            self._escape(word, quoted=True)
        else:
            word.add(char)
            self._at += 1

    def _unquoted(self, word: Word, char: str) -> None:
        if char == PLACEHOLDER:
            self._place(word, "plain")
            self._at += 1
        elif char == "$":
            self._expansion(word, quoted=False)
        elif char == "\\":
            self._escape(word, quoted=False)
        elif char == "`":
            self._backquotes(word, quoted=False)
        elif char < " " or char == "\x7f":
            raise self._unproven("a control character")
        else:
            word.braces |= char in "{}"
            word.add(char)
            self._at += 1

    def _escape(self, word: Word, quoted: bool) -> None:
        following = self._char(1)
        if not following or following == PLACEHOLDER:
            raise self._unproven("a backslash before a value")
        if following != "\n":
            word.add(following if not quoted or following in '"$\\`' else "\\" + following)
        word.quoted |= following != "\n"
        self._at += 2

    def _backquotes(self, word: Word, quoted: bool) -> None:
        match = _SIMPLE_BACKQUOTES.match(self._text, self._at)
        if match is None:
            raise self._unproven("backquotes `...`")
        word.expanded()
        word.splits |= not quoted
        word.inner += self._substitution(match[1])
        self._at = match.end()

    def _expansion(self, word: Word, quoted: bool) -> None:
        rest = self._char(1)
        if rest == "(":
            self._parentheses(word, quoted)
        elif rest == "{":
            self._braced(word, quoted)
        elif match := _NAME.match(self._text, self._at + 1):
            word.expanded(match[0])
            word.splits |= not quoted
            word.refs.add(match[0])
            self._at = match.end()
            self._not_behind(f"${match[0]}")
        elif rest and rest in _SPECIAL_PARAMETERS:
            self._special(word, rest, quoted)
        elif not rest or (rest in "/.,:%+=" or rest in _BLANKS or rest == "\n" or (quoted and rest == '"')):
            word.add("$")
            self._at += 1
        else:
            raise self._unproven(f"${rest}".replace(PLACEHOLDER, "$ITEM"))

    def _not_behind(self, written: str) -> None:
        if self._char() == PLACEHOLDER:
            raise self._unproven(f"a value right behind {written}")
        if self._char() == "[":
            raise self._unproven(f"{written}[")

    def _special(self, word: Word, rest: str, quoted: bool) -> None:
        if rest in _NUMBERS:
            word.add("0")
        else:
            name = POSITIONAL if rest != "-" else "-"
            word.expanded(name)
            word.splits |= not quoted
            word.refs.add(name)
        self._at += 2
        self._not_behind(f"${rest}")

    def _parentheses(self, word: Word, quoted: bool) -> None:
        word.expanded()
        if self._char(2) == "(":
            self._at += 3
            self._arithmetic("))")
            return
        word.splits |= not quoted
        self._at += 2
        word.inner += self._substitution()

    def _arithmetic(self, closing: str) -> None:
        """Read an arithmetic expression of numbers and variables up to ``closing``."""
        depth, begin = 0, self._at
        while not (depth == 0 and self._text.startswith(closing, self._at)):
            char = self._char()
            if char and char in "()":
                depth += 1 if char == "(" else -1
                self._at += 1
            elif (match := _ARITHMETIC.match(self._text, self._at)) and match[0]:
                self._at = match.end()
            else:
                raise self._unproven("arithmetic $(( )) of a value or more than numbers and variables")
            if depth < 0:
                raise self._unproven("arithmetic $(( ))")
        for match in _NAME.finditer(self._text[begin : self._at]):
            self.numbers.setdefault(match[0], begin)
        self._at += len(closing)

    def _braced(self, word: Word, quoted: bool) -> None:
        match = (_BRACED_QUOTED if quoted else _BRACED).match(self._text, self._at + 1)
        if match is None and self._bash:
            match = _BRACED_BASH.match(self._text, self._at + 1)
            if match is not None and match["subscript"] and (inner := _NAME.search(match["subscript"])):
                self.numbers.setdefault(inner[0], self._at)
        if match is None:
            end = self._text.find("}", self._at)
            written = self._text[self._at : end + 1 if 0 <= end < self._at + 30 else self._at + 12]
            raise self._unproven(written.replace(PLACEHOLDER, "$ITEM").replace("\n", " "))
        name = str(match["name"])
        if match["length"] or name in "#?":
            word.add("0")
        else:
            name = POSITIONAL if name.isdigit() or name in "@*" else name
            word.expanded(name)
            word.splits |= not quoted
            word.refs.add(name)
        self._at = match.end()

    def _place(self, word: Word, how: str) -> None:
        word.expanded(self._number)
        word.places.append((self._number, how))
        self._number += 1
