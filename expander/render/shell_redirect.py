"""Commands of shell scripts and their redirections (POSIX' Shell Command Language, section 2.7).

A here-document is read when its line has ended. Its text may hold values; which one would end it
is noted with its word.
"""

from __future__ import annotations

from dataclasses import field

from expander.base.dataclass import dataclass
from expander.base.regex import regex
from expander.render.shell_word import PLACEHOLDER, Unproven, Word, WordReader

_DELIMITER = regex(
    r"(?P<plain>[A-Za-z0-9_]+)|'(?P<single>[A-Za-z0-9_ .-]+)'"
    r"|\"(?P<double>[A-Za-z0-9_]+)\"|\\(?P<escaped>[A-Za-z0-9_]+)"
)


@dataclass(slots=True)
class Command:
    """A simple command: its words, without the assignments before it, and where its output goes.

    ``[[ ... ]]`` is one for each primary in it, with ``[[`` as its first word, and ``case`` one with the word
    and the patterns. ``files`` are the words behind ``<``, ``>`` and ``>>``, ``feeds`` the texts of
    here-documents and here-strings. ``writes``: its output goes to a file. ``piped``: its standard input may
    be the output of another command, or a text.
    """

    words: list[Word] = field(default_factory=list)
    assignments: list[Word] = field(default_factory=list)
    files: list[Word] = field(default_factory=list)
    feeds: list[Word] = field(default_factory=list)
    writes: bool = False
    piped: bool = False
    at: int = 0

    def all_words(self) -> list[Word]:
        """Every word of it."""
        return [*self.words, *self.assignments, *self.files, *self.feeds]


@dataclass(slots=True)
class Script:
    """What `parse` found: the commands, the placeholders in comments, the names of functions.

    ``numbers`` are the variables that arithmetic evaluates, and where.
    """

    text: str
    bash: bool = False
    commands: list[Command] = field(default_factory=list)
    comments: list[int] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)

    def line(self, at: int) -> int:
        """The number of the line at a place of the text, from 1."""
        return self.text.count("\n", 0, at) + 1


@dataclass(slots=True)
class _Document:
    """A here-document whose text is still to come."""

    word: Word
    end: str
    tabs: bool
    verbatim: bool


