"""One condition of a label selector: the key, what is asked of its value, and what may be asked.

apimachinery's ``labels`` package decides which keys and values a requirement can have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NAME: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
PREFIX: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_integer = re.compile(r"[+-]?[0-9]+", re.ASCII).fullmatch


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
            if len(value) > 63 or (value and not NAME.fullmatch(value)):
                raise ValueError(f"{value!r} is not a valid label value")
            if self.operator in (Operator.GREATER, Operator.LESS) and not _integer(value):
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
        if value is None or not _integer(value):
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


def check_key(key: str) -> None:
    """Raises ValueError when ``key`` cannot be the key of a label: ``[prefix/]name``."""
    prefix, slash, name = key.rpartition("/")
    fine = len(name) <= 63 and NAME.fullmatch(name) and len(prefix) <= 253
    if not fine or (slash and not PREFIX.fullmatch(prefix)):
        raise ValueError(f"{key!r} is not a valid label key")
