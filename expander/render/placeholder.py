"""A placeholder: one scalar of a compiled template that depends on the item.

The placeholder knows its field, so a value becomes what that field wants: a valid name, a label value, an
integer, a string that stays this string. What cannot be said that way is refused with a reason.

`safe_patterns` gives, for each column of a placeholder, a regular expression of values that may be copied
into a manifest's text as they are: the naming rule leaves them alone, the field's type takes them, YAML reads
them back as this string, JSON needs no escape, and the shell sees one word. It is narrower than the rules it
stands for: a value outside is not wrong, it only takes the exact way through `Placeholder.value`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import field as default
from enum import Enum
from typing import Any, Final, TypeAlias

from expander.base.dataclass import dataclass
from expander.base.errors import SourceLocation
from expander.base.option_names import option
from expander.base.regex import Texts, regex
from expander.base.text import cut
from expander.base.written_numbers import WrittenNumber
from expander.kube.expansion import with_values
from expander.kube.schemas import FieldType
from expander.manifests.edits import ITEM_ANNOTATION
from expander.manifests.names import NameRule, joined_name
from expander.render.script_context import NO_DASH, Context

Path: TypeAlias = tuple[str | int, ...]
Row: TypeAlias = tuple[Any, ...]

_INTEGER = regex(r"[+-]?(?:0|[1-9][0-9]*)")
_SURROGATE = regex("[\ud800-\udfff]")
_CANONICAL = regex(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = regex(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BITS = {FieldType.INT32: 31, FieldType.INT64: 63}


class Style(Enum):
    """How the template wrote the scalar; YAML output keeps to it where the value allows."""

    PLAIN = "plain"
    QUOTED = "quoted"
    LITERAL = "literal"


class ShellQuoted(str):
    """A value that the shell-quoting filter made: safe outside quotes in a script."""

    __slots__ = ()


class ValueRefused(Exception):
    """A value that cannot stand in a placeholder; says why and what to do about it."""

    def __init__(self, message: str, hint: str | None = None, where: SourceLocation | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        """The place in the template, where it is more exact than that of the placeholder."""


MAX_SHOWN: Final = 100
"""The characters of a name that messages show."""

NO_NUL: Final = "a NUL character cannot be in a command line or a variable"
"""What is said of an item that no process could be given."""

COMMAND_SOURCE: Final = "<command>"
"""What a template made of a command is called in messages."""


@dataclass(slots=True)
class Placeholder:
    """One scalar (or mapping key) with the columns of a row in it.

    ``segments`` are constant texts and column numbers in order; ``type`` is what the field wants; ``rule`` is
    set where the field is a name, ``expanded`` where the kubelet expands ``$(NAME)``; ``contexts`` has the
    shell context of each column where the text is a script to be checked. ``flow`` is whether it stands in a
    flow collection; ``siblings`` are the other keys of the mapping when it is a key. ``field`` is
    the path for people.
    """

    token: str
    path: Path
    segments: tuple[str | int, ...]
    style: Style
    where: SourceLocation
    type: FieldType = FieldType.ANY
    rule: NameRule | None = None
    expanded: bool = False
    contexts: list[Context] = default(default_factory=list)
    holes: list[SourceLocation] = default(default_factory=list)
    """Where each column stands in the template, when that is known."""
    with_variables: list[str] = default(default_factory=list)
    """For each column the line of the script as ``--shell env`` writes it, where that is possible."""
    in_quotes: list[str] = default(default_factory=list)
    """For each column the line of the script with double quotes around it."""
    suggestion: str = ""
    """What to write instead of a script where no value can be proven."""
    flow: bool = False
    is_key: bool = False
    siblings: frozenset[str] = frozenset()
    field: str = ""
    columns: list[int] = default(init=False)
    """The columns of the placeholder in order, repeated ones repeated."""
    whole: bool = default(init=False)
    """Whether the scalar is one column and nothing else."""

    def __post_init__(self) -> None:
        self.columns = [segment for segment in self.segments if isinstance(segment, int)]
        self.whole = len(self.segments) == 1

    def value(self, row: Row) -> str | int | float | bool:
        """The scalar this row gives; raises ValueRefused."""
        if self.whole:
            native = row[self.columns[0]]
            if type(native) is str and self._takes(native):
                return native
        natives = [row[column] for column in self.columns]
        for native in natives:
            if not isinstance(native, (str, int, float)):
                if native is None and self.path[-1:] == (ITEM_ANNOTATION,):
                    return text_of(native)
                raise not_a_scalar(native)
        if self.whole and self.type is FieldType.ANY and not isinstance(natives[0], str):
            native = natives[0]
            return float(native) if type(native) is WrittenNumber else native
        texts = [text_of(native) for native in natives]
        self._check_unicode(texts)
        if self.expanded and (text := next((each for each in texts if "\0" in each), None)) is not None:
            raise ValueRefused(f"{text!r}: {NO_NUL}")
        for number, context in enumerate(self.contexts):
            text, hole = texts[number], self.holes[number] if number < len(self.holes) else None
            quoted = context.quoting and isinstance(natives[number], ShellQuoted)
            change = context.change_of(text if not quoted else shlex.split(text)[0])
            if not quoted and not context.is_data(text):
                hint = self._shell_hint(number, text)
                if change is not None:
                    env = f"{change.hint}, with {option('--shell env')}"
                    hint = env if self.with_variables else f"{change.hint}; {hint}"
                raise ValueRefused(
                    f"{text!r} could change what the shell script does ({context.words})", hint, hole
                )
            if change is not None:
                raise ValueRefused(f"{text!r} would arrive changed ({change.words})", change.hint, hole)
        if self.rule is not None:
            return self._name(texts, self.rule)
        text = self.joined(texts) if not self.expanded else self._unexpanded(texts)
        if self.is_key and len(text) > 1000:
            raise ValueRefused(f"a key of {len(text)} characters is too long for YAML (1000)")
        if text in self.siblings:
            raise ValueRefused(f"the key {text!r} is already in this mapping")
        return _CONVERT.get(self.type, _string)(text, self.type)

    def _shell_hint(self, number: int, text: str) -> str:
        context = self.contexts[number]
        if context.hint:
            return context.hint
        if context.quoting and self.in_quotes and not set(text) & set('"`$\\\0'):
            any_value = f" ({option('--shell env')} does so by itself)" if self.with_variables else ""
            return f"quote it: {self.in_quotes[number]}{any_value}"
        if self.with_variables:
            line = self.with_variables[number]
            return f"with {option('--shell env')} it is passed in a variable, and the script reads: {line}"
        if self.suggestion:
            return self.suggestion
        allow = f"allow it with {option('--allow-shell', True)}"
        if self.where.file == COMMAND_SOURCE:
            behind = 'put {} behind the script as an argument: "$1" in a shell, sys.argv[1] in Python'
            return allow if self.whole else f"{behind}; or {allow}"
        quote = ", quote it (Jinja2: `| quote`)" if context.quoting else ""
        return (
            'pass it in an environment variable (env: value) and use "$NAME" in the script'
            f"{quote}, or {allow}"
        )

    def _takes(self, text: str) -> bool:
        """Whether nothing needs to be looked at: any Unicode text may stand here as it is."""
        return (
            (self.type is FieldType.STRING or self.type is FieldType.ANY)
            and self.rule is None
            and not self.contexts
            and not self.is_key
            and not (self.expanded and ("$" in text or "\0" in text))
            and (text.isascii() or _SURROGATE.search(text) is None)
        )

    def _unexpanded(self, texts: list[str]) -> str:
        text = with_values(self.segments, texts)
        if text is None:
            raise ValueRefused(
                f"{self.joined(texts)!r} refers to a variable by a name that cannot be one",
                "a value inside $(...) may have letters, digits, '-', '_' and '.'",
            )
        return text

    def joined(self, texts: Sequence[str]) -> str:
        """The constants with ``texts``, one for each of ``columns``, between them."""
        if self.whole:
            return texts[0]
        values = iter(texts)
        return "".join([part if isinstance(part, str) else next(values) for part in self.segments])

    def _name(self, texts: list[str], rule: NameRule) -> str:
        constants = [""]
        for segment in self.segments:
            if isinstance(segment, str):
                constants[-1] += segment
            else:
                constants.append("")
        name = joined_name(constants[0], texts, constants[1:-1], constants[-1], rule)
        if name is None:
            shown = cut(self.joined(texts), MAX_SHOWN)
            length = sum(map(len, constants))
            raise ValueRefused(
                f"{shown!r} cannot become {rule.words} of at most {rule.limit} characters",
                "the constant text around the item must itself be valid there"
                if length <= rule.limit
                else f"the constant text around the item alone has {length}: shorten it",
            )
        return name

    @staticmethod
    def _check_unicode(texts: list[str]) -> None:
        for text in texts:
            if not text.isascii() and _SURROGATE.search(text):
                raise ValueRefused(f"{text!r} is not valid Unicode (lone surrogate)")


class Absent:
    """What an item has where a template asks for something that it lacks: no value."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint


