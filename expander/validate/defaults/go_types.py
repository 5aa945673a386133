"""The fields of the API's Go types, as the struct tags of k8s.io/api fix them for good.

They are protobuf messages too, and what JSON leaves out when it is empty follows from them.

``schemas/protobuf.json`` has them: for each message, an apiVersion and a Go type, a list of ``NUMBER NAME
TYPE``. Types: ``s`` text, ``i`` and ``b`` numbers and booleans, ``y`` bytes, ``q`` a quantity, ``n`` an
int-or-string, ``t`` a time, ``u`` one with microseconds, ``d`` a number with a fraction, ``j`` a message
whose bytes are JSON, ``v`` one that is a list of texts; a message by its name, with its apiVersion where that
is another one. Before a type ``*`` is a list, ``+`` one that JSON has though it is empty, ``%`` a map from
texts, ``^`` a message whose fields belong to the one around it, ``|`` one that is a value of several types,
whose fields are called as they are in Python, and ``?`` a field that JSON has whenever it was sent; one
without a mark is left out when it is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from expander.base.named_tuple import NamedTuple
from expander.kube.schemas import read


class StructField(NamedTuple):
    """One field: its JSON name, its type (a letter or a message), and its mark or nothing."""

    number: int
    name: str
    type: str
    mark: str


@cache
def _messages() -> Mapping[str, str]:
    found: Mapping[str, str] = read("protobuf.json")
    return found


def message_of(api_version: str, kind: str) -> str:
    """The message of a kind; empty for one that has none. Every apiVersion has Status, DeleteOptions and the
    other kinds of meta.k8s.io."""
    for message in (f"{api_version}.{kind}", f"meta.k8s.io/v1.{kind}"):
        if message in _messages():
            return message
    return ""


@cache
def fields(message: str) -> tuple[StructField, ...]:
    """The fields of a message, by number. Raises KeyError for one that is not known."""
    api_version = message.rpartition(".")[0]
    return tuple(_field(each, api_version) for each in _messages()[message].split(", ") if each)


def _field(text: str, api_version: str) -> StructField:
    number, name, type = text.split(" ")
    mark = type[0] if type[0] in "*+%?^|" else ""
    type = type[len(mark) :]
    if len(type) > 1 and "." not in type:
        type = f"{api_version}.{type}"
    return StructField(int(number), name, type, mark)


@cache
def _titles() -> Mapping[str, list[str]]:
    """The messages by the titles that their types have in the schema files: ``v1.Pod``."""
    found: dict[str, list[str]] = {}
    for message in _messages():
        found.setdefault(message.rpartition("/")[2], []).append(message)
    return found


def always_written(title: str) -> set[str]:
    """The lists of a type that JSON has though they are empty; ``title`` is that of its schema."""
    found = (_in_json(message) for message in _titles().get(title, ()))
    return {field.name for each in found for field in each if field.mark == "+"}


def omitted_zeros(title: str) -> set[str]:
    """The numbers, texts and booleans of a type that JSON leaves out when they are zero: no pointers."""
    found = [
        {field.name for field in _in_json(message) if not field.mark and field.type in ("s", "i", "b")}
        for message in _titles().get(title, ())
    ]
    return set.intersection(*found) if found else set()


def _in_json(message: str) -> Iterator[StructField]:
    """The fields of a message as JSON has them: those of messages within it among its own."""
    for field in fields(message):
        if field.mark == "^":
            yield from _in_json(field.type)
        else:
            yield field
