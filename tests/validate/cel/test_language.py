"""CEL itself: what expressions are, and what they are worth. Errors have the words of cel-go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.validate.cel.program import InvalidExpressionError, Program, UnsupportedError
from expander.validate.cel.selection import unescaped
from expander.validate.cel.syntax import CelSyntaxError, parse
from expander.validate.cel.values import CelError


def value(text: str, **variables: Any) -> Any:
    return Program(text, list(variables))(*variables.values())


TRUE = """
1 + 2 * 3 == 7
(1 + 2) * 3 == 9
10 - 2 - 3 == 5
-7 / 2 == -3 && -7 % 2 == -1
7u + 1u == 8u
2.0 * 1.5 == 3.0
1 == 1.0 && 1u == 1 && 2 > 1.5 && 1u < 2
"a" + "b" == "ab" && b"a" + b"b" == b"ab"
[1] + [2, 3] == [1, 2, 3]
'a' < 'b' && b'a' < b'b' && false < true
1 != 2 && "1" != 1 && [1] != [2] && {"a": 1} != {"a": 2}
{"a": 1, "b": [2]} == {"b": [2.0], "a": 1u}
null == null && null != 0
"x" in ["x", "y"] && !("z" in {"x": 1}) && 1.0 in [1]
true ? true : 1 / 0 == 1
false || true && true
!(true && false)
!!true && --1 == 1
[1, 2, 3][1] == 2 && {"a": {"b": 3}}.a.b == 3 && {"a": 1}["a"] == 1
[[1, 2], [3]][0][1] == 2
has({"a": 1}.a) && !has({"a": 1}.b)
0x1F == 31 && 1e3 == 1000.0 && .5 == 0.5 && 0xAu == 10u
"\\u00e9\\x41\\101\\n\\"\\?" == "éAA\\n\\"?"
r'\\d' == "\\\\d" && R"\\n".size() == 2
b'\\xff'.size() == 1 && b'é'.size() == 2 && 'é'.size() == 1
size("é€😀") == 3 && size([1, 2]) == 2 && size({"a": 1}) == 1 && size(b"abc") == 3
[1, 2, 3].all(x, x > 0) && ![1, 2].all(x, x > 1)
[1, 2].exists(x, x == 2) && ![].exists(x, true) && [].all(x, false)
[1, 2, 2].exists_one(x, x == 1) && ![1, 2, 2].exists_one(x, x == 2)
[1, 2].map(x, x * 2) == [2, 4] && [1, 2, 3].map(x, x > 1, x * 2) == [4, 6]
[1, 2, 3].filter(x, x % 2 == 1) == [1, 3]
{"a": 1, "b": 2}.filter(k, k != "a") == ["b"]
{"a": 1}.all(k, v, k == "a" && v == 1) && [5].exists(i, v, i == 0 && v == 5)
[3, 4].transformList(i, v, i + v) == [3, 5] && [3, 4].transformList(i, v, i > 0, v) == [4]
{"a": 1}.transformMap(k, v, v + 1) == {"a": 2}
{"a": 1}.transformMapEntry(k, v, {k + "x": v}) == {"ax": 1}
[1, 2].exists(x, [3, 4].exists(y, x + y == 6))
[1].map(x, [2].map(x, x)) == [[2]] && [1].all(x, [5].exists(x, x == 5) && x == 1)
[0, 1].exists(x, 1 / x == 1) && ![1, 0].all(x, 2 / x > 5)
true || 1 / 0 == 1 ? true : false
1 / 0 == 1 || true
!(1 / 0 == 1 && false)
cel.bind(x, 3, x + x) == 6
type(1) == int && type("") == string && type([]) == list && type(null) == null_type && type(1u) == uint
type(int) == type && type(duration("1s")) == google.protobuf.Duration
dyn(1) == 1
[1, 2,] == [1, 2] && {"a": 1,} == {"a": 1}
{"a": 1}.`a` == 1 && {"a-b": 2}.`a-b` == 2
true // a comment
"""

ERRORS = [
    ("1 / 0", "division by zero"),
    ("1 % 0", "modulus by zero"),
    ("9223372036854775807 + 1", "integer overflow"),
    ("-9223372036854775808 - 1", "integer overflow"),
    ("0u - 1u", "unsigned integer overflow"),
    ("[1][1]", "index out of bounds: 1"),
    ("[1][-1]", "index out of bounds: -1"),
    ('{"a": 1}.b', "no such key: b"),
    ('{"a": 1}["b"]', "no such key: b"),
    ("1 + 'a'", "no such overload"),
    ("1 + 1.0", "no such overload"),
    ("'a' < 1", "no such overload"),
    ("'a' && true", "no such overload"),
    ("1 ? 2 : 3", "no such overload"),
    ("!1", "no such overload"),
    ("1.all(x, true)", "no such overload"),
    ("[1, 0].map(x, 1 / x)", "division by zero"),
    ("1 / 0 == 1 && true", "division by zero"),
    ("1 / 0 == 1 || 1 % 0 == 1", "division by zero"),
    ("{'a': 1, 'a': 2}", "Failed with repeated key: a"),
]

REFUSED = [
    "",
    "1 +",
    "(1",
    "[1",
    "{1: 2",
    "{1}",
    "1 2",
    "a.",
    "'a",
    "'\\q'",
    "for",
    "x{a: 1}",
    "@",
    "nothing",
    "nothing(1)",
    "size()",
    "'a'.nothing()",
    "[1].map(1, 2)",
    "authorizer.group('').check('get')",
    "(" * 400 + "1" + ")" * 400,
]


@pytest.mark.parametrize("text", TRUE.split("\n")[1:-1])
def test_it_is_true(text: str) -> None:
    assert value(text) is True


def test_texts_in_three_quotes_go_over_lines() -> None:
    assert value("'''a\n'b' '''") == "a\n'b' "
    assert value('"""a"b"""') == 'a"b'


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_an_error_has_the_words_of_the_server(text: str, message: str) -> None:
    with pytest.raises(CelError) as error:
        value(text)
    assert str(error.value) == message


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_evaluated_is_said_before_any_evaluation(text: str) -> None:
    with pytest.raises(UnsupportedError):
        Program(text, ["x"])