def not_a_scalar(value: object) -> ValueRefused:
    """The refusal of a value that has no text: null, a list, a mapping, nothing at all."""
    if isinstance(value, Absent):
        return ValueRefused(value.message, value.hint)
    if value is None:
        return ValueRefused("the item has no value (null) here", f"give the column a value; {_AS_JSON}")
    what = "a list" if isinstance(value, list) else "a mapping"
    return ValueRefused(
        f"the item has {what} here, but a value is a single text, number or boolean", _AS_JSON
    )


_AS_JSON = "${ITEM.column|json} writes any value as JSON text"


def text_of(value: Any) -> str:
    """The text of a scalar as YAML and JSON write it: ``true``, not ``True``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _string(text: str, _: FieldType) -> str:
    return text


def _integer(text: str, wanted: FieldType) -> int:
    if not _INTEGER.fullmatch(text):
        hint = "leading zeros mean octal in YAML" if re.fullmatch(r"[+-]?0[0-9]+", text) else None
        raise ValueRefused(f"expected an integer, found {text!r}", hint)
    digits = len(text.lstrip("+-"))
    bits = _BITS[wanted]
    if digits > 20 or not -(2**bits) <= int(text) < 2**bits:
        raise ValueRefused(
            f"expected an integer of {bits + 1} bits, found {text if digits <= 40 else text[:40]}"
        )
    return int(text)


def _boolean(text: str, _: FieldType) -> bool:
    if text not in ("true", "false"):
        raise ValueRefused(f"expected true or false, found {text!r}")
    return text == "true"


def _number(text: str, _: FieldType) -> float | int:
    if not _NUMBER.fullmatch(text) or (number := float(text)) in (float("inf"), float("-inf")):
        raise ValueRefused(f"expected a number, found {text!r}")
    return int(text) if _CANONICAL.fullmatch(text) and len(text) < 19 else number


def _int_or_string(text: str, _: FieldType) -> int | str:
    if _CANONICAL.fullmatch(text) and len(text) <= 11 and -(2**31) <= int(text) < 2**31 and text != "-0":
        return int(text)
    return text


def _structure(text: str, wanted: FieldType) -> str:
    words = "a list" if wanted is FieldType.LIST else "a mapping"
    raise ValueRefused(f"the field takes {words}, but an item is a single value ({text!r})")


_CONVERT = {
    FieldType.INT32: _integer,
    FieldType.INT64: _integer,
    FieldType.BOOLEAN: _boolean,
    FieldType.NUMBER: _number,
    FieldType.INT_OR_STRING: _int_or_string,
    FieldType.OBJECT: _structure,
    FieldType.LIST: _structure,
    FieldType.MAP: _structure,
}


_END = r"(?![\s\S])"
_NO_ESCAPES = r"[ !#-\[\]-~]*"  # printable ASCII that JSON and double-quoted YAML write alike
_LITERAL = r"[!#-\[\]-~][ !#-\[\]-~]*"
_NO_DOLLAR = r"[^$]*"
_INTEGER_DIGITS = 9
_INTEGER_TEXT = rf"0|[1-9][0-9]{{0,{_INTEGER_DIGITS - 1}}}"
_TEXTS = frozenset((FieldType.STRING, FieldType.QUANTITY, FieldType.TIME, FieldType.MISSING))


def safe_patterns(placeholder: Placeholder) -> dict[int, list[str]] | None:
    """Column -> expressions that values which may be copied match, all of them; None when none may be."""
    if placeholder.is_key:
        return None
    columns = set(placeholder.columns)
    if placeholder.whole and placeholder.type in (FieldType.INT32, FieldType.INT64):
        return {placeholder.columns[0]: [_INTEGER_TEXT]}
    if (
        placeholder.rule is None
        and placeholder.type not in _TEXTS
        and (placeholder.whole or placeholder.type is not FieldType.ANY)
    ):
        return None
    wanted: list[str] = []
    if placeholder.expanded:
        if not _keeps_references(placeholder):
            return None
        wanted.append(_NO_DOLLAR)
    if placeholder.rule is not None:
        pattern = _of_rule(placeholder, placeholder.rule)
        if pattern is None:
            return None
        wanted.append(pattern)
    if placeholder.style is Style.LITERAL:
        wanted.append(_LITERAL)
    elif placeholder.rule is None:
        wanted.append(_NO_ESCAPES)
    patterns = {column: list(wanted) for column in columns}
    for column, context in zip(placeholder.columns, placeholder.contexts, strict=bool(placeholder.contexts)):
        patterns[column] += [context.pattern, *(each.plain or each.kept for each in context.changes)]
    return patterns


def _keeps_references(placeholder: Placeholder) -> bool:
    """Whether values without a ``$`` may be put between the constants of an expanded field."""
    values = ["( "] * len(placeholder.columns)
    return with_values(placeholder.segments, values) == placeholder.joined(values)


_ASCII = "".join(map(chr, range(128)))
_CLASS = r"\[(?:\\[\s\S]|[^\]\\])+\]"
_OF_CHARACTERS = regex(rf"(?:{_CLASS}|\(\?:{_CLASS}(?:\|{_CLASS})*\))[*+]")
"""Expressions of texts whose characters are looked at one by one."""


class _Name(str):
    """The expression of a name: at most ``most`` characters of ``inner``, the first and last of ``ends``."""

    inner: str
    most: int

    def __new__(cls, ends: str, inner: str, most: int) -> _Name:
        made = super().__new__(cls, rf"(?=[{ends}])[{inner}]{{1,{most}}}+(?<=[{ends}])")
        made.inner = inner
        made.most = most
        return made


def all_of(patterns: Sequence[str]) -> Texts:
    """The texts that all of ``patterns`` match in full, of ASCII where two classes meet."""
    classes = [pattern for pattern in dict.fromkeys(patterns) if _OF_CHARACTERS.fullmatch(pattern)]
    others = [pattern for pattern in dict.fromkeys(patterns) if pattern not in classes]
    name = next((pattern for pattern in others if isinstance(pattern, _Name)), None)
    if name is not None and NO_DASH in others:
        others.remove(NO_DASH)  # a name begins with a letter or a digit
    if _INTEGER_TEXT in others:
        if name is not None and name.most >= _INTEGER_DIGITS:
            others.remove(name)
        classes = [pattern for pattern in classes if not re.fullmatch(pattern, "0123456789")]
    elif len(classes) > 1 or (classes and name is not None):
        matches = [re.compile(pattern).fullmatch for pattern in classes]
        allowed = {char for char in _ASCII if all(match(char) for match in matches)}
        if name is not None and allowed.issuperset(re.findall(f"[{name.inner}]", _ASCII)):
            classes = []  # they say nothing that the name does not
        elif allowed:
            sign = "*" if all(match("") for match in matches) else "+"
            classes = [f"[{''.join(map(re.escape, sorted(allowed)))}]{sign}"]
    last, *first = reversed([*others, *classes])
    is_linewise = not first and (
        isinstance(last, _Name) or last == _INTEGER_TEXT or (last in classes and not re.fullmatch(last, "\n"))
    )
    before = "".join(rf"(?=(?:{pattern}){_END})" for pattern in reversed(first))
    return Texts(f"{before}(?:{last})", is_linewise)


def _of_rule(placeholder: Placeholder, rule: NameRule) -> str | None:
    constant = "".join(part if isinstance(part, str) else "a" for part in placeholder.segments)
    if not rule.accepts(constant):
        return None
    room = (rule.limit - len(constant)) // len(placeholder.columns) + 1
    if room < 3:
        return None
    letters = "a-z0-9" if rule.lower else "A-Za-z0-9"
    inner = letters if rule.lower else f"{letters}_."
    return _Name(letters, f"{inner}-", room)
