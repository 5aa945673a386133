"""A regular expression is compiled when it is first used."""

import importlib
import re
from pathlib import Path
from threading import Thread

import pytest

from expander.base.regex import lazy_patterns, regex


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
    (tmp_path / "with_patterns.py").write_text("import re\nGOOD, BAD = re.compile('a+'), re.compile('(')\n")
    elsewhere: list[re.Pattern[str]] = []
    with lazy_patterns():
        module = importlib.import_module("with_patterns")
        other = Thread(target=lambda: elsewhere.append(re.compile("b")))
        other.start()
        other.join()
    assert type(elsewhere[0]) is type(re.compile("c")) is re.Pattern
    assert module.GOOD.fullmatch("aa")
    with pytest.raises(re.error):
        module.BAD.match("")
