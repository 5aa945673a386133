"""Regular expressions of Go, as Go understands them."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.validate.cel.go_regex import UntranslatedError, _Translation, compiled
from expander.validate.cel.linear_regex import Automaton

MATCHES = [
    ("^a$", "a", True),
    ("^a$", "a\n", False),
    ("(?m)^a$", "b\na", True),
    (r"\Aa\z", "a", True),
    (r"^\d$", "٣", False),
    (r"^\w+$", "é", False),
    (r"^\s$", "\v", False),
    (r"^\s$", "\t", True),
    (r"^[\s]$", " ", True),
    (r"^\S$", "\v", True),
    ("^[[:alpha:]]+$", "aZ", True),
    ("^[^[:digit:]]$", "5", False),
    ("^[[:^digit:]x]$", "a", True),
    ("^[]a]$", "]", True),
    ("^[a[]$", "[", True),
    ("^[a&&b]$", "&", True),
    ("^[+--]$", ",", True),
    (r"^\p{Lu}\pL$", "Éa", True),
    (r"^\P{L}$", "1", True),
    (r"^\p{^L}$", "a", False),
    (r"^[\p{Nd}x]$", "٣", True),
    ("a(?i)b", "aB", True),
    ("a(?i)b", "AB", False),
    ("(a(?i)b|c)d", "Cd", True),
    ("(a(?i)b|c)d", "cD", False),
    ("(?i:a)b", "Ab", True),
    ("(?s)^a.b$", "a\nb", True),
    ("^a.b$", "a\nb", False),
    ("^(?P<x>a)(?<y>b)$", "ab", True),
    (r"^\Qa.b\E$", "a.b", True),
    (r"^\Qa.b\E$", "axb", False),
    (r"^\Qa.b", "a.bc", True),
    ("^a{2}$", "aa", True),
    ("^a{,2}$", "a{,2}", True),
    ("^a{x}$", "a{x}", True),
    (r"^\x{1F600}$", "\U0001f600", True),
    (r"^\x41\101?$", "A", True),
    (r"^\.\-\/$", ".-/", True),
    ("^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", "a-b", True),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "text", "expected"), [m for m in MATCHES if r"\101" not in m[0]])
def test_it_matches_as_in_go(pattern: str, text: str, expected: bool) -> None:
    assert compiled(pattern).search(text) is expected
    followed = "".join(_Translation(pattern).text())
    if len(followed) < 1000:  # a category of Unicode is long, and one character all the same
        assert Automaton(followed).search(text) is expected


@pytest.mark.parametrize(
    "pattern",
    ["(", "[", "a)", "a**", "a++", "(?=a)", "(?!a)", "(?<=a)", "(?>a)", r"\1", r"(a)\1", r"\p{Greek}", r"\Z", "[[:no:]]",
     r"\C", "(?U)a", "\\"],
)  # fmt: skip
def test_what_go_does_not_have_or_we_do_not_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compiled(pattern)


@given(st.text(alphabet="ab01.*+?|()[]^$\\-{},:", max_size=20))
def test_any_text_is_an_expression_or_a_value_error_without_a_warning(pattern: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compiled(pattern).search("ab01")
        except ValueError:
            return


@given(st.text(max_size=20))
def test_quoted_text_matches_itself_alone(text: str) -> None:
    if r"\E" not in text and not text.endswith("\\"):
        assert compiled(rf"\A\Q{text}\E\z").search(text)
    assert compiled("^" + re.escape(text).replace(r"\ ", " ") + "$").search(text) or "\\" in re.escape(text)


PARTS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", r"\d", r"[^a\n]", "^", r"\Z", r"\b", r"\B", "(?i:A)", "(?m:^b$)", "(?s:.)"]),
    lambda below: st.builds("(?:{}){}".format, below, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?"]))
    | st.builds("(?:{}|{})".format, below, below)
    | st.builds("{}{}".format, below, below),
    max_leaves=6,
)  # fmt: skip


@given(PARTS, st.text(alphabet="aAb1\n ", min_size=1, max_size=6))  # on no text \B differs before Python 3.14
def test_an_expression_that_is_followed_matches_what_python_matches(expression: str, text: str) -> None:
    assert Automaton(expression).search(text) is bool(re.compile(expression, re.ASCII).search(text))


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*)*x", "^(([a-z])+.)+[A-Z]$", "(a*)*b", "a?" * 40 + "c", "x*x*x*x*y|.*.*.*=.*$"],
)  # fmt: skip
def test_no_expression_takes_long(pattern: str) -> None:
    assert not compiled(pattern).search("a" * 2000 + "!")
    assert compiled(pattern).search("a" * 2000 + "=x*") is (pattern in ("(.*)*x", "x*x*x*x*y|.*.*.*=.*$"))


def test_what_matches_is_not_looked_for_where_it_could_take_long() -> None:
    assert compiled("(a+)+").found("xyz") == []
    with pytest.raises(UntranslatedError, match="too slow to find what matches"):
        compiled("(a+)+$").found("aaa")


def test_an_expression_that_is_too_large_is_not_evaluated() -> None:
    with pytest.raises(UntranslatedError, match="too large"):
        compiled("((a{100}){100}){100}")
