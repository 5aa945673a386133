"""A regular expression is compiled when it is first used."""

import re

import pytest

from expander.base.regex import regex


def test_it_matches_as_the_compiled_one() -> None:
    digits = regex(r"[0-9]+", re.ASCII)
    assert [digits.fullmatch(text) is not None for text in ("12", "a", "34")] == [True, False, True]
    assert digits.sub("x", "a1b22") == "axbx"
    assert digits.pattern == "[0-9]+"


def test_a_wrong_one_is_told_at_its_first_use() -> None:
    wrong = regex("(")
    with pytest.raises(re.error, match="missing"):
        wrong.search("a")
