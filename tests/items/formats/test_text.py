"""Plain values: arguments, lines, NUL-terminated records."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import InputError
from expander.items.formats.text import MAX_RECORD_BYTES, read_lines, read_nul
from expander.items.load import ItemSpec, items
from tests.items.reading import cut, pieces, places, refused, values

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def test_arguments_are_values_in_their_order() -> None:
    found = list(items(ItemSpec(arguments=("apple", "0-9", "*.png", ""))))
    assert [(item.value, item.number) for item in found] == [("apple", 1), ("0-9", 2), ("*.png", 3), ("", 4)]


def test_no_arguments_and_no_sources_are_no_items() -> None:
    assert list(items(ItemSpec())) == []


def test_an_argument_that_is_not_utf8_is_refused_by_name() -> None:
    error = refused(arguments=("ok", "bad\udcff"))
    assert isinstance(error, InputError)
    assert str(error).startswith("item 2 'bad\\udcff' (<arguments>): found bytes that are not UTF-8")


def test_a_line_is_an_item_with_its_place() -> None:
    assert places("-", stdin=b"apple\nbanana split\n") == [("apple", 1), ("banana split", 2)]


def test_the_last_line_needs_no_line_end() -> None:
    assert values("-", stdin=b"a\nb") == ["a", "b"]


def test_windows_line_ends_do_not_belong_to_values() -> None:
    assert places("-", stdin=b"a\r\n\r\nb\r\nc\r") == [("a", 1), ("b", 3), ("c", 4)]


def test_a_carriage_return_inside_a_line_belongs_to_the_value() -> None:
    assert values("-", stdin=b"a\rb\n") == ["a\rb"]


def test_empty_and_blank_lines_are_skipped_and_still_counted() -> None:
    assert places("-", stdin=b"\n  \t\na\n\n b \n") == [("a", 3), (" b ", 5)]


def test_unusual_unicode_line_ends_belong_to_the_value() -> None:
    text = "a\u2028b\x0bc\x85d"
    assert values("-", stdin=text.encode()) == [text]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert values("-", stdin=b"\xef\xbb\xbfa\n") == ["a"]
    assert values("-", stdin=pieces(b"\xef", b"\xbb", b"\xbf", b"a\n")) == ["a"]
    assert values("-", stdin=b"\xef\xbb\xbf") == []


def test_a_hash_starts_no_comment() -> None:
    assert values("-", stdin=b"# a\n") == ["# a"]


def test_an_empty_stream_has_no_items() -> None:
    assert values("-", stdin=b"") == []
    assert values("nul:-", stdin=b"") == []


def test_nul_records_keep_line_ends_and_blanks() -> None:
    assert places("nul:-", stdin=b"a\nb\0 \0\0c") == [("a\nb", 1), (" ", 2), ("", 2), ("c", 2)]
    assert places("nul:-", stdin="\ufeffa\0".encode()) == [("\ufeffa", 1)]


@given(st.lists(TEXT.filter(lambda value: "\0" not in value)), st.lists(st.integers(0, 60)))
def test_nul_records_come_back_whole_wherever_reads_end(records: list[str], ends: list[int]) -> None:
    data = "".join(f"{record}\0" for record in records).encode()
    assert [item.value for item in read_nul(cut(data, ends), "x")] == records


@given(st.lists(TEXT), st.sampled_from(["\n", "\r\n"]), st.lists(st.integers(0, 60)))
def test_lines_come_back_whole_wherever_reads_end(lines: list[str], end: str, ends: list[int]) -> None:
    kept = ["".join(line.replace("\ufeff", "").splitlines()) for line in lines]
    kept = [line for line in kept if line.strip(" \t")]
    found = list(read_lines(cut("".join(line + end for line in kept).encode(), ends), "x"))
    assert [item.value for item in found] == kept
    assert [item.line for item in found] == list(range(1, len(kept) + 1))


@given(st.binary(), st.lists(st.integers(0, 60)))
def test_any_bytes_give_the_same_wherever_reads_end(data: bytes, ends: list[int]) -> None:
    def outcome(places: list[int]) -> object:
        try:
            return [(item.value, item.line) for item in read_lines(cut(data, places), "x")]
        except InputError as error:
            return str(error.problems[0].where)

    assert outcome(ends) == outcome([])


def test_text_that_is_not_utf8_is_refused_with_its_line_and_byte() -> None:
    error = refused("-", stdin=b"a\nb\xe9c\n")
    assert isinstance(error, InputError)
    assert str(error).startswith("<stdin>:2: byte 0xe9 (byte 2 of the line) is not UTF-8 text")


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        ("a\n".encode("utf-16"), "UTF-16"),
        (gzip.compress(b"a\n", mtime=0), "gzip"),
        (b"\x7fELF\0\xff", "binary"),
        ("é".encode("latin1"), "LATIN1"),
    ],
)
def test_bytes_that_are_no_text_are_named_for_what_they_look_like(data: bytes, hint: str) -> None:
    assert hint in str(refused("-", stdin=data))


def test_a_stream_without_line_ends_does_not_fill_the_memory() -> None:
    block = b"x" * (1 << 20)
    error = refused("-", stdin=pieces(b"a\n", *[block] * (MAX_RECORD_BYTES // len(block) + 1)))
    assert str(error).startswith("<stdin>:2: an item is longer than 16 MiB")


def test_a_failing_read_is_an_error_with_the_reason() -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise OSError(5, "Input/output error")

    assert str(refused("-", stdin=Broken())) == "<stdin>: cannot be read: Input/output error"  # type: ignore[arg-type]


def test_a_stream_in_non_blocking_mode_is_refused() -> None:
    class Empty:
        def read(self, size: int) -> None:
            return None

    assert "non-blocking" in str(refused("-", stdin=Empty()))  # type: ignore[arg-type]


def test_a_compressed_file_is_read_by_the_extension_below(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"n\n1\n", mtime=0))
    assert values(str(path)) == [{"n": "1"}]


@pytest.mark.parametrize(
    "data", [b"plain", gzip.compress(b"a\n" * 1000, mtime=0)[:-20], b"\x1f\x8b\x08\0\0\0\0\0\0\xff\xff"]
)
def test_a_damaged_compressed_file_is_an_error_that_names_it(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    assert str(refused(str(path))).startswith(f"{path}: cannot be read: ")
