"""Values in fields that the kubelet expands come out as they went in; the template's references stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.kube.expansion import is_expanded, literal, with_values
from expander.local.kubelet.env import expand

VARIABLES = {"A": "of A", "A-b": "of A-b"}
texts = st.text("$()A b", max_size=6)


@given(texts)
def test_a_literal_text_comes_out_as_it_is(text: str) -> None:
    assert expand(literal(text), VARIABLES) == text


@given(st.lists(texts, min_size=2, max_size=4), st.lists(texts, min_size=3, max_size=3))
def test_values_come_out_between_constants_that_keep_their_meaning(
    constants: list[str], values: list[str]
) -> None:
    segments: list[str | int] = [constants[0]]
    for number, constant in enumerate(constants[1:]):
        segments += [number, constant]
    used = values[: len(constants) - 1]
    opaque = "\ue000".join(constants)
    made = with_values(segments, used)
    if made is None:
        assert any(mark in part for part in expand(opaque, {}).split("$(")[1:] for mark in "\ue000")
        return
    if any("\ue000" in part.partition(")")[0] for part in opaque.split("$(")[1:] if ")" in part):
        return  # a value is a part of a variable's name
    expected = expand(opaque, VARIABLES).split("\ue000")
    assert expand(made, VARIABLES) == "".join(
        part + value for part, value in zip(expected, [*used, ""], strict=True)
    )


def test_a_value_may_be_a_part_of_a_variables_name_and_nothing_else() -> None:
    assert with_values(["$(HOST_", 0, ")/", 1], ["a-1", "$(B)"]) == "$(HOST_a-1)/$$(B)"
    assert with_values(["$(HOST_", 0, ")"], ["a) $(SECRET"]) is None
    assert with_values(["$(", 0], ["A)"]) == "$$(A)"
    assert with_values(["$", 0], ["(A)"]) == "$$(A)"
    assert with_values([0, "$(A)"], ["cost $"]) == "cost $$$(A)"
    assert with_values([0, 1], ["$", "$"]) == "$$$"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("spec containers 0 command 1", True),
        ("spec template spec initContainers 0 args 0", True),
        ("spec tasks 0 template spec containers 0 env 2 value", True),
        ("spec containers 0 volumeMounts 0 subPathExpr", True),
        ("spec containers 0 livenessProbe exec command 0", True),
        ("spec containers 0 lifecycle preStop exec command 0", False),
        ("spec containers 0 volumeMounts 0 subPath", False),
        ("spec containers 0 image", False),
        ("spec containers 0 env 0 name", False),
        ("metadata annotations command", False),
    ],
)
def test_the_fields_that_the_kubelet_expands(path: str, wanted: bool) -> None:
    parts = [int(part) if part.isdecimal() else part for part in path.split()]
    assert is_expanded(tuple(parts)) is wanted
