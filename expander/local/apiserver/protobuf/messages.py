"""The fields of the API's protobuf messages, as the struct tags of k8s.io/api fix them for good.

``schemas/protobuf.json`` has them: for each message, an apiVersion and a Go type, a list of ``NUMBER NAME
TYPE``. Types: ``s`` text, ``i`` and ``b`` numbers and booleans, ``y`` bytes, ``q`` a quantity, ``n`` an
int-or-string, ``t`` a time, ``u`` one with microseconds, ``d`` a number with a fraction, ``j`` a message
whose bytes are JSON, ``v`` one that is a list of texts; a message by its name, with its apiVersion where that
is another one. Before a type ``*`` is a list, ``%`` a map from texts, ``^`` a message whose fields belong to
the one around it, ``|`` one that is a value of several types, whose fields are called as they are in Python,
and ``?`` a field that the API's JSON has whenever it was sent; one without a mark is left out there when it
is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from expander.base.data_files import folder
from expander.kube.schemas import read


class Field(NamedTuple):
    """One field: its JSON name, its type (a letter or a message), and its mark or nothing."""

    number: int
    name: str
    type: str
    mark: str


@cache
def _messages() -> Mapping[str, str]:
    found: Mapping[str, str] = read(folder("schemas") / "protobuf.json")
    return found


def message_of(api_version: str, kind: str) -> str:
    """The message of a kind; empty for one that has none. Every apiVersion has Status, DeleteOptions and the
    other kinds of meta.k8s.io."""
    for message in (f"{api_version}.{kind}", f"meta.k8s.io/v1.{kind}"):
        if message in _messages():
            return message
    return ""


@cache
def fields(message: str) -> tuple[Field, ...]:
    """The fields of a message, by number. Raises KeyError for one that is not known."""
    api_version = message.rpartition(".")[0]
    return tuple(_field(each, api_version) for each in _messages()[message].split(", ") if each)


def _field(text: str, api_version: str) -> Field:
    number, name, type = text.split(" ")
    mark = type[0] if type[0] in "*%?^|" else ""
    type = type[len(mark) :]
    if len(type) > 1 and "." not in type:
        type = f"{api_version}.{type}"
    return Field(int(number), name, type, mark)
