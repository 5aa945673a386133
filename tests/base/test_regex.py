"""A regular expression is compiled when it is first used."""

import importlib
import re
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.regex import Texts, lazy_patterns, regex


def test_it_matches_as_the_compiled_one() -> None:
    digits = regex(r"[0-9]+", re.ASCII)
    assert [digits.fullmatch(text) is not None for text in ("12", "a", "34")] == [True, False, True]
    assert digits.sub("x", "a1b22") == "axbx"
    assert digits.pattern == "[0-9]+"


def test_a_wrong_one_is_told_at_its_first_use() -> None:
    wrong = regex("(")
    with pytest.raises(re.error, match="missing"):
        wrong.search("a")


def test_imported_patterns_wait_for_their_first_use_and_those_of_other_threads_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "with_patterns.py").write_text(
        "import re\nGOOD, BAD = re.compile('a+'), re.compile('(')\nAT_ONCE = re.compile('b+').fullmatch\n"
    )
    elsewhere: list[re.Pattern[str]] = []
    with lazy_patterns():
        module = importlib.import_module("with_patterns")
        other = Thread(target=lambda: elsewhere.append(re.compile("b")))
        other.start()
        other.join()
    assert type(elsewhere[0]) is type(re.compile("c")) is re.Pattern
    assert module.GOOD.fullmatch("aa")
    assert module.AT_ONCE("bb")
    with pytest.raises(re.error):
        module.BAD.match("")


LINES = [r"[a-c]*", r"0|[1-9][0-9]{0,2}", r"(?=[a-z])[a-z-]{1,4}+(?<=[a-z])", r"a(?:b|bc)?"]


@given(
    st.sampled_from(LINES),
    st.lists(st.text("ab-01\nc", max_size=4), min_size=1, max_size=5),
    st.sampled_from(["", "a"]),
    st.sampled_from(["", "b", "0"]),
)
def test_many_texts_are_looked_at_as_each_of_them_is(
    expression: str, texts: list[str], before: str, behind: str
) -> None:
    whole = [f"{before}{text}{behind}" for text in texts]
    expected = all(re.fullmatch(expression, text) for text in whole)
    for found in (Texts(expression), Texts(expression, is_linewise=False)):
        assert found.has_all(texts, before, behind) == found.has_all(whole) == expected
        assert all(text in found for text in whole) == expected
