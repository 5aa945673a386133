"""The end of a log, and times before its lines."""

import io

import pytest

from expander.local import logs
from expander.local.logs import Stamper, tail_start


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "text", ["", "a", "a\n", "a\nb", "a\nb\n", "\n\n\n", "one\ntwo\n\nthree\n", "x\n" * 50]
)
@pytest.mark.parametrize("lines", [0, 1, 2, 3, 49, 50, 51])
def test_the_last_lines_are_those_of_the_whole_text(
    monkeypatch: pytest.MonkeyPatch, chunk: int, text: str, lines: int
) -> None:
    monkeypatch.setattr(logs, "CHUNK", chunk)
    wanted = "".join(text.splitlines(keepends=True)[-lines:]) if lines else ""
    assert text[tail_start(io.BytesIO(text.encode()), lines) :] == wanted


def test_a_line_that_comes_in_pieces_has_one_time() -> None:
    times = {2: 0.0, 8: 1.5, 13: 2.0}
    stamp = Stamper(times.__getitem__)
    found = stamp(b"on", 0) + stamp(b"e\ntwo\n", 2) + stamp(b"three", 8)
    assert found.splitlines() == [
        b"1970-01-01T00:00:00.000000000Z one",
        b"1970-01-01T00:00:01.500000000Z two",
        b"1970-01-01T00:00:02.000000000Z three",
    ]


def test_without_times_the_text_stays_as_it_is() -> None:
    assert Stamper(None)(b"a\nb", 1) == b"a\nb"
