"""Which source a text stands for."""

from __future__ import annotations

import os
import sys
import threading
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from expander.base.errors import InputError, UsageError
from expander.items.load import ItemSpec, items
from expander.items.source_spec import parse_source
from tests.items.reading import read, refused, values


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.txt", "x,y\n", ["x,y"]),
        ("a.list", "x\n", ["x"]),
        ("a", "x\n", ["x"]),
        ("a.unknown", "x\n", ["x"]),
        ("a.csv", "n\nx\n", [{"n": "x"}]),
        ("A.CSV", "n\nx\n", [{"n": "x"}]),
        ("a.tsv", "n\tm\nx\ty\n", [{"n": "x", "m": "y"}]),
        ("a.json", "[1]", [1]),
        ("a.jsonl", "1\n2\n", [1, 2]),
        ("a.ndjson", "1\n", [1]),
        ("a.yaml", "- 1\n", [1]),
        ("a.yml", "- 1\n", [1]),
        ("a.nul", "x\ny\0", ["x\ny"]),
        ("a.0", "x\0", ["x"]),
    ],
)
def test_the_format_of_a_file_is_told_by_its_extension(name: str, text: str, wanted: list[object]) -> None:
    Path(name).write_text(text)
    assert values(name) == wanted


@pytest.mark.parametrize(
    "name", ["0-9", "*.png", "rows 1..9 by 3", "n=a,b", "csv:a", "list:a", "a b=c", "-x"]
)
def test_an_existing_file_wins_over_every_other_reading(name: str) -> None:
    Path(name).write_text("content\n")
    assert values(name) == ["content"]


def test_a_prefix_says_the_format_of_a_file() -> None:
    Path("a.txt").write_text("n\n1\n")
    assert values("csv:a.txt") == [{"n": "1"}]
    assert values("lines:a.txt") == ["n", "1"]


def test_a_prefix_says_the_format_of_standard_input() -> None:
    assert values("csv:-", stdin=b"n\n1\n") == [{"n": "1"}]


def test_a_dash_is_the_standard_input_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"a\nb\n")))
    assert values("-") == ["a", "b"]


def test_a_process_without_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert str(refused("-")) == "<stdin>: standard input is closed"


def test_standard_input_stays_open() -> None:
    stream = BytesIO(b"a\n")
    read("-", stdin=stream)
    assert not stream.closed


def test_values_can_be_listed_after_a_name_or_prefix() -> None:
    assert values("rate=0.1,0.01") == [{"rate": "0.1"}, {"rate": "0.01"}]
    assert values("list:a,b") == ["a", "b"]
    assert values("rate=list:0.1") == [{"rate": "0.1"}]


def test_an_empty_value_in_a_list_is_refused() -> None:
    assert "but one is empty" in str(refused("x=a,,b"))


def test_a_name_names_the_column_of_plain_values() -> None:
    assert values("n=1-2") == [{"n": 1}, {"n": 2}]
    assert values("n=-", stdin=b"a\n") == [{"n": "a"}]


def test_a_name_goes_before_the_columns_of_a_source() -> None:
    assert values("s=csv:-", stdin=b"item,size\na,1\n") == [{"s": "a", "s_size": "1"}]


def test_a_name_before_a_pattern_names_its_columns() -> None:
    Path("a.png").touch()
    ((column, _), *_) = sorted(values("img=*.png")[0].items())
    assert column == "img"


def test_a_value_with_an_equals_sign_after_the_name_is_no_second_name() -> None:
    assert values("x=a=1,b=2") == [{"x": "a=1"}, {"x": "b=2"}]


@pytest.mark.parametrize("text", ["", "nosuch", "x=nosuch", "cvs:x", "1-", "a-b", "\0", "x=", "rows"])
def test_a_text_that_is_no_source_is_refused_with_what_was_tried(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_source(text)
    assert "no such file, and not a range" in str(caught.value)
    assert "rows 1..1000 by 100" in str(caught.value)


def test_the_nearest_file_is_named() -> None:
    Path("fruits.csv").touch()
    assert "did you mean 'fruits.csv'?" in str(refused("fruit.csv"))
    assert "did you mean 'fruits.csv'?" in str(refused("csv:fruitz.csv"))
    assert "did you mean './fruits.csv'?" in str(refused("./fruit.csv"))


def test_a_link_that_leads_nowhere_is_not_the_nearest_file_to_itself() -> None:
    Path("dangling").symlink_to("nowhere")
    Path("loop").symlink_to("loop")
    for name in ("dangling", "loop", "csv:loop"):
        words = str(refused(name))
        assert "did you mean" not in words
        assert f"{name.removeprefix('csv:')!r} is a link that leads to no file" in words


def test_a_single_value_is_told_how_to_be_written() -> None:
    assert "for a single value: lr=list:0.1" in str(refused("lr=0.1"))
    assert values("lr=list:0.1") == [{"lr": "0.1"}]


def test_the_nearest_format_is_named() -> None:
    assert "did you mean csv:a.txt?" in str(refused("cvs:a.txt"))


def test_a_format_of_a_missing_file_is_refused() -> None:
    assert isinstance(refused("csv:nosuch/file"), UsageError)


def test_a_folder_is_refused_with_the_pattern_for_its_files() -> None:
    Path("d").mkdir()
    for text in ("d", "lines:d"):
        assert "'d' is a folder, expected a file\n  hint: for one item per file in it use 'd/*'" in str(
            refused(text)
        )


def test_a_file_that_cannot_be_opened_is_an_error_with_the_reason() -> None:
    Path("a.csv").touch()
    stream = items(ItemSpec(sources=("a.csv",)))
    Path("a.csv").unlink()
    with pytest.raises(InputError, match=r"^a\.csv: cannot be opened: No such file or directory$"):
        next(stream)


def test_a_fifo_is_read_once_as_it_fills() -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_text("a\nb\n"))
    writer.start()
    assert values("0-1", "pipe") == [{"1": n, "2": v} for n in (0, 1) for v in ("a", "b")]
    writer.join()


def test_nothing_is_read_before_the_first_item_is_asked_for() -> None:
    parse_source("-", stdin=None)
    items(ItemSpec(sources=("-",)))


def test_an_installed_package_adds_a_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site"
    (package / "words-1.dist-info").mkdir(parents=True)
    (package / "words-1.dist-info" / "entry_points.txt").write_text(
        "[expander.item_formats]\nwords = words_format:read\n"
    )
    (package / "words-1.dist-info" / "METADATA").write_text("Name: words\nVersion: 1\n")
    (package / "words_format.py").write_text(
        "from expander.items.item import Item\n\n"
        "def read(stream, source):\n"
        "    for number, word in enumerate(stream.read().decode().split(), 1):\n"
        "        yield Item(word, number, source)\n"
    )
    monkeypatch.syspath_prepend(str(package))
    (tmp_path / "fruit.words").write_text("apple pear\n")
    assert values(str(tmp_path / "fruit.words")) == ["apple", "pear"]
    assert values("words:-", stdin=b"a b c") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1-3,7,8", "for several sources: -i 1-3 -i list:7,8 --combine chain"),
        ("a,b", "for a list of values: list:a,b"),
    ],
)
def test_a_list_that_is_no_source_says_how_it_is_given(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as found:
        parse_source(text)
    assert found.value.problems[0].hint == hint
