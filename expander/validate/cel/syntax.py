"""The grammar of CEL: text to a tree (cel-spec ``doc/langdef.md``, with the optional syntax of cel-go)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.validate.cel.values import Uint


class Literal(NamedTuple):
    """A constant."""

    value: Any


class Ident(NamedTuple):
    """A variable, or the first part of a qualified name."""

    name: str


class Select(NamedTuple):
    """``target.field``, or ``target.?field``."""

    target: Expr
    field: str
    optional: bool = False


class Index(NamedTuple):
    """``target[key]``, or ``target[?key]``."""

    target: Expr
    key: Expr
    optional: bool = False


class Call(NamedTuple):
    """A function, a method of ``target``, or an operator by its sign."""

    name: str
    target: Expr | None
    args: tuple[Expr, ...]


class ListOf(NamedTuple):
    """``[a, ?b]``: entries, and whether each is optional."""

    entries: tuple[tuple[Expr, bool], ...]


class MapOf(NamedTuple):
    """``{a: b, ?c: d}``: key, value, and whether each is optional."""

    entries: tuple[tuple[Expr, Expr, bool], ...]


Expr: TypeAlias = Literal | Ident | Select | Index | Call | ListOf | MapOf


class CelSyntaxError(ValueError):
    """Text that is not CEL."""


_TOKEN: Final = regex(
    r"""(?P<space>(?:[\s]+|//[^\n]*)+)
    |(?P<text>(?P<prefix>[rR][bB]?|[bB][rR]?)?(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}
        |\"(?:[^\\\"\r\n]|\\.)*\"|'(?:[^\\'\r\n]|\\.)*'))
    |(?P<real>(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?))
    |(?P<whole>(?:0[xX][0-9a-fA-F]+|[0-9]+)[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<quoted>`[A-Za-z0-9_.\-/ ]+`)
    |(?P<sign>&&|\|\||[=!<>]=|[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_RAW_TEXT: Final = regex(
    r"""[rR][bB]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|\"[^\"\r\n]*\"|'[^'\r\n]*')|[bB][rR](?:\"[^\"\r\n]*\"|'[^'\r\n]*')""",
    re.DOTALL,
)
_ESCAPE: Final = regex(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))",
    re.DOTALL,
)
_SHORT: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WORDS: Final = {"true": True, "false": False, "null": None}
RESERVED: Final = frozenset(
    "as break const continue else for function if import in let loop package namespace return var void "
    "while".split()
)
_LEVELS: Final[Sequence[frozenset[str]]] = (
    frozenset(("==", "!=", "<", "<=", ">", ">=", "in")),
    frozenset(("+", "-")),
    frozenset(("*", "/", "%")),
)
MAX_DEPTH: Final = 250
"""So deep expressions may be nested, as in cel-go."""


class Token(NamedTuple):
    """``kind`` is a group of `_TOKEN`; ``value`` the text, or the value of a literal."""

    kind: str
    value: Any
    at: int


def parse(text: str) -> Expr:
    """The tree of an expression. Raises CelSyntaxError."""
    if not text.isascii() and any("\ud800" <= each < "\ue000" for each in text):
        raise CelSyntaxError("not Unicode text: it has half of a surrogate pair")
    parser = _Parser(_tokens(text))
    found = parser.expression()
    parser.expect("end", "")
    return found


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        raw = _RAW_TEXT.match(text, at)
        found = raw or _TOKEN.match(text, at)
        if found is None:
            raise CelSyntaxError(f"unexpected {text[at]!r} at {at}")
        kind = "text" if raw else str(found.lastgroup if found["text"] is None else "text")
        written = found[0]
        if kind != "space":
            tokens.append(Token("value" if kind in _LITERALS else kind, _value(kind, written), at))
        at = found.end()
    return [*tokens, Token("end", "", at)]


def _value(kind: str, written: str) -> Any:
    return _LITERALS[kind](written) if kind in _LITERALS else written


def _whole(written: str) -> int:
    digits = written.rstrip("uU")
    value = int(digits, 16) if digits[:2] in ("0x", "0X") else int(digits)
    return Uint(value) if digits != written else value


def _text(written: str) -> str | bytes:
    body = written.lstrip("rRbB")
    prefix = written[: len(written) - len(body)].lower()
    size = 3 if body[:3] in ('"""', "'''") and len(body) >= 6 else 1
    body = body[size:-size]
    if "b" in prefix:
        return body.encode() if "r" in prefix else _unescaped(body, in_bytes=True)
    return body if "r" in prefix else _unescaped(body, in_bytes=False).decode()


def _unescaped(body: str, *, in_bytes: bool) -> bytes:
    parts: list[bytes] = []
    end = 0
    for found in _ESCAPE.finditer(body):
        short, two, four, eight, octal, wrong = found.groups()
        if wrong is not None:
            raise CelSyntaxError(f"invalid escape sequence {found[0]!r}")
        parts.append(body[end : found.start()].encode())
        end = found.end()
        if short is not None:
            parts.append(_SHORT.get(short, short).encode())
            continue
        code = int(octal, 8) if octal else int(two or four or eight, 16)
        if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            raise CelSyntaxError(f"invalid Unicode code point {found[0]!r}")
        parts.append(bytes([code]) if in_bytes and (octal or two) else chr(code).encode())
    return b"".join([*parts, body[end:].encode()])


_LITERALS: Final[dict[str, Callable[[str], Any]]] = {"whole": _whole, "real": float, "text": _text}


class _Parser:
    """Recursive descent; one method for each level of the grammar."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def accept(self, *signs: str) -> str | None:
        """The next token, taken, if it is one of these signs or words."""
        token = self.tokens[self.at]
        if token.kind in ("sign", "name") and token.value in signs:
            self.at += 1
            return str(token.value)
        return None

    def expect(self, kind: str, value: str | None = None) -> Any:
        """The value of the next token, which has to be this one."""
        token = self.tokens[self.at]
        if token.kind != kind or (value is not None and token.value != value):
            wanted = value or {"end": "the end"}.get(kind, "a name")
            raise CelSyntaxError(f"expected {wanted} at {token.at}, found {token.value!r}")
        self.at += 1
        return token.value

    def expression(self) -> Expr:
        """``a ? b : c``, or a condition."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise CelSyntaxError("expression is nested too deep")
        condition = self.either()
        if self.accept("?"):
            yes = self.either()
            self.expect("sign", ":")
            condition = Call("?:", None, (condition, yes, self.expression()))
        self.depth -= 1
        return condition

    def either(self) -> Expr:
        left = self.both()
        while self.accept("||"):
            left = Call("||", None, (left, self.both()))
        return left

    def both(self) -> Expr:
        left = self.binary(0)
        while self.accept("&&"):
            left = Call("&&", None, (left, self.binary(0)))
        return left

    def binary(self, level: int) -> Expr:
        """Relations, sums and products."""
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while sign := self.accept(*_LEVELS[level]):
            left = Call(sign, None, (left, self.binary(level + 1)))
        return left

    def unary(self) -> Expr:
        if self.accept("!"):
            return Call("!", None, (self.unary(),))
        if self.accept("-"):
            token = self.tokens[self.at]
            if token.kind == "value" and type(token.value) in (int, float):
                self.tokens[self.at] = token._replace(value=-token.value)
                return self.member()
            return Call("-", None, (self.unary(),))
        return self.member()

    def member(self) -> Expr:
        """A primary with what is selected from it."""
        found = self.primary()
        while True:
            if self.accept("."):
                optional = bool(self.accept("?"))
                token = self.tokens[self.at]
                if token.kind == "quoted":
                    self.at += 1
                    found = Select(found, token.value.strip("`"), optional)
                    continue
                name = self.expect("name")
                if not optional and self.accept("("):
                    found = Call(name, found, self.arguments(")"))
                else:
                    found = Select(found, name, optional)
            elif self.accept("["):
                optional = bool(self.accept("?"))
                found = Index(found, self.expression(), optional)
                self.expect("sign", "]")
            elif self.tokens[self.at][:2] == ("sign", "{") and isinstance(found, Ident | Select):
                raise CelSyntaxError("messages are not supported")
            else:
                return found

    def primary(self) -> Expr:
        token = self.tokens[self.at]
        if token.kind == "value":
            self.at += 1
            return Literal(token.value)
        if self.accept("("):
            found = self.expression()
            self.expect("sign", ")")
            return found
        if self.accept("["):
            return ListOf(tuple(self.entries()))
        if self.accept("{"):
            return MapOf(tuple(self.pairs()))
        self.accept(".")  # a name that is looked up from the root
        name = self.expect("name")
        if name in _WORDS:
            return Literal(_WORDS[name])
        if name in RESERVED:
            raise CelSyntaxError(f"reserved identifier {name!r} at {token.at}")
        return Call(name, None, self.arguments(")")) if self.accept("(") else Ident(name)

    def arguments(self, end: str) -> tuple[Expr, ...]:
        """Expressions separated by commas, up to ``end``."""
        found: list[Expr] = []
        while not self.accept(end):
            if found:
                self.expect("sign", ",")
            found.append(self.expression())
        return tuple(found)

    def entries(self) -> list[tuple[Expr, bool]]:
        found: list[tuple[Expr, bool]] = []
        while not self.accept("]"):
            if found:
                self.expect("sign", ",")
                if self.accept("]"):
                    break
            optional = bool(self.accept("?"))
            found.append((self.expression(), optional))
        return found

    def pairs(self) -> list[tuple[Expr, Expr, bool]]:
        found: list[tuple[Expr, Expr, bool]] = []
        while not self.accept("}"):
            if found:
                self.expect("sign", ",")
                if self.accept("}"):
                    break
            optional = bool(self.accept("?"))
            key = self.expression()
            self.expect("sign", ":")
            found.append((key, self.expression(), optional))
        return found
