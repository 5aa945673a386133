"""Label selectors: ``app=web,tier!=db,env in (a,b),!old`` and the LabelSelector objects of the API.

The grammar, what is refused and the error texts are those of apimachinery's ``labels`` package, which kubectl
and the API server share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.regex import regex

NAME: Final = regex(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
PREFIX: Final = regex(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_INTEGER = regex(r"[+-]?[0-9]+", re.ASCII)


class Operator(StrEnum):
    """What a requirement asks of a label, in the words of the API."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GREATER = "Gt"
    LESS = "Lt"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on the label ``key``."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a key, values or a number of values that the API server refuses."""
        check_key(self.key)
        if self.operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST):
            if self.values:
                raise ValueError("values set must be empty for exists and does not exist")
        elif self.operator in (Operator.GREATER, Operator.LESS) and len(self.values) != 1:
            raise ValueError("for 'Gt', 'Lt' operators, exactly one value is required")
        elif not self.values:
            raise ValueError("for 'in', 'notin' operators, values set can't be empty")
        for value in self.values:
            check_value(value)
            if self.operator in (Operator.GREATER, Operator.LESS) and not _INTEGER.fullmatch(value):
                raise ValueError("for 'Gt', 'Lt' operators, the value must be an integer")

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant."""
        value = labels.get(self.key)
        match self.operator:
            case Operator.IN:
                return value is not None and value in self.values
            case Operator.NOT_IN:
                return value is None or value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None
        if value is None or not _INTEGER.fullmatch(value):
            return False
        limit = int(self.values[0])
        return int(value) > limit if self.operator is Operator.GREATER else int(value) < limit

    def __str__(self) -> str:
        match self.operator:
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"
            case Operator.GREATER:
                return f"{self.key}>{self.values[0]}"
            case Operator.LESS:
                return f"{self.key}<{self.values[0]}"
        if len(self.values) == 1:
            return f"{self.key}{'=' if self.operator is Operator.IN else '!='}{self.values[0]}"
        word = "in" if self.operator is Operator.IN else "notin"
        return f"{self.key} {word} ({','.join(self.values)})"


@lru_cache(maxsize=1024)
def check_key(key: str) -> None:
    """Raises ValueError when ``key`` cannot be the key of a label: ``[prefix/]name``."""
    prefix, slash, name = key.rpartition("/")
    fine = len(name) <= 63 and NAME.fullmatch(name) and len(prefix) <= 253
    if not fine or (slash and not PREFIX.fullmatch(prefix)):
        raise ValueError(f"{key!r} is not a valid label key")


def check_value(value: str) -> None:
    """Raises ValueError when ``value`` cannot be the value of a label."""
    if len(value) > 63 or (value and not NAME.fullmatch(value)):
        raise ValueError(f"{value!r} is not a valid label value")


_token = regex(r"[ \t\r\n]*(?:([=!<>]+|[(),])|([^ \t\r\n=!<>(),]+)|$)")


SIGNS: Final = {
    "=": Operator.IN,
    "==": Operator.IN,
    "!=": Operator.NOT_IN,
    "in": Operator.IN,
    "notin": Operator.NOT_IN,
    ">": Operator.GREATER,
    "<": Operator.LESS,
}
_SETS: Final = ("in", "notin")
_EXPECTED_SIGN: Final = "in, notin, =, ==, !=, gt, lt"


@dataclass(frozen=True, slots=True)
class Selector:
    """Conditions that must all hold; without any it means every object, unless ``nothing`` is set."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Whether an object with these labels is meant."""
        return not self.nothing and all(each.matches(labels or {}) for each in self.requirements)

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


def from_object(selector: Mapping[str, Any] | None) -> Selector:
    """The selector that a LabelSelector object means; None means nothing, an empty one everything.

    Raises ValueError for one that the API server could not use.
    """
    if selector is None:
        return Selector(nothing=True)
    wanted = [
        Requirement(key, Operator.IN, (value or "",))
        for key, value in (selector.get("matchLabels") or {}).items()
    ]
    for expression in selector.get("matchExpressions") or ():
        operator = expression.get("operator") or ""
        if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
            raise ValueError(f'"{operator}" is not a valid label selector operator')
        values = tuple(value or "" for value in expression.get("values") or ())
        wanted.append(Requirement(expression.get("key") or "", Operator(operator), values))
    return Selector(tuple(wanted))


def parse(text: str) -> Selector:
    """The selector written as kubectl's ``-l`` takes it; an empty text means every object.

    Raises ValueError that says what was found and what was expected.
    """
    tokens = _tokens(text)
    wanted = []
    while tokens[0]:
        wanted.append(_requirement(tokens))
        if tokens[0] == ",":
            tokens.pop(0)
            if not tokens[0] or not (_is_name(tokens[0]) or tokens[0] == "!"):
                raise _unexpected(tokens[0], "identifier after ','")
        elif tokens[0]:
            raise _unexpected(tokens[0], "',' or 'end of string'")
    return Selector(tuple(wanted))


def _tokens(text: str) -> list[str]:
    """The words and signs of ``text`` and an empty one at the end."""
    tokens, at = [], 0
    while at < len(text) and (found := _token.match(text, at)):
        tokens.append(found[1] or found[2] or "")
        at = found.end()
    return [*tokens, ""] if not tokens or tokens[-1] else tokens


def _requirement(tokens: list[str]) -> Requirement:
    absent = tokens[0] == "!"
    if absent:
        tokens.pop(0)
    key = tokens.pop(0)
    if not _is_name(key):
        raise _unexpected(key, "!, identifier, or 'end of string'" if not absent else "identifier")
    check_key(key)
    if absent:
        return Requirement(key, Operator.DOES_NOT_EXIST)
    if tokens[0] in ("", ","):
        return Requirement(key, Operator.EXISTS)
    sign = tokens.pop(0)
    if sign not in SIGNS:
        raise _unexpected(sign, _EXPECTED_SIGN)
    values = _value_set(tokens) if sign in _SETS else (_single_value(tokens),)
    return Requirement(key, SIGNS[sign], values)


def _value_set(tokens: list[str]) -> tuple[str, ...]:
    if tokens[0] != "(":
        raise _unexpected(tokens[0], "'('")
    tokens.pop(0)
    values = [""]
    while tokens[0] != ")":
        token = tokens.pop(0)
        if token == ",":
            values.append("")
        elif _is_name(token) and not values[-1]:
            values[-1] = token
        else:
            raise _unexpected(token, "',', or ')'")
    tokens.pop(0)
    return tuple(sorted(set(values)))


def _single_value(tokens: list[str]) -> str:
    if tokens[0] in ("", ","):
        return ""
    value = tokens.pop(0)
    if not _is_name(value):
        raise _unexpected(value, "identifier")
    return value


def _is_name(token: str) -> bool:
    return bool(token) and token[0] not in "=!<>(),"


def _unexpected(token: str, expected: str) -> ValueError:
    return ValueError(f"unable to parse requirement: found '{token}', expected: {expected}")
