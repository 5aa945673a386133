"""Numbers that keep their text."""

from __future__ import annotations

import copy
import json
import pickle
import re

from hypothesis import given
from hypothesis import strategies as st

from expander.base.written_numbers import WrittenNumber, dumps, integer, loads, real
from expander.base.yaml import load_documents
from expander.base.yaml.writer import dump

NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]{1,2})?", fullmatch=True).filter(
    lambda text: len(text) < 200
)
TEXTS = st.recursive(
    NUMBERS | st.sampled_from(['"number0"', '"1.10"', "null", "true"]),
    lambda inner: (
        st.lists(inner).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(inner, max_size=5).map(
            lambda parts: "{" + ",".join(f'"k{place}":{part}' for place, part in enumerate(parts)) + "}"
        )
    ),
    max_leaves=12,
)


@given(TEXTS)
def test_json_is_written_as_it_was_read(text: str) -> None:
    assert dumps(loads(text), separators=(",", ":")) == text
    assert loads(text) == json.loads(text)


@given(NUMBERS)
def test_yaml_has_a_number_as_it_was_read_and_it_is_the_same_number(text: str) -> None:
    written = dump({"a": loads(text)})
    assert written in (f"a: {text}\n", f"a: {re.sub('[eE]', '.0' + chr(92) + 'g<0>', text)}\n")
    (document,) = load_documents(written.encode(), "t")
    assert float(document.data["a"]) == float(text)


@given(st.recursive(st.none() | st.floats(allow_nan=False) | st.text(), lambda inner: st.lists(inner)))
def test_other_values_are_written_as_python_writes_them(value: object) -> None:
    for options in ({}, {"indent": 2}, {"ensure_ascii": False}):
        assert dumps(value, **options) == json.dumps(value, **options)


def test_a_number_that_python_writes_alike_is_a_plain_one() -> None:
    assert type(real("1.5")) is float
    assert type(real("1.50")) is WrittenNumber
    assert type(integer("7")) is int


def test_a_number_keeps_its_text_in_copies() -> None:
    number = real("1E3")
    for other in (copy.deepcopy(number), pickle.loads(pickle.dumps(number))):
        assert (str(other), other) == ("1E3", 1000)
