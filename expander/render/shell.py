"""Which texts of a manifest are shell scripts, where in one a value stands, and which values are safe there.

A script is what a container, hook or probe hands to ``sh -c``. The constant text around a placeholder decides
its context (plain, quotes, here-document ...); a value is safe when no shell could read it as anything but
data there. Grammar: POSIX Shell Command Language, section 2, with bash's ``$'...'``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]

_SHELLS = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox"))
_EXEC_FIELDS = ("livenessProbe", "readinessProbe", "startupProbe")


def scripts(tree: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all script texts in ``tree``, wherever containers occur in it."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            here = (*path, key)
            if key in ("containers", "initContainers", "ephemeralContainers") and isinstance(value, list):
                for number, container in enumerate(value):
                    if isinstance(container, Mapping):
                        yield from _of_container(container, (*here, number))
            else:
                yield from scripts(value, here)
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from scripts(value, (*path, number))


def _of_container(container: Mapping[str, Any], path: Path) -> Iterator[Path]:
    argv: list[tuple[str, Path]] = []
    for name in ("command", "args"):
        words = container.get(name)
        for number, word in enumerate(words if isinstance(words, list) else ()):
            argv.append((word if isinstance(word, str) else "", (*path, name, number)))
    if argv and not container.get("command"):
        argv.insert(0, ("sh", ()))  # the image's entrypoint is not known: `-c` first suggests a shell
    yield from _of_words(argv)
    for exec_field in _EXEC_FIELDS:
        yield from _of_exec(container.get(exec_field), (*path, exec_field))
    lifecycle = container.get("lifecycle")
    if isinstance(lifecycle, Mapping):
        for hook in ("postStart", "preStop"):
            yield from _of_exec(lifecycle.get(hook), (*path, "lifecycle", hook))


def _of_exec(handler: Any, path: Path) -> Iterator[Path]:
    action = handler.get("exec") if isinstance(handler, Mapping) else None
    words = action.get("command") if isinstance(action, Mapping) else None
    if isinstance(words, list):
        yield from _of_words(
            [
                (word if isinstance(word, str) else "", (*path, "exec", "command", n))
                for n, word in enumerate(words)
            ]
        )


def _of_words(argv: list[tuple[str, Path]]) -> Iterator[Path]:
    """The script of each shell called with ``-c`` in a command line (also behind env, timeout, tini)."""
    for start, (word, _) in enumerate(argv):
        if word.rpartition("/")[2] not in _SHELLS:
            continue
        script = _script_after(argv[start + 1 :])
        if script is not None:
            yield script
            return


def _script_after(argv: list[tuple[str, Path]]) -> Path | None:
    takes_script = False
    skip = False
    for word, path in argv:
        if skip:
            skip = False
        elif word[:1] in ("-", "+") and len(word) > 1 and word != "--":
            letters = "" if word.startswith("--") else word[1:]
            takes_script = takes_script or (word[0] == "-" and "c" in letters)
            skip = letters[-1:] in ("o", "O") or word in ("--rcfile", "--init-file")
        elif word in _SHELLS or word == "--":
            continue  # `busybox sh -c`, `sh -c --`
        else:
            return path if takes_script else None
    return None


# Characters of any script but ASCII's own specials, controls and the invisible separators of Unicode.
_LETTERS = r"[^\x00-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ud800-\udfff\ufeff]"
_WORD = rf"(?:[A-Za-z0-9_@%+=:,./-]|{_LETTERS})+"
PLAIN_WORD = re.compile(_WORD)
_RESERVED = "if|then|else|elif|fi|do|done|case|esac|while|until|for|in|function|select|time|coproc"
_KEYWORDS = frozenset(("if", "then", "else", "elif", "do", "while", "until", "time", "!", "{"))
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_HEREDOC = re.compile(r"<<(-?)[ \t]*(\\?[A-Za-z0-9_.-]+|'[^'\n]*'|\"[^\"\n]*\")")
_CODE = re.compile(
    r"(?:^|[\s;&|(`'\"/])(?:eval|ssh|g?awk|mawk|(?:(?:ba|da|a|k|z)?sh|su|python[0-9.]*|perl|ruby|node)\s(?:[^;&|\n]*\s)?-\w*[ce])\b"
)
# The unmatched `)` of a case pattern inside a substitution is beyond this lexer: strictest context then.
_CASE = re.compile(r"\bcase\b")
_SUBSTITUTION = re.compile(r"\$\(|`")
_PLACEHOLDER = "\0"


@dataclass(frozen=True, slots=True)
class Context:
    """The place of one placeholder: ``words`` name it, ``pattern`` matches the values that are safe there."""

    words: str
    pattern: str
    quoting: bool = False

    def accepts(self, value: str) -> bool:
        """Whether ``value`` is only data here."""
        return re.fullmatch(self.pattern, value) is not None


_CONTEXTS = {
    "double": Context("inside double quotes", r"[^\"`$\\\x00]*"),
    "single": Context("inside single quotes", r"[^'\x00]*"),
    "ansi": Context("inside $'...'", r"[^'\\\x00]*"),
    "backtick": Context("inside backquotes", _WORD),
    "arith": Context("inside $((...))", r"-?[A-Za-z0-9_.]+"),
    "brace": Context("inside ${...}", r"[A-Za-z0-9_]+"),
    "comment": Context("in a comment", r"[^\n\x00]*"),
    "heredoc": Context("in a here-document", r"[^`$\\\n\x00]*"),
    "quoted heredoc": Context("in a here-document", r"[^\n\x00]*"),
}
_NESTED = Context("in text that a second interpreter reads", _WORD)


def contexts(segments: Sequence[str | int]) -> list[Context]:
    """The context of each placeholder of a script in order; numbers in ``segments`` are placeholders."""
    text = "".join(segment if isinstance(segment, str) else _PLACEHOLDER for segment in segments)
    if _CODE.search(text) or (_CASE.search(text) and _SUBSTITUTION.search(text)):
        return [_NESTED] * sum(not isinstance(segment, str) for segment in segments)
    return _Lexer(text).run()


@dataclass
class _Lexer:
    text: str
    at: int = 0
    stack: list[str] = field(default_factory=lambda: ["plain"])
    found: list[Context] = field(default_factory=list)
    word: str = ""
    command: bool = True
    pending: list[tuple[str, bool, bool]] = field(default_factory=list)
    documents: list[tuple[str, bool, bool]] = field(default_factory=list)

    def run(self) -> list[Context]:
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == _PLACEHOLDER:
                self.found.append(self._context())
                self.word += "x"
                self.at += 1
            else:
                mode = self.stack[-1]
                step = {"plain": self._plain, "paren": self._plain, "backtick": self._plain}.get(mode)
                self.at += step(char) if step else self._quoted(mode, char)
        return self.found

    def _context(self) -> Context:
        mode = self.stack[-1]
        for outer in ("arith", "backtick"):
            if outer in self.stack:
                return _CONTEXTS[outer]
        if mode == "heredoc" and self.documents[0][1]:
            mode = "quoted heredoc"
        if mode in _CONTEXTS:
            return _CONTEXTS[mode]
        pattern = _WORD
        following = self.text[self.at + 1 : self.at + 2]
        if "{" in self.word and "}" not in self.word:
            pattern = rf"(?!.*(?:,|\.\.)){pattern}"
        if following in ("<", ">") and (not self.word or self.word.isdigit()):
            pattern = rf"(?![0-9]+(?![^\n])){pattern}"
        if self.command and not self.word:
            pattern = rf"(?!(?:{_RESERVED})(?![^\n]))(?!\w+\+?=){pattern}"
        return Context("outside quotes", pattern, quoting=True)

    def _ahead(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def _plain(self, char: str) -> int:
        if char == "\\":
            self.word += "x"
            return 1 if self.text[self.at + 1 : self.at + 2] == _PLACEHOLDER else 2
        if char == "\n" and self.pending:
            self.documents, self.pending = self.pending, []
            self.stack.append("heredoc")
            self._end_word(True)
            return 1
        if char in " \t\n;&|()":
            self._end_word(char in "\n;&|(")
            if char == "(":
                self.stack.append("paren")
            elif char == ")" and self.stack[-1] == "paren":
                self.stack.pop()
            return 1
        if char == "#" and not self.word:
            self.stack.append("comment")
            return 1
        if char == "<" and (match := _HEREDOC.match(self.text, self.at)) and not self._ahead("<<<"):
            word = match[2]
            self.pending.append((word.strip("'\"\\"), word[0] in "'\"\\", bool(match[1])))
            self._end_word(False)
            return len(match[0])
        if char in "<>":
            self._end_word(False)
            return 1
        if char == "'":
            self.stack.append("single")
        elif char == '"':
            self.stack.append("double")
        elif self._ahead("$'"):
            self.stack.append("ansi")
            self.word += "x"
            return 2
        else:
            return self._expansion(char)
        self.word += "x"
        return 1

    def _expansion(self, char: str) -> int:
        """``$(``, ``$((``, ``${`` and backquotes, as they stand outside and inside double quotes."""
        for opening, mode in (("$((", "arith"), ("$(", "paren"), ("${", "brace")):
            if self._ahead(opening):
                self.stack.append(mode)
                self.word, self.command = "", mode == "paren"
                return len(opening)
        if char == "`":
            if "backtick" in self.stack:
                while self.stack.pop() != "backtick":
                    pass
                self.word = "x"
            else:
                self.stack.append("backtick")
                self.word, self.command = "", True
            return 1
        self.word += char
        return 1

    def _quoted(self, mode: str, char: str) -> int:
        if mode == "heredoc":
            return self._heredoc(char)
        if char == "\\" and mode in ("double", "ansi", "brace", "arith"):
            return 1 if self.text[self.at + 1 : self.at + 2] == _PLACEHOLDER else 2
        closing = {"single": "'", "ansi": "'", "double": '"', "brace": "}", "comment": "\n", "arith": "))"}[
            mode
        ]
        if self._ahead(closing):
            self.stack.pop()
            if mode == "comment":
                return 0  # the newline itself belongs to the text around the comment
            self.word = "x"
            return len(closing)
        if mode in ("single", "ansi", "comment"):
            return 1
        if mode == "brace" and char in "'\"":
            self.stack.append("single" if char == "'" else "double")
            return 1
        if mode == "arith" and char == "(":
            self.stack.append("paren")
            return 1
        return self._expansion(char)

    def _heredoc(self, char: str) -> int:
        delimiter, quoted, tabs = self.documents[0]
        if self.text[self.at - 1] == "\n":
            line = self.text[self.at :].split("\n", 1)[0]
            if (line.lstrip("\t") if tabs else line) == delimiter:
                self.documents.pop(0)
                if not self.documents:
                    self.stack.pop()
                self._end_word(True)
                return len(line)
        if quoted:
            return 1
        if char == "\\":
            return 1 if self.text[self.at + 1 : self.at + 2] == _PLACEHOLDER else 2
        return self._expansion(char)

    def _end_word(self, command: bool) -> None:
        if command:
            self.command = True
        elif self.word and self.word not in _KEYWORDS and not _ASSIGNMENT.match(self.word):
            self.command = False
        self.word = ""