def test_variables_are_given_by_place_and_their_use_is_known() -> None:
    program = Program("self.a + 1", ["self", "oldSelf"])
    assert program({"a": 1}, None) == 2
    assert program.uses == {"self"}
    assert Program("[1].all(self, self == 1)", ["self"]).uses == set()


def test_a_program_can_be_run_many_times_and_inside_itself() -> None:
    program = Program("[1, 2].map(x, x + y)", ["y"])
    assert [program(1), program(2), program(1)] == [[2, 3], [3, 4], [2, 3]]


def test_names_of_properties_are_unescaped() -> None:
    names = (
        "a__dot__b",
        "a__dash__b__slash__c",
        "__for__",
        "__namespace__",
        "a__underscores__b",
        "a__b",
        "__x__",
    )
    assert [*map(unescaped, names)] == ["a.b", "a-b/c", "for", "namespace", "a__b", "a__b", "__x__"]


@given(st.text(alphabet="ab1 .,()[]{}'\"?:!&|+-*/%<>=\\n", max_size=40))
def test_any_text_is_an_expression_or_a_syntax_error(text: str) -> None:
    try:
        parse(text)
    except CelSyntaxError:
        return


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_division_and_remainder_belong_together(one: int, other: int) -> None:
    if other and (one, other) != (-(2**63), -1):
        assert (
            value("x / y * y + x % y == x && (x % y == 0 || (x % y < 0) == (x < 0))", x=one, y=other) is True
        )


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=8))  # fmt: skip
def test_every_value_is_equal_to_itself_alone(data: Any) -> None:
    assert value("x == y && !(x != y) && x in [y] && [x] != [[y]]", x=data, y=data) is True


@pytest.mark.parametrize("text", [r"'\ud800'", r"'\UFFFFFFFF'", "'\ud800'", "r'\ud800'"])
def test_text_that_is_not_unicode_does_not_compile(text: str) -> None:
    with pytest.raises(InvalidExpressionError):
        Program(text, ())