class RedirectionReader(WordReader):
    """Reads what stands behind ``<`` and ``>``, into the commands of ``script``."""

    def __init__(self, text: str, bash: bool, piped: bool) -> None:
        super().__init__(text, bash)
        self._documents: list[_Document] = []  # type: ignore[assignment]
        self._piped = piped
        self._nested = 0
        self.script = Script(text, bash, numbers=self.numbers)

    def _process(self) -> Word | None:
        if not self._text.startswith(("<(", ">("), self._at):
            return None
        if not self._bash:
            raise self._unproven("process substitution <(...) in a script that is not run by bash")
        word = Word(literal=None, leads=True, at=self._at)
        piped = self._piped
        self._piped |= self._char() == ">"
        self._at += 2
        word.inner = self._substitution()
        self._piped = piped
        if self._char() and self._char() not in " \t\n;&|)":
            raise self._unproven("text right behind a process substitution")
        return word

    def _redirection(self, command: Command, after: bool) -> None:
        if self._char() == "<" and self._char(1) != "&":
            self._feed(command, after)
        if self._text.startswith("<<<", self._at):
            self._here_string(command)
            return
        if self._text.startswith("<<", self._at):
            self._here_document(command)
            return
        operator = ">>" if self._text.startswith(">>", self._at) else self._char()
        self._at += len(operator)
        if self._char() and self._char() in "<>|":
            raise self._unproven(operator + self._char())
        if self._char() == "&":
            target = self._char(1)
            if operator == ">>" or not (target.isdigit() or target == "-") or self._char(2) == PLACEHOLDER:
                raise self._unproven(f"{operator}&{target}".replace(PLACEHOLDER, "$ITEM"))
            self._at += 2
            return
        self._skip_blanks()
        word = self._process() or self._word()
        if word is None or (word.literal == "" and not word.quoted):
            raise self._unproven(f"{operator} without a file")
        command.files.append(word)
        if operator != "<" and word.literal != "/dev/null":
            command.writes = True

    def _feed(self, command: Command, after: bool) -> None:
        """Note that a command reads a file or a text; behind a compound command every one in it may."""
        command.piped = True
        for each in self.script.commands if after else ():
            each.piped = True

    def _here_string(self, command: Command) -> None:
        if not self._bash:
            raise self._unproven("here-string <<< in a script that is not run by bash")
        self._at += 3
        self._skip_blanks()
        word = self._word()
        if word is None or (word.literal == "" and not word.quoted):
            raise self._unproven("<<< without a word")
        command.feeds.append(word)

    def _here_document(self, command: Command) -> None:
        begin = self._at
        self._at += 2
        tabs = self._char() == "-"
        self._at += 1 if tabs else 0
        self._skip_blanks()
        match = _DELIMITER.match(self._text, self._at)
        if match is None or (self._text[match.end() : match.end() + 1] or "\n") not in " \t\n;&|)<>":
            self._at = begin
            raise self._unproven("here-document with a delimiter that is more than a word")
        self._at = match.end()
        end = next(text for text in match.groups() if text is not None)
        word = Word(quoted=True, delimiter=end, at=begin)
        self._documents.append(_Document(word, end, tabs, verbatim=match["plain"] is None))
        command.feeds.append(word)

    def _read_documents(self) -> None:
        documents = list(self._documents)
        self._documents.clear()
        for document in documents:
            self._read_document(document)
            if document.word.places and self._nested:
                raise Unproven("here-document with a value in $(...)", document.word.at)

    def _read_document(self, document: _Document) -> None:
        while True:
            end = self._text.find("\n", self._at)
            line = self._text[self._at : end if end >= 0 else len(self._text)]
            if (line.lstrip("\t") if document.tabs else line) == document.end:
                self._at += len(line) + (end >= 0)
                return
            if end < 0:
                self._at = document.word.at
                raise self._unproven(f"here-document without its end {document.end}")
            first = len(document.word.places)
            self._document_line(document, self._at + len(line))
            _check_end(document, line, first)
            if document.tabs:  # a value that is empty, or only tabs, does not end them
                count = line.count(PLACEHOLDER) - line.lstrip("\t" + PLACEHOLDER).count(PLACEHOLDER)
                document.word.after_tabs.update(n for n, _ in document.word.places[first : first + count])
            self._at = end + 1

    def _document_line(self, document: _Document, end: int) -> None:
        word = document.word
        while self._at < end:
            char = self._char()
            if document.verbatim:
                if char == PLACEHOLDER:
                    self._place(word, "verbatim")
                else:
                    word.add(char)
                self._at += 1
            elif char == "\\" and self._char(1) == "\n":
                raise self._unproven("a continued line in a here-document")
            else:
                self._quoted_char(word, char, "document")
        if self._at != end:
            raise self._unproven("an expansion of several lines in a here-document")
        word.add("\n")


def _check_end(document: _Document, line: str, first: int) -> None:
    """Learn which value, on a line of a here-document, would make it the line that ends it."""
    numbers = [number for number, _ in document.word.places[first:]]
    constant = line.replace(PLACEHOLDER, "")
    if not numbers or set(constant.lstrip("\t" if document.tabs else "")) - set(document.end):
        return
    before, _, after = line.lstrip("\t" if document.tabs else "").partition(PLACEHOLDER)
    if len(numbers) > 1 or "$" in line:
        raise Unproven("several values alone on a line of a here-document", document.word.at)
    end = document.end
    if end.startswith(before) and end.endswith(after) and len(before) + len(after) <= len(end):
        document.word.ends[numbers[0]] = end[len(before) : len(end) - len(after)]
