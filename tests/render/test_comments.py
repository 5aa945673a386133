"""YAML templates are changed as little as needed."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from expander.base.yaml.writer import dump
from expander.render.comments import commented_text, says

CASES: dict[str, tuple[str, Any, str]] = {
    "comments, quotes, blank lines and indentation stay": (
        "# top\na:   'x'   # one\n\n# two\nb:\n    - c: \"y\" # three\n      d: {e: [1,2]}\n",
        {"a": "x", "b": [{"c": "Th0z", "d": {"e": [1, 2]}}]},
        "# top\na:   'x'   # one\n\n# two\nb:\n    - c: Th0z # three\n      d: {e: [1,2]}\n",
    ),
    "fields come before the next one, behind its comments": (
        "m:\n  # the name\n  name: x\n",
        {"m": {"labels": {"g": "1"}, "name": "x"}},
        'm:\n  # the name\n  labels:\n    g: "1"\n  name: x\n',
    ),
    "fields come behind the last one, before the comments below": (
        "m:\n  name: x  # c\n  # below\n\ns: 1\n",
        {"m": {"name": "x", "w": {"k": "v"}, "o": "p"}, "s": 1},
        "m:\n  name: x  # c\n  w:\n    k: v\n  o: p\n  # below\n\ns: 1\n",
    ),
    "an outer field follows an inner one": (
        "m:\n  w: {}",
        {"m": {"w": {"a": "b"}, "c": "d"}, "e": "f"},
        "m:\n  w: {a: b}\n  c: d\ne: f\n",
    ),
    "flow mappings get their fields in flow style": (
        "m: {b: 1, c: 2 }  # c\n",
        {"m": {"a": {"x": "y, z"}, "b": 1, "c": 2, "d": ["Th0z"]}},
        'm: {a: {x: "y, z"}, b: 1, c: 2, d: [Th0z] }  # c\n',
    ),
    "a field without a value gets one": ("m:\nw: ~\n", {"m": {"a": "b"}, "w": 3}, "m: {a: b}\nw: 3\n"),
    "a block keeps its header and indentation": (
        "m: |-  # c\n    a $ITEM\n\n     b\n# d\nw: 1\n",
        {"m": "a Th0s1z\n\n b", "w": 1},
        "m: |- # c\n    a Th0s1z\n\n     b\n# d\nw: 1\n",
    ),
    "lines at the end of a block stay": (
        "m: |+\n  $ITEM\n\nw: 1\n",
        {"m": "aTh0s0z\n\n", "w": 1},
        "m: |+\n  aTh0s0z\n\nw: 1\n",
    ),
    "a token takes the place of a block and keeps its comment": (
        "m: >  # c\n  a\n  b\n\n# d\nw: 1\n",
        {"m": "Th0z", "w": 1},
        "m: Th0z  # c\n\n# d\nw: 1\n",
    ),
    "what PyYAML would take for something else is quoted": (
        "a: 12:30\nb: 2001-01-01\nc: 0o10\nd: on\n",
        {"a": "12:30", "b": "2001-01-01", "c": 8, "d": True},
        'a: "12:30"\nb: "2001-01-01"\nc: 8\nd: true\n',
    ),
    "what YAML 1.2 would take for something else is written anew": (
        "a: no # c\nb: 010\nc: [Off, 1_000]\nd: TRUE\ne: 0x1F\nf: -1.50\ng: ~\nh:\n",
        {"a": False, "b": 8, "c": [False, 1000], "d": True, "e": 31, "f": -1.5, "g": None, "h": None},
        "a: false # c\nb: 8\nc: [false, 1000]\nd: TRUE\ne: 0x1F\nf: -1.50\ng: ~\nh:\n",
    ),
    "a list in a list": ("a:\n- - x\n  - $ITEM\n", {"a": [["x", "Th0z"]]}, "a:\n- - x\n  - Th0z\n"),
    "line ends of Windows": ("a: $ITEM # c\r\nb: 1\r\n", {"a": "Th0z", "b": 1}, "a: Th0z # c\nb: 1\n"),
    "characters of any width": (
        "# é\U0001f600\na: é\U0001f600 $ITEM\n",
        {"a": "Th0z"},
        "# é\U0001f600\na: Th0z\n",
    ),
    "an anchor and its aliases": (
        "a: &x {b: 1}\nc: *x\n",
        {"a": {"b": 1}, "c": {"b": 1}},
        "a: &x {b: 1}\nc: *x\n",
    ),
    "a merge": (
        "a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n",
        {"a": {"b": 1}, "c": {"b": 1, "d": 3}},
        "a: &x {b: 1}\nc:\n  <<: *x\n  d: 3\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_only_what_differs_is_written_anew(case: str) -> None:
    source, wanted, expected = CASES[case]
    assert (commented_text(source, wanted, "T") or "") == expected


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("a: 1\n", {"b": 1}),
        ("a: [1, 2]\n", {"a": [1]}),
        ("a: {b: 1}\n", {"a": "Th0z"}),
        ("a: &x $ITEM\nb: *x\n", {"a": "Th0z", "b": "other"}),
        ("a: 2001-99-99\n", {"a": "2001-99-99"}),
        ("a: !!int ''\n", {"a": "x"}),
        ("? [a]\n: 1\n", {"a": 1}),
        ("a: [\n", {"a": []}),
    ],
)
def test_a_text_that_cannot_say_it_is_not_used(source: str, wanted: Any) -> None:
    assert commented_text(source, wanted, "T") is None


SCALARS = st.sampled_from(
    ["a", "a b", "", "on", "1", 1, 2.5, True, None, "a\nb\n", "a: b", "# c", "- d", "é"]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=40)
@given(
    tree=st.dictionaries(st.sampled_from("abcdef"), TREES, min_size=1, max_size=4),
    added=st.dictionaries(st.sampled_from("uvw"), TREES, max_size=2),
    first=st.booleans(),
    flow=st.booleans(),
)
def test_fields_are_added_to_any_mapping_and_it_says_what_is_wanted(
    tree: dict[str, Any], added: dict[str, Any], first: bool, flow: bool
) -> None:
    source = yaml.safe_dump(tree, default_flow_style=True, sort_keys=False) if flow else dump(tree)
    wanted = {**added, **tree} if first else {**tree, **added}
    text = commented_text(source, wanted, "T")
    assert text is None or says(text, wanted)
    if "\n" not in str(tree) + str(added):
        assert text is not None
